"""Sessions that are opened when they are needed first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ocinterp.errors import SandboxError
from ocinterp.protocols import Session
from ocinterp.sandboxes.later import Later
from ocinterp.sandboxes.zygotes import UnsafeSandbox
from ocinterp.types import Cell


@dataclass
class Counted:
    """A real sandbox that counts its open sessions."""

    sandbox: UnsafeSandbox
    opened: int = 0
    open_now: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        async with self.sandbox.open() as session:
            self.opened += 1
            self.open_now += 1
            try:
                yield session
            finally:
                self.open_now -= 1


@pytest.fixture
async def counted() -> AsyncGenerator[Counted]:
    async with UnsafeSandbox() as sandbox:
        yield Counted(sandbox)


async def test_a_session_is_opened_by_its_first_cell_and_closed_with_the_context(counted: Counted) -> None:
    async with Later(counted, asyncio.Semaphore(1)).open() as session:
        await session.interrupt()
        assert counted.opened == 0
        await session.run(Cell("1", "x = 6"))
        assert (await session.run(Cell("2", "print(x * 7)"))).stdout == "42\n"
        assert (counted.opened, counted.open_now) == (1, 1)
    assert (counted.opened, counted.open_now) == (1, 0)


async def test_files_open_it_too_and_are_those_of_its_cells(counted: Counted) -> None:
    async with Later(counted, asyncio.Semaphore(1)).open() as session:
        await session.put("a.txt", b"1")
        await session.run(Cell("1", "open('b.txt', 'w').write('2')"))
        assert [each.name for each in await session.files()] == ["a.txt", "b.txt"]
        assert await session.get("b.txt") == b"2"
    assert counted.opened == 1


async def test_two_first_uses_at_once_open_one(counted: Counted) -> None:
    async with Later(counted, asyncio.Semaphore(1)).open() as session, asyncio.TaskGroup() as group:
        group.create_task(session.files())
        group.create_task(session.run(Cell("1", "1")))
    assert counted.opened == 1


async def test_cells_beyond_the_room_wait_and_have_no_session_yet(counted: Counted) -> None:
    later = Later(counted, asyncio.Semaphore(1))
    async with later.open() as first, later.open() as second:
        waits = asyncio.create_task(first.run(Cell("1", "import time\nwhile True: time.sleep(0.01)")))
        while not counted.opened:
            await asyncio.sleep(0.01)
        other = asyncio.create_task(second.run(Cell("1", "2")))
        await asyncio.sleep(0.1)
        assert (counted.opened, other.done()) == (1, False)
        while not waits.done():
            await first.interrupt()
            await asyncio.sleep(0.1)
        assert (await other).ok
    assert counted.open_now == 0


@dataclass
class Broken:
    """A sandbox that opens no session but the second."""

    counted: Counted
    tries: list[int] = field(default_factory=list[int])

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        self.tries.append(1)
        if len(self.tries) == 1:
            raise SandboxError("no room")
        async with self.counted.open() as session:
            yield session


async def test_what_could_not_be_opened_is_said_at_the_first_use_and_tried_again_at_the_next(counted: Counted) -> None:
    async with Later(Broken(counted), asyncio.Semaphore(1)).open() as session:
        with pytest.raises(SandboxError, match="no room"):
            await session.run(Cell("1", "1"))
        assert (await session.run(Cell("1", "1"))).ok
