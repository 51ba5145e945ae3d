"""The interpreter in a worker: reads cells from the control descriptor, runs them, says how they ended.

Frames (wire.py) in:  {"cell": id, "key": k, "stale_interrupt": bool} + the source
Frames out:           {"ready": true}                     once, before it has read a word of model-written code
                      {"shows": [[mime, size], ...], "cell": id, "key": k} + the contents; none: it was too large
                      {"done": id, "key": k, "error": [size, size, size] | null, "cpu": s, "wall": s}
                                                          + the error's name, message and traceback
                      {"failed": why}                     the worker could not be set up; believed before ready only
A key is good for one cell and cannot be guessed, so what an earlier cell has left running cannot answer for a later.
Whatever the program writes to file descriptors 1 and 2 goes to pipes of the host's, without passing through here.
The host trusts none of it: this process also runs model-written code.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import linecache
import mmap
import os
import random
import resource
import signal
import site
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Sequence
from typing import Any

from ocinterp.sandboxes.ns import figures, orphans, packages, signals, tracebacks, values, wire

CONTROL = 3
_INTERRUPT = (signals.SIGINT,)
_RESERVE_BYTES = 4 << 20
_READY = wire.pack({"ready": True})

NO_INPUT = (
    "input() cannot be answered: nobody is at the keyboard of this program. "
    "Put the value into a variable, or read it from a file."
)


_available: tuple[str, ...] = ()  # the packages that a program is told of
_prepared: list[Kernel] = []  # the one that every worker begins with


def prepare(available: Sequence[str] = ()) -> None:
    """Once, in the zygote: what `python` itself would have set up, and what a program must not find missing.

    Descriptors 1 and 2 must be pipes, as they will be. What is made here costs a worker nothing.
    """
    global _available
    _available = tuple(available)
    site.setquit()
    site.setcopyright()
    site.sethelper()
    builtins.input = _no_input
    orphans.adopt()
    _prepared.append(Kernel())


def say_failed(error: BaseException) -> None:
    """Tell the host why there is no worker."""
    wire.write(CONTROL, {"failed": f"{type(error).__name__}: {error}"})


def serve(display_bytes: int) -> None:
    """Run cells until the host hangs up."""
    kernel = _prepared.pop()
    kernel.begin(display_bytes)
    os.write(CONTROL, _READY)
    while (frame := wire.read(CONTROL)) is not None:
        header, source = frame
        kernel.run(header, source.decode("utf-8", "surrogatepass"))
    os._exit(0)


def describe(error: BaseException) -> dict[str, str]:
    """What a cell ended with; a missing module's error names what is there."""
    described = tracebacks.describe(error)
    if type(error) is ModuleNotFoundError:
        described["traceback"] += packages.note(described["message"], _available)
    return described


