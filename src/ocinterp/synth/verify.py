"""Rows by the tests of their questions: each program that ends a matter must pass those of the question that it answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import islice
from typing import Final

from ocinterp.synth import cases, crosscheck, proof, tests
from ocinterp.synth.desk import Desk
from ocinterp.synth.folder import STOPPED, Done, Stage
from ocinterp.synth.queries import Query, Rejected
from ocinterp.synth.rows import Heard, Row, solved_turn
from ocinterp.tasks import syntax
from ocinterp.types import Source

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
        for row, found in zip(batch, await _judged(desk, batch, questions), strict=True):
            desk.watch.row(isinstance(found, Row))
            if isinstance(found, Row):
                part.append(found)
                kept += 1
            else:
                rejected.append(Rejected(row.method, 0, found, row.id))
        if len(part) >= PART_ROWS:
            stage.write(Row, part, number)
            part, number = [], number + 1
    if part:
        stage.write(Row, part, number)
    desk.refusals.end()
    if batch:
        return Done(kept, len(rejected), {STOPPED: 1})
    return stage.finish(kept, rejected)


async def _judged(desk: Desk, rows: Sequence[Row], questions: Questions) -> list[Row | str]:
    """Each row as it is by the tests of its question, or by tests that are written for it; or why it is refused."""
    found: list[Row | str] = []
    for row, why in zip(rows, await _verdicts(desk, rows, questions), strict=True):
        proven = replace(row, verified=True, verify_kind="tests")
        found.append(row if why is None else why or proven)
    found = await _with_earlier(desk, found, questions)
    if desk.plan.cross_check:
        open_ones = [
            at
            for at, each in enumerate(found)
            if isinstance(each, Row) and each.verify_kind != "tests" and each.method in crosscheck.METHODS
        ]
        checked = await crosscheck.checked(
            desk, [each for each in map(found.__getitem__, open_ones) if isinstance(each, Row)]
        )
        for at, each in zip(open_ones, checked, strict=True):
            found[at] = each
    return found


async def _verdicts(desk: Desk, rows: Sequence[Row], questions: Questions) -> list[str | None]:
    """Of each row why it does not pass: empty where all of its programs do, None where that is not known of all of them.

    None also for rows that their own stage has judged by these tests already.
    """
    given = [[] if row.verify_kind == "tests" else list(programs(row, questions)) for row in rows]
    known = [(query, program) for those in given for query, program in those if query is not None]
    held = iter(await proof.passing(desk.jury, known))
    found: list[str | None] = []
    for row, those in zip(rows, given, strict=True):
        said = [None if query is None else next(held) for query, _ in those]
        failed = said.count(False)
        whole = len(said) == len(row.turns) if row.method in _OF_ALL else bool(said)
        if failed:
            found.append(f"{failed} of {len(said)} programs fail their question's tests")
        else:
            found.append("" if whole and None not in said else None)
    return found


async def _with_earlier(desk: Desk, rows: Sequence[Row | str], questions: Questions) -> list[Row | str]:
    """Rows in which answers that ran, and fail the tests of their question, are not to be learnt."""
    given = {
        (at, turn): (query, program)
        for at, each in enumerate(rows)
        if isinstance(each, Row)
        for turn, query, program in _earlier(each, questions)
    }
    held = await proof.passing(desk.jury, list(given.values()))
    wrong: dict[int, set[int]] = {}
    for (at, turn), passes in zip(given, held, strict=True):
        if passes is False:
            wrong.setdefault(at, set()).add(turn)
    return [
        _refuted(each, wrong[at]) if isinstance(each, Row) and at in wrong else each for at, each in enumerate(rows)
    ]


def _earlier(row: Row, questions: Questions) -> Iterator[tuple[int, Query, str]]:
    """The programs before the last one of a row that is one question, where neither a run nor a test has said yet that they are wrong."""
    query = questions.get(row.sources[0].id) if row.sources else None
    if query is None or row.method in _OF_ALL:
        return
    name = _defined(query)
    written = [(turn, proof.python(turn.text)) for turn in row.turns]
    whole = [(turn, program) for turn, program in written if program and (not name or name in syntax.defined(program))]
    known = {each.turn for each in row.executions if not each.ok}
    known |= {each.turn for each in row.feedback if each.source is Source.TESTS}
    yield from ((turn.index, query, program) for turn, program in whole[:-1] if turn.index not in known)


def _refuted(row: Row, wrong: Set[int]) -> Row:
    """A row some of whose answers fail the tests of its question, which nobody told the model."""
    said = tuple(replace(each, train=False) if each.index in wrong else each for each in row.turns)
    heard = (*row.feedback, *(Heard(each, Source.TESTS, "", "bad") for each in sorted(wrong)))
    return replace(row, turns=said, feedback=heard, solved_turn=solved_turn(row.executions, heard))


def programs(row: Row, questions: Questions) -> Iterator[tuple[Query | None, str]]:
    """The programs that end a matter in a row, each with its question; None where that has no tests.

    All answers of a row that is several questions, each the next one's, or one question asked in several ways; of a dialogue that
    ends somewhere the last one that has what was asked for. A program is all of an answer's code: its cells are run one after the other.
    """
    asked = [questions.get(each.id) for each in row.sources] or [None]
    written = [(at, program) for at, turn in enumerate(row.turns) if (program := proof.python(turn.text))]
    if row.method not in _OF_ALL:
        name = _defined(asked[0])
        whole = [(at, program) for at, program in written if not name or name in syntax.defined(program)]
        written = (whole or written)[-1:]
    yield from ((asked[min(at, len(asked) - 1)], program) for at, program in written)


def _defined(query: Query | None) -> str:
    """The name that a program for a question must define; empty where nobody has said so, or it need not."""
    name = tests.called(query.facts.entry_point) if query is not None else ""
    return "" if name == cases.PRINTED else name
