"""Oracles: whether a candidate's answer to one test is the reference's, under a named profile.

`evalplus-0.2` and `evalplus-0.3` decide as EvalPlus 0.2.1 and 0.3.1 do (`evalplus/eval/__init__.py`,
`_special_oracle.py`), on what the answers hold: a candidate's own `__eq__` has no say. Of 0.3.1 one fault is mended, as
its repository did later: a solved HumanEval/32 counts. `strict` is ours; `comparison` says what it asks.

Left out of EvalPlus's: an answer that is no container but can be iterated (map, filter, range, a dict's views) is never
equal to a set of members here; numpy stretches axes of length 1, `numeric.close` does not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, cast, get_args

from ocinterp.verifiers.comparison import AmbiguousError, equal, hashed, strict, type_name
from ocinterp.verifiers.inside.decoding import DEFAULT, TAG, Array, DecodeError, Foreign, Limits, Parts, decode
from ocinterp.verifiers.numeric import close, unwrapped

Profile = Literal["strict", "evalplus-0.2", "evalplus-0.3"]
Family = Literal["humaneval", "mbpp", ""]  # whose special cases there are; empty: none

PROFILES: Final[tuple[Profile, ...]] = get_args(Profile)
FLOATS: Final = 1e-6  # the tolerance where the data names none

# The entry points whose answers EvalPlus compares as sets (0.3), and as being there at all.
AS_SETS: Final = frozenset(
    {
        *("Diff", "common_in_nested_lists", "extract_singly", "find_char_long", "find_dissimilar"),
        *("intersection_array", "larg_nnum", "similar_elements"),
    }
)
# Those of them whose references give the members of a set in its own order. That of strings is another in each process,
# and EvalPlus 0.2 compared it with that of another process: no answer with several strings agreed, but by chance.
BY_CHANCE: Final = frozenset({"Diff", "find_dissimilar", "intersection_array", "similar_elements"})
AS_PRESENT: Final = frozenset({"check_str", "text_match_three", "text_starta_endb"})

# How the streams begin that may say a float, or a list or tuple of them (0.2 takes empty ones for such).
MAYBE_FLOATS: Final = re.compile(rb"\x80\x05(?:\x95.{8})?(?:\]?\(?G|[\])]\.)", re.DOTALL)
WRONG: Final = "wrong value"


class Oracle:
    """Judges the answers to one set of tests, in their order: under EvalPlus, a float seen changes what follows.

    `tolerance` is absolute, as the data has it (`atol`), 0 where it names none.
    """

    def __init__(self, profile: Profile, *, family: Family, entry_point: str, tolerance: float = 0.0) -> None:
        self.profile: Final = profile
        self.family: Final = family
        self.entry_point: Final = entry_point
        self._tolerance = tolerance or (FLOATS if profile == "strict" else 0.0)

    def judge(self, arguments: Sequence[Any], expected: Any, actual: Any) -> str:
        """Empty if the decoded `actual` is right, else a short reason. `arguments` are the trusted, plain ones."""
        try:
            if self.profile == "strict":
                return self._strict(arguments, expected, actual)
            return self._evalplus(arguments, expected, actual)
        except (ArithmeticError, RecursionError, TypeError, ValueError):  # arithmetic on what is no number, and such
            return WRONG

    def compare(self, arguments: Sequence[Any], expected: bytes, actual: bytes, *, limits: Limits = DEFAULT) -> str:
        """The same of encoded answers, which are decoded only where they differ or something hangs on it.

        DecodeError if `expected` is malformed; a malformed `actual` is a wrong answer.
        """
        if expected == actual and self.settled(expected):
            return ""
        wanted = decode(expected)
        try:
            found = decode(actual, limits=limits)
        except DecodeError as error:
            return f"not an answer: {error}"
        return self.judge(arguments, wanted, found)

    def settled(self, expected: bytes) -> bool:
        """Whether an answer of the same bytes as `expected` needs no judge.

        Under EvalPlus it does where NaN may be inside, which is not equal to itself, or where floats may be seen.
        """
        if self._is_find_zero() or self._as_sets() or self._by_chance():
            return False
        if self.profile == "strict":
            return True
        if TAG in expected or b"G\x7f" in expected or b"G\xff" in expected:
            return False
        return self._tolerance != 0 or MAYBE_FLOATS.match(expected) is None

    def _strict(self, arguments: Sequence[Any], expected: Any, actual: Any) -> str:
        if self._is_find_zero():
            if type(actual) is not float:
                return strict(expected, actual, self._tolerance)
            return "" if abs(polynomial(arguments[0], actual)) <= self._tolerance else "not a zero"
        return strict(expected, actual, self._tolerance)

    def _is_find_zero(self) -> bool:
        return self.family == "humaneval" and self.entry_point == "find_zero"

    def _evalplus(self, arguments: Sequence[Any], expected: Any, actual: Any) -> str:
        if self._as_sets():
            same = _same_members(expected, actual)
        elif self.family == "mbpp" and self.entry_point in AS_PRESENT:
            expected = expected is not None
            same = equal(expected, actual) if type(actual) is bool else expected == (actual is not None)
        else:
            same = self._same(arguments, expected, actual)
        if self._is_find_zero():
            value = polynomial(arguments[0], unwrapped(actual))
            if self.profile == "evalplus-0.3":
                return "" if abs(value) <= self._tolerance else "not a zero"
            if not value <= self._tolerance:  # 0.2 looks at one side only, and goes on
                return "not a zero"
        if self._tolerance == 0 and self._is_floats(expected):
            self._tolerance = FLOATS
        if same is None:
            return WRONG
        if same:
            return ""
        return WRONG if self._tolerance == 0 else self._close(expected, actual)

    def _same(self, arguments: Sequence[Any], expected: Any, actual: Any) -> bool | None:
        """Equality, with EvalPlus's exceptions for single tasks; None where its truth is an error."""
        try:
            same = equal(expected, actual) and not (self._by_chance() and _has_strings(expected))
        except AmbiguousError:
            return None
        return self._special(same, arguments, actual) if self.family == "mbpp" else same

    def _special(self, same: bool, arguments: Sequence[Any], actual: Any) -> bool:
        """EvalPlus's verdict for the tasks of MBPP that it treats in their own way."""
        if self.entry_point == "are_equivalent":
            return True
        if self.entry_point == "sum_div":
            return same or equal(0, actual)
        return same if self.profile == "evalplus-0.2" else self._special_since_3(same, arguments, actual)

    def _special_since_3(self, same: bool, arguments: Sequence[Any], actual: Any) -> bool:
        if self.entry_point == "surface_Area":
            return same or abs(unwrapped(actual) - pyramid_surface(*arguments)) <= self._tolerance
        if self.entry_point == "digit_distance_nums":
            return same or equal(digit_distance(*arguments), actual)
        return same

    def _by_chance(self) -> bool:
        return self.profile == "evalplus-0.2" and self.family == "mbpp" and self.entry_point in BY_CHANCE

    def _as_sets(self) -> bool:
        return self.profile == "evalplus-0.3" and self.family == "mbpp" and self.entry_point in AS_SETS

    def _is_floats(self, expected: Any) -> bool:
        """A float, or a list or tuple of floats only, which in 0.2 may be empty."""
        value = unwrapped(expected)
        if isinstance(value, Array):
            return value.dtype[1:] in {"f8", "f4"}
        if type(value) is list or type(value) is tuple:
            items = cast("Sequence[Any]", value)
            return all(type(unwrapped(each)) is float for each in items) and (
                bool(items) or self.profile == "evalplus-0.2"
            )
        return type(value) is float

    def _close(self, expected: Any, actual: Any) -> str:
        if self.profile == "evalplus-0.3":
            if type(expected) is not type(actual) or type_name(expected) != type_name(actual):
                return f"wrong type: {type_name(actual)[:80]} for {type_name(expected)[:80]}"
            return "" if close(expected, actual, self._tolerance, nan=False) else WRONG
        return "" if close(expected, actual, self._tolerance, nan=True) else WRONG


