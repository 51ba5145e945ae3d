"""Numbers in decoded answers: how close they are, by the definition of numpy.allclose, which is not used."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final

from ocinterp.verifiers.inside.decoding import Array, Parts, Scalar, Sub

RELATIVE: Final = 1e-7  # EvalPlus's rtol, the default of numpy.testing
DIMENSIONS: Final = 64  # of a numpy array, at most

FRACTION_BITS: Final = 1 << 15  # of what is read as a Fraction: to reduce one of a million digits takes 17 s

Leaves = tuple[tuple[int, ...], list[Any]]  # shape, items


def within(expected: complex, actual: complex, absolute: float, relative: float = RELATIVE) -> bool:
    """|actual - expected| <= absolute + relative * |expected|, as numpy.isclose; infinities are close to themselves."""
    if expected == actual:
        return True
    try:
        bound = absolute + relative * abs(expected)
        return math.isfinite(bound) and abs(actual - expected) <= bound
    except OverflowError:
        return False


def unwrapped(value: Any) -> Any:
    """A value as its own `==` would treat it: subclasses and numpy's scalars as what they hold; not what is inside."""
    while isinstance(value, Sub | Scalar):
        value = value.value
    if isinstance(value, Parts):
        return _number(value)
    return value


def _number(value: Parts) -> Any:
    """Decimal and Fraction as themselves; other parts as they are."""
    try:
        match value:
            case Parts("decimal.Decimal", (str() as text,)) if len(text) <= 1000:
                return Decimal(text)
            case Parts("fractions.Fraction", (int() as upper, int() as lower)) if _is_short(upper, lower):
                return Fraction(upper, lower)
            case _:
                return value
    except (InvalidOperation, ZeroDivisionError):
        return value


def _is_short(*numbers: int) -> bool:
    return all(each.bit_length() <= FRACTION_BITS for each in numbers)


def leaves(value: Any) -> Leaves | None:
    """Nested lists as numpy reads them; None where lists of one level differ in length, or stand beside other values."""
    level, shape = [_listed(value)], list[int]()
    while level and type(level[0]) in {list, tuple}:
        size = len(level[0])
        regular = all(type(each) in {list, tuple} and len(each) == size for each in level)
        if not regular or len(shape) == DIMENSIONS:
            return None
        shape.append(size)
        level = [_listed(each) for items in level for each in items]
    if any(type(each) in {list, tuple} for each in level):
        return None
    return tuple(shape), level


def _listed(value: Any) -> Any:
    value = unwrapped(value)
    if isinstance(value, Parts) and value.type_name == "collections.deque":
        return value.parts
    return value.items if isinstance(value, Array) else value


def close(expected: Any, actual: Any, absolute: float, *, nan: bool) -> bool:
    """Whether all numbers in two nested lists are `within` each other; `nan`: NaN is close to NaN.

    The shapes must be equal, or one value a single number. Left out: numpy would also stretch axes of length 1.
    What numpy cannot compare so (texts, None, integers beyond 64 bits) is not close.
    """
    one, other = leaves(expected), leaves(actual)
    if one is None or other is None:
        return False
    (wanted_shape, wanted), (found_shape, found) = one, other
    if not all(map(_numeric, wanted)) or not all(map(_numeric, found)):
        return False
    if wanted_shape != found_shape:
        if wanted_shape and found_shape:
            return False
        size = max(len(wanted), len(found)) if wanted and found else 0
        wanted, found = (
            each if shape else each * size for each, shape in ((wanted, wanted_shape), (found, found_shape))
        )
    return all(
        within(each, got, absolute) or (nan and each != each and got != got)
        for each, got in zip(wanted, found, strict=True)
    )


def _numeric(value: Any) -> bool:
    if type(value) is int:
        return -(1 << 63) <= value < 1 << 64
    return type(value) in {bool, float, complex}
