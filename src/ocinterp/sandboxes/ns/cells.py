"""Cells run one after another in an interpreter that is replaced when it dies: what sessions of all kinds share."""

from __future__ import annotations

import asyncio
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

from ocinterp.languages import named
from ocinterp.protocols import ignore
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns.output import Output
from ocinterp.sandboxes.ns.supervisor import Exit
from ocinterp.sandboxes.ns.worker import Report
from ocinterp.sandboxes.recipes import NO_MEMORY
from ocinterp.types import Cell, ExecutionResult, Failure, LiveEvent, Outcome

_EXIT_SECONDS = 1.0  # an interpreter that closed its channel has this long to be gone
_VARIABLES_KEPT = "The variables are kept."
_STARTED_AGAIN = "The interpreter was started again: the variables are gone, the files are still there."


class Interpreter(Protocol):
    """One live interpreter. Nothing that it says is believed beyond its own session."""

    @property
    def ended(self) -> asyncio.Future[Exit]: ...

    @property
    def cpu_seconds(self) -> float:
        """That of the cells which were reported."""
        ...

    @property
    def out_of_memory(self) -> bool:
        """Whether something in it was killed because all of it together took too much."""
        ...

    async def run(self, cell: str, source: str, output: Output, /) -> Report | None:
        """Run one cell; how it ended, or None when the interpreter is gone."""
        ...

    def interrupt(self) -> None:
        """Ask the running cell to stop, as Ctrl-C does."""
        ...

    def kill(self) -> None: ...

    async def close(self) -> None:
        """Kill what is left, and free everything."""
        ...


