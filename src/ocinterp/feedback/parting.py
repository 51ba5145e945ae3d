"""Where an answer first parts from the one that was expected, in words: what a reader of two long lines looks for first."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any, Final

_MOST_CHARACTERS: Final = 60  # of each side; what is longer says no more than the whole
_NOTHING: Final = "nothing"


def parting(actual: str, expected: str) -> str:
    """`4 instead of 9 at [1], 5 less`: the first difference of two values, as Python writes them.

    Of lists, tuples and tables it is that of the first elements that differ, of texts that of their first characters; of a
    list that goes on where the other ends, how long they are. Empty where they are equal,
    cannot be read, or differ in what would be too long.
    """
    try:
        one, two = ast.literal_eval(actual), ast.literal_eval(expected)
        if one == two:  # though not written alike
            return ""
        found = _parted(one, two, "")
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return ""
    return "" if max(len(found.actual), len(found.expected)) > _MOST_CHARACTERS else found.words


@dataclass(frozen=True, slots=True)
class _Parting:
    actual: str
    expected: str
    place: str  # as an index, empty for the values themselves
    more: int = 0  # of whole numbers: how much

    @property
    def words(self) -> str:
        place = f" at {self.place}" if self.place else ""
        by = f", {abs(self.more)} {'more' if self.more > 0 else 'less'}" if self.more else ""
        return f"{self.actual} instead of {self.expected}{place}{by}"


def _parted(actual: Any, expected: Any, place: str) -> _Parting:
    if type(actual) is not type(expected):
        return _Parting(repr(actual), repr(expected), place)
    if isinstance(actual, (list, tuple)):
        return _of_lists(actual, expected, place)
    if isinstance(actual, dict):
        return _of_tables(actual, expected, place)
    if isinstance(actual, str):
        return _of_texts(actual, expected, place)
    more = actual - expected if type(actual) is int else 0
    return _Parting(repr(actual), repr(expected), place, more)


def _of_lists(actual: Any, expected: Any, place: str) -> _Parting:
    for at, (one, two) in enumerate(zip(actual, expected, strict=False)):
        if one != two:
            return _parted(one, two, f"{place}[{at}]")
    length = len(actual)
    return _Parting(f"{length} element{'s' * (length != 1)}", str(len(expected)), place)


def _of_tables(actual: Any, expected: Any, place: str) -> _Parting:
    more = next((f"the key {each!r}" for each in actual if each not in expected), "")
    missing = next((f"the key {each!r}" for each in expected if each not in actual), "")
    if more or missing:
        return _Parting(more or _NOTHING, missing or _NOTHING, place)
    key = next(each for each in expected if actual[each] != expected[each])
    return _parted(actual[key], expected[key], f"{place}[{key!r}]")


def _of_texts(actual: str, expected: str, place: str) -> _Parting:
    """The first character, or all that one has more than the other."""
    start = _alike(actual, expected)
    one, two = actual[start:], expected[start:]
    end = _alike(one[::-1], two[::-1])
    one, two = one[: len(one) - end], two[: len(two) - end]
    if one and two:
        one, two = one[0], two[0]
    return _Parting(repr(one) if one else _NOTHING, repr(two) if two else _NOTHING, place)


def _alike(one: str, two: str) -> int:
    """How many characters at their start are the same."""
    return next((at for at, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
