"""Rows in the forms of trainers: what each has of a dialogue, and that it can be read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ocinterp import records
from ocinterp.synth import export
from ocinterp.synth.queries import Facts, Origin, Query, Solution
from ocinterp.synth.rows import Row, row, trajectory
from ocinterp.synth.simulate import Opinion
from ocinterp.tasks import formats
from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Failure,
    Feedback,
    Message,
    Outcome,
    Rating,
    Run,
    Source,
    StopReason,
    Trajectory,
    Turn,
)

HERE = Origin("d", "f.jsonl", 1, "0", "MIT")
BROKEN = ExecutionResult("1.1", Outcome.ERROR, error=Failure("NameError", "x"))


def turn(text: str, result: ExecutionResult | None = None, *said: Feedback) -> Turn:
    runs = (Run(Cell(result.cell_id, text), result),) if result else ()
    return Turn(Completion(text), runs, said)


def dialogue() -> Row:
    """A failure, its mending, a person's word, an answer to that."""
    turns = (
        turn("x", BROKEN, Feedback(Source.EXECUTION, "NameError")),
        turn("1", ExecutionResult("2.1", Outcome.OK), Feedback(Source.SIMULATED_HUMAN, "Name it.")),
        turn("one = 1", ExecutionResult("3.1", Outcome.OK)),
    )
    prompt = (Message("system", "You run code."), Message("user", "Give 1."))
    found = Trajectory("t", prompt, turns, StopReason.DONE)
    return row(
        found,
        "simulation",
        [HERE],
        ["weak", "strong", "strong"],
        {1: Opinion("clarity", "", "names", "Name it.", "yes: judge")},
    )


def written(form: str, tmp_path: Path, *rows: Row) -> list[dict[str, Any]]:
    assert export.write(form, rows, tmp_path / "out.jsonl") >= 0
    return [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]


def test_messages_have_the_dialogue_and_where_it_comes_from(tmp_path: Path) -> None:
    (found,) = written("messages", tmp_path, dialogue())
    assert [each["role"] for each in found["messages"]] == ["system", "user", *["assistant", "user"] * 2, "assistant"]
    assert (found["method"], found["verified"], found["licences"]) == ("simulation", True, ["MIT"])
    assert [each.get("weight") for each in found["messages"]] == [None, None, 0, None, 1, None, 1]
    (found,) = written("sharegpt", tmp_path, dialogue())
    assert [each.get("weight") for each in found["conversations"]] == [None, None, 0, None, 1, None, 1]


def test_sharegpt_and_alpaca_have_the_same_words(tmp_path: Path) -> None:
    (found,) = written("sharegpt", tmp_path, dialogue())
    assert [each["from"] for each in found["conversations"]][:3] == ["system", "human", "gpt"]
    (found,) = written("alpaca", tmp_path, dialogue())
    assert found == {
        "instruction": "Name it.", "input": "", "output": "one = 1", "system": "You run code.",
        "history": [["Give 1.", "x"], ["NameError", "1"]],
    }  # fmt: skip


def test_pairs_are_of_a_first_answer_that_failed_and_the_first_that_ran(tmp_path: Path) -> None:
    found, asked = written("dpo", tmp_path, dialogue())
    assert (found["kind"], asked["kind"]) == ("execution", "human")
    assert [each["content"] for each in asked["prompt"][2:]] == ["x", "NameError", "1", "Name it."]
    assert (asked["chosen"][0]["content"], asked["rejected"][0]["content"]) == ("one = 1", "1")
    assert found["prompt"] == [{"role": "system", "content": "You run code."}, {"role": "user", "content": "Give 1."}]
    assert (found["chosen"][0]["content"], found["rejected"][0]["content"]) == ("1", "x")
    right = Trajectory("t", (Message("user", "go"),), (turn("1", ExecutionResult("1.1", Outcome.OK)),))
    assert written("dpo", tmp_path, row(right, "chat", [], ["m"])) == []


def rated(rating: Rating, *after: Turn) -> Row:
    """A session: an answer that ran, what a person thinks of it, and what came after."""
    first = turn("1", ExecutionResult("1.1", Outcome.OK), Feedback(Source.HUMAN, "It is 2.", rating))
    return row(Trajectory("t", (Message("user", "go"),), (first, *after)), "chat", [HERE], ["m"] * (1 + len(after)))