class CellSession(ABC):
    """A session without its files. Whoever inherits says how an interpreter is started.

    A cell of another language than Python is a program of its own: something is started for it, and ends with it.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._worker: Interpreter | None = None
        self._program: Interpreter | None = None  # what runs a cell of another language
        self._one_at_a_time = asyncio.Lock()
        self._stop: asyncio.Future[str] | None = None  # resolved with the reason why the running cell must stop

    @abstractmethod
    async def _start(self, language: str, source: str) -> Interpreter:
        """A fresh interpreter among the session's files; of another language than Python, what runs `source`, once.

        Asked for no language that `_why_not` refuses. Raises SandboxError.
        """

    def _why_not(self, asked: str) -> str:
        """Why a language other than Python does not run here, in a sentence; empty where it does."""
        return only_python(asked)

    def _how(self, ended: Exit) -> str:
        """A sentence on how an interpreter ended."""
        return _how(ended)

    def _grace(self, *, by_hand: bool) -> float:
        """Seconds from the polite interrupt to the kill."""
        return self._resources.interrupt_grace_seconds if by_hand else self._resources.grace_seconds

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        """Run one cell to its end or its limits. Raises SandboxError when the sandbox fails, and what the listener raises."""
        language = named(cell.language)
        if language != "python" and (text := self._why_not(cell.language)):
            return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("UnsupportedLanguage", text, text))
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            self._stop = stop = loop.create_future()
            try:
                worker = await (
                    self._ready_worker() if language == "python" else self._ready_program(language, cell.source)
                )
            except BaseException:
                self._stop = None
                raise
            if stop.done():
                self._stop = None
                await self._end_program()
                return ExecutionResult(
                    cell.id, Outcome.ERROR, error=Failure("KeyboardInterrupt", "interrupted before it began.")
                )
            output = Output(
                cell.id,
                text_bytes=self._resources.output_bytes,
                display_bytes=self._resources.display_bytes,
                listen=on_output,
                halt=lambda reason: _resolve(stop, reason),
            )
            started = loop.time()
            try:
                result = await self._watch(worker, cell, output, stop, started)
                await self._end_program()
                output.check()
                return result
            except BaseException:
                await self._discard(worker)  # cancelled or broken: nobody knows what state it is in
                raise
            finally:
                self._stop = None

    async def warm_up(self) -> None:
        """Have the interpreter started before the first cell asks for it."""
        async with self._one_at_a_time:
            await self._ready_worker()

    async def interrupt(self) -> None:
        if self._stop is not None:
            _resolve(self._stop, "interrupt")

    async def _end(self) -> None:
        """Kill the interpreter. A cell that still runs ends as killed."""
        for each in (self._worker, self._program):
            if each is not None:
                each.kill()
        async with self._one_at_a_time:
            if self._worker is not None:
                await self._discard(self._worker)

    async def _ready_worker(self) -> Interpreter:
        if self._worker is not None and self._worker.ended.done():
            await self._discard(self._worker)  # it died between two cells
        if self._worker is None:
            self._worker = await self._start("python", "")
        return self._worker

    async def _ready_program(self, language: str, source: str) -> Interpreter:
        self._program = await self._start(language, source)
        return self._program

    async def _end_program(self) -> None:
        """End what ran a cell of another language, and wait until all that it left running is gone too."""
        program = self._program
        if program is not None:
            program.kill()
            try:
                await program.ended
            finally:
                await self._discard(program)

    async def _discard(self, worker: Interpreter) -> None:
        if worker is self._worker:
            self._worker = None
        if worker is self._program:
            self._program = None
        await worker.close()

    async def _watch(
        self, worker: Interpreter, cell: Cell, output: Output, stop: asyncio.Future[str], started: float
    ) -> ExecutionResult:
        loop = asyncio.get_running_loop()
        once = worker is self._program
        running = asyncio.create_task(worker.run(cell.id, cell.source, output))
        try:
            await asyncio.wait({running, stop}, timeout=self._resources.timeout_seconds, return_when="FIRST_COMPLETED")
            reason = ""
            if not running.done():
                reason = stop.result() if stop.done() else "timeout"
                await self._halt(worker, running, reason)
            report = await running if running.done() else None
            ended = None if report is not None else await self._bury(worker, running)
        finally:
            running.cancel()
            await asyncio.wait({running})
        if report is not None:
            cpu = report.cpu_seconds
        else:
            cpu = max(0.0, ended.cpu_seconds - worker.cpu_seconds) if ended else 0.0
        if not reason and stop.done() and stop.result() == "output":
            reason = "output"  # seen in the last of what it printed
        if (reason == "timeout" or (ended is not None and not reason)) and worker.out_of_memory:
            reason = "memory"
        if once and not reason and report is not None and report.error is not None:
            # What took too much was a child of what reports on it; or it saw for itself that there is no more.
            reason = "memory" if worker.out_of_memory or NO_MEMORY.search(output.text("stderr")) else ""
        after = "" if once else _VARIABLES_KEPT if ended is None else _STARTED_AGAIN
        outcome, failure = self._judge(reason, report, ended, after)
        return ExecutionResult(
            cell.id,
            outcome,
            stdout=output.text("stdout"),
            stderr=output.text("stderr"),
            error=failure,
            displays=tuple(output.displays),
            cpu_seconds=cpu,
            wall_seconds=loop.time() - started,
            truncated=output.truncated,
        )

    async def _halt(self, worker: Interpreter, running: asyncio.Task[Report | None], reason: str) -> None:
        """Stop a cell: politely, which keeps the variables, then for good."""
        worker.interrupt()
        await asyncio.wait({running}, timeout=self._grace(by_hand=reason == "interrupt"))
        if not running.done():
            worker.kill()
            await asyncio.wait({running}, timeout=_EXIT_SECONDS)

    async def _bury(self, worker: Interpreter, running: asyncio.Task[Report | None]) -> Exit:
        """The worker hung up, or was killed: see how it ended."""
        try:
            async with asyncio.timeout(_EXIT_SECONDS):
                await asyncio.shield(worker.ended)
        except TimeoutError:
            worker.kill()
        ended = await worker.ended
        await asyncio.wait({running}, timeout=_EXIT_SECONDS)
        await self._discard(worker)
        return ended

    def _judge(
        self, reason: str, report: Report | None, ended: Exit | None, after: str
    ) -> tuple[Outcome, Failure | None]:
        """How a cell ended; `after` says what is left of its session."""
        error = report.error if report else None
        traceback = error.traceback if error else ""
        if reason in {"timeout", "output"}:
            traceback = traceback.removesuffix("KeyboardInterrupt\n")  # ours; nobody pressed a key
        if reason == "timeout":
            text = f"stopped after {self._resources.timeout_seconds:g} s. {after}".rstrip()
            return Outcome.TIMEOUT, Failure("Timeout", text, traceback)
        if reason == "output":
            text = f"stopped after printing {mib(self._resources.output_bytes)}: print less. {after}".rstrip()
            return Outcome.OUTPUT, Failure("OutputLimit", text, traceback)
        if reason == "memory":
            most = mib(self._resources.memory_bytes)
            text = f"killed: the processes of the program together took more than {most} of memory. {after}".rstrip()
            return Outcome.MEMORY, Failure("MemoryLimit", text, traceback)
        if reason == "interrupt":
            return Outcome.ERROR, Failure("KeyboardInterrupt", f"interrupted. {after}".rstrip(), traceback)
        if ended is not None:
            return Outcome.KILLED, Failure("Killed", f"{self._how(ended)} {after}".rstrip())
        if error is None:
            return Outcome.OK, None
        return (Outcome.MEMORY if error.name == "MemoryError" else Outcome.ERROR), error


def only_python(asked: str) -> str:
    """Why another language does not run where only Python does."""
    return f"{named(asked) or asked} does not run in this sandbox, only python does"


def _how(ended: Exit) -> str:
    if ended.status >= 0:
        return f"The program ended the interpreter (exit code {ended.status})."
    known = {each.value: each.name for each in signal.Signals}  # real-time signals have no names
    name = known.get(-ended.status, f"signal {-ended.status}")
    return f"The interpreter was killed by {name} ({signal.strsignal(-ended.status)})."


def _resolve(stop: asyncio.Future[str], reason: str) -> None:
    if not stop.done():
        stop.set_result(reason)


def mib(size: int) -> str:
    """A size as people say it."""
    return f"{size / MIB:.3g} MiB" if size < 1000 * MIB else f"{size / MIB:.0f} MiB"
