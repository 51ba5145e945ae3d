"""When two decoded answers are the same: strictly, to Python, and to numpy."""

from __future__ import annotations

import math
import warnings
from collections import Counter, OrderedDict, deque
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.verifiers.comparison import AmbiguousError, equal, hashed, strict
from ocinterp.verifiers.inside.decoding import Array, Foreign, Parts, Sub, decode
from ocinterp.verifiers.inside.encoding import encode
from ocinterp.verifiers.numeric import close, leaves

NAN = float("nan")
MODULUS = (1 << 61) - 1  # integers that differ by it have equal hashes


class Point(NamedTuple):
    x: int
    y: int


class Other(NamedTuple):
    x: int
    y: int


class Whole(int):
    __slots__ = ()


def said(value: object) -> Any:
    return decode(encode(value))


few = st.sampled_from(
    [0, 1, 2, True, False, 1.0, -0.0, 0.5, 1j, "", "a", b"", b"a", None, Whole(1), Decimal(1), Fraction(1, 2)]
)
hashable = st.recursive(few, lambda inner: st.lists(inner, max_size=2).map(tuple) | st.frozensets(inner, max_size=2))
anything = st.recursive(
    hashable,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2),
        st.lists(inner, max_size=2).map(tuple),
        st.lists(inner, max_size=2).map(deque),
        st.sets(hashable, max_size=2),
        st.dictionaries(hashable, inner, max_size=2),
        st.dictionaries(hashable, inner, max_size=2).map(OrderedDict),
        st.lists(hashable, max_size=3).map(Counter),
        st.tuples(inner, inner).map(lambda each: Point(*each)),
    ),
    max_leaves=6,
)  # fmt: skip


@given(anything, anything)
def test_equal_is_pythons_equality(one: object, other: object) -> None:
    assert equal(said(one), said(other)) == (one == other)
    assert equal(said(one), said(one))


@given(anything)
def test_what_is_said_twice_is_strictly_the_same(value: object) -> None:
    assert strict(said(value), said(value), 0.0) == ""


@given(anything, anything)
def test_strictly_the_same_is_equal(one: object, other: object) -> None:
    if not strict(said(one), said(other), 0.0):
        assert one == other


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        (0.0, -0.0),
        (NAN, -NAN),
        ([1.0, (NAN, {"a": NAN})], [1.0 + 1e-9, (NAN, {"a": NAN})]),
        (math.inf, math.inf),
        (1e300, 1e300 * (1 + 1e-9)),
        ({1: 2, "a": [3.0]}, {"a": [3.0 + 1e-8], 1: 2}),
        ({1.0, 2.0, NAN}, {2.0 + 1e-8, NAN, 1.0 - 1e-8}),
        ({(1, "a"), None}, {None, (1, "a")}),
        (1 + 1j, 1 + 1j + 1e-9),
        (Counter("ab"), Counter("ba")),
        (Point(1, 2), Point(1, 2)),
        (np.float64(1.0), np.float64(1.0 + 1e-9)),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9])),
    ],
)
def test_these_are_strictly_the_same(expected: object, actual: object) -> None:
    assert strict(said(expected), said(actual), 1e-6) == ""


DIFFERENT: list[tuple[Any, Any, str]] = [
    (1, True, "wrong type: bool for int"),
    (True, 1, "wrong type: int for bool"),
    (1, 1.0, "wrong type: float for int"),
    ([1], (1,), "wrong type: tuple for list"),
    ([[1]], [[True]], "wrong type: bool for int"),
    ({1}, {True}, "wrong type: bool for int"),
    ({1: 2}, {1.0: 2}, "wrong type: float for int"),
    ({(1,)}, {(True,)}, "wrong type: bool for int"),
    ({1, 2}, frozenset({1, 2}), "wrong type: frozenset for set"),
    ({"a": 1}, Counter("a"), "wrong type: collections.Counter for dict"),
    (1, np.int64(1), "wrong type: numpy.int64 for int"),
    ([1.0], np.array([1.0]), "wrong type: numpy.ndarray for list"),
    (Point(1, 2), Other(1, 2), f"wrong type: {__name__}.Other for {__name__}.Point"),
    (Whole(1), 1, f"wrong type: int for {__name__}.Whole"),
    (1.0, 1.001, "wrong value"),
    (1.0, NAN, "wrong value"),
    (math.inf, 1e308, "wrong value"),
    (1e308, math.inf, "wrong value"),
    ([1], [1, 2], "wrong value"),
    ({1: 2}, {1: 3}, "wrong value"),
    ({1: 2}, {2: 2}, "wrong value"),
    ({1, 2}, {1, 3}, "wrong value"),
    ({1.0}, {1.1}, "wrong value"),
    ("a", "b", "wrong value"),
    (1 << 10_000, (1 << 10_000) + 1, "wrong value"),
    (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1), "wrong value"),
    (np.array([1.0, 2.0]), np.array([[1.0, 2.0]]), "wrong value"),
    (np.array([1], dtype="i1"), np.array([1], dtype="i2"), "wrong value"),
    (Decimal("1.0"), Decimal("1.1"), "wrong value"),
    ([1], iter([1]), "not a value that can be compared: list_iterator"),
    ([1], [iter([1])], "not a value that can be compared: list_iterator"),
]  # fmt: skip


