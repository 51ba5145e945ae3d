"""The host's side of one worker: its control channel, its output pipes, its end."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import termios
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, cast

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import wire
from ocinterp.sandboxes.ns.output import Output
from ocinterp.sandboxes.ns.supervisor import Exit, Supervisor, pid_of
from ocinterp.sandboxes.ns.totals import Guard
from ocinterp.types import Failure, Stream

_CHUNK = 1 << 16
LATE = "[printed after its cell had ended]\n"
MAX_LATE_BYTES = 10_000
_MAX_NAME_CHARACTERS = 200
_MAX_ERROR_CHARACTERS = 50_000


@dataclass(frozen=True, slots=True)
class Report:
    """What the worker says of a cell that it has run."""

    error: Failure | None
    cpu_seconds: float


class Worker:
    """A live interpreter process. It runs model-written code, so nothing it says is believed beyond its own session."""

    def __init__(
        self,
        control: socket.socket,
        pipes: dict[Stream, int],
        pidfd: int,
        ended: asyncio.Future[Exit],
        largest_payload: int,
        program: dict[str, Any] | None,
    ) -> None:
        self._control = control
        self._pipes = pipes
        self._pidfd = pidfd
        self._largest_payload = largest_payload
        self._program = program
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._output: Output | None = None
        self._interrupted = False
        self._guard: Guard | None = None
        self.ended = ended
        self.cpu_seconds = 0.0  # of the cells that were reported

    @classmethod
    async def spawn(
        cls,
        supervisor: Supervisor,
        session: str,
        resources: Resources,
        *,
        first: bool = False,
        program: dict[str, Any] | None = None,
    ) -> Worker:
        """Have the zygote fork a worker into `session`, the first one into a new session. Raises SandboxError.

        With `program`, a recipe as an order, it runs one cell of another language than Python.
        """
        terms = _terms(resources, first=first, program=program is not None)
        key = supervisor.new_key()
        ended = supervisor.exit_of(key)
        with ExitStack() as unused:
            try:
                ours, theirs = socket.socketpair()
                unused.callback(theirs.close)
                kept = unused.enter_context(ExitStack())
                kept.callback(ours.close)
                pipes: dict[Stream, int] = {}
                ends = [theirs.fileno()]
                for stream in ("stdout", "stderr"):
                    pipes[stream], end = os.pipe2(os.O_CLOEXEC)
                    kept.callback(os.close, pipes[stream])
                    unused.callback(os.close, end)
                    ends.append(end)
                _, pidfd = await supervisor.ask_as(key, "spawn", session, fds=ends, **terms)
            except OSError as error:
                raise SandboxError(f"the sandbox could not start an interpreter: {error}") from error
            if pidfd < 0:
                raise SandboxError("the sandbox could not start an interpreter: out of file descriptors")
            kept.pop_all()
        worker = cls(ours, pipes, pidfd, ended, resources.display_bytes, program)
        try:
            worker._guard = supervisor.guards.around(pid_of(pidfd), resources, worker.kill)
            worker._reader, worker._writer = await asyncio.open_unix_connection(sock=ours, limit=_CHUNK * 16)
            await worker._confirm()
        except BaseException:
            await worker.close()
            raise
        return worker

    async def _confirm(self) -> None:
        """Hear that it is confined: from there on model-written code may have its word in a frame."""
        frame = await self._next(None)
        if frame is None or "ready" not in frame[0]:
            why = "it died" if frame is None else frame[0].get("failed")
            raise SandboxError(f"the sandbox could not start an interpreter: {why}{self._leftovers()}")

    async def run(self, cell: str, source: str, output: Output) -> Report | None:
        """Run one cell; how it ended, or None when the worker hung up or talked nonsense."""
        assert self._writer is not None
        if late := self._leftovers():
            output.note("stderr", LATE + late)
        self._output = output
        loop = asyncio.get_running_loop()
        for stream, fd in self._pipes.items():
            os.set_blocking(fd, False)
            loop.add_reader(fd, self._take, stream)
        try:
            key = secrets.token_hex(8)
            order: wire.Header = {"cell": cell, "key": key, "stale_interrupt": self._interrupted}
            order |= {} if self._program is None else {"program": self._program}
            self._interrupted = False
            self._writer.write(wire.pack(order, [source.encode("utf-8", "surrogatepass")]))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            return await self._until_done(cell, key, output)
        finally:
            for stream, fd in self._pipes.items():
                loop.remove_reader(fd)
                self._take_all(stream)
            self._output = None
            output.finish()

    def interrupt(self) -> None:
        """Ask the running cell to stop, as Ctrl-C does."""
        self._interrupted = True
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    @property
    def out_of_memory(self) -> bool:
        """Whether something in it was killed because all of it together took too much."""
        return self._guard is not None and self._guard.breaches() > 0

    async def close(self) -> None:
        """Kill what is left, and free every descriptor."""
        self.kill()
        if self._guard is not None:
            self._guard.release()
        fds = [fd for fd in (*self._pipes.values(), self._pidfd) if fd >= 0]
        self._pipes, self._pidfd = {}, -1
        try:
            if self._writer is None:
                self._control.close()
            else:
                self._writer.close()
                with contextlib.suppress(ConnectionError):
                    await self._writer.wait_closed()
        finally:
            for fd in fds:
                os.close(fd)

    async def _until_done(self, cell: str, key: str, output: Output) -> Report | None:
        while (frame := await self._next(output)) is not None:
            header, payload = frame
            if header.get("key") != key:
                continue
            if header.get("cell") == cell and (bundle := _bundle(header.get("shows"), payload)) is not None:
                for stream in self._pipes:
                    self._take_all(stream)  # what was printed before it was shown
                output.show(bundle)
            elif header.get("done") == cell and (report := _report(header, payload)):
                self.cpu_seconds += report.cpu_seconds
                return report
        return None

    async def _next(self, output: Output | None) -> tuple[wire.Header, bytes] | None:
        """The next frame; None when the worker hung up or talks nonsense. One that is too large is not taken in."""
        assert self._reader is not None
        try:
            while True:
                head, size = wire.SIZES.unpack(await self._reader.readexactly(wire.SIZES.size))
                if head > wire.MAX_HEADER_BYTES:
                    return None
                header = json.loads(await self._reader.readexactly(head))
                if size <= self._largest_payload:
                    break
                while size:
                    size -= len(await self._reader.readexactly(min(size, _CHUNK)))
                if output is not None:
                    output.leave_out()
            payload = await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, RecursionError):
            return None
        return (cast("wire.Header", header), payload) if isinstance(header, dict) else None

    def _take(self, stream: Stream) -> bool:
        """Move what a pipe holds to the output; False when there is nothing more for now."""
        try:
            data = os.read(self._pipes[stream], _CHUNK)
        except BlockingIOError:
            return False
        if not data:
            asyncio.get_running_loop().remove_reader(self._pipes[stream])
            return False
        if self._output is not None:
            self._output.feed(stream, data)
        return True

    def _take_all(self, stream: Stream) -> None:
        """Take what is in a pipe at this moment: what is left running may fill it faster than it can be emptied."""
        left = _held(self._pipes[stream])
        while left > 0 and self._take(stream):
            left -= _CHUNK

    def _leftovers(self) -> str:
        """What threads and children of an earlier cell printed since: it must not pass for the next cell's output."""
        found = b"".join(os.read(fd, size) for fd in self._pipes.values() if (size := _held(fd)))
        return found[:MAX_LATE_BYTES].decode("utf-8", "replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


def _terms(resources: Resources, *, first: bool, program: bool) -> dict[str, Any]:
    """What the zygote has to know of a worker."""
    terms = {
        "memory": resources.memory_bytes,
        "file": resources.disk_bytes,
        "processes": resources.processes,
        "display": resources.display_bytes,
        "program": program,
    }
    return terms | ({"disk": resources.disk_bytes, "files": resources.files} if first else {})


def _bundle(shows: Any, payload: bytes) -> dict[str, str] | None:
    """The MIME bundle of a frame; None when the frame is not what it should be."""
    if not isinstance(shows, list):
        return None
    names: list[str] = []
    sizes: list[int] = []
    for pair in cast("list[Any]", shows):
        match pair:
            case [str() as mime, int() as size] if size >= 0:
                names.append(mime)
                sizes.append(size)
            case _:
                return None
    return dict(zip(names, wire.split(payload, sizes), strict=True))


def _held(fd: int) -> int:
    """How many bytes lie in a pipe."""
    held = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, held)
    return held[0]


def _report(header: wire.Header, payload: bytes) -> Report | None:
    """How a cell ended, as its frame says; None when the frame is not what it should be."""
    cpu, sizes = header.get("cpu"), header.get("error")
    if not isinstance(cpu, int | float) or not 0 <= cpu < 1e9:
        return None
    if sizes is None:
        return Report(None, cpu)
    match sizes:
        case [int(), int(), int()] if min(cast("list[int]", sizes)) >= 0:
            texts = wire.split(payload, cast("list[int]", sizes))
        case _:
            return None
    name, message, traceback = (text[:_MAX_ERROR_CHARACTERS] for text in texts)
    return Report(Failure(name[:_MAX_NAME_CHARACTERS], message, traceback), cpu)
