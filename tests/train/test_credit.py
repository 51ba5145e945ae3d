"""What a policy said is learnt and nothing else, and what it is worth is told by the others of its group."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import ModelError
from ocinterp.testing import code
from ocinterp.train import credit
from ocinterp.train.episodes import Episode, program, rows
from ocinterp.train.recipe import Practice
from ocinterp.types import Completion, Feedback, FinishReason, Message, Source, Tokens, Trajectory, Turn

PLAIN = Practice(discount=0.5, repeating=0.25, cut_off=0.125)
SAID = (Feedback(Source.TESTS, "no"),)


def turn(
    source: str, prompt: tuple[int, ...] = (), said: tuple[int, ...] = (), *, finish: FinishReason = "stop"
) -> Turn:
    """An answer of which -n / 10 is the log-probability of the id n."""
    return Turn(Completion(code(source), finish, Tokens(prompt, said, tuple(-each / 10 for each in said))), (), SAID)


def episode(*turns: Turn, solved: bool = False, shared: int = 0) -> Episode:
    return Episode(Trajectory("t", (Message("user", "?"),), turns), "f", solved, shared)


ONE, TWO = turn("def f(): return 1", (1, 2), (3, 4)), turn("def f(): return 2", (1, 2, 3, 4, 5, 6), (7, 4))


def test_only_what_the_policy_said_counts_in_a_row() -> None:
    (row,) = rows(episode(ONE, TWO), [0.5, -1.0])
    assert row.ids == [1, 2, 3, 4, 5, 6, 7, 4]
    assert row.said == (False, False, True, True, False, False, True, True)
    assert row.logprobs == (0, 0, -0.3, -0.4, 0, 0, -0.7, -0.4)
    assert row.advantages == (0, 0, 0.5, 0.5, 0, 0, -1, -1)


def test_an_answer_that_was_there_before_is_context() -> None:
    (row,) = rows(episode(ONE, TWO, shared=1), [2.0])
    assert row.ids == [1, 2, 3, 4, 5, 6, 7, 4]
    assert row.said == (False,) * 6 + (True, True)


def test_what_was_read_otherwise_than_it_was_said_begins_a_new_row() -> None:
    other = turn("def f(): return 2", (1, 2, 9, 9, 5), (7,))
    first, second = rows(episode(ONE, other), [1.0, 2.0])
    assert (first.ids, first.said) == ([1, 2, 3, 4], (False, False, True, True))
    assert (second.ids, second.said) == ([1, 2, 9, 9, 5, 7], (False,) * 5 + (True,))
    assert second.advantages[-1] == 2


def test_an_answer_without_ids_cannot_be_learnt() -> None:
    silent = replace(ONE, completion=replace(ONE.completion, tokens=None))
    with pytest.raises(ModelError, match="tells no token ids"):
        list(rows(episode(silent), [1.0]))


_IDS = st.lists(st.integers(1, 9), max_size=4).map(tuple)
_TURNS = st.lists(st.tuples(_IDS, _IDS.filter(bool), st.booleans()), min_size=1, max_size=4)


@given(_TURNS)
def test_rows_hold_each_answer_once_after_what_was_read_before_it(parts: list[tuple[tuple[int, ...], ...]]) -> None:
    turns: list[Turn] = []
    before: tuple[int, ...] = (1,)
    for heard, said, same in parts:
        before = before + heard if same else (8, *heard)
        turns.append(turn("pass", before, said))
        before += said
    found = list(rows(episode(*turns), [float(at) for at in range(len(turns))]))
    answers = [each.completion.tokens for each in turns]
    said = [
        (number, logprob, advantage)
        for row in found
        for number, logprob, own, advantage in zip(row.ids, row.logprobs, row.said, row.advantages, strict=True)
        if own
    ]
    expected = [
        (number, logprob, float(at))
        for at, each in enumerate(answers)
        if each is not None
        for number, logprob in zip(each.completion_ids, each.logprobs, strict=True)
    ]
    assert said == expected
    assert not any(row.said[0] for row in found)


def test_the_program_of_an_answer_is_the_last_block_with_the_entry_point() -> None:
    def found(text: str) -> str:
        return program(Turn(Completion(text)), "f")

    assert found(f"{code('def f(): return 1')}\nor\n{code('def f(): return 2')}\n{code('print(f())')}") == (
        "def f(): return 2"
    )
    assert found(code("def f(:")) == "def f(:"
    assert found("no program") == ""


def test_comments_and_blanks_do_not_make_another_program() -> None:
    same = turn("# now it is right\ndef f():\n\n    return 1")
    assert episode(ONE, same, TWO, ONE).repeats == (False, True, False, True)
    assert episode(ONE, same, TWO, shared=1).repeats == (True, False)
    broken = turn("def f(:")
    assert episode(broken, broken).repeats == (False, True)
    empty = Turn(Completion("I do not know."))
    assert episode(empty, empty).repeats == (False, False)


def test_a_return_falls_with_each_answer_that_it_takes() -> None:
    assert credit.returns(episode(ONE, solved=True), PLAIN) == [1.0]
    assert credit.returns(episode(ONE, TWO, solved=True), PLAIN) == [0.5, 1.0]
    assert credit.returns(episode(ONE, TWO), PLAIN) == [0.0, 0.0]
    assert credit.returns(episode(ONE, TWO, solved=True, shared=1), PLAIN) == [1.0]


def test_repeating_and_being_cut_off_cost() -> None:
    assert credit.returns(episode(ONE, ONE), PLAIN) == [-0.125, -0.25]
    assert credit.returns(episode(ONE, ONE, TWO, solved=True), PLAIN) == [0.125, 0.25, 1.0]
    endless = turn("def f(): return 3", finish="length")
    assert credit.returns(episode(endless, TWO, solved=True), PLAIN) == [0.375, 1.0]


def test_advantages_compare_answers_at_the_same_place() -> None:
    assert credit.advantages([[1.0], [0.5, 1.0], [0.0, 0.0], [0.5, 0.5]]) == [
        [0.5],
        [0.0, 0.5],
        [-0.5, -0.5],
        [0.0, 0.0],
    ]
    assert credit.advantages([[1.0], [0.5, 1.0]]) == [[0.25], [-0.25, 0.0]]  # nobody else was asked twice
    first, second = credit.advantages([[1.0], [0.0]], spread=True)
    assert first[0] == -second[0] == pytest.approx(1.0, abs=1e-3)


def test_a_group_in_which_all_did_alike_teaches_nothing() -> None:
    for alike in ([], [[0.1], [0.1], [0.1]], [[0.9, 1.0], [0.9, 1.0]], [[1.0]]):
        assert not credit.teaches(credit.advantages(alike))
    assert credit.teaches(credit.advantages([[0.9, 1.0], [0.9, 0.0]]))


@given(st.lists(st.lists(st.floats(-2, 2), min_size=1, max_size=3), min_size=1, max_size=8))
def test_advantages_at_one_place_add_up_to_nothing(group: list[list[float]]) -> None:
    found = credit.advantages(group)
    for place in range(3):
        assert sum(each[place] for each in found if len(each) > place) == pytest.approx(0.0, abs=1e-9)
