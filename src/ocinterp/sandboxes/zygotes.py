"""Sandboxes whose sessions are forked from zygotes: one class a tier, alike but for what keeps sessions apart."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ocinterp.errors import SandboxError
from ocinterp.jobs import Job, JobEnd
from ocinterp.sandboxes import bubblewrap
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.ns import layout
from ocinterp.sandboxes.ns.errand import Errand
from ocinterp.sandboxes.ns.pool import Pool, Zygote
from ocinterp.sandboxes.ns.session import ZygoteSession
from ocinterp.sandboxes.ns.supervisor import Supervisor
from ocinterp.sandboxes.profiles import Profile


class NamespaceSandbox:
    """The default on Linux: fresh namespaces, a read-only root, no network, seccomp, resource limits.

    `async with` it, then `open()` any number of sessions, from one event loop; beyond `service.sessions` they wait for
    each other. Entering does not wait for the libraries of `profile` to be imported; the first cell does. With
    `network` programs may speak to whatever the host can reach, the host itself included. A zygote that dies is
    replaced; the sessions it held raise SandboxError, as all do where the machine forbids what the tier needs.
    """

    name = "ns"
    single = False  # whether each session needs a zygote of its own
    session = ZygoteSession

    def __init__(
        self,
        resources: Resources = Resources(),
        *,
        profile: Profile = Profile(),
        network: bool = False,
        service: Service = Service(),
    ) -> None:
        self.network: Literal["off", "host", "bridge"] = "host" if network else "off"
        self._resources = resources
        self._profile = profile
        self._service = service
        self._pool: Pool | None = None
        self._room = asyncio.Semaphore(service.sessions)
        self._spares: deque[tuple[ZygoteSession, Zygote]] = deque()
        self._forking: set[asyncio.Task[None]] = set()
        self._folder: Path | None = None
        self._settle()

    def _settle(self) -> None:
        """Make of what was asked for what the tier does. Raises UsageError where it cannot do that."""

    def _plan(self) -> dict[str, Any]:
        return layout.plan_root(self._profile, network=self.network == "host")

    def _supervisor(self) -> Supervisor:
        return Supervisor(self._plan())

    def _new_folder(self) -> Path:
        """A folder of the host's for the sessions of one zygote; it goes when the sandbox is left."""
        try:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix=f"ocinterp-{self.name}-"))
            return Path(tempfile.mkdtemp(dir=self._folder))
        except OSError as error:
            raise SandboxError(f"there is no place for the files of sessions: {error}") from error

    async def __aenter__(self) -> Self:
        self._pool = Pool(self._supervisor, self._service, single=self.single)
        try:
            await self._pool.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._refill()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._forking:
            task.cancel()
        if self._forking:
            await asyncio.wait(self._forking)
        while self._spares:
            await self._give_up(*self._spares.pop())
        if self._pool is not None:
            await self._pool.stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def ready(self) -> list[str]:
        """Wait until sessions can be opened; the libraries imported ahead that are there."""
        return await self._running().ready()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[ZygoteSession]:
        async with self._room:
            session, zygote = await self._spare() or await self._new()
            self._refill()
            try:
                yield session
            except SandboxError:
                zygote.fit = False  # whatever it is, it is no program's doing: no other session starts there
                raise
            finally:
                await self._close(session, zygote)

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        """Carry out a job (jobs.Jobs), within the same limits as a session, `output_bytes` of its answer included."""
        async with self._room:
            zygote = await self._running().lease()
            try:
                return await Errand(zygote.supervisor, self._resources, job, on_bytes).run()
            except SandboxError:
                zygote.fit = False
                raise
            finally:
                await self._running().release(zygote)

    async def _new(self) -> tuple[ZygoteSession, Zygote]:
        zygote = await self._running().lease()
        return self.session(zygote.supervisor, uuid.uuid4().hex, self._resources), zygote

    async def _close(self, session: ZygoteSession, zygote: Zygote) -> None:
        try:
            await session.close()
        except SandboxError:
            if not zygote.supervisor.is_dead:  # then it is gone with all it held, and whoever ran a cell knows
                zygote.fit = False
                raise
        finally:
            await self._running().release(zygote)

    async def _spare(self) -> tuple[ZygoteSession, Zygote] | None:
        while self._spares:
            session, zygote = self._spares.popleft()
            if zygote.fit and not zygote.supervisor.is_dead:
                return session, zygote
            await self._give_up(session, zygote)
        return None

    async def _give_up(self, session: ZygoteSession, zygote: Zygote) -> None:
        """Close a spare, which nobody has used: if that fails its zygote ends with it, and nobody is concerned."""
        with suppress(SandboxError):
            await self._close(session, zygote)

    def _refill(self) -> None:
        """Have interpreters forked ahead, while others run."""
        for _ in range(self._service.spares - len(self._spares) - len(self._forking)):
            task = asyncio.create_task(self._fork_ahead())
            self._forking.add(task)
            task.add_done_callback(self._forking.discard)

    async def _fork_ahead(self) -> None:
        session, zygote = await self._new()
        try:
            await session.warm_up()
        except SandboxError:
            zygote.fit = False  # nobody waits for this one; whoever needs a session hears why there is none
            await self._close(session, zygote)
        except BaseException:
            await self._close(session, zygote)
            raise
        else:
            self._spares.append((session, zygote))

    def _running(self) -> Pool:
        if self._pool is None:
            raise SandboxError("the sandbox has not been entered: use `async with`")
        return self._pool


class BubblewrapSandbox(NamespaceSandbox):
    """Where only bubblewrap may make namespaces: each session in one of its own, confined further by Landlock and seccomp."""

    name = "bwrap"
    single = True

    def _plan(self) -> dict[str, Any]:
        return bubblewrap.plan(super()._plan(), self._resources)


class LandlockSandbox(NamespaceSandbox):
    """Where namespaces are refused: Landlock and seccomp alone, in the host's own tree, among its other processes."""

    name = "landlock"

    def _plan(self) -> dict[str, Any]:
        return layout.plan_landlock(self._profile, network=self.network == "host", sessions=self._new_folder())


class UnsafeSandbox(NamespaceSandbox):
    """No isolation at all: the program can do what you can do. Only resource limits hold. Chosen by name or not at all."""

    name = "unsafe"

    def _settle(self) -> None:
        self.network = "host"  # whatever was asked for, and the record must say so

    def _plan(self) -> dict[str, Any]:
        return layout.plan_bare(self._profile, sessions=self._new_folder())
