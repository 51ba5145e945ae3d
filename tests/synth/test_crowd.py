"""Acts at once, results in order, and nothing left behind when one fails or everybody is to stop."""

from __future__ import annotations

import asyncio

import pytest

from ocinterp.synth.crowd import in_order


async def test_results_come_in_the_order_of_their_rows_however_long_each_takes() -> None:
    running = most = 0

    async def act(row: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001 * (row * 7 % 5))
        running -= 1
        return -row

    found = [each async for each in in_order(range(50), act, 8)]
    assert found == [(row, -row) for row in range(50)]
    assert 1 < most <= 8


async def test_one_that_fails_ends_all_and_leaves_nothing_behind() -> None:
    ended: list[int] = []

    async def act(row: int) -> int:
        try:
            await asyncio.sleep(0.001 if row < 3 else 60)
            if row in (1, 2):
                raise ValueError(row)
        finally:
            ended.append(row)
        return row

    found: list[int] = []

    async def all_of_them() -> None:
        async for row, _ in in_order(range(100), act, 6, patience_seconds=0.1):
            found.append(row)

    with pytest.raises(ValueError, match="1"):
        await all_of_them()
    assert found == [0]
    assert sorted(ended) == list(range(len(ended)))
    assert not [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]


async def test_after_a_failure_those_under_way_end_and_none_begins() -> None:
    """What they have asked for is paid for, and would be asked for again."""
    begun: list[int] = []
    ended: list[int] = []

    async def act(row: int) -> int:
        begun.append(row)
        await asyncio.sleep(0.001 * row)
        if row == 1:
            raise ValueError(row)
        ended.append(row)
        return row

    with pytest.raises(ValueError, match="1"):
        [row async for row in in_order(range(100), act, 6)]
    assert begun == [0, 1, *sorted(ended)[1:]]
    assert 5 <= len(ended) <= 6


async def test_who_is_to_stop_begins_nothing_more_and_finishes_what_is_under_way() -> None:
    begun: list[int] = []

    async def act(row: int) -> int:
        begun.append(row)
        await asyncio.sleep(0)
        return row

    found = [row async for row, _ in in_order(range(100), act, 4, lambda: len(begun) >= 10)]
    assert found == begun == list(range(len(begun)))
    assert 10 <= len(begun) < 16


async def test_who_leaves_waits_for_nobody() -> None:
    begun: list[int] = []

    async def act(row: int) -> int:
        begun.append(row)
        await asyncio.sleep(0 if row < 6 else 3600)
        return row

    found = [row async for row, _ in in_order(range(100), act, 4, lambda: 6 in begun, leave=True)]
    assert found == list(range(len(found)))
    assert 3 <= len(found) <= 6
    assert not [each for each in asyncio.all_tasks() if each is not asyncio.current_task()]


async def test_of_nothing_comes_nothing() -> None:
    async def act(row: int) -> int:
        return row

    assert [each async for each in in_order([], act, 4)] == []
