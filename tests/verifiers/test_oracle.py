"""What each profile says of the same answers, task by task."""

from __future__ import annotations

import re
from collections import Counter, deque
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.verifiers.inside.decoding import DecodeError, Limits, decode
from ocinterp.verifiers.inside.encoding import encode
from ocinterp.verifiers.oracle import (
    AS_PRESENT,
    AS_SETS,
    PROFILES,
    Family,
    Oracle,
    Profile,
    digit_distance,
    polynomial,
    pyramid_surface,
)

NAN = float("nan")
STRICT, OLD, NEW = PROFILES


def reasons(
    expected: object,
    actual: object,
    *,
    entry: str = "f",
    family: Family = "mbpp",
    tolerance: float = 0.0,
    arguments: Any = (),
) -> list[str]:
    """What each profile says of one test."""
    oracles = [Oracle(each, family=family, entry_point=entry, tolerance=tolerance) for each in PROFILES]
    return [each.compare(arguments, encode(expected), encode(actual)) for each in oracles]


def verdicts(expected: object, actual: object, **how: Any) -> tuple[bool, ...]:
    """Strict, 0.2, 0.3."""
    return tuple(not each for each in reasons(expected, actual, **how))


@pytest.mark.parametrize(
    ("expected", "actual", "tolerance", "agreed"),
    [
        (1, 1, 0.0, (True, True, True)),
        (1, 2, 0.0, (False, False, False)),
        (1, True, 0.0, (False, True, True)),
        ([1], [1.0], 0.0, (False, True, True)),
        ([1], (1,), 0.0, (False, False, False)),
        ({"a": 1}, Counter("a"), 0.0, (False, True, True)),
        (1, np.int64(1), 0.0, (False, True, True)),
        (1.0, 1.0 + 1e-8, 0.0, (True, True, True)),
        (1.0, 1.1, 0.0, (False, False, False)),
        ([1.0, 2.0], [1.0, 2.0 + 1e-8], 0.0, (True, True, True)),
        ([1, 2.0], [1, 2.0 + 1e-8], 0.0, (True, False, False)),  # not floats only
        ({"a": 1.0}, {"a": 1.0 + 1e-8}, 0.0, (True, False, False)),
        ([[1.0]], [[1.0 + 1e-8]], 0.0, (True, False, False)),
        ([[1.0]], [[1.0 + 1e-8]], 1e-4, (True, True, True)),
        (1.0, np.float64(1.0 + 1e-8), 0.0, (False, True, False)),  # 0.3 asks for the type, once the values differ
        ([1.0, 1.0], 1.0 + 1e-8, 0.0, (False, True, False)),  # assert_allclose stretches a single number
        ([1.0, 1.0], (1.0, 1.0 + 1e-8), 0.0, (False, True, False)),
        (NAN, NAN, 0.0, (True, True, False)),
        ([NAN], [NAN], 0.0, (True, True, False)),
        ([1, NAN], [1, NAN], 0.0, (True, False, False)),
        (
            [],
            7,
            0.0,
            (False, True, False),
        ),  # 0.2 takes an empty list for floats, and numpy compares 7 with none of them
        (10**5, 10**5 + 1, 0.1, (False, False, False)),
        (100, 100 + 1e-5, 1e-4, (False, True, False)),
        ("a", "b", 1e-4, (False, False, False)),
        ([1.0, 2.0], np.array([1.0, 2.0]), 0.0, (False, False, False)),  # the truth of two items is an error
        ([1.0], np.array([1.0]), 0.0, (False, True, True)),
        (1 << 70, (1 << 70) + 1, 1e-4, (False, False, False)),
    ],
)
def test_the_profiles_differ_where_they_are_known_to(
    expected: object, actual: object, tolerance: float, agreed: tuple[bool, ...]
) -> None:
    assert verdicts(expected, actual, tolerance=tolerance) == agreed


@pytest.mark.parametrize("entry", sorted(AS_SETS))
def test_eight_tasks_are_compared_as_sets_since_0_3(entry: str) -> None:
    assert verdicts([1, 2], [2, 1, 1], entry=entry) == (False, False, True)
    assert verdicts((1, 2), {2, 1}, entry=entry) == (False, False, True)
    assert verdicts([1, 2], deque([2, 1]), entry=entry) == (False, False, True)
    assert verdicts([1, 2], np.array([2, 1]), entry=entry) == (False, False, True)
    assert verdicts(["a", "b"], "ba", entry=entry) == (False, False, True)
    assert verdicts([1, 2], {2: 0, 1: 0}, entry=entry) == (False, False, True)
    assert verdicts([1, 2], [1, 3], entry=entry) == (False, False, False)
    assert verdicts([1, 2], [[1], 2], entry=entry) == (False, False, False)
    assert verdicts([1, 2], 5, entry=entry) == (False, False, False)
    assert verdicts([1, 2], [2, 1], entry=entry, family="humaneval") == (False, False, False)
    assert verdicts([[1]], [[1]], entry=entry) == (True, True, False)  # no set has a list in it


@pytest.mark.parametrize("entry", sorted(AS_PRESENT))
def test_three_tasks_ask_whether_there_is_an_answer(entry: str) -> None:
    match = re.search("a", "a")
    assert verdicts(match, match, entry=entry) == (True, True, True)
    assert verdicts(match, True, entry=entry) == (False, True, True)
    assert verdicts(match, "any", entry=entry) == (False, True, True)
    assert verdicts(match, False, entry=entry) == (False, False, False)
    assert verdicts(match, None, entry=entry) == (False, False, False)
    assert verdicts(None, None, entry=entry) == (True, True, True)
    assert verdicts(None, False, entry=entry) == (False, True, True)
    assert verdicts(None, match, entry=entry) == (False, False, False)


