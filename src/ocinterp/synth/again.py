"""Rows whose programs are run once more: whether what a row says of its last program is still so, here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from ocinterp.protocols import Sandbox
from ocinterp.synth import crosscheck, proof
from ocinterp.synth.crowd import in_order
from ocinterp.synth.jury import Jury
from ocinterp.synth.rows import IN_PART, Execution, Row
from ocinterp.synth.verify import Questions, programs
from ocinterp.types import Cell

Answer = Literal["same", "other", "no program", "no tests"]


@dataclass(frozen=True, slots=True)
class Again:
    """What came of it: `said` is what the row says, `found` what there is now."""

    row: Row
    answer: Answer
    said: str = ""
    found: str = ""


@dataclass(frozen=True, slots=True)
class Ground:
    """Where programs run, and where they are judged by their questions' tests, which are known by the question's id."""

    sandbox: Sandbox
    jury: Jury
    questions: Questions


async def again(
    rows: Iterable[Row], ground: Ground, at_once: int, stop: Callable[[], bool] = lambda: False
) -> AsyncIterator[Again]:
    """Each row with what came of it, in order. SandboxError where no program can be run at all."""

    async def one(row: Row) -> Again:
        if row.verify_kind in {"tests", IN_PART, crosscheck.KIND}:
            return await _judged(row, ground)
        return await _run(row, ground.sandbox)

    async for _, found in in_order(rows, one, at_once, stop):
        yield found


async def _run(row: Row, sandbox: Sandbox) -> Again:
    """The cells of the last answer that had any, by themselves; or after those before them, where they need what those left."""
    if not row.executions:
        return Again(row, "no program")
    last = max(each.turn for each in row.executions)
    own = [each for each in row.executions if each.turn == last]
    said = _told(own)
    found = await _outcomes(own, sandbox)
    if found != said and len(own) < len(row.executions):
        found = (await _outcomes(row.executions, sandbox))[-len(own) :]
    differing = next((at for at, (one, two) in enumerate(zip(said, found, strict=True)) if one != two), None)
    if differing is None:
        return Again(row, "same", said[-1], said[-1])
    return Again(row, "other", said[differing], found[differing])


def _told(executions: Iterable[Execution]) -> list[str]:
    return [each.error or str(each.outcome) for each in executions]


async def _outcomes(executions: Iterable[Execution], sandbox: Sandbox) -> list[str]:
    """What comes of cells one after the other: `ok`, or what stopped them."""
    async with sandbox.open() as session:
        results = [await session.run(Cell(each.cell, each.code, each.language)) for each in executions]
    return [each.error.name if each.error else str(each.outcome) for each in results]


async def _judged(row: Row, ground: Ground) -> Again:
    own = crosscheck.question(row)
    given = [(own, crosscheck.last_program(row))] if own else list(programs(row, ground.questions))
    known = [(query, program) for query, program in given if query is not None]
    held = await proof.passing(ground.jury, known)
    if not held or None in held or len(known) < len(given):
        return Again(row, "no tests", "its tests pass", "its tests are not there, or could not be run")
    if all(held):
        return Again(row, "same", "its tests pass", "its tests pass")
    return Again(row, "other", "its tests pass", f"{held.count(False)} of {len(held)} programs fail their tests")