def test_what_a_person_said_is_in_the_prompt_of_an_answer_to_it(tmp_path: Path) -> None:
    """The question alone does not ask for it."""
    better = turn("2", ExecutionResult("2.1", Outcome.OK))
    (found,) = written("dpo", tmp_path, rated("bad", better))
    assert (found["kind"], [each["content"] for each in found["prompt"]]) == ("human", ["go", "1", "It is 2."])
    assert (found["chosen"][0]["content"], found["rejected"][0]["content"]) == ("2", "1")
    first = turn("x", BROKEN, Feedback(Source.SIMULATED_HUMAN, "And more."))
    for last, done, pairs in (
        (better, "yes: judge", 1),
        (better, "", 0),
        (turn("2"), "yes: judge", 0),
        (turn("2", BROKEN), "yes: judge", 0),
    ):
        heard = {0: Opinion("clarity", "", "more", "And more.", done)}
        found = Trajectory("t", (Message("user", "go"),), (first, last))
        wished = row(found, "simulation", [HERE], ["m", "m"], heard)
        assert [each["kind"] for each in written("dpo", tmp_path, wished)] == ["human"] * pairs


def test_only_what_a_person_found_wrong_is_worse_than_what_came_of_it(tmp_path: Path) -> None:
    """In a session the next message may be another question; a rating and the words after it are of one answer."""
    better = turn("2", ExecutionResult("2.1", Outcome.OK))
    bad, good = (Feedback(Source.HUMAN, "", each) for each in ("bad", "good"))
    words, next_one = Feedback(Source.HUMAN, "It is 2."), Feedback(Source.HUMAN, "Now 2, please.")
    for heard, pairs in (((bad, words), 1), ((replace(bad, text="No."), next_one), 1), ((bad,), 0), ((next_one,), 0)):
        found = written("dpo", tmp_path, session(better, *heard))
        assert [each["kind"] for each in found if each["kind"] == "human"] == ["human"] * pairs
    for heard in ((replace(good, text="Thank you."), next_one), (bad, words, good)):
        assert written("dpo", tmp_path, session(better, *heard)) == []


def test_what_came_of_a_persons_words_is_what_was_judged(tmp_path: Path) -> None:
    """Not what failed, or was a first look, on the way to it; and a pair is of answers to the same prompt."""
    look, better = (turn(each, ExecutionResult(each, Outcome.OK)) for each in ("look", "better"))
    first = turn("1", ExecutionResult("1.1", Outcome.OK), Feedback(Source.SIMULATED_HUMAN, "Better.", "bad"))
    heard = {0: Opinion("functionality", "", "", "Better.", "yes: judge")}
    for later, pairs in (((better,), 1), ((look, better), 0), ((better, turn("Done.")), 1)):
        found = Trajectory("t", (Message("user", "go"),), (first, *later))
        made = row(found, "simulation", [HERE], ["m"] * (1 + len(later)), heard)
        (said,) = written("feedback", tmp_path, made)
        assert said["after"] == "better"
        assert [each["chosen"][0]["content"] for each in written("dpo", tmp_path, made)] == ["better"] * pairs


def test_what_came_of_words_ends_where_a_person_has_more(tmp_path: Path) -> None:
    one, two = (
        turn(each, ExecutionResult(each, Outcome.OK), Feedback(Source.HUMAN, f"Not {each}.", "bad")) for each in "12"
    )
    found = Trajectory("t", (Message("user", "go"),), (one, two, turn("3", ExecutionResult("3", Outcome.OK))))
    made = row(found, "chat", [HERE], ["m"] * 3)
    assert [each["after"] for each in written("feedback", tmp_path, made)] == ["2", "3"]


def session(after: Turn, *heard: Feedback) -> Row:
    first = turn("1", ExecutionResult("1.1", Outcome.OK), *heard)
    return row(Trajectory("t", (Message("user", "go"),), (first, after)), "chat", [HERE], ["m", "m"])


