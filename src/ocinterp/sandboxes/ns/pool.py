"""Zygotes at work: started ahead, shared out among sessions, replaced when they are old, broken or dead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import Service
from ocinterp.sandboxes.ns.supervisor import Supervisor


@dataclass(eq=False)
class Zygote:
    """One of them, and what it has done. `fit`: nothing has gone wrong in it that was not a program's doing."""

    supervisor: Supervisor
    opened: int = 0
    live: int = 0
    fit: bool = True


class Pool:
    """Hands out zygotes; `single`: each for one session, and never again. Raises SandboxError where none can start."""

    def __init__(self, make: Callable[[], Supervisor], service: Service, *, single: bool) -> None:
        self._make = make
        self._ahead = service.zygotes
        self._turnover = 1 if single else service.turnover
        self._single = single
        self._zygotes: list[Zygote] = []
        self._closed = False

    async def start(self) -> None:
        """Launch the first ones; they get ready in their own time."""
        for _ in range(self._ahead):
            await self._launch(self._new())

    async def stop(self) -> None:
        self._closed = True
        while self._zygotes:
            await self._end(self._zygotes[-1])

    async def ready(self) -> list[str]:
        """Wait for the first one; the preloaded libraries that are there."""
        zygote = self._best()
        if zygote is None:
            zygote = self._new()
            await self._launch(zygote)
        return await zygote.supervisor.wait_ready()

    async def lease(self) -> Zygote:
        """The zygote for the next session: one that serves already, if any does, and the least busy of those."""
        found = self._best()
        zygote = found or self._new()
        zygote.opened += 1  # at once: whoever comes while it starts must not take it too
        zygote.live += 1
        if found is None:
            await self._launch(zygote)
        await self._keep_ahead()
        return zygote

    async def release(self, zygote: Zygote) -> None:
        """A session of it has been closed."""
        zygote.live -= 1
        if zygote not in self._zygotes:
            return  # it has been ended with all the rest
        replaced = any(each.supervisor.is_ready for each in self._zygotes if not self._is_due(each))
        if not zygote.live and self._is_due(zygote) and (self._single or replaced or not _serves(zygote)):
            await self._end(zygote)

    def _best(self) -> Zygote | None:
        able = [each for each in self._zygotes if _serves(each) and not (self._single and each.opened)]
        return min(able, key=lambda each: (not each.supervisor.is_ready, self._is_due(each), each.live), default=None)

    def _is_due(self, zygote: Zygote) -> bool:
        """Whether another should take its place."""
        return not _serves(zygote) or zygote.opened >= self._turnover

    async def _keep_ahead(self) -> None:
        for dead in [each for each in self._zygotes if each.supervisor.is_dead]:
            await self._end(dead)
        fresh = sum(not self._is_due(each) for each in self._zygotes)
        for _ in range((self._ahead - 1 if self._single else self._ahead) - fresh):
            await self._launch(self._new())

    def _new(self) -> Zygote:
        if self._closed:
            raise SandboxError("the sandbox was closed")
        self._zygotes.append(Zygote(self._make()))
        return self._zygotes[-1]

    async def _launch(self, zygote: Zygote) -> None:
        try:
            await zygote.supervisor.start()
        except BaseException:
            await self._end(zygote)
            raise

    async def _end(self, zygote: Zygote) -> None:
        if zygote in self._zygotes:
            self._zygotes.remove(zygote)
        await zygote.supervisor.stop()


def _serves(zygote: Zygote) -> bool:
    return zygote.fit and not zygote.supervisor.is_dead
