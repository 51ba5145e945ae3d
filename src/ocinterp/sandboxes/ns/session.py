"""A stateful session on top of a zygote: cells, time limits, interrupts, files."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from typing import Any

from ocinterp.errors import SandboxError, UsageError
from ocinterp.protocols import ignore
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns.output import Output
from ocinterp.sandboxes.ns.supervisor import Exit, Supervisor
from ocinterp.sandboxes.ns.worker import Report, Worker
from ocinterp.sandboxes.ns.workspace import parts_of
from ocinterp.types import Cell, ExecutionResult, Failure, FileInfo, LiveEvent, Outcome

_MAX_PAGES = 100  # of a listing: a program can make files faster than they are listed
_EXIT_SECONDS = 1.0  # a worker that closed its channel has this long to be gone
_STARTED_AGAIN = "The interpreter was started again: the variables are gone, the files are still there."


class ZygoteSession:
    """One workspace and one interpreter in it, which is replaced when it dies; the workspace stays."""

    def __init__(self, supervisor: Supervisor, name: str, resources: Resources) -> None:
        self._supervisor = supervisor
        self._name = name
        self._resources = resources
        self._opened = False
        self._worker: Worker | None = None
        self._one_at_a_time = asyncio.Lock()
        self._stop: asyncio.Future[str] | None = None  # resolved with the reason why the running cell must stop

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        """Run one cell to its end or its limits. Raises SandboxError when the sandbox fails, and what the listener raises."""
        if cell.language != "python":
            text = f"{cell.language} does not run here, only python does"
            return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("UnsupportedLanguage", text, text))
        async with self._one_at_a_time:
            loop = asyncio.get_running_loop()
            self._stop = stop = loop.create_future()
            try:
                worker = await self._ready_worker()
            except BaseException:
                self._stop = None
                raise
            if stop.done():
                self._stop = None
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
                output.check()
                return result
            except BaseException:
                await self._discard(worker)  # cancelled or broken: nobody knows what state it is in
                raise
            finally:
                self._stop = None

    async def warm_up(self) -> None:
        """Have the interpreter forked before the first cell asks for it."""
        async with self._one_at_a_time:
            await self._ready_worker()

    async def interrupt(self) -> None:
        if self._stop is not None:
            _resolve(self._stop, "interrupt")

    async def put(self, name: str, content: bytes, /) -> None:
        if len(content) > self._resources.file_bytes:
            raise UsageError(f"{name} has {_mib(len(content))}; a file may have {_mib(self._resources.file_bytes)}")
        fd = await self._file(name, write=True)
        try:
            await asyncio.to_thread(_write_all, fd, content)
        except OSError as error:
            limit = _mib(self._resources.disk_bytes)
            raise UsageError(f"{name} does not fit into the session, whose files may have {limit}: {error}") from error

    async def get(self, name: str, /) -> bytes:
        fd = await self._file(name, write=False)
        limit = self._resources.file_bytes
        content = await asyncio.to_thread(_read_all, fd, limit + 1)
        if len(content) > limit:
            raise UsageError(f"{name} is larger than {_mib(limit)}, the most that is copied out of a session")
        return content

    async def files(self) -> tuple[FileInfo, ...]:
        await self._open()
        found: list[FileInfo] = []
        for _ in range(_MAX_PAGES):
            reply, _ = await self._ask("list", after=found[-1].name if found else "")
            found += [FileInfo(*entry) for entry in reply["files"]]
            if not reply["more"]:
                break
        return tuple(found)

    async def close(self) -> None:
        """Kill the interpreter and free the workspace. A cell that still runs ends as killed."""
        if self._worker is not None:
            self._worker.kill()
        async with self._one_at_a_time:
            if self._worker is not None:
                await self._discard(self._worker)
        if self._opened:
            self._opened = False
            await self._ask("close")

    async def _ask(self, op: str, **fields: Any) -> tuple[dict[str, Any], int]:
        try:
            return await self._supervisor.ask(op, self._name, **fields)
        except OSError as error:
            raise SandboxError(f"the sandbox could not {op} a session: {error}") from error

    async def _file(self, name: str, *, write: bool) -> int:
        try:
            parts_of(name)  # before it is sent: a name can be larger than a message
            await self._open()
            _, fd = await self._supervisor.ask("file", self._name, name=name, write=write)
        except (OSError, ValueError) as error:
            verb = "written" if write else "read"
            raise UsageError(f"the file {name!r} cannot be {verb} in the session: {error}") from error
        return fd

    async def _open(self) -> None:
        if not self._opened:
            await self._supervisor.wait_ready()
            self._opened = True
            await self._ask("open", disk=self._resources.disk_bytes, files=self._resources.files)

    async def _ready_worker(self) -> Worker:
        await self._open()
        if self._worker is not None and self._worker.ended.done():
            await self._discard(self._worker)  # it died between two cells
        if self._worker is None:
            self._worker = await Worker.spawn(self._supervisor, self._name, self._resources)
        return self._worker

    async def _discard(self, worker: Worker) -> None:
        self._worker = None
        await worker.close()

    async def _watch(
        self, worker: Worker, cell: Cell, output: Output, stop: asyncio.Future[str], started: float
    ) -> ExecutionResult:
        loop = asyncio.get_running_loop()
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
        outcome, failure = self._judge(reason, report, ended)
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

    async def _halt(self, worker: Worker, running: asyncio.Task[Report | None], reason: str) -> None:
        """Stop a cell: politely, which keeps the variables, then for good."""
        worker.interrupt()
        by_hand = reason == "interrupt"
        grace = self._resources.interrupt_grace_seconds if by_hand else self._resources.grace_seconds
        await asyncio.wait({running}, timeout=grace)
        if not running.done():
            worker.kill()
            await asyncio.wait({running}, timeout=_EXIT_SECONDS)

    async def _bury(self, worker: Worker, running: asyncio.Task[Report | None]) -> Exit:
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

    def _judge(self, reason: str, report: Report | None, ended: Exit | None) -> tuple[Outcome, Failure | None]:
        error = report.error if report else None
        traceback = error.traceback if error else ""
        if reason in {"timeout", "output"}:
            traceback = traceback.removesuffix("KeyboardInterrupt\n")  # ours; nobody pressed a key
        after = "The variables are kept." if ended is None else _STARTED_AGAIN
        if reason == "timeout":
            text = f"stopped after {self._resources.timeout_seconds:g} s. {after}"
            return Outcome.TIMEOUT, Failure("Timeout", text, traceback)
        if reason == "output":
            text = f"stopped after printing {_mib(self._resources.output_bytes)}: print less. {after}"
            return Outcome.OUTPUT, Failure("OutputLimit", text, traceback)
        if reason == "memory":
            most = _mib(self._resources.memory_bytes)
            text = f"killed: the processes of the program together took more than {most} of memory. {after}"
            return Outcome.MEMORY, Failure("MemoryLimit", text, traceback)
        if reason == "interrupt":
            return Outcome.ERROR, Failure("KeyboardInterrupt", f"interrupted. {after}", traceback)
        if ended is not None:
            return Outcome.KILLED, Failure("Killed", f"{_how(ended)} {_STARTED_AGAIN}")
        if error is None:
            return Outcome.OK, None
        return (Outcome.MEMORY if error.name == "MemoryError" else Outcome.ERROR), error


def _how(ended: Exit) -> str:
    if ended.status >= 0:
        return f"The program ended the interpreter (exit code {ended.status})."
    known = {each.value: each.name for each in signal.Signals}  # real-time signals have no names
    name = known.get(-ended.status, f"signal {-ended.status}")
    return f"The interpreter was killed by {name} ({signal.strsignal(-ended.status)})."


def _resolve(stop: asyncio.Future[str], reason: str) -> None:
    if not stop.done():
        stop.set_result(reason)


def _write_all(fd: int, content: bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(content)


def _read_all(fd: int, limit: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read(limit)


def _mib(size: int) -> str:
    return f"{size / MIB:.3g} MiB"
