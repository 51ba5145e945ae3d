"""Decoded answers as the values that tests expect: the candidate's own classes and numpy's scalars become plain values."""

from __future__ import annotations

import datetime
import importlib
import re
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final, cast

from ocinterp.verifiers.inside.decoding import TAG, Array, DecodeError, Foreign, Limits, Parts, Scalar, Sub, decode

LIMITS: Final = Limits(bytes=1 << 27, items=5_000_000, depth=300, digits=200_000)
_NUMBERS: Final = re.compile(r"[<>|=][biufc]\d{1,2}")  # numpy's dtypes that are taken at their word
Resolve = Callable[[Foreign], Any]


def read(data: bytes, resolve: Resolve) -> Any:
    """What an answer says, as real values; `resolve` gives those that it refers to. Raises DecodeError."""
    value = decode(data, limits=LIMITS)
    if TAG not in data:
        return value
    try:
        return _revived(value, resolve)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise DecodeError(f"not a value: {error}") from error


def _revived(value: Any, resolve: Resolve) -> Any:
    kind = _class(value)
    if kind in {list, tuple, set, frozenset}:
        return cast("Any", kind)(_revived(each, resolve) for each in value)
    if kind is dict:
        return {_revived(key, resolve): _revived(item, resolve) for key, item in value.items()}
    if kind is Foreign:
        return resolve(value)
    if kind is Sub:
        inside = _revived(value.value, resolve)
        known = _SUBS.get(value.type_name)
        return known(inside) if known is not None and type(inside) is dict else inside
    if kind is Scalar:
        return value.value
    if kind is Parts:
        made = _PARTS.get(value.type_name, _parts)
        return made(*[_revived(each, resolve) for each in value.parts])
    return _array(value, resolve) if kind is Array else value


def _class(value: object) -> type:
    return type(value)


def _array(value: Array, resolve: Resolve) -> Any:
    """A numpy array, or nested lists where there is no numpy here."""
    items = _revived(value.items, resolve)
    try:
        numpy: Any = importlib.import_module("numpy")
    except ImportError:
        return items
    dtype = value.dtype if _NUMBERS.fullmatch(value.dtype) else None
    return numpy.array(items, dtype=dtype).reshape(value.shape)


def _parts(*parts: Any) -> Any:
    """What has no better form: one part alone, such as an enum's value or a memoryview's bytes, or all of them."""
    return parts[-1]


def _timezone(arguments: tuple[Any, ...]) -> datetime.timezone:
    return datetime.timezone(*arguments)


def _datetime(*parts: Any) -> datetime.datetime:
    *when, fold, zone = parts
    return datetime.datetime(*when, tzinfo=zone, fold=fold)


def _time(*parts: Any) -> datetime.time:
    *when, fold, zone = parts
    return datetime.time(*when, tzinfo=zone, fold=fold)


_SUBS: Final[dict[str, Callable[[Any], Any]]] = {
    "collections.Counter": Counter,
    "collections.OrderedDict": OrderedDict,
}
_PARTS: Final[dict[str, Callable[..., Any]]] = {
    "collections.deque": lambda *parts: deque(parts),
    "decimal.Decimal": Decimal,
    "fractions.Fraction": Fraction,
    "datetime.datetime": _datetime,
    "datetime.date": datetime.date,
    "datetime.time": _time,
    "datetime.timedelta": datetime.timedelta,
    "datetime.timezone": _timezone,
}


def refreshed(old: Any, new: Any) -> Any:
    """`new`, in the place of `old` where that is a container of the same kind: whoever holds it sees the change."""
    kind = _class(old)
    if kind is not type(new) or old is new:
        return new
    if kind is list:
        old[:] = [refreshed(*pair) for pair in zip(old, new, strict=False)] + new[len(old) :]
    elif kind is dict:
        kept = {key: refreshed(old[key], item) if key in old else item for key, item in new.items()}
        old.clear()
        old.update(kept)
    elif kind is set:
        old.clear()
        old.update(new)
    elif kind is bytearray:
        old[:] = new
    elif kind is tuple:
        for pair in zip(old, new, strict=False):
            refreshed(*pair)
        return old if old == new else new
    else:
        return new
    return old