def test_the_tasks_with_an_oracle_of_their_own() -> None:
    assert verdicts(True, "anything", entry="are_equivalent") == (False, True, True)
    assert verdicts(7, 0, entry="sum_div") == (False, True, True)
    assert verdicts(7, 8, entry="sum_div") == (False, False, False)
    assert verdicts(33, 36, entry="surface_Area", arguments=(3, 4)) == (False, False, False)
    assert verdicts(0, 35, entry="surface_Area", arguments=(3, 4)) == (False, False, pyramid_surface(3, 4) == 35)
    assert verdicts(0, pyramid_surface(3, 4), entry="surface_Area", arguments=(3, 4)) == (False, False, True)
    assert verdicts(0, "35", entry="surface_Area", arguments=(3, 4)) == (False, False, False)
    assert verdicts(0, 5, entry="digit_distance_nums", arguments=(1, 23)) == (False, False, False)
    assert verdicts(0, 4, entry="digit_distance_nums", arguments=(1, 23)) == (False, False, True)
    assert verdicts(0, 1, entry="digit_distance_nums", arguments=(-1, 23)) == (False, False, False)


def test_the_oracles_of_single_tasks_compute_what_they_say() -> None:
    assert polynomial([1, 2, 3], 2) == 17
    assert pyramid_surface(2, 0) == 8
    assert digit_distance(123, 456) == 9
    assert digit_distance(1, 23) == 4


@pytest.mark.parametrize(
    ("actual", "agreed"),
    [
        (-0.5, (True, True, True)),
        (-0.5 + 1e-6, (True, True, True)),
        (-0.6, (False, False, False)),
        (-0.4, (False, False, False)),
        (1, (False, False, False)),
        ("x", (False, False, False)),
        (None, (False, False, False)),
        (1e308, (False, False, False)),
        (NAN, (False, False, False)),
        (1j, (False, False, False)),
        (np.float64(-0.5), (False, True, True)),
        ([-0.5], (False, False, False)),
    ],
)
def test_a_zero_is_found_where_the_polynomial_is_zero(actual: object, agreed: tuple[bool, ...]) -> None:
    how: dict[str, Any] = {"entry": "find_zero", "family": "humaneval", "tolerance": 1e-4, "arguments": ([1, 2],)}
    assert verdicts(-0.5, actual, **how) == agreed


def test_any_zero_will_do_except_in_0_2() -> None:
    how: dict[str, Any] = {"entry": "find_zero", "family": "humaneval", "tolerance": 1e-4, "arguments": ([-1, 0, 1],)}
    assert verdicts(1.0, -1.0, **how) == (True, False, True)
    assert reasons(1.0, 3.0, **how) == ["not a zero"] * 3


def test_a_float_seen_changes_the_tests_after_it_under_evalplus() -> None:
    nested, near = encode([[1.0]]), encode([[1.0 + 1e-8]])
    for profile in (OLD, NEW):
        oracle = Oracle(profile, family="mbpp", entry_point="f")
        assert oracle.compare((), nested, near)
        assert oracle.compare((), encode(2.5), encode(2.5)) == ""
        assert oracle.compare((), nested, near) == ""
    strict = Oracle("strict", family="mbpp", entry_point="f")
    assert strict.compare((), nested, near) == ""


def test_an_empty_list_does_so_in_0_2_only() -> None:
    for profile in (OLD, NEW):
        agreed = profile == OLD
        oracle = Oracle(profile, family="mbpp", entry_point="f")
        assert oracle.compare((), encode([]), encode([])) == ""
        assert (oracle.compare((), encode([[1.0]]), encode([[1.0 + 1e-8]])) == "") is agreed


values = st.recursive(
    st.sampled_from([0, 1, 1.5, NAN, True, "a", None, np.float64(1.5), Counter("a")]),
    lambda inner: st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)


@given(st.sampled_from(PROFILES), st.lists(st.tuples(values, values), max_size=6), st.sampled_from([0.0, 1e-4]))
def test_equal_bytes_are_judged_like_the_values_they_say(
    profile: Profile, tests: list[tuple[object, object]], tolerance: float
) -> None:
    one, other = (Oracle(profile, family="mbpp", entry_point="f", tolerance=tolerance) for _ in range(2))
    for expected, actual in tests:
        for given_ in (actual, expected):
            said = one.compare((), encode(expected), encode(given_))
            assert said == other.judge((), decode(encode(expected)), decode(encode(given_)))


def test_an_answer_that_is_none_is_wrong_and_a_malformed_reference_is_an_error() -> None:
    oracle = Oracle("strict", family="mbpp", entry_point="f")
    assert oracle.compare((), encode(1), b"junk").startswith("not an answer: ")
    assert oracle.compare((), encode(1), encode([1] * 100), limits=Limits(items=50)).startswith("not an answer: ")
    with pytest.raises(DecodeError):
        oracle.compare((), b"junk", encode(1))


def test_two_generators_do_not_agree() -> None:
    assert verdicts(iter([1]), iter([1])) == (False, False, False)


def test_orders_of_strings_that_are_chance_never_agreed_in_evalplus_2() -> None:
    def says(profile: Profile, expected: object, actual: object, entry_point: str = "find_dissimilar") -> str:
        oracle = Oracle(profile, family="mbpp", entry_point=entry_point)
        return oracle.compare([], encode(expected), encode(actual))

    assert says("evalplus-0.2", ("a", "b"), ("a", "b"))
    assert not says("evalplus-0.2", ("a", 1), ("a", 1))
    assert not says("evalplus-0.2", ("a", "b"), ("a", "b"), entry_point="find_char_long")
    assert not says("evalplus-0.3", ("a", "b"), ("b", "a"))
    assert not says("strict", ("a", "b"), ("a", "b"))
