"""The host's side of one worker: its control channel, its output pipes, its end."""

from __future__ import annotations

import array
import asyncio
import contextlib
import fcntl
import json
import os
import signal
import socket
import termios
from typing import Any, cast

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import wire
from ocinterp.sandboxes.ns.output import Output
from ocinterp.sandboxes.ns.supervisor import Exit, Supervisor
from ocinterp.types import Stream

_CHUNK = 1 << 16
_MAX_LATE_BYTES = 10_000


class Worker:
    """A live interpreter process. It runs model-written code, so nothing it says is believed beyond its own session."""

    def __init__(
        self, control: socket.socket, pipes: dict[Stream, int], pidfd: int, ended: asyncio.Future[Exit]
    ) -> None:
        self._control = control
        self._pipes = pipes
        self._pidfd = pidfd
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._output: Output | None = None
        self._interrupted = False
        self._is_ready = False
        self._killed = False
        self.ended = ended
        self.cpu_seconds = 0.0  # of the cells that were reported

    @classmethod
    async def spawn(cls, supervisor: Supervisor, session: str, resources: Resources) -> Worker:
        """Have the zygote fork a worker into `session`. Raises SandboxError."""
        ours, theirs = socket.socketpair()
        pipes = {"stdout": os.pipe2(os.O_CLOEXEC), "stderr": os.pipe2(os.O_CLOEXEC)}
        key = supervisor.new_key()
        ended = supervisor.exit_of(key)
        try:
            _, pidfd = await supervisor.ask_as(
                key,
                "spawn",
                session,
                fds=[theirs.fileno(), pipes["stdout"][1], pipes["stderr"][1]],
                memory=resources.memory_bytes,
                file=resources.disk_bytes,
                processes=resources.processes,
            )
        except BaseException as error:
            ours.close()
            for read, _ in pipes.values():
                os.close(read)
            if isinstance(error, OSError):
                raise SandboxError(f"the sandbox could not start an interpreter: {error}") from error
            raise
        finally:
            theirs.close()
            for _, write in pipes.values():
                os.close(write)
        worker = cls(ours, {"stdout": pipes["stdout"][0], "stderr": pipes["stderr"][0]}, pidfd, ended)
        worker._reader, worker._writer = await asyncio.open_unix_connection(sock=ours, limit=_CHUNK * 16)
        return worker

    async def run(self, cell: str, source: str, output: Output) -> dict[str, Any] | None:
        """Run one cell; the frame that says how it ended, or None when the worker hung up or talked nonsense."""
        assert self._writer is not None
        if late := self._leftovers():
            output.note("stderr", f"[printed after its cell had ended]\n{late}")
        self._output = output
        loop = asyncio.get_running_loop()
        for stream, fd in self._pipes.items():
            os.set_blocking(fd, False)
            loop.add_reader(fd, self._take, stream)
        try:
            frame = {"cell": cell, "source": source, "stale_interrupt": self._interrupted}
            self._interrupted = False
            self._writer.write(wire.pack(frame))
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()
            return await self._until_done(cell, output)
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
        self._killed = True
        self._signal(signal.SIGKILL)

    async def close(self) -> None:
        """Kill what is left, and free every descriptor."""
        self.kill()
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
        for fd in (*self._pipes.values(), self._pidfd):
            os.close(fd)
        self._pipes = {}
        self._pidfd = -1

    async def _until_done(self, cell: str, output: Output) -> dict[str, Any] | None:
        while (frame := await self._next()) is not None:
            if not self._is_ready:
                if "ready" not in frame:
                    raise SandboxError(f"the sandbox could not confine the interpreter: {frame.get('failed')}")
                self._is_ready = True  # from here on model-written code may have its word in a frame
            elif frame.get("cell") == cell and _is_bundle(frame.get("display")):
                for stream in self._pipes:
                    self._take_all(stream)  # what was printed before it was shown
                output.show(_clean(frame["display"]))
            elif frame.get("done") == cell and _is_report(frame):
                self.cpu_seconds += frame["cpu"]
                return frame | {"error": frame["error"] and _clean(frame["error"])}
        if not self._is_ready and not self._killed:
            raise SandboxError("the interpreter died before it could run anything")
        return None

    async def _next(self) -> dict[str, Any] | None:
        assert self._reader is not None
        try:
            (size,) = wire.HEADER.unpack(await self._reader.readexactly(wire.HEADER.size))
            if size > wire.MAX_FRAME_BYTES:
                return None
            frame = json.loads(await self._reader.readexactly(size))
        except (asyncio.IncompleteReadError, ConnectionError, ValueError, RecursionError):
            return None
        return cast("dict[str, Any]", frame) if isinstance(frame, dict) else None

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
        return found[:_MAX_LATE_BYTES].decode("utf-8", "replace")

    def _signal(self, number: signal.Signals) -> None:
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)


def _is_bundle(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    pairs = cast("dict[Any, Any]", value).items()
    return all(isinstance(key, str) and isinstance(text, str) for key, text in pairs)


def _clean(texts: dict[str, str]) -> dict[str, str]:
    """Without lone surrogates, which nothing after this could encode."""
    return {_encodable(key): _encodable(text) for key, text in texts.items()}


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _held(fd: int) -> int:
    """How many bytes lie in a pipe."""
    held = array.array("i", [0])
    fcntl.ioctl(fd, termios.FIONREAD, held)
    return held[0]


def _is_report(frame: dict[str, Any]) -> bool:
    times = all(isinstance(frame.get(name), int | float) and 0 <= frame[name] < 1e9 for name in ("cpu", "wall"))
    error = frame.get("error")
    return times and (error is None or (_is_bundle(error) and {"name", "message", "traceback"} <= set(error)))
