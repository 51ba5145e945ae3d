"""The interpreter in a worker: reads cells from the control descriptor, runs them, says how they ended.

Frames (wire.py) in:  {"cell": id, "source": text, "stale_interrupt": bool}
Frames out:           {"display": {mime: content}, "cell": id}
                      {"done": id, "error": {"name", "message", "traceback"} | null, "cpu": s, "wall": s}
                      {"failed": why}                     the worker could not be set up
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
import os
import resource
import signal
import site
import sys
import time
import types
from collections.abc import Callable
from typing import Any

from ocinterp.sandboxes.ns import figures, tracebacks, values, wire

CONTROL = 3

_NO_INPUT = (
    "input() cannot be answered: nobody is at the keyboard of this program. "
    "Put the value into a variable, or read it from a file."
)


def prepare() -> None:
    """Once, in the zygote: what `python` itself would have set up, and what a program must not find missing."""
    site.setquit()
    site.setcopyright()
    site.sethelper()
    builtins.input = _no_input


def say_failed(error: BaseException) -> None:
    wire.write(CONTROL, {"failed": f"{type(error).__name__}: {error}"})


def serve() -> None:
    """Run cells until the host hangs up."""
    kernel = Kernel()
    while (frame := wire.read(CONTROL)) is not None:
        kernel.run(frame["cell"], frame["source"], stale_interrupt=frame["stale_interrupt"])
    os._exit(0)


class Kernel:
    """One program's namespace, from its first cell to its last."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._cell = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._main = sys.modules["__main__"] = types.ModuleType("__main__")
        self._main.__dict__.update(__builtins__=builtins, display=self._display)
        sys.argv = [""]
        sys.path.insert(0, "")
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: PTH123, SIM115
        figures.connect(self._emit)
        _shuffle_numpy()
        self._open_streams()

    def run(self, cell: str, source: str, *, stale_interrupt: bool) -> None:
        """Run one cell and report it. An interrupt that came too late for the cell before is thrown away."""
        self._cell = cell
        if stale_interrupt:
            signal.sigtimedwait({signal.SIGINT}, 0)
        cpu, wall = _cpu_seconds(), time.perf_counter()
        error = self._guarded(cell, source)
        if os.getpid() != self._pid:
            os._exit(0)  # a fork of the program came home by the wrong door
        self._report(error, _cpu_seconds() - cpu, time.perf_counter() - wall)

    def _guarded(self, cell: str, source: str) -> dict[str, str] | None:
        """The error that ended the cell, if one did. Interrupts can happen only in here."""
        try:
            error = self._attempt(lambda: self._execute(f"<cell {cell}>", source))
            return self._attempt(figures.show) or error  # what was drawn is shown even when something failed later
        except KeyboardInterrupt as late:  # it struck between the program and the few lines around it
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            return tracebacks.describe(late)
        finally:
            self._flush()

    def _attempt(self, act: Callable[[], None]) -> dict[str, str] | None:
        try:
            signal.signal(signal.SIGINT, self._interrupted)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            act()
        except BaseException as error:  # noqa: BLE001  the program's, whatever it is
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            return tracebacks.describe(error)
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        return None

    def _interrupted(self, number: int, frame: types.FrameType | None) -> None:
        """Pass the interrupt on to what the program has started: waiting for that is often what it is doing."""
        if os.getpid() == self._pid:
            signal.signal(number, signal.SIG_IGN)
            os.killpg(0, number)
            signal.signal(number, self._interrupted)
        raise KeyboardInterrupt

    def _execute(self, name: str, source: str) -> None:
        source = values.plain_python(source)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        if tree.body:
            self._evaluate(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True))
        if isinstance(last, ast.Expr):
            expression = ast.Expression(last.value)
            value = self._evaluate(
                compile(expression, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            )
            if value is not None and not _silenced(source):
                self._main.__dict__["_"] = value
                self._display(value)

    def _evaluate(self, code: types.CodeType) -> Any:
        value = eval(code, self._main.__dict__)  # noqa: S307  this is the place where code runs
        if not code.co_flags & inspect.CO_COROUTINE:
            return value
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(value)

    def _display(self, *shown: Any) -> None:
        """Show values, as the last expression of a cell is shown."""
        for value in shown:
            self._emit(values.mime_bundle(value))

    def _emit(self, bundle: dict[str, str]) -> None:
        self._flush()
        if os.getpid() == self._pid:
            wire.write(CONTROL, {"display": bundle, "cell": self._cell})

    def _report(self, error: dict[str, str] | None, cpu: float, wall: float) -> None:
        wire.write(CONTROL, {"done": self._cell, "error": error, "cpu": cpu, "wall": wall})

    def _open_streams(self) -> None:
        for name, fd in (("stdout", 1), ("stderr", 2)):
            raw = io.FileIO(fd, "w", closefd=False)
            text = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=True)
            setattr(sys, name, text)
            setattr(sys, f"__{name}__", text)

    def _flush(self) -> None:
        """Push out what was printed; a program may have closed or replaced its streams, and gets new ones then."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, ValueError, OSError):
                with contextlib.suppress(OSError):
                    self._open_streams()


def _silenced(source: str) -> bool:
    """A semicolon after the last expression hides its value (IPython)."""
    return source.rstrip().endswith(";")


def _no_input(prompt: object = "", /) -> str:
    raise EOFError(_NO_INPUT)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _shuffle_numpy() -> None:
    """Forks share the state of numpy's global generator; the standard library reseeds its own."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()
