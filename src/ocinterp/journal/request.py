"""What an act is known by: equal requests are one act, whoever asks, and whenever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, cached_property
from types import NoneType
from typing import TYPE_CHECKING, Final, cast

from ocinterp.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FORMAT: Final = 1  # a part of every key: a change of what is hashed, or how, is another number
_EXACT: Final = 2.0**53  # up to here a float that is whole is that whole number
_MOST_SAMPLES: Final = 2**31
_JSON: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Request:
    """An act by its content.

    `kind` is what sort of act it is, `model` who or what performs it, `content` what is asked (messages, or any plain
    data), `settings` what else its answer depends on. `sample` tells independent answers to the same request apart,
    and `scope` keeps apart what a caller does not want shared. UsageError for what has no one way to be written down.
    """

    kind: str
    model: str
    content: object
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    sample: int = 0
    scope: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.sample < _MOST_SAMPLES:
            raise UsageError(f"a sample's number is between 0 and {_MOST_SAMPLES - 1}, not {self.sample}")
        try:
            f"{self.kind}{self.model}{self.scope}".encode()
        except UnicodeEncodeError as error:
            raise UsageError(
                f"the name of a kind, a model or a scope is not valid Unicode: {error.object!a}"
            ) from error

    @cached_property
    def key(self) -> bytes:
        """16 bytes of BLAKE2b over canonical JSON: keys sorted, ASCII, no blanks, 1.0 written as 1."""
        parts = [_FORMAT, self.kind, self.model, self.content, self.settings, self.sample, self.scope]
        return hashlib.blake2b(_JSON.encode(_plain(parts)).encode("ascii"), digest_size=16).digest()


def _plain(value: object) -> object:
    if type(value) in {str, int, bool, NoneType}:  # most of it: a test of a class of collections.abc takes longer
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    match value:
        case str():
            return str(value)
        case int():
            return int(value)
        case float():
            return _number(value)
        case Mapping():
            return {_name(name): _plain(each) for name, each in cast("Mapping[object, object]", value).items()}
        case Sequence() if not isinstance(value, (bytes, bytearray, memoryview)):
            return [_plain(each) for each in cast("Sequence[object]", value)]
        case _:
            raise UsageError(
                f"a {type(value).__name__} cannot be part of a request: text, numbers, lists and tables can"
            )


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def _number(value: float) -> float:
    if value - value != 0:  # only NaN and the infinities
        raise UsageError(f"{value} cannot be part of a request: it is not finite")
    return int(value) if value.is_integer() and abs(value) <= _EXACT else value


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise UsageError(f"the names in a request are text, not {value!r}")
    return value
