"""What attempts cost, a critic's words included, and how many answers the same tokens buy."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluations import ADD, WRONG, attempts_of, open_desk, scripted
from ocinterp.bench import attempts, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.results import Dataset
from ocinterp.bench.settings import chosen
from ocinterp.bench.spending import answers_of, bought, cost, enough, usage_of
from ocinterp.journal import Price
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Completion, Feedback, Message, Source, Trajectory, Turn, Usage

DATASET = Dataset("own", "own", "0" * 32, known=False)


def attempt(*tokens: int, critic: int = 0) -> Attempt:
    """One whose turns cost so much."""
    turns = tuple(Turn(Completion("x", usage=Usage(each - 1, 1))) for each in tokens)
    return Attempt(Key("any", "own/add"), Trajectory("own/add", (), turns), (), critic_tokens=Usage(critic, 0))


@given(st.text(), st.text(min_size=1))
def test_what_nobody_counted_is_estimated_and_never_nothing(prompt: str, answer: str) -> None:
    for each in (None, Usage(), Usage(9, 0)):
        found = usage_of([Message("user", prompt)], Completion(answer, usage=each))
        size = len(prompt.encode())
        assert size / 4 <= found.prompt_tokens < size / 4 + 1
        assert found.completion_tokens >= 1
    counted = Usage(3, 2)
    assert usage_of([Message("user", prompt)], Completion(answer, usage=counted)) == counted


def test_a_dialogue_pays_for_its_own_beginning_in_every_turn() -> None:
    turn = Turn(Completion("a" * 40), feedback=(Feedback(Source.TESTS, "f" * 20),))
    found = Trajectory("t", (Message("user", "p" * 80),), (turn, turn))
    once = Attempt(Key("any", "t"), replace(found, turns=found.turns[:1]), ())
    twice = Attempt(Key("any", "t"), found, (), critic_tokens=Usage(100, 5))
    assert answers_of(once) == Usage(20, 10)
    assert answers_of(twice) == Usage(20 + 20 + 10 + 5, 20)
    assert cost(twice) == 75 + 105


@pytest.mark.parametrize(
    ("samples", "rival", "count"),
    [
        ([10, 10, 10], attempt(10), 1),
        ([10, 10, 10], attempt(10, 11), 3),
        ([10, 10], attempt(10, 11), None),
        ([9, 1, 10], attempt(10), 2),
        ([10, 10, 10], attempt(10, critic=5), 2),
    ],
)
def test_as_many_samples_are_bought_as_cost_no_less_than_the_rival(
    samples: list[int], rival: Attempt, count: int | None
) -> None:
    assert bought([attempt(each) for each in samples], rival) == count


def test_an_answer_that_never_came_counts_as_a_turn_of_the_rival() -> None:
    assert bought([attempt()] * 5, attempt(10, 30, 20)) == 3
    assert bought([attempt()] * 5, attempt()) == 1  # neither said anything


costs = st.lists(st.integers(2, 50), min_size=1, max_size=6)


@given(st.lists(st.integers(2, 50), min_size=150, max_size=150), st.lists(costs, min_size=1, max_size=3))
def test_no_rival_has_cost_more_and_one_answer_less_would_not_do(spent: list[int], rivals: list[list[int]]) -> None:
    samples, against = [attempt(each) for each in spent], [attempt(*each) for each in rivals]
    drawn = next(number for number in range(len(samples) + 1) if enough(samples[:number], against))
    assert sum(spent[:drawn]) >= max(map(sum, rivals)) > sum(spent[: drawn - 1])
    assert max(bought(samples, each) or 0 for each in against) == drawn


def test_one_answer_is_drawn_where_nothing_refines() -> None:
    assert [enough([], []), enough([attempt(5)], [])] == [False, True]


@pytest.mark.usefixtures("namespaces")
async def test_a_critics_tokens_are_counted_kept_and_shown(tmp_path: Path) -> None:
    wanted = chosen(["single", "human-base"], suites=("base", "plus"), turns=3)
    answers = {"own/add": [code(WRONG), code(WRONG), code(ADD)]}
    said = [Completion("Look at the sign.", usage=Usage(70, 5)), Completion("x" * 400)]  # one that nobody counted
    critic = ScriptedModel(said)
    async with open_desk(tmp_path, scripted(answers), critic=lambda task_id: critic) as desk:
        ended = await attempts_of(desk, wanted)
    single, human = ended
    brief = sum(len(each.content) for each in critic.seen[1])
    assert single.critic_tokens == Usage()
    assert human.critic_tokens == Usage(70 + -(-brief // 4), 105)
    path = tmp_path / "run.jsonl"
    attempts.append(path, human)
    assert attempts.read(path) == {human.key: human}
    found = evaluation.gathered(DATASET, {}, wanted, ["own/add"], {each.key: each for each in ended})
    numbers = json.loads(evaluation.dumps(found))["settings"]
    assert numbers["human-base"]["critic_tokens"] == {
        "prompt_tokens": human.critic_tokens.prompt_tokens,
        "completion_tokens": 105,
    }
    assert (numbers["single"]["tokens_estimated"], numbers["single"]["dollars"]) == (True, None)
    priced = replace(found, price=Price(1, 2), critic_price=Price(0, 10))
    dollars = json.loads(evaluation.dumps(priced))["settings"]["human-base"]["dollars"]
    tokens = answers_of(human)
    assert dollars == {
        "model": pytest.approx((tokens.prompt_tokens + 2 * tokens.completion_tokens) / 1e6),
        "critic": pytest.approx(105 * 10 / 1e6),
    }


def test_attempts_of_before_a_critic_was_counted_are_read(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    made = attempt(5)
    attempts.append(path, made)
    path.write_text(path.read_text().replace(',"critic_tokens":{"prompt_tokens":0,"completion_tokens":0}', ""))
    assert "critic_tokens" not in path.read_text()
    assert attempts.read(path) == {made.key: made}
