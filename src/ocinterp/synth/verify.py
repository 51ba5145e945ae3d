"""Rows by the tests of their questions: each program that ends a matter must pass those of the question that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from ocinterp.parse import extract_cells
from ocinterp.synth import proof
from ocinterp.synth.desk import Desk
from ocinterp.synth.folder import Done, Stage
from ocinterp.synth.queries import Query, Rejected
from ocinterp.synth.rows import Row

Questions = Mapping[str, Query]  # those with tests, by the id of their origin

PART_ROWS: Final = 2_000
_AT_ONCE: Final = 256
_OF_ALL: Final = frozenset({"packing", "similar", "follow-up"})  # each answer of such a row is an end


async def verify(desk: Desk, rows: Iterator[Row], total: int, questions: Questions, stage: Stage) -> Done:
    """Rows that pass, and those that no tests can say anything of, which stay what they were."""
    stage.begin()
    desk.watch.begin(stage.name, total)
    rejected: list[Rejected] = []
    part: list[Row] = []
    number = kept = 0
    while (batch := list(islice(rows, _AT_ONCE))) and not desk.stop():
        for row, why in zip(batch, await _verdicts(desk, batch, questions), strict=True):
            desk.watch.row(not why)
            if why is None or not why:
                part.append(row if why is None else replace(row, verified=True, verify_kind="tests"))
                kept += 1
            else:
                rejected.append(Rejected(row.method, 0, why, row.id))
        if len(part) >= PART_ROWS:
            stage.write(Row, part, number)
            part, number = [], number + 1
    if part:
        stage.write(Row, part, number)
    if batch:
        return Done(kept, len(rejected), {"stopped": 1})
    return stage.finish(kept, rejected)


async def _verdicts(desk: Desk, rows: Sequence[Row], questions: Questions) -> list[str | None]:
    """Of each row why it does not pass: empty where it does, None where nothing is known."""
    given = [list(programs(row, questions)) for row in rows]
    held = iter(await proof.passing(desk.jobs, [each for those in given for each in those], workers=desk.workers))
    found: list[str | None] = []
    for those in given:
        said = list(islice(held, len(those)))
        failed = said.count(False)
        if not said or (None in said and not failed):
            found.append(None)
        else:
            found.append(f"{failed} of {len(said)} programs fail their question's tests" if failed else "")
    return found


def programs(row: Row, questions: Questions) -> Iterator[tuple[Query, str]]:
    """The programs of a row that its questions' tests can judge, each with its question.

    All answers of a row that is several questions, each the next one's, or one question asked in several ways; of a dialogue that
    ends somewhere the last one.
    """
    asked = [questions.get(each.id) for each in row.sources]
    written = [(at, _python(turn.text)) for at, turn in enumerate(row.turns)]
    ends = [(at, program) for at, program in written if program]
    for at, program in ends if row.method in _OF_ALL else ends[-1:]:
        query = asked[min(at, len(asked) - 1)] if asked else None
        if query is not None:
            yield query, program


def _python(text: str) -> str:
    """The last program in Python of an answer."""
    found = [each.source for each in extract_cells(text) if each.language == "python"]
    return found[-1] if found else ""
