"""The host's side of a zygote: start it, ask it things, hear of its workers' deaths, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns import totals
from ocinterp.sandboxes.ns.layout import BOOT
from ocinterp.sandboxes.ns.zygote import MAX_MESSAGE

_ROOM_BYTES = 64 * MIB  # of jobs, for the zygote itself
START_SECONDS = 60.0  # importing pandas and matplotlib from a cold disk on a busy machine


@dataclass(frozen=True, slots=True)
class Exit:
    """How a worker ended: an exit code, or minus the signal's number; and all the CPU it used."""

    status: int
    cpu_seconds: float


class Supervisor:
    """One zygote, for any number of sessions. Raises SandboxError from every method once the zygote is gone."""

    def __init__(self, plan: dict[str, Any], guards: totals.Guards | None = None) -> None:
        self.guards = guards or totals.find()
        self._plan = plan
        self._process: asyncio.subprocess.Process | None = None
        self._socket: socket.socket | None = None
        self._pending: dict[str, asyncio.Future[tuple[dict[str, Any], int | None]]] = {}
        self._exits: dict[str, asyncio.Future[Exit]] = {}
        self._count = 0
        self._sending = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._words: str | None = None  # the last that its launcher said
        self._room = asyncio.Event()  # in the socket's buffer, or nothing more to wait for
        self._why_dead = ""
        self._on_death: list[Callable[[], None]] = []
        self._zygote = -1  # its pid, as it is called here
        self._guard_of_jobs: totals.Guard | None = None
        self.ready: asyncio.Future[list[str]] | None = None

    async def start(self) -> None:
        """Launch the process tree; returns at once. `ready` holds, later, which libraries are loaded."""
        loop = asyncio.get_running_loop()
        self.ready = loop.create_future()
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise SandboxError(f"no process could be started for the sandbox: {error}") from error
        ours.setblocking(False)
        plan = json.dumps(self._plan | {"control": theirs.fileno()})
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-S", "-B", "-X", "utf8", "-c", BOOT, "launch", plan,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                env=self._plan["launcher_environment"],
                start_new_session=True,  # a Ctrl-C in the terminal is the host's to interpret
            )  # fmt: skip
        except BaseException as error:
            ours.close()
            if isinstance(error, OSError):
                raise SandboxError(f"no process could be started for the sandbox: {error}") from error
            raise
        finally:
            theirs.close()
        self._socket = ours
        loop.add_reader(ours, self._receive)

    @property
    def tools(self) -> Mapping[str, tuple[str, str]]:
        """Language -> its tool's name and place inside, for those beside Python that run there."""
        return self._plan["tools"]

    @property
    def python(self) -> str:
        """Where the interpreter stands inside."""
        return self._plan["python"]

    @property
    def is_ready(self) -> bool:
        """Whether it serves, at this moment."""
        return not self.is_dead and self.ready is not None and self.ready.done()

    @property
    def is_dead(self) -> bool:
        return self._why_dead != ""

    async def wait_ready(self) -> list[str]:
        """The preloaded libraries that are there, once the zygote serves."""
        if self.ready is None:
            raise SandboxError("the sandbox has not been started")
        if self.ready.done():
            return self.ready.result()
        try:
            async with asyncio.timeout(START_SECONDS):
                return await asyncio.shield(self.ready)
        except TimeoutError as error:
            raise SandboxError(
                f"the sandbox did not start within {START_SECONDS:g} s{await self._last_words()}"
            ) from error
        except SandboxError as error:
            raise SandboxError(f"{error}{await self._last_words()}") from error

    async def _last_words(self) -> str:
        """The last line that a launcher which could not start wrote to its stderr; the same to all who wait for it."""
        stderr = self._process.stderr if self._process else None
        async with self._reading:
            if self._words is None:
                self._words = ""
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1):
                        said = (await stderr.read(65536)).decode(errors="replace") if stderr else ""
                        self._words = f" ({said.strip().splitlines()[-1]})" if said.strip() else ""
        return self._words

    async def ask(self, op: str, session: str, *, fds: Sequence[int] = (), **fields: Any) -> tuple[dict[str, Any], int]:
        """Send one request and wait for its answer and the descriptor that came with it (-1: none).

        Raises SandboxError when the zygote is gone, and OSError with its words when it refused.
        """
        key = self.new_key()
        return await self.ask_as(key, op, session, fds=fds, **fields)

    def new_key(self) -> str:
        self._count += 1
        return str(self._count)

    async def ask_as(
        self, key: str, op: str, session: str, *, fds: Sequence[int] = (), **fields: Any
    ) -> tuple[dict[str, Any], int]:
        await self.wait_ready()
        answer: asyncio.Future[tuple[dict[str, Any], int | None]] = asyncio.get_running_loop().create_future()
        self._pending[key] = answer
        await self._send({"op": op, "key": key, "session": session, **fields}, fds)
        reply, fd = await answer
        if "refused" in reply:
            raise OSError(reply["refused"])
        return reply, -1 if fd is None else fd

    def exit_of(self, key: str) -> asyncio.Future[Exit]:
        """How the worker spawned under `key` ends. Register before it can."""
        future: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._exits[key] = future
        return future

    async def start_job(self, key: str, fds: Sequence[int], **terms: Any) -> None:
        """Have a job begun under `key`, whose end `exit_of` tells."""
        await self.wait_ready()
        await self._send({"op": "job", "key": key, "session": "", **terms}, fds)

    async def kill_job(self, key: str = "") -> None:
        """Kill the job begun under `key`, or all jobs. One that has ended is left alone."""
        with contextlib.suppress(SandboxError):  # then all of them are gone
            await self.ask("kill", "", victim=key)

    async def activity_of_job(self, key: str) -> tuple[float, bool]:
        """How long the job begun under `key` has run or waited for a processor, and whether it is at it now."""
        found, _ = await self.ask("look", "", victim=key)
        return found["active"], found["awake"]

    def guard_of_jobs(self, resources: Resources) -> totals.Guard:
        """What bounds the memory of this zygote's jobs together; the first one's resources count. Once it is ready."""
        if self._guard_of_jobs is None:
            room = replace(
                resources, memory_bytes=resources.memory_bytes + _ROOM_BYTES, processes=resources.processes + 8
            )
            self._guard_of_jobs = self.guards.around(self._zygote, room, self._kill_jobs)
        return self._guard_of_jobs

    def _kill_jobs(self) -> None:
        self._killing = asyncio.ensure_future(self.kill_job())

    async def stop(self) -> None:
        """End the zygote and everything under it; wait until it is gone."""
        self._die("the sandbox was closed")
        if self._guard_of_jobs is not None:
            self._guard_of_jobs.release()
        if self._process is not None:
            await self._drain_and_wait(self._process)
        self.guards.clear()

    async def _drain_and_wait(self, process: asyncio.subprocess.Process) -> None:
        try:
            async with asyncio.timeout(5):
                await process.communicate()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()

    async def _send(self, message: dict[str, Any], fds: Sequence[int]) -> None:
        data = json.dumps(message).encode()
        async with self._sending:
            while self._socket is not None:
                try:
                    socket.send_fds(self._socket, [data], list(fds))
                    return
                except BlockingIOError:
                    await self._wait_for_room(self._socket)
                except OSError as error:
                    self._die(f"the sandbox's zygote died: {error}")
        raise SandboxError(self._why_dead)

    async def _wait_for_room(self, peer: socket.socket) -> None:
        self._room.clear()
        loop = asyncio.get_running_loop()
        loop.add_writer(peer, self._room.set)
        try:
            await self._room.wait()
        finally:
            if self._socket is peer:
                loop.remove_writer(peer)

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, MAX_MESSAGE * 2, 4, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError as error:
            self._die(f"the sandbox's zygote died: {error}")
            return
        if not data:
            self._die("the sandbox's zygote died")
            return
        self._dispatch(json.loads(data), fds[0] if fds else None)

    def _dispatch(self, message: dict[str, Any], fd: int | None) -> None:
        if "done" in message:
            answer = self._pending.pop(message["done"], None)
            job = self._exits.pop(message["done"], None) if "refused" in message else None
            if job is not None and not job.done():
                job.set_exception(SandboxError(f"the sandbox could not start a job: {message['refused']}"))
                job.exception()  # whoever spawns a session is answered above
            if answer is not None and not answer.done():
                answer.set_result((message, fd))
            elif fd is not None:
                os.close(fd)
        elif "exit" in message:
            ended = self._exits.pop(message["exit"], None)
            if ended is not None and not ended.done():
                ended.set_result(Exit(message["status"], message["cpu"]))
        elif "ready" in message and self.ready is not None and not self.ready.done():
            if fd is not None:
                self._zygote = pid_of(fd)
                os.close(fd)
            self.ready.set_result(message["ready"])
        elif "failed" in message:
            self._die(f"the sandbox could not be set up: {message['failed']}; `ocinterp doctor` says more")

    def _die(self, why: str) -> None:
        if self._socket is None:
            return
        self._why_dead = why  # for good: a zygote is replaced, never mended
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._room.set()
        self._socket.close()
        self._socket = None
        waiting: list[asyncio.Future[Any]] = [*self._pending.values(), *self._exits.values()]
        if self.ready is not None:
            waiting.append(self.ready)
        for future in waiting:
            if not future.done():
                future.set_exception(SandboxError(why))
                future.exception()  # nobody may be waiting, and that is no fault of theirs
        self._pending.clear()
        self._exits.clear()


def pid_of(pidfd: int) -> int:
    """The process behind a pidfd, as it is called here: whoever forked it calls it by another number."""
    for line in Path(f"/proc/self/fdinfo/{pidfd}").read_text().splitlines():
        if line.startswith("Pid:"):
            return int(line.split()[1])
    raise SandboxError("the kernel does not say which process a pidfd is of")
