"""A request is known by its content, and by all of it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import UsageError
from ocinterp.journal import Request
from ocinterp.types import Message

BASE = Request("completion", "m/1", (Message("user", "hello"),), {"temperature": 0.2, "seed": 1})

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def normal(value: object) -> str:
    """What two values have in common when they are the same to a provider."""

    def whole(text: str) -> object:
        number = float(text)
        return int(number) if number.is_integer() and abs(number) <= 2**53 else number

    return json.dumps(json.loads(json.dumps(value), parse_float=whole), sort_keys=True)


@given(plain, plain)
def test_keys_are_equal_exactly_when_contents_are(one: object, other: object) -> None:
    same = normal(one) == normal(other)
    assert (Request("k", "m", one).key == Request("k", "m", other).key) is same


@given(st.dictionaries(st.text(), plain, min_size=2, max_size=5))
def test_the_order_of_settings_does_not_matter(settings: dict[str, object]) -> None:
    turned = dict(reversed(settings.items()))
    assert replace(BASE, settings=settings).key == replace(BASE, settings=turned).key


@pytest.mark.parametrize(
    "other",
    [
        replace(BASE, kind="run"),
        replace(BASE, model="m/2"),
        replace(BASE, content=(Message("system", "hello"),)),
        replace(BASE, content=(Message("user", "hello "),)),
        replace(BASE, content=(Message("user", "hel"), Message("user", "lo"))),
        replace(BASE, settings={"temperature": 0.2}),
        replace(BASE, settings={"temperature": 0.2, "seed": "1"}),
        replace(BASE, sample=1),
        replace(BASE, scope="single"),
        replace(BASE, kind="completionm", model="/1"),
    ],
    ids=range(10),
)
def test_every_part_of_a_request_is_a_part_of_its_key(other: Request) -> None:
    assert other.key != BASE.key


def test_a_key_never_changes_from_one_version_to_the_next() -> None:
    assert BASE.key.hex() == "2f5ac89eb11a6fbcfb8acf8629cfcdee"


def test_a_temperature_of_0_is_one_of_zero_point_zero() -> None:
    assert replace(BASE, settings={"t": 0.0}).key == replace(BASE, settings={"t": 0}).key
    assert replace(BASE, settings={"t": -0.0}).key == replace(BASE, settings={"t": 0}).key
    assert replace(BASE, settings={"t": 1e300}).key != replace(BASE, settings={"t": 1e301}).key
    assert replace(BASE, settings={"t": True}).key != replace(BASE, settings={"t": 1}).key


def test_text_that_is_not_valid_unicode_has_a_key_too() -> None:
    assert replace(BASE, content="\ud800").key != replace(BASE, content="\ud801").key


@dataclass
class _Odd:
    value: object


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: replace(BASE, settings={"t": math.nan}).key, "nan cannot be part of a request: it is not finite"),
        (lambda: replace(BASE, settings={"t": -math.inf}).key, "-inf cannot be part"),
        (lambda: replace(BASE, content={1, 2}).key, "a set cannot be part of a request"),
        (lambda: replace(BASE, content=_Odd(b"x")).key, "a bytes cannot be part of a request"),
        (lambda: replace(BASE, content={1: 2}).key, "names in a request are text, not 1"),
        (lambda: replace(BASE, sample=-1), "a sample's number is between 0 and 2147483647, not -1"),
        (lambda: replace(BASE, scope="\ud800"), "not valid Unicode"),
    ],
    ids=range(7),
)
def test_what_has_no_one_way_to_be_written_is_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make()