def _has_strings(value: Any) -> bool:
    """Whether it is a list or a tuple with several strings."""
    if type(value) is not list and type(value) is not tuple:
        return False
    return sum(type(each) is str for each in cast("Sequence[Any]", value)) > 1


def _same_members(expected: Any, actual: Any) -> bool:
    wanted, found = _members(expected), _members(actual)
    return wanted is not None and found is not None and wanted.keys() == found.keys()


def _members(value: Any) -> dict[Any, Any] | None:
    """What `set(value)` would hold; None where that is an error."""
    if isinstance(value, Parts) and value.type_name == "collections.deque":
        return hashed(value.parts)
    plain = unwrapped(value)
    if isinstance(plain, Array):
        plain = plain.items
    if isinstance(plain, list | tuple | set | frozenset | dict | str | bytes | bytearray):
        return hashed(cast("Sequence[Any]", plain))
    return None


def polynomial(coefficients: Sequence[float], x: Any) -> float:
    """coefficients[0] + coefficients[1] * x + ... (HumanEval/32). TypeError where `x` is no real number."""
    if isinstance(x, Parts | Foreign | str | bytes):
        raise TypeError
    return sum(each * math.pow(x, power) for power, each in enumerate(coefficients))


def pyramid_surface(base: float, height: float) -> int:
    """The surface of a square pyramid of that perpendicular height, rounded (Mbpp/581)."""
    slant = math.sqrt((base / 2) ** 2 + height**2)
    return round(base**2 + 2 * base * slant)


def digit_distance(one: int, other: int) -> int:
    """The sum of the differences of two numbers' digits, the shorter one filled with zeros (Mbpp/558)."""
    digits = str(one), str(other)
    width = max(map(len, digits))
    return sum(abs(int(a) - int(b)) for a, b in zip(*(each.zfill(width) for each in digits), strict=True))