@pytest.mark.parametrize(("expected", "actual", "reason"), DIFFERENT)
def test_these_are_not_and_the_reason_is_said(expected: object, actual: object, reason: str) -> None:
    assert strict(said(expected), said(actual), 1e-6) == reason


def test_what_cannot_be_said_is_the_same_as_nothing_but_a_match() -> None:
    assert strict(Foreign("builtins.generator"), Foreign("builtins.generator"), 0.0)
    assert strict(Foreign("builtins.list", "deep"), Foreign("builtins.list", "deep"), 0.0).endswith("list (deep)")
    assert not equal(Foreign("re.Match"), Foreign("re.Match"))
    assert strict(Foreign("re.Match"), Foreign("re.Match"), 0.0) == ""
    assert strict(None, Foreign("re.Match"), 0.0)


def test_an_array_equals_what_python_finds_true() -> None:
    assert equal([5], said(np.array([5])))
    assert equal(5, said(np.array(5)))
    assert not equal([5], said(np.array([6])))
    assert equal([1], said(np.int64(1)))
    for expected, actual in (
        ([], np.int64(1)),
        ([5, 6], np.array([5, 6])),
        (5, np.array([5, 5])),
        ([np.array([])], [np.array([])]),
    ):
        with pytest.raises(AmbiguousError):
            equal(said(expected), said(actual))
    assert equal(1, said(np.int64(1)))
    assert equal({1, (2, 3)}, said({np.int64(1), (np.float64(2), 3)}))


def test_counters_and_ordered_dicts_are_equal_as_they_say() -> None:
    assert equal(said(Counter(a=1, b=0)), said(Counter(a=1)))
    assert not equal(said(Counter(a=1, b=0)), {"a": 1})
    one: OrderedDict[str, int] = OrderedDict(a=1, b=2)
    other: OrderedDict[str, int] = OrderedDict(b=2, a=1)
    assert not equal(said(one), said(other))
    assert equal(said(one), {"b": 2, "a": 1})


@pytest.mark.parametrize("text", ["sNaN", "NaN", "1E+999999999", "x" * 5000, "no number", "Infinity"])
def test_a_strange_decimal_is_equal_to_no_number(text: str) -> None:
    for number in (1, 1.5, 1j, NAN, 10**400):
        assert not equal(number, Parts("decimal.Decimal", (text,)))
    assert not equal(1, Parts("fractions.Fraction", (1, 0)))
    assert not equal(1, Parts("fractions.Fraction", ("1", 1)))


def nest(value: object, depth: int) -> object:
    for _ in range(depth):
        value = [value]
    return value


def test_depth_costs_no_stack() -> None:
    deep, other = nest(1, 100_000), nest(2, 100_000)
    assert equal(deep, nest(1, 100_000))
    assert not equal(deep, other)
    assert strict(deep, other, 0.0) == "wrong value"
    assert not close(deep, other, 1.0, nan=True)
    assert equal(Sub("a", deep), Sub("a", deep))
    keys: Any = 1
    for _ in range(2000):
        keys = (keys,)
    assert hashed([keys]) is None


def test_a_flood_of_equal_hashes_is_no_set() -> None:
    flood = [(each % 3000) * MODULUS for each in range(1, 100_000)]
    assert hashed(flood) is None
    assert hashed([7] * 100_000) == {7: 7}
    assert hashed([[1]]) is None


numbers = st.sampled_from(
    [0, 1, True, -1, 1.0, 1.0 + 1e-7, 1.0 + 3e-7, NAN, math.inf, -math.inf, 1e300, 1j, 1 << 63, 1 << 70]
)
lists = st.recursive(numbers | st.sampled_from(["a", None]), lambda inner: st.lists(inner, max_size=3), max_leaves=9)


@given(lists, lists, st.sampled_from([0.0, 1e-6, 1e-4]), st.booleans())
def test_close_is_numpys_allclose_where_shapes_agree(expected: Any, actual: Any, absolute: float, nan: bool) -> None:
    for other in (actual, expected):
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                shapes = np.shape(expected), np.shape(other)
                numpys = bool(np.allclose(other, expected, rtol=1e-7, atol=absolute, equal_nan=nan))
        except (TypeError, ValueError):
            shapes, numpys = ((), ()), False
        if shapes[0] == shapes[1] or () in shapes:
            assert close(expected, other, absolute, nan=nan) == numpys


def test_leaves_have_the_shape_that_numpy_sees() -> None:
    assert leaves(3) == ((), [3])
    assert leaves([[1, 2], (3, 4)]) == ((2, 2), [1, 2, 3, 4])
    assert leaves([]) == ((0,), [])
    assert leaves([[], []]) == ((2, 0), [])
    assert leaves(said(deque([1, 2]))) == ((2,), [1, 2])
    assert leaves([1, [2]]) is None
    assert leaves([[1], [2, 3]]) is None
    assert leaves(Array("numpy.ndarray", "<i8", (2,), [1, 2])) == ((2,), [1, 2])


def test_a_fraction_too_long_to_reduce_is_equal_to_its_like_alone() -> None:
    upper, lower = 1 << 40_000, (1 << 40_000) + 1
    long, short = Parts("fractions.Fraction", (upper, lower)), Parts("fractions.Fraction", (4, 2))
    assert equal(long, Parts("fractions.Fraction", (upper, lower)))
    assert not equal(long, 1)
    assert not equal([1.0], [long])
    assert equal(short, 2)
