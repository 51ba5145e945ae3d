"""Numbers look the same wherever they stand."""

from __future__ import annotations

from ocinterp.bench import numbers
from ocinterp.bench.results import Dataset
from ocinterp.bench.statistics import Estimate, Interval, wilson
from ocinterp.problems import Benchmark


def test_json_has_numbers_by_k_and_null_where_there_is_none() -> None:
    found = Estimate(0.5, Interval(0.25, 0.75, "bootstrap"))
    assert numbers.as_json({1: found, 10: None}) == {
        "pass@1": 0.5,
        "ci95": [0.25, 0.75],
        "pass@10": None,
        "ci95@10": None,
    }


def test_a_table_has_percent_and_a_difference_its_sign() -> None:
    assert (numbers.percent(0.439), numbers.percent(0.05, "+"), numbers.percent(-0.05, "+")) == ("43.9", "+5.0", "-5.0")
    assert numbers.between(wilson(72, 164)) == "36.5 to 51.6"
    assert numbers.between(Interval(-0.1, 0.25, "bonett-price"), "+") == "-10.0 to +25.0"


def test_things_are_counted_in_words() -> None:
    assert [numbers.count(n, "task") for n in (0, 1, 1140)] == ["0 tasks", "1 task", "1,140 tasks"]
    assert [numbers.count(n, "set of tests", "sets of tests") for n in (1, 2)] == ["1 set of tests", "2 sets of tests"]


def test_a_dataset_is_named_as_its_benchmark() -> None:
    assert Dataset.of(Benchmark("own", "1", "0" * 32, {}, known=False)) == Dataset("own", "1", "0" * 32, known=False)
