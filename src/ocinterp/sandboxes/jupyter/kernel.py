"""One live kernel of a Jupyter server: its channels, its interrupts, its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.jupyter import messages
from ocinterp.sandboxes.jupyter.server import Server
from ocinterp.sandboxes.ns.output import Output
from ocinterp.sandboxes.ns.supervisor import Exit
from ocinterp.sandboxes.ns.worker import LATE, MAX_LATE_BYTES, Report
from ocinterp.types import Failure

if TYPE_CHECKING:
    import aiohttp

DIED, SAID_TOO_MUCH = 0, 1  # how a kernel ended: its exit code is not told
_START_SECONDS = 60.0


@dataclass
class _Running:
    """A cell that has been sent, and what has come back."""

    request: str
    output: Output
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    failure: Failure | None = None
    replied: bool = False
    idle: bool = False
    late: bool = False  # something of an earlier cell was put on record

    def end(self, *, alive: bool) -> None:
        if not self.done.done():
            self.done.set_result(alive)


class Kernel:
    """A kernel with a websocket to it. It runs model-written code, so nothing it says is believed of other sessions."""

    def __init__(self, server: Server, name: str, socket: aiohttp.ClientWebSocketResponse, session: str) -> None:
        self._server = server
        self._name = name
        self._socket = socket
        self._session = session
        self._running: _Running | None = None
        self._late = ""
        self._broken: SandboxError | None = None
        self._interrupting: asyncio.Task[None] | None = None
        self._closed = False
        self.ended: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self.cpu_seconds = 0.0
        self.out_of_memory = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, server: Server, spec: str, folder: str, session: str) -> Kernel:
        """Have the server start a kernel whose working directory is `folder`."""
        async with server.starting:
            return await cls._started(server, spec, folder, session)

    @classmethod
    async def _started(cls, server: Server, spec: str, folder: str, session: str) -> Kernel:
        status, reply = await server.ask("POST", "kernels", body={"name": spec, "path": folder})
        if status != 201 or not isinstance(reply, dict):
            raise server.broken(f"could not start a kernel ({status})")
        name = str(reply.get("id"))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        try:
            kernel = cls(server, name, await server.connect(name, session), session)
        except BaseException:
            await server.ask("DELETE", "kernels", name)
            raise
        try:
            await kernel.run_unseen(messages.prelude(), _START_SECONDS)
        except BaseException:
            await kernel.close()
            raise
        return kernel

    async def run(self, cell: str, source: str, output: Output) -> Report | None:
        """Run one cell; how it ended, or None when the kernel died. Raises SandboxError when the server hung up."""
        return await self._run(cell, source, output, silent=False)

    async def run_unseen(self, source: str, seconds: float) -> None:
        """Run a cell of our own, which leaves no trace."""
        nowhere = Output("", text_bytes=0, display_bytes=0, listen=lambda _: None, halt=lambda _: None)
        try:
            async with asyncio.timeout(seconds):
                await self._run("", source, nowhere, silent=True)
        except TimeoutError as error:
            raise self._server.broken(f"has a kernel that does not answer within {seconds:g} s") from error

    async def _run(self, cell: str, source: str, output: Output, *, silent: bool) -> Report | None:
        await self._settle()
        if self._broken is not None:
            raise self._broken
        if self._late and not silent:
            output.note("stderr", LATE + self._late)
            self._late = ""
        request, text = messages.execute_request(self._session, cell, source, silent=silent)
        self._running = running = _Running(request, output)
        try:
            with suppress(ConnectionError):  # the reader will hear of it
                await self._socket.send_str(text)
            if self.ended.done():
                return None
            alive = await running.done
        finally:
            self._running = None
            output.finish()
        return Report(running.failure, 0.0) if alive else None

    def interrupt(self) -> None:
        if self._running is not None and self._interrupting is None:
            self._interrupting = asyncio.create_task(self._interrupt(self._running))

    def kill(self) -> None:
        """Give the kernel up; it ends when it is closed."""
        self._end(DIED)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._end(DIED)
        for task in (self._reader, self._interrupting):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        try:
            await self._socket.close()
        finally:
            with suppress(SandboxError):  # a server that has gone keeps no kernel
                await self._server.ask("DELETE", "kernels", self._name)

    async def _interrupt(self, running: _Running) -> None:
        """A kernel that has not begun yet is deaf."""
        await running.begun.wait()
        with suppress(SandboxError):  # then it is killed, and the next request says why
            await self._server.ask("POST", "kernels", self._name, "interrupt")

    async def _settle(self) -> None:
        """Let no interrupt that is on its way hit the next cell."""
        if self._interrupting is not None:
            task, self._interrupting = self._interrupting, None
            await asyncio.wait({task}, timeout=1)
            task.cancel()

    async def _read(self) -> None:
        """Take what comes, also between two cells, until the socket ends."""
        import aiohttp

        async for frame in self._socket:
            if frame.type is aiohttp.WSMsgType.TEXT and (message := messages.read(frame.data)) is not None:
                self._take(message)
        if self._socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG:
            self._end(SAID_TOO_MUCH)
            return
        self._broken = self._server.broken("hung up")
        if self._running is not None and not self._running.done.done():
            self._running.done.set_exception(self._broken)

    def _take(self, message: messages.Message) -> None:
        if message.kind == "status" and message.content.get("execution_state") in {"restarting", "dead"}:
            self._end(DIED)
        running = self._running
        if running is not None and message.parent == running.request:
            self._take_ours(message, running)
        elif message.kind == "stream":
            self._take_late(str(message.content.get("text", "")))

    def _take_ours(self, message: messages.Message, running: _Running) -> None:
        content = message.content
        match message.kind:
            case "execute_input":
                running.begun.set()
            case "stream":
                text = str(content.get("text", "")).encode("utf-8", "backslashreplace")
                running.output.feed("stderr" if content.get("name") == "stderr" else "stdout", text)
            case "display_data" | "execute_result" | "update_display_data":
                running.output.show(messages.bundle(content.get("data")))
            case "error" if running.failure is None:
                running.failure = messages.failure(content)
            case "execute_reply":
                running.replied = True
                if content.get("status") != "ok" and running.failure is None:
                    running.failure = messages.failure(content)
            case "status" if content.get("execution_state") == "idle":
                running.idle = True
            case _:
                pass
        if running.replied and running.idle:
            running.end(alive=True)

    def _take_late(self, text: str) -> None:
        """What threads of an earlier cell print must not pass for output of the running one."""
        if self._running is None:
            self._late = (self._late + text)[:MAX_LATE_BYTES]
            return
        heading = "" if self._running.late else LATE
        self._running.late = True
        self._running.output.feed("stderr", (heading + text).encode("utf-8", "backslashreplace"))

    def _end(self, status: int) -> None:
        if not self.ended.done():
            self.ended.set_result(Exit(status, 0.0))
        if self._running is not None:
            self._running.end(alive=False)
