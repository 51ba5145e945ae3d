"""The host's side of a zygote in a container: it is called by it, for no engine passes descriptors on by itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.container.bounds import EngineBounds
from ocinterp.sandboxes.container.engine import CHANNEL, Container, Engine, telling
from ocinterp.sandboxes.ns.caller import SOCKET
from ocinterp.sandboxes.ns.supervisor import Supervisor

_MOUNTED = "channel"  # the folder, in one of our own, that stands in the container


class ContainerSupervisor(Supervisor):
    """One container and the zygote in it.

    The zygote connects to a socket in a folder that only this user can reach and that is mounted into the container.
    The socket hears one connection; with it the folder goes. When the host hangs up or dies the zygote ends, it is the
    first process of its container, and so the container ends and removes itself.
    """

    def __init__(self, plan: dict[str, Any], engine: Engine, container: Container) -> None:
        super().__init__(plan, EngineBounds())
        self._engine = engine
        self._container = container
        self._folder: Path | None = None
        self._asked = False
        self._heard = False
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.ready = loop.create_future()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix="ocinterp-container-"))
            channel = self._folder / _MOUNTED
            channel.mkdir(mode=0o755)
            self._socket = _listening(channel / SOCKET)  # until the zygote has connected, and its connection from then
        except OSError as error:
            self._forget_folder()
            raise SandboxError(f"there is no place for the socket of a container: {error}") from error
        loop.add_reader(self._socket, self._accept)
        program = (self._plan["boot"], "caller", json.dumps(self._plan | {"channel": CHANNEL}))
        self._asked = True
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._container.command(self._engine, channel, program),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                cwd="/proc",  # podman's conmon leaves a file `oom` where it was started, if it may
                start_new_session=True,  # a Ctrl-C in the terminal is the host's to interpret
            )
        except OSError as error:
            raise SandboxError(f"{self._engine.program} cannot be started: {error}") from error
        self._watching = asyncio.create_task(self._watch(self._process))

    async def stop(self) -> None:
        """End the zygote, and the container with it; where that did not end well, have the engine remove it."""
        if self._process is not None and not self._heard:
            with suppress(ProcessLookupError):
                self._process.kill()  # the end of a socket that it never had would not end it
        await super().stop()
        if self._watching is not None:
            await self._watching
        if self._asked and (self._process is None or self._process.returncode):
            self._asked = False
            with suppress(SandboxError):  # it has been said why nothing works
                await self._engine.ask("rm", "--force", self._container.name)

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        status = await process.wait()
        self._die(f"the container ended by itself, exit code {status}")

    def _accept(self) -> None:
        assert self._socket is not None
        listener = self._socket
        loop = asyncio.get_running_loop()
        loop.remove_reader(listener)
        try:
            self._socket, _ = listener.accept()
        except OSError as error:
            self._die(f"the container could not be heard: {error}")
            return
        listener.close()
        self._heard = True
        self._forget_folder()
        self._socket.setblocking(False)
        loop.add_reader(self._socket, self._receive)

    def _dispatch(self, message: dict[str, Any], fd: int | None) -> None:
        if "here" not in message:
            super()._dispatch(message, fd)
        elif why := _out_of_reach(fd):
            self._die(f"containers of this kind cannot be used: {why}")

    def _die(self, why: str) -> None:
        super()._die(why)
        self._forget_folder()

    def _forget_folder(self) -> None:
        if self._folder is None:
            return
        channel = self._folder / _MOUNTED
        with suppress(OSError):  # shutil.rmtree would need a descriptor, of which there may be none left
            (channel / SOCKET).unlink(missing_ok=True)
            channel.rmdir()
        with suppress(OSError):
            self._folder.rmdir()
        self._folder = None

    async def _last_words(self) -> str:
        stderr = self._process.stderr if self._process else None
        words = b""
        if stderr is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    words = await stderr.read(65536)
        return f" ({telling(words)})" if words.strip() else ""


def _listening(path: Path) -> socket.socket:
    """A socket that any user inside may connect to: what is above its folder keeps everybody else out."""
    folder = os.open(path.parent, os.O_PATH | os.O_CLOEXEC)
    try:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")  # the address of a socket may have 107 bytes
            path.chmod(0o666)
            listener.listen(1)
            listener.setblocking(False)
        except OSError:
            listener.close()
            raise
    finally:
        os.close(folder)
    return listener


def _out_of_reach(pidfd: int | None) -> str:
    """Why the process behind a pidfd cannot be commanded from here; empty where it can."""
    if pidfd is None:
        return "no descriptor passes between them and the host, and everything here rests on that (gVisor: docs/security.md)"
    try:
        signal.pidfd_send_signal(pidfd, 0)
    except OSError as error:
        return f"their processes are not ours to signal ({error})"
    finally:
        os.close(pidfd)
    return ""
