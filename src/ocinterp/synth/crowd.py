"""Many acts at once, their results in the order of what they are about."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from itertools import islice
from typing import Final, TypeVar

_T = TypeVar("_T")
_R = TypeVar("_R")
_LOOK_SECONDS: Final = 0.2  # how soon it is seen that somebody wants to leave


async def in_order(
    rows: Iterable[_T],
    act: Callable[[_T], Awaitable[_R]],
    at_once: int,
    stop: Callable[[], bool] = lambda: False,
    *,
    leave: bool = False,
    patience_seconds: float = 60.0,
) -> AsyncIterator[tuple[_T, _R]]:
    """Each row with what its act gave; no more than `at_once` are under way, or wait to be handed on.

    What an act raises is raised when its turn comes, once the others have ended: what they have asked for is paid for. Those that
    take longer than `patience_seconds` are broken off. After `stop` says so no act is begun, and those under way are waited for;
    with `leave` they are broken off as well.
    """
    rest = iter(rows)
    under_way: deque[tuple[_T, asyncio.Task[_R]]] = deque()
    try:
        while True:
            room = 0 if stop() else at_once - len(under_way)
            for row in islice(rest, room):
                under_way.append((row, asyncio.create_task(_run(act, row))))
            if not under_way:
                return
            row, task = under_way[0]
            while leave and not task.done():
                if stop():
                    return
                await asyncio.wait([task], timeout=_LOOK_SECONDS)
            result = await _result(task, [each for _, each in under_way], patience_seconds)
            under_way.popleft()
            yield row, result
    finally:
        for _, task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait([task for _, task in under_way])
            for _, task in under_way:
                if not task.cancelled():
                    task.exception()  # so that it counts as seen: the first that failed is raised


async def _result(task: asyncio.Task[_R], all_of_them: list[asyncio.Task[_R]], patience_seconds: float) -> _R:
    """What a task gave; what it raised once all have ended, or have been waited for."""
    await asyncio.wait([task])
    if task.exception() is not None:
        await asyncio.wait(all_of_them, timeout=patience_seconds)
    return task.result()


async def _run(act: Callable[[_T], Awaitable[_R]], row: _T) -> _R:
    return await act(row)
