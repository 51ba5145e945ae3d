"""What is learnt from a dialogue, token by token; and rows in packs."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pocket.tiny import tokenizer
from ocinterp.errors import DataError
from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.train import crews
from ocinterp.train.crews import Crew
from ocinterp.train.lessons import Lesson, lesson, plain
from ocinterp.train.packing import efficiency, packed, shuffled
from ocinterp.train.rows import Counts, Piece, RoleTokens, Row, Unwritable, rows
from ocinterp.types import Cell, Completion, ExecutionResult, Feedback, Message, Outcome, Run, Source, Trajectory, Turn

TOKENIZER = tokenizer()
ROLES = {role: TOKENIZER.special[f"<|{role}|>"] for role in ("system", "user", "assistant")}
FORM = RoleTokens(TOKENIZER.encode, ROLES, TOKENIZER.special["<|end|>"])
CELL = Cell("1.1", "x")
GOOD, BAD = ExecutionResult("1.1", Outcome.OK), ExecutionResult("1.1", Outcome.ERROR)


def turn(text: str, result: ExecutionResult = GOOD, *feedback: Feedback) -> Turn:
    return Turn(Completion(text), (Run(CELL, result),), feedback)


def rows_of(*trajectories: Trajectory, longest: int = 500) -> tuple[list[Row], Counts]:
    counts = Counts()
    return list(rows(map(lesson, trajectories), FORM, longest, counts)), counts


def learnt(row: Row) -> str:
    """The text of the tokens that count."""
    return TOKENIZER.decode([number for number, weight in zip(row.ids, row.weights, strict=True) if weight])


def dialogue(*turns: Turn) -> Trajectory:
    return Trajectory("t", (Message("system", "Be brief."), Message("user", "Ask.")), turns)


TESTS = Feedback(Source.TESTS, "A test fails.")


@pytest.mark.parametrize(
    ("each", "right"),
    [
        (turn("a"), True),
        (turn("a", BAD), False),
        (turn("a", GOOD, TESTS), False),
        (turn("a", GOOD, Feedback(Source.EXECUTION, "3")), True),
        (turn("a", GOOD, Feedback(Source.HUMAN, "No.", "bad")), False),
        (turn("a", GOOD, Feedback(Source.HUMAN, "Fine.", "good")), True),
        (turn("a", GOOD, Feedback(Source.HUMAN, "And now in red.")), True),
        (Turn(Completion("a", "length")), False),
        (Turn(Completion("a")), True),
    ],
)
def test_an_answer_is_learnt_unless_something_says_that_it_is_wrong(each: Turn, right: bool) -> None:
    assert each.right is right


def test_only_the_answer_that_is_right_is_learnt_with_the_end_of_its_turn() -> None:
    ((row,), _) = rows_of(dialogue(turn("wrong", BAD, Feedback(Source.EXECUTION, "It fails.")), turn("right")))
    assert learnt(row) == "right"
    assert row.ids[-1] == FORM.end
    assert row.weights[-1] == 1
    assert row.ids.count(FORM.end) == 4
    assert sum(row.weights) == len(TOKENIZER.encode("right")) + 1
    assert TOKENIZER.decode(row.ids) == "Ask.wrongIt fails.right"


def test_what_follows_the_last_answer_that_is_learnt_is_left_out() -> None:
    ((row,), _) = rows_of(dialogue(turn("right", GOOD, Feedback(Source.HUMAN, "More!")), turn("wrong", BAD)))
    assert TOKENIZER.decode(row.ids) == "Ask.right"


def test_a_dialogue_without_a_right_answer_teaches_nothing() -> None:
    found, counts = rows_of(dialogue(turn("wrong", BAD)), dialogue())
    assert (found, counts) == ([], Counts(idle=2))


def test_a_long_dialogue_is_cut_between_turns_and_counted() -> None:
    whole = dialogue(turn("one", GOOD, Feedback(Source.HUMAN, "Go on.")), turn("two " * 50))
    ((row,), counts) = rows_of(whole, longest=60)
    assert TOKENIZER.decode(row.ids) == "Ask.one"
    assert counts == Counts(rows=1, cut=1)
    assert rows_of(whole, longest=10) == ([], Counts(too_long=1))
    ((uncut,), counts) = rows_of(whole)
    assert (learnt(uncut), counts) == ("one" + "two " * 50, Counts(rows=1))


def test_what_others_say_can_be_learnt_a_little() -> None:
    trajectory = dialogue(turn("right"))
    (row,) = rows([lesson(trajectory, others=0.1)], FORM, 500, Counts())
    assert set(row.weights) == {0.0, 0.1, 1.0}
    assert row.weights[0] == 0
    assert plain(list(trajectory.messages())).weights == (0, 0, 1)


def test_a_prompt_is_the_beginning_of_its_row() -> None:
    messages = list(dialogue(turn("right")).messages())
    (row,) = rows([plain(messages)], FORM, 500, Counts())
    prompt = FORM.prompt(messages[:-1])
    assert list(row.ids[: len(prompt)]) == prompt
    assert not any(row.weights[: len(prompt)])
    assert all(row.weights[len(prompt) :])


def test_of_dialogues_by_rule_the_last_answer_is_learnt_and_no_other() -> None:
    made = list(islice(dialogues("lessons"), 200))
    for trajectory in made:
        found = lesson(trajectory)
        answers = [
            weight for message, weight in zip(found.messages, found.weights, strict=True) if message.role == "assistant"
        ]
        assert answers == [0.0] * (len(answers) - 1) + [1.0]
    found, counts = rows_of(*made, longest=2000)
    assert counts == Counts(rows=200)
    for row, trajectory in zip(found, made, strict=True):
        assert learnt(row) == trajectory.turns[-1].completion.text


lengths = st.lists(st.integers(1, 40), max_size=80)


@given(lengths)
def test_every_row_is_in_one_pack_and_no_pack_is_too_long(each: list[int]) -> None:
    found = packed(each, 40)
    assert Counter(number for pack in found for number in pack) == Counter(range(len(each)))
    assert all(sum(each[number] for number in pack) <= 40 for pack in found)


@given(lengths)
def test_no_two_packs_would_fit_into_one(each: list[int]) -> None:
    loads = sorted(sum(each[number] for number in pack) for pack in packed(each, 40))
    assert len(loads) < 2 or loads[0] + loads[1] > 40


def test_packs_are_nearly_full_and_the_same_for_a_seed() -> None:
    chance = Random(1)
    sizes = [min(4096, int(chance.lognormvariate(5, 0.6)) + 1) for _ in range(10_000)]
    packs = shuffled(sizes, 4096, "seed")
    assert efficiency(sizes, len(packs), 4096) >= 0.98
    assert packs == shuffled(sizes, 4096, "seed") != shuffled(sizes, 4096, "other")


def test_a_row_that_fits_into_no_pack_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 41 tokens does not fit into a pack of 40"):
        packed([3, 41], 40)
    assert packed([], 40) == []


class Letters:
    """A token a letter, which any process can be told of."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        if any("never" in each.content for each in messages):
            raise Unwritable("it says never")
        return [Piece(tuple(map(ord, each.content)), (True,) * len(each.content)) for each in messages]

    def document(self, text: str) -> list[int]:
        return [*map(ord, text), 0]


