"""The programs of a dataset, run once more."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import making, progress, setup, steps
from ocinterp.cli.settings import Settings

if TYPE_CHECKING:
    from ocinterp.synth.again import Again

_NAMED: Final = 20
_WORDS: Final = {
    "same": "as they were", "other": "otherwise", "no program": "without a program that was run",
    "no tests": "whose tests could not be run",
}  # fmt: skip


async def verify(folder: Path, settings: Settings, where: str, limit: int | None, workers: int | None) -> int:
    """The exit code: 0 where all rows are as they say; 1 where some are not, which are told of, or cannot be judged any more, or there
    are none; 130 where somebody has stopped it. The first `limit` that an SQL condition holds for.
    """
    from ocinterp.synth import asking, plan
    from ocinterp.synth.again import again
    from ocinterp.synth.folder import made
    from ocinterp.synth.rows import Row

    chosen, stage = plan.load(folder), made(folder)
    ids = set(asking.matching(stage, where, limit or sys.maxsize)) if where else None
    rows = (each for each in stage.rows(Row) if ids is None or each.id in ids)
    total = len(ids) if ids is not None else (stage.done.rows if stage.done else 0)
    total = min(total, limit or total)
    found: Counter[str] = Counter()
    others: list[Again] = []
    wish = steps.Wish(told="ending after the rows that are under way")
    at_once = setup.workers_of(workers)
    async with AsyncExitStack() as stack:
        ground = await making.ground(stack, folder, chosen, settings, at_once)
        tick = stack.enter_context(progress.shown("run again", total))
        stack.enter_context(wish.heard())
        async for each in again(islice(rows, limit), ground, 2 * at_once, wish):
            tick()
            found[each.answer] += 1
            if each.answer == "other":
                others.append(each)
    for line in _told(found, others):
        print(line)
    if wish.made:
        print(f"ocinterp: stopped after {found.total():,} of {total:,} rows", file=sys.stderr)
        return 130
    if not found:
        print("ocinterp: no row is like that", file=sys.stderr)
    return 1 if others or found["no tests"] or not found else 0


def _told(found: Counter[str], others: list[Again]) -> Iterator[str]:
    said = ", ".join(f"{found[answer]:,} {words}" for answer, words in _WORDS.items() if found[answer])
    yield f"{found.total():,} rows{f': {said}' if said else ''}"
    for each in others[:_NAMED]:
        yield f"  {each.row.id} ({each.row.method}): {each.said} before, now {each.found}"
    if len(others) > _NAMED:
        yield f"  and {len(others) - _NAMED:,} more"
