"""A session that is opened when it is needed first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from ocinterp.protocols import Sandbox, Session, ignore
from ocinterp.types import Cell, ExecutionResult, FileInfo, LiveEvent


@dataclass(frozen=True, slots=True)
class Later:
    """The sandbox, whose sessions cost nothing until somebody runs a cell in one or asks for its files.

    Where many dialogues wait for a model at the same time, none holds a process meanwhile, and requests do not wait for
    sessions that nobody needs yet. SandboxError then comes from the first use. Answers that arrive together do not run
    together: their programs would share few processors, and what comes next, another request, would wait behind them all.
    """

    sandbox: Sandbox
    room: asyncio.Semaphore  # for what runs at the same time; the rest waits

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        async with AsyncExitStack() as stack:
            yield _Session(self.sandbox, self.room, stack)


@dataclass(slots=True)
class _Session:
    sandbox: Sandbox
    room: asyncio.Semaphore
    stack: AsyncExitStack
    _opened: Session | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        async with self.room:
            return await (await self._session()).run(cell, on_output=on_output)

    async def interrupt(self) -> None:
        if self._opened is not None:
            await self._opened.interrupt()

    async def put(self, name: str, content: bytes, /) -> None:
        await (await self._session()).put(name, content)

    async def get(self, name: str, /) -> bytes:
        return await (await self._session()).get(name)

    async def files(self) -> tuple[FileInfo, ...]:
        return await (await self._session()).files()

    async def _session(self) -> Session:
        async with self._opening:
            if self._opened is None:
                self._opened = await self.stack.enter_async_context(self.sandbox.open())
            return self._opened
