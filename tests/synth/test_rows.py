"""A row says all that its trajectory does, and what a trainer reads ends with an answer."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import hardness as judging
from ocinterp.synth import rows
from ocinterp.synth.correct import correct
from ocinterp.synth.decontaminate import Hit
from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.synth.queries import Origin, Query
from ocinterp.synth.replies import NoRowError
from ocinterp.synth.rows import Call, Row, row, trajectory
from ocinterp.synth.simulate import Cast, simulate
from ocinterp.synth.tables import Table
from ocinterp.testing import ScriptedModel
from ocinterp.testing.teacher import STRONG, WEAK, Teacher
from ocinterp.types import Cell, Completion, ExecutionResult, Feedback, Message, Outcome, Run, Source, Trajectory, Turn

pytestmark = pytest.mark.asyncio(loop_scope="module")
HERE = Origin("d", "f.jsonl", 1, "0", "MIT")
QUERY = Query("Add up some numbers.", HERE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(profile=STDLIB) as sandbox:
        yield sandbox


def without_figures(dialogue: Trajectory) -> Trajectory:
    """What a row keeps of it: all but figures and the sampler's tokens; it is named by the row."""
    turns = tuple(
        replace(each, completion=replace(each.completion, usage=None, tokens=None)) for each in dialogue.turns
    )
    return replace(dialogue, turns=turns)


async def test_rows_of_every_method_say_what_their_dialogues_do(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    weak, strong = Teacher(WEAK), Teacher(STRONG)
    simulated = await simulate(QUERY, Cast(weak, strong, strong, strong, sandbox))
    corrected = await correct(QUERY, "type", strong, sandbox)
    by_rule = [each for each, _ in zip(dialogues("rows"), range(30), strict=False)]
    found: list[tuple[Row, Trajectory]] = []
    opinions = {len(simulated.trajectory.turns) - 2: simulated.opinion} if simulated.opinion else {}
    for dialogue, method in ((simulated.trajectory, "simulation"), (corrected, "correction")):
        found.append((row(dialogue, method, [HERE], [STRONG] * len(dialogue.turns), opinions), dialogue))  # pyright: ignore[reportArgumentType]
    found += [(row(each, "pocket", [], ["rule"] * len(each.turns)), each) for each in by_rule]
    table = Table(Row)
    table.write(tmp_path / "rows.parquet", [each for each, _ in found])
    for again, (made, dialogue) in zip(table.read(tmp_path / "rows.parquet"), found, strict=True):
        assert again == made
        assert replace(trajectory(again), task_id=dialogue.task_id) == without_figures(dialogue)
        assert again.messages[-1].role == "assistant"
        (*_, last) = [turn for turn in dialogue.turns if turn.runs]
        assert again.verified == last.right
        untold = [
            turn.clean and all(one.source is not Source.TESTS for one in turn.feedback) for turn in dialogue.turns
        ]
        assert again.solved_turn == untold.index(True) + 1
        assert [each.train for each in again.turns] == [turn.right for turn in dialogue.turns]


async def test_what_is_told_after_the_last_answer_is_in_the_row_and_not_in_its_messages() -> None:
    dialogue = Trajectory("t", (Message("user", "go"),)).plus(
        Turn(Completion("x"), (), (Feedback(Source.HUMAN, "no", "bad"),))
    )
    made = row(dialogue, "chat", [], ["m"])
    assert [each.role for each in made.messages] == ["user", "assistant"]
    assert [each.text for each in made.feedback] == ["no"]
    assert not made.turns[0].train
    assert (made.verified, made.solved_turn) == (False, 0)


async def test_an_answer_that_ran_and_of_which_a_test_was_told_is_not_the_one_that_solved_it() -> None:
    ran = Run(Cell("1.1", "x"), ExecutionResult("1.1", Outcome.OK))
    told = Turn(Completion("x"), (ran,), (Feedback(Source.TESTS, "f(1) == 2 does not hold", "bad"),))
    dialogue = Trajectory("t", (Message("user", "go"),)).plus(told).plus(Turn(Completion("y"), (ran,)))
    made = row(dialogue, "simulation", [], ["m", "m"])
    assert (made.solved_turn, [each.train for each in made.turns]) == (2, [False, True])


async def test_a_row_is_named_by_what_it_says_and_is_made_from() -> None:
    dialogue = Trajectory("t", (Message("user", "go"),)).plus(Turn(Completion("x")))
    one = row(dialogue, "chat", [HERE], ["m"])
    assert one.id == row(replace(dialogue, task_id="u"), "chat", [HERE], ["other"]).id
    assert one.id != row(dialogue, "packing", [HERE], ["m"]).id
    assert one.id != row(dialogue, "chat", [replace(HERE, sha256="1")], ["m"]).id


async def test_scores_hits_and_calls_come_back_too(tmp_path: Path) -> None:
    dialogue = Trajectory("t", (Message("user", "go"),)).plus(Turn(Completion("x")))
    made = replace(
        row(dialogue, "chat", [HERE], ["m"]), scores=(judging.Score("simple/1", 4),), decontam=(Hit("b@1", "t", "words", 0.5),),
        calls=(Call("ab", "m", 1, 2, 3),), cluster="c",
    )  # fmt: skip
    Table(Row).write(tmp_path / "r.parquet", [made])
    assert list(Table(Row).read(tmp_path / "r.parquet")) == [made]
    assert Table(Row).schema["provenance"] == [{"name": "string", "value": "string"}]
    assert made.format == rows.FORMAT


async def test_a_question_is_judged_by_both_prompts_and_hard_by_any_threshold() -> None:
    found = await judging.scores("q", ScriptedModel(["2: easy", "4 because"]), "j")
    assert found == (judging.Score("simple/1", 2, "j"), judging.Score("demanding/1", 4, "j"))
    judged = judging.Judged(Query("q", HERE), found)
    assert [judged.hard(least) for least in (0, 2, 3)] == [True, True, False]
    assert judging.Judged(Query("q", HERE)).hard(5)  # nobody was asked
    mute = ScriptedModel(["I would rather not.", "Nor I."])
    with pytest.raises(NoRowError, match=r"the judge gave no score: .I would rather not\."):
        await judging.scores("q" * 100_000, mute, "j")
    assert len(mute.seen[0][0].content) < 10_000
