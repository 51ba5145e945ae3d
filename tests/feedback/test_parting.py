"""Of two values it is said where they first part: what was written is found in them, and equal ones have no difference."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.feedback.parting import parting

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        ("4", "9", "4 instead of 9, 5 less"),
        ("3", "-5", "3 instead of -5, 8 more"),
        ("[1, 2, 3]", "[1, 5, 3]", "2 instead of 5 at [1], 3 less"),
        ("[[1], [2, 7]]", "[[1], [2, 8]]", "7 instead of 8 at [1][1], 1 less"),
        ("(1, 'a')", "(1, 'b')", "'a' instead of 'b' at [1]"),
        ("[1]", "[1, 5]", "1 element instead of 2"),
        ("[1, 5]", "[]", "2 elements instead of 0"),
        ("[[1, 2]]", "[[1]]", "2 elements instead of 1 at [0]"),
        ("'a b c'", "'a-b-c'", "' ' instead of '-'"),
        ("['Eve']", "['xEve']", "nothing instead of 'x' at [0]"),
        ("'noon'", "''", "'noon' instead of nothing"),
        ("'aaa'", "'aa'", "'a' instead of nothing"),
        ("{'a': 1, 'b': 2}", "{'a': 1, 'b': 3}", "2 instead of 3 at ['b'], 1 less"),
        ("{'a': 1}", "{'b': 1}", "the key 'a' instead of the key 'b'"),
        ("{}", "{None: 1}", "nothing instead of the key None"),
        ("None", "0", "None instead of 0"),
        ("True", "False", "True instead of False"),
        ("[1]", "'1'", "[1] instead of '1'"),
        ("1.5", "2.5", "1.5 instead of 2.5"),
        ("{1, 2}", "{1}", "{1, 2} instead of {1}"),
        ("[1.0]", "[1]", ""),
        ("{'a': 1, 'b': 2}", "{'b': 2, 'a': 1}", ""),
        ("[1, 2, ...", "[1]", ""),
        ("<object>", "1", ""),
        ("", "", ""),
        ("nan", "1", ""),
        ("(" * 5000, "1", ""),
        (repr(["x" * 70]), "1", ""),
    ],
)
async def test_it_names_the_first_difference(actual: str, expected: str, words: str) -> None:
    assert parting(actual, expected) == words


@given(VALUES, VALUES)
async def test_values_that_differ_have_one_and_it_is_short(one: object, two: object) -> None:
    words = parting(repr(one), repr(two))
    assert len(words) < 300
    if ast.literal_eval(repr(one)) == ast.literal_eval(repr(two)):
        assert not words
    elif len(repr(one)) < 50 and len(repr(two)) < 50:
        assert " instead of " in words
