"""The numbers are those of their definitions, and the intervals those of their tables."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.bench import statistics
from ocinterp.bench.identity import digest
from ocinterp.bench.samples import Sample
from ocinterp.bench.statistics import (
    Repairs,
    bootstrap,
    mcnemar,
    mean,
    mean_reciprocal_rank,
    paired,
    pass_at_k,
    recall,
    repairs,
    solved_by_turn,
    wilson,
)
from ocinterp.errors import UsageError

small = st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
turns = st.lists(st.none() | st.integers(1, 12), min_size=1, max_size=20)


@given(small)
def test_pass_at_k_is_the_share_of_subsets_with_a_correct_sample(drawn: tuple[int, int, int]) -> None:
    samples, correct, k = drawn
    subsets = list(itertools.combinations(range(samples), k))
    assert pass_at_k(samples, correct, k) == pytest.approx(sum(min(each) < correct for each in subsets) / len(subsets))


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1), st.integers(1, n))))
def test_pass_at_k_grows_with_correct_samples_and_stays_a_chance(drawn: tuple[int, int, int]) -> None:
    samples, correct, k = drawn
    assert 0 <= pass_at_k(samples, correct, k) <= pass_at_k(samples, correct + 1, k) + 1e-12 <= 1 + 1e-12


def test_pass_at_k_has_its_known_values() -> None:
    assert pass_at_k(1, 1, 1) == 1
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(5, 2, 3) == pytest.approx(0.9)  # 1 - C(3,3)/C(5,3)
    assert pass_at_k(100_000, 1, 50_000) == pytest.approx(0.5)


@pytest.mark.parametrize(("samples", "correct", "k"), [(1, 0, 10), (5, 1, 0), (0, 0, 1), (2, 3, 1)])
def test_pass_at_k_needs_k_samples(samples: int, correct: int, k: int) -> None:
    with pytest.raises(UsageError):
        pass_at_k(samples, correct, k)


def test_wilson_has_its_known_values() -> None:
    # Newcombe 1998 (Statistics in Medicine 17, 857), table I, method 3
    for successes, trials, low, high in [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)]:
        found = wilson(successes, trials)
        assert (round(found.low, 4), round(found.high, 4)) == (low, high)
    assert wilson(29, 29).high == 1


def test_a_mean_of_zeros_and_ones_has_wilsons_interval_and_another_a_bootstrap() -> None:
    assert mean([1, 0, 1, 1]).interval == wilson(3, 4)
    assert mean([1, 0.5, 1, 1]).interval == bootstrap([1, 0.5, 1, 1])
    with pytest.raises(UsageError):
        mean([])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_an_interval_lies_between_the_values_and_is_the_same_each_time(values: list[float]) -> None:
    found = bootstrap(values)
    assert found == bootstrap(values)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9


def test_a_bootstrap_is_as_wide_as_the_normal_interval_of_many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [0.25, 0.75] * 500
    found = bootstrap(values)
    assert (found.low, found.high) == pytest.approx((0.5 - 0.0155, 0.5 + 0.0155), abs=0.001)
    monkeypatch.setattr(statistics, "_CHUNK", 3000)  # drawn in other portions
    assert bootstrap(values) == found


def test_mcnemar_has_its_known_values() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(5, 5) == 1
    assert mcnemar(0, 5) == 2 / 32
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert 0 < mcnemar(0, 1000) < 1e-300


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_symmetric_and_a_chance(gained: int, lost: int) -> None:
    assert 0 < mcnemar(gained, lost) == mcnemar(lost, gained) <= 1


def test_a_paired_difference_counts_the_tasks_that_differ() -> None:
    first = {f"t{n}": n < 50 for n in range(100)}
    second = {f"t{n}": 5 <= n < 70 for n in range(100)}
    found = paired(first, second)
    assert (found.tasks, found.gained, found.lost, found.difference) == (100, 20, 5, 0.15)
    # (21 - 6)/102 -+ 1.96 sqrt((27/102 - (15/102)^2)/102)
    assert (found.interval.low, found.interval.high) == pytest.approx((0.0514, 0.2427), abs=2e-4)
    assert found.p == mcnemar(20, 5)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_a_paired_difference_the_other_way_round_is_its_mirror(pairs: list[tuple[bool, bool]]) -> None:
    first = {str(n): pair[0] for n, pair in enumerate(pairs)}
    second = {str(n): pair[1] for n, pair in enumerate(pairs)}
    there, back = paired(first, second), paired(second, first)
    assert (there.difference, there.p) == (-back.difference, back.p)
    assert (there.interval.low, there.interval.high) == pytest.approx((-back.interval.high, -back.interval.low))
    assert -1 <= there.interval.low <= there.interval.high <= 1


def test_settings_on_other_tasks_cannot_be_compared() -> None:
    with pytest.raises(UsageError, match="in one of the two: b"):
        paired({"a": True}, {"a": True, "b": False})


def test_turns_have_their_known_values() -> None:
    solved = [1, 1, 2, 4, None, 11]
    assert solved_by_turn(solved, 4) == (2 / 6, 3 / 6, 3 / 6, 4 / 6)
    assert recall(solved, 10) == 4 / 6
    assert mean_reciprocal_rank(solved, 10) == pytest.approx((1 + 1 + 1 / 2 + 1 / 4) / 6)
    with pytest.raises(UsageError):
        recall([0], 10)


@given(turns)
def test_the_reciprocal_rank_lies_between_the_first_turn_and_the_recall(solved: list[int | None]) -> None:
    curve = solved_by_turn(solved, 10)
    assert curve[0] - 1e-12 <= mean_reciprocal_rank(solved, 10) <= recall(solved, 10) + 1e-12
    assert curve[-1] == recall(solved, 10)
    steps = [after - before for before, after in zip((0, *curve), curve, strict=False)]
    ranks = sum(step / turn for turn, step in enumerate(steps, 1))
    assert mean_reciprocal_rank(solved, 10) == pytest.approx(ranks)


def test_repairs_are_counted_by_error_class() -> None:
    found = repairs([("wrong", True), ("TypeError", True), ("wrong", False)])
    assert found == {"wrong": Repairs(2, 1), "TypeError": Repairs(1, 1)}
    assert found["wrong"].rate == 0.5
    assert Repairs(0, 0).rate is None


def test_programs_are_the_same_by_their_text_alone() -> None:
    def of(program: str, index: int = 0) -> str:
        return digest(Sample("a", index, program, ""))

    assert of("x = 1\n") == of("x = 1\n", 1)
    assert len({of("x = 1"), of("x = 1\n"), of("x = 1 # one"), of("x  = 1"), of("x = '\ud800'")}) == 5


def test_distinct_programs_of_the_largest_set_are_as_counted(data: Path) -> None:
    import gzip
    import json

    with gzip.open(data / "samples" / "passk" / "codet_codegen16B_humaneval_n100.jsonl.gz") as file:
        rows = [json.loads(line) for line in file]
    samples = [Sample(row["prompt"], n, text, "") for row in rows for n, text in enumerate(row["samples"])]
    assert (len(samples), len({(each.task_id, digest(each)) for each in samples})) == (16_400, 12_410)