def test_what_a_person_found_wrong_is_no_answer_to_learn_from(tmp_path: Path) -> None:
    alone = rated("bad")
    assert (alone.verified, alone.verify_kind) == (False, "")
    assert [written(form, tmp_path, alone) for form in ("messages", "sharegpt", "alpaca")] == [[], [], []]
    good = turn("2", ExecutionResult("2.1", Outcome.OK), Feedback(Source.HUMAN, "More!", "good"))
    spoilt = turn("3", ExecutionResult("3.1", Outcome.OK), Feedback(Source.HUMAN, "No.", "bad"))
    (found,) = written("messages", tmp_path, rated("bad", good, spoilt))
    assert [each["content"] for each in found["messages"]] == ["go", "1", "It is 2.", "2"]


def test_the_next_question_is_no_feedback(tmp_path: Path) -> None:
    several = turn("1", None, Feedback(Source.HUMAN, "Another question.")), turn("2")
    packed = row(Trajectory("t", (Message("user", "go"),), several), "packing", [HERE, HERE], ["source"] * 2)
    assert written("feedback", tmp_path, packed) == []


def test_feedback_stands_between_the_answers_before_and_after_it(tmp_path: Path) -> None:
    (found,) = written("feedback", tmp_path, dialogue())
    assert (found["before"], found["feedback"], found["after"]) == ("1", "Name it.", "one = 1")
    assert (found["category"], found["followed"]) == ("clarity", "yes: judge")
    assert [each["content"] for each in found["messages"]] == ["You run code.", "Give 1.", "x", "NameError", "1"]


def test_feedback_is_of_the_last_answer_that_has_code(tmp_path: Path) -> None:
    """A programmer who has only said that it ran, or has only talked, is not what the person speaks of."""
    turns = (
        turn("1", ExecutionResult("1.1", Outcome.OK), Feedback(Source.EXECUTION, "It ran.")),
        turn("It ran without an error.", None, Feedback(Source.SIMULATED_HUMAN, "It is 2.", "bad")),
        turn("2", ExecutionResult("3.1", Outcome.OK)),
    )
    prompt = (Message("user", "An example?"), Message("assistant", "0"), Message("user", "Another."))
    found = Trajectory("t", prompt, turns, StopReason.DONE)
    (line,) = written("feedback", tmp_path, row(found, "simulation", [HERE], ["weak", "strong", "strong"]))
    assert (line["before"], line["after"]) == ("1", "2")
    assert [each["content"] for each in line["messages"]][2:] == [
        "Another.",
        "1",
        "It ran.",
        "It ran without an error.",
    ]
    talk = (turn("What is meant?", None, Feedback(Source.HUMAN, "This.")), turn("2"))
    (line,) = written(
        "feedback", tmp_path, row(Trajectory("t", (Message("user", "go"),), talk), "chat", [HERE], ["m"] * 2)
    )
    assert line["before"] == ""


def test_trajectories_are_records(tmp_path: Path) -> None:
    assert export.write("trajectories", [dialogue()], tmp_path / "out.jsonl") == 1
    assert list(records.read(tmp_path / "out.jsonl")) == [trajectory(dialogue())]


def test_questions_with_tests_are_tasks_that_can_be_read(tmp_path: Path) -> None:
    facts = Facts(
        entry_point="Solution().go", setup="import math", tests="def check(candidate):\n    assert candidate(1) == 2\n",
        solutions=(Solution("python", "class Solution:\n    def go(self, x): return x + 1\n"),),
    )  # fmt: skip
    cases = "import unittest\nclass T(unittest.TestCase):\n    def test(self): self.assertEqual(Solution().go(1), 2)\n"
    others = [Query("Add one.", HERE, facts=replace(facts, tests=cases)), Query("Talk.", HERE)]
    assert export.write_tasks([Query("Add one.", HERE, facts=facts), *others], tmp_path / "t.jsonl") == 1
    _, problems = formats.problems((tmp_path / "t.jsonl").read_bytes(), "t.jsonl")
    (found,) = problems.values()
    assert found.task.entry_point == "Solution"
    assert list(formats.faults(problems)) == []


@pytest.mark.parametrize("form", [*export.FORMS, "trajectories"])
def test_no_rows_are_an_empty_file(form: str, tmp_path: Path) -> None:
    assert export.write(form, [], tmp_path / "out.jsonl") == 0
    assert (tmp_path / "out.jsonl").read_bytes() == b""
