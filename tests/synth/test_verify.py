"""Rows by the tests of their questions, at once and once more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from ocinterp.cli import viewing
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth.again import Ground, again
from ocinterp.synth.desk import Desk
from ocinterp.synth.folder import Done, Stage
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Plan
from ocinterp.synth.queries import Facts, Origin, Query
from ocinterp.synth.rows import Execution, Heard, Method, Row, Said, solved_turn, trajectory
from ocinterp.synth.verify import programs, verify
from ocinterp.types import Message, Outcome, Source
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(Resources(timeout_seconds=2), profile=replace(STDLIB, guests=(GUEST,))) as sandbox:
        yield sandbox


ADDS, TAKES = (
    Query(f"{name} 2", Origin("d", "f", at, name), facts=Facts(name, "go", tests=f"assert go(5) == {5 + by}\n"))
    for at, (name, by) in enumerate((("add", 2), ("take", -2)))
)
QUESTIONS = {each.id: each for each in (ADDS, TAKES)}
ADD, TAKE = "def go(x):\n    return x + 2", "def go(x):\n    return x - 2"


def row(method: Method, sources: Sequence[Query], *answers: str, executions: tuple[Execution, ...] = ()) -> Row:
    said = tuple(Said(at, f"```python\n{each}\n```" if each else "Done.", "m") for at, each in enumerate(answers))
    name = f"{method} {[each.id for each in sources]} {answers}"
    messages = (Message("user", "Ask."), Message("assistant", said[-1].text))
    return Row(name, method, messages, said, executions, sources=tuple(each.origin for each in sources))


def asked(*rows: Row) -> list[list[tuple[Query | None, str]]]:
    return [list(programs(each, QUESTIONS)) for each in rows]


async def test_each_program_is_judged_by_the_question_that_it_answers() -> None:
    several, ways, dialogue = (
        row("packing", (ADDS, TAKES), ADD, TAKE),
        row("follow-up", (ADDS,), ADD, ADD),
        row("simulation", (ADDS,), TAKE, ADD, ""),
    )
    assert asked(several, ways, dialogue) == [
        [(ADDS, ADD), (TAKES, TAKE)],
        [(ADDS, ADD), (ADDS, ADD)],
        [(ADDS, ADD)],
    ]
    other = Origin("d", "f", 9, "other")
    assert asked(replace(several, sources=(ADDS.origin, other))) == [[(ADDS, ADD), (None, TAKE)]]


async def test_a_program_is_all_of_the_last_answer_that_has_what_was_asked_for() -> None:
    both = f"```python\n{ADD}\n```\n\nFor example:\n\n```python\nprint(go(5))\n```"
    called = row("simulation", (ADDS,), TAKE, "", "print(go(1))")
    spoken = replace(called, turns=(called.turns[0], replace(called.turns[1], text=both), called.turns[2]))
    assert asked(spoken) == [[(ADDS, f"{ADD}\n\nprint(go(5))")]]
    assert asked(row("simulation", (ADDS,), "print(1)")) == [[(ADDS, "print(1)")]]


async def made(sandbox: NamespaceSandbox, folder: Path, *rows: Row, **more: Any) -> tuple[Done, Stage]:
    stage = Stage(folder, "verify")
    desk = Desk(Plan((), {}), _nobody, sandbox, Jury(sandbox), **more)
    return await verify(desk, iter(rows), len(rows), QUESTIONS, stage), stage


def _nobody(part: str, scope: str) -> Any:
    raise AssertionError("nobody is asked")


async def test_who_passes_is_verified_who_does_not_is_refused_and_the_others_stay(
    sandbox: NamespaceSandbox, tmp_path: Path
) -> None:
    right, wrong = row("packing", (ADDS, TAKES), ADD, TAKE), row("packing", (ADDS, TAKES), ADD, ADD)
    plain = replace(row("packing", (), ADD), verified=True, verify_kind="executed")
    partly = replace(row("packing", (ADDS, TAKES), ADD, TAKE), id="p", sources=(ADDS.origin, Origin("d", "f", 9, "o")))
    talk = row("packing", (ADDS, TAKES), ADD, "")  # an answer without a program
    done, stage = await made(sandbox, tmp_path, right, wrong, plain, partly, talk)
    assert (done.rows, done.rejected) == (4, 1)
    kept = list(stage.rows(Row))
    assert kept == [replace(right, verified=True, verify_kind="tests"), plain, partly, talk]
    (refused,) = stage.rejected()
    assert (refused.reason, refused.head) == ("1 of 2 programs fail their question's tests", wrong.id)


async def test_an_earlier_answer_that_fails_the_tests_is_not_learnt_though_it_ran(
    sandbox: NamespaceSandbox, tmp_path: Path
) -> None:
    ran = tuple(Execution(at, f"{at + 1}.1", "python", each, "0", Outcome.OK) for at, each in enumerate((TAKE, ADD)))
    mended = replace(row("simulation", (ADDS,), TAKE, ADD, executions=ran), solved_turn=1)
    twice = row("simulation", (ADDS,), ADD, f"{ADD}  # as wished")
    known = replace(
        row("simulation", (ADDS,), TAKE, ADD, executions=(replace(ran[0], outcome=Outcome.ERROR), ran[1])),
        turns=(Said(0, "```python\n1 / 0\n```", "m", train=False), mended.turns[1]),
    )
    wrong = Heard(0, Source.SIMULATED_HUMAN, "", "bad")
    rated = replace(
        mended, id="rated", turns=(replace(mended.turns[0], train=False), mended.turns[1]), feedback=(wrong,)
    )
    _, stage = await made(sandbox, tmp_path, mended, twice, known, rated)
    found, right, failed, spoken_of = stage.rows(Row)
    assert [each.train for each in found.turns] == [False, True]
    assert (found.verified, found.solved_turn) == (True, 2)
    assert found.feedback == (Heard(0, Source.TESTS, "", "bad"),)
    assert [each.right for each in trajectory(found).turns] == [False, True]
    assert found.messages == mended.messages
    assert "── tests (bad, found later, nobody was told)" in viewing.shown(found)
    assert [each.train for each in right.turns] == [True, True]
    assert failed.feedback == ()
    assert (spoken_of.feedback, spoken_of.solved_turn) == ((wrong, Heard(0, Source.TESTS, "", "bad")), 2)


async def test_a_program_that_leaves_by_itself_has_ended_well_and_is_judged_too(
    sandbox: NamespaceSandbox, tmp_path: Path
) -> None:
    left = tuple(
        Execution(at, f"{at + 1}.1", "python", each, "0", Outcome.ERROR, error="SystemExit", message="0")
        for at, each in enumerate((TAKE, ADD))
    )
    assert solved_turn(left, ()) == 1
    _, stage = await made(sandbox, tmp_path, row("simulation", (ADDS,), TAKE, ADD, executions=left))
    (found,) = stage.rows(Row)
    assert ([each.train for each in found.turns], found.solved_turn) == ([False, True], 2)
    assert solved_turn([replace(each, message="1") for each in left], ()) == 0


async def test_who_is_told_to_stop_has_not_done_the_stage(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    done, stage = await made(sandbox, tmp_path, row("packing", (ADDS,), ADD), stop=lambda: True)
    assert done.numbers == {"stopped": 1}
    assert stage.done is None


async def test_what_a_row_says_is_seen_again(sandbox: NamespaceSandbox) -> None:
    def ran(turn: int, code: str, error: str = "") -> Execution:
        outcome = Outcome.ERROR if error else Outcome.OK
        return Execution(turn, f"{turn + 1}.1", "python", code, "0", outcome, error=error)

    tested = replace(row("similar", (ADDS,), ADD), verify_kind="tests")
    spoilt = replace(row("similar", (ADDS,), TAKE), verify_kind="tests")
    unknown = replace(row("similar", (), ADD), verify_kind="tests")
    alone = row("simulation", (), ADD, executions=(ran(0, "1 / 0", "ZeroDivisionError"), ran(1, "x = 1")))
    after = row("simulation", (), ADD, executions=(ran(0, "x = 1"), ran(1, "print(x)")))
    lied = row("simulation", (), ADD, executions=(ran(0, "print(y)"),))
    ground = Ground(sandbox, Jury(sandbox), QUESTIONS)
    rows = [tested, spoilt, unknown, alone, after, lied, row("packing", (), ADD)]
    found = [each async for each in again(rows, ground, 4)]
    assert [each.answer for each in found] == ["same", "other", "no tests", "same", "same", "other", "no program"]
    assert [each.row for each in found] == rows
    assert found[1].found == "1 of 1 programs fail their tests"
    assert (found[5].said, found[5].found) == ("ok", "NameError")
