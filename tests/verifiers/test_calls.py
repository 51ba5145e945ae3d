"""Packed arguments: each call reads its own, as they were."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.jobs import sealed
from ocinterp.verifiers.inside.calls import Calls, pack

atoms = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
arguments = st.recursive(
    atoms,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
).map(lambda value: (value,))


@given(st.lists(st.tuples(arguments, st.floats(0, 100)), min_size=1, max_size=6))
def test_what_was_packed_is_read(made: list[tuple[tuple[Any, ...], float]]) -> None:
    with sealed(pack([each for each, _ in made], [seconds for _, seconds in made])) as fd:
        calls = Calls(fd)
        assert calls.count == len(made)
        read = [(calls[number], calls.seconds(number)) for number in range(len(made))]
    assert read == made
    assert repr(read) == repr(made)


def test_each_reading_gives_values_of_its_own() -> None:
    with sealed(pack([([1],), ([2],)], [1.0, 1.0])) as fd:
        calls = Calls(fd)
        calls[0][0].append("spoilt")
        assert (calls[0], calls[1]) == (([1],), ([2],))


def test_nan_and_infinity_and_sets_are_packed() -> None:
    with sealed(pack([(math.nan, math.inf, -0.0, {1, 2}, 1 << 200, "\ud800")], [1.0])) as fd:
        nan, *rest = Calls(fd)[0]
    assert nan != nan
    assert repr(rest) == repr([math.inf, -0.0, {1, 2}, 1 << 200, "\ud800"])


def test_what_is_not_plain_cannot_be_packed() -> None:
    with pytest.raises(ValueError, match="unmarshallable"):
        pack([(object(),)], [1.0])