class Kernel:
    """One program's namespace, from its first cell to its last."""

    def __init__(self) -> None:
        self._pid = 0
        self._display_bytes = 0
        self._address: wire.Header = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writing = threading.Lock()
        self._interruptible = False
        self._interrupt_waits = False
        self._reserve: mmap.mmap | None = None
        self._main = sys.modules["__main__"] = types.ModuleType("__main__")
        self._main.__dict__.update(__builtins__=builtins, display=self._display)
        sys.argv = [""]
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        figures.connect(self._emit)
        open_streams()

    def begin(self, display_bytes: int) -> None:
        """In the worker, once. Interrupts are let in for the cells alone."""
        signals.mask(signals.BLOCK, _INTERRUPT)
        self._pid = os.getpid()
        self._display_bytes = display_bytes
        sys.path.insert(0, "")
        _shuffle()

    def run(self, order: wire.Header, source: str) -> None:
        """Run one cell and report it. An interrupt that came too late for the cell before is thrown away."""
        cell = order["cell"]
        self._address = {"cell": cell, "key": order["key"]}
        if order["stale_interrupt"]:
            signal.sigtimedwait(_INTERRUPT, 0)
        self._interrupt_waits = False
        self._set_aside()
        cpu, wall = _cpu_seconds(), time.perf_counter()
        error = self._guarded(cell, source)
        if os.getpid() != self._pid:
            os._exit(1 if error else 0)  # a fork of the program came home by the wrong door
        orphans.reap()
        self._report(error, _cpu_seconds() - cpu, time.perf_counter() - wall)

    def _guarded(self, cell: str, source: str) -> dict[str, str] | None:
        """The error that ended the cell, if one did. Interrupts can happen only in here."""
        try:
            error = self._attempt(lambda: self._execute(f"<cell {cell}>", source))
            if error and error["name"] == "KeyboardInterrupt":
                figures.discard()  # drawing takes longer than there is time
                return error
            unseen = self._attempt(figures.show)  # what was drawn is shown even when something failed later
            return error or unseen
        except KeyboardInterrupt as late:  # it struck between the program and the few lines around it
            signals.mask(signals.BLOCK, _INTERRUPT)
            return tracebacks.describe(late)
        finally:
            self._flush()

    def _attempt(self, act: Callable[[], None]) -> dict[str, str] | None:
        try:
            signals.handle(signals.SIGINT, self._interrupted)
            self._interruptible = True
            signals.mask(signals.UNBLOCK, _INTERRUPT)
            act()
        except BaseException as error:  # noqa: BLE001  the program's, whatever it is
            self._interruptible = False
            return self._describe(error)
        finally:
            self._interruptible = False
            signals.mask(signals.BLOCK, _INTERRUPT)
        return None

    def _describe(self, error: BaseException) -> dict[str, str]:
        if isinstance(error, MemoryError):
            self._release()  # the program may still hold all the rest
        if os.getpid() != self._pid and not isinstance(error, SystemExit):
            self._say_in_child(error)
        try:
            return describe(error)
        except BaseException as broken:  # noqa: BLE001  out of memory, for one
            return {"name": type(broken).__name__, "message": "", "traceback": ""}

    def _say_in_child(self, error: BaseException) -> None:
        """Nobody else will say so of a child that the program has forked."""
        with contextlib.suppress(OSError):
            os.write(2, _encoded(tracebacks.describe(error)["traceback"]))

    def _release(self) -> None:
        if self._reserve is not None:
            self._reserve.close()
            self._reserve = None

    def _set_aside(self) -> None:
        """Memory in which to report that there is no more."""
        if self._reserve is None:
            with contextlib.suppress(MemoryError, OSError):
                self._reserve = mmap.mmap(-1, _RESERVE_BYTES)  # address space alone: nothing is touched

    def _interrupted(self, number: int, frame: types.FrameType | None) -> None:
        """Pass the interrupt on to what the program has started: waiting for that is often what it is doing."""
        if not self._interruptible:  # another thread took it, while this one was at something that must be whole
            self._interrupt_waits = True
            return
        if os.getpid() == self._pid:
            signals.handle(number, signals.IGNORE)
            os.killpg(0, number)
            signals.handle(number, self._interrupted)
        raise KeyboardInterrupt

    def _execute(self, name: str, source: str) -> None:
        source = values.plain_python(source, _available)
        linecache.cache[name] = (len(source), None, list(io.StringIO(source, newline=None)), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        if tree.body:
            self._evaluate(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            value = self._evaluate(compile(expression, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
            if value is not None and not _silenced(source):
                self._main.__dict__["_"] = value
                self._display(value)

    def _evaluate(self, code: types.CodeType) -> Any:
        value = eval(code, self._main.__dict__)  # noqa: S307  this is the place where code runs
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        task = self._loop.create_task(value)
        try:
            return self._loop.run_until_complete(task)
        finally:
            if not task.done():  # interrupted: it must not go on beneath the next cell
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    self._loop.run_until_complete(task)

    def _display(self, *shown: Any) -> None:
        """Show values, as the last expression of a cell is shown."""
        for value in shown:
            self._emit(values.mime_bundle(value))

    def _emit(self, bundle: dict[str, str]) -> None:
        self._flush()
        if os.getpid() != self._pid:
            return
        if sum(map(len, bundle.values())) > self._display_bytes:
            bundle = {}  # the host puts a line of text in its place
        parts = [_encoded(content) for content in bundle.values()]
        shows = [(mime, len(part)) for mime, part in zip(bundle, parts, strict=True)]
        with self._whole():
            wire.write(CONTROL, {"shows": shows, **self._address}, parts)

    @contextlib.contextmanager
    def _whole(self) -> Generator[None]:
        """Let neither another thread nor an interrupt into the middle of a frame."""
        with self._writing:
            in_main = threading.current_thread() is threading.main_thread()
            before = self._interruptible
            if in_main:
                self._interruptible = False
            try:
                yield
            finally:
                if in_main:
                    self._interruptible = before
        if in_main and before and self._interrupt_waits:
            self._interrupt_waits = False
            raise KeyboardInterrupt

    def _report(self, error: dict[str, str] | None, cpu: float, wall: float) -> None:
        parts = [_encoded(error[name]) for name in ("name", "message", "traceback")] if error else []
        header = {"done": self._address["cell"], "key": self._address["key"], "cpu": cpu, "wall": wall}
        with self._whole():
            wire.write(CONTROL, {**header, "error": [len(part) for part in parts] or None}, parts)

    def _flush(self) -> None:
        """Push out what was printed; a program may have closed or replaced its streams, and gets new ones then."""
        for name in ("stdout", "stderr"):
            try:
                getattr(sys, name).flush()
            except Exception:  # noqa: BLE001  anything may stand there by now
                with contextlib.suppress(OSError):
                    open_streams()


def open_streams() -> None:
    """Fresh sys.stdout and sys.stderr on descriptors 1 and 2."""
    for name, fd in (("stdout", 1), ("stderr", 2)):
        raw = io.FileIO(fd, "w", closefd=False)
        text = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True)
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def _encoded(text: str) -> bytes:
    """UTF-8, with lone surrogates written out: nothing after this could encode them."""
    return text.encode("utf-8", "backslashreplace")


def _silenced(source: str) -> bool:
    """A semicolon after the last expression hides its value (IPython)."""
    return source.rstrip().endswith(";")


def _no_input(prompt: object = "", /) -> str:
    raise EOFError(NO_INPUT)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _shuffle() -> None:
    """Forks share the state of generators of random numbers."""
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