def test_several_processes_make_the_rows_that_one_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "_ALONE", 3)
    monkeypatch.setattr(crews, "_AT_ONCE", 4)
    lessons = [lesson(each) for each in islice(dialogues("crew"), 40)]
    lessons[20] = plain([Message("system", "Only asked.")])
    lessons[25] = plain([Message("user", "When?"), Message("assistant", "never")])
    lessons[30] = plain([Message("user", "Long?"), Message("assistant", "long " * 4000)])
    alone, together = Counts(), Counts()
    with Crew(Letters(), 2_000, workers=1) as crew:
        one = list(crew.rows(lessons, alone))
    with Crew(Letters(), 2_000, workers=2) as crew:
        first = list(crew.rows(lessons[:2], together))
        assert first + list(crew.rows(lessons[2:], together)) == one
    assert (together, together.tokens, together.learnt) == (alone, alone.tokens, alone.learnt)
    assert (alone.rows, alone.idle, alone.too_long, alone.reason) == (37, 1, 1, "it says never")


def test_an_error_in_a_late_row_ends_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "_ALONE", 3)
    monkeypatch.setattr(crews, "_AT_ONCE", 4)

    def lessons() -> Iterator[Lesson]:
        yield from (lesson(each) for each in islice(dialogues("crew"), 12))
        raise DataError("line 13: no row")

    with pytest.raises(DataError, match="line 13"), Crew(Letters(), 2_000, workers=2) as crew:
        list(crew.rows(lessons(), Counts()))
    assert not multiprocessing.active_children()
