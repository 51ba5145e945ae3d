"""Values of ours as rows of Parquet, and back: a column for each field, a list for a tuple, a struct for a value within.

A mapping of texts is a list of structs with `name` and `value`: `datasets` cannot load Arrow's own map type.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ocinterp.errors import DataError
from ocinterp.synth import parquet
from ocinterp.synth.parquet import Kind

_T = TypeVar("_T")
_SCALARS: Mapping[type, str] = {str: "string", bool: "bool", int: "int64", float: "double"}


class Table(Generic[_T]):
    """Files of one kind of value, a dataclass of plain parts."""

    def __init__(self, kind: type[_T]) -> None:
        self.kind = kind
        self._adapter: TypeAdapter[_T] = TypeAdapter(kind)

    @property
    def schema(self) -> dict[str, Kind]:
        """The columns, in the order of the fields."""
        return _columns(self.kind)

    def write(self, path: Path, rows: Iterable[_T]) -> int:
        """Write a file in one step, and say how many rows it has; it may have none."""
        plain = _plain(self.kind)
        return parquet.write(path, map(plain, rows) if plain else cast("Any", rows), self.schema)

    def read(self, path: Path) -> Iterator[_T]:
        """Its rows. DataError for a file of something else, or a damaged one."""
        return self._values(path, parquet.rows(path))

    def sift(self, source: Path, path: Path, keep: Iterable[bool]) -> Iterator[_T]:
        """Write the rows of a file that are to be kept into another, as they are, and give the others. Errors as of `read`.

        The file is there when all were taken from it. `keep` has one for each row.
        """
        return self._values(source, parquet.sift(source, path, keep))

    def _values(self, path: Path, rows: Iterable[dict[str, Any]]) -> Iterator[_T]:
        mend = _mend(self.kind)
        for fields_ in rows:
            try:
                yield self._adapter.validate_python(mend(fields_) if mend else fields_)
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise DataError(f"{path}: no table of {self.kind.__name__}: {place}: {first['msg']}") from error
            except (TypeError, KeyError) as error:  # no value where one should be taken apart
                raise DataError(f"{path}: no table of {self.kind.__name__}: its columns are others") from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _columns(kind: type) -> dict[str, Kind]:
    hints = _hints(kind)
    return {each.name: _kind(hints[each.name]) for each in fields(cast("Any", kind))}


def _kind(hint: Any) -> Kind:
    """What a type is in Parquet."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        (inner,) = (each for each in arguments if each is not type(None))
        return _kind(inner)
    if origin is Literal:
        return "string"
    if origin is tuple:
        if arguments[-1] is Ellipsis or len(set(arguments)) == 1:
            return [_kind(arguments[0])]
        raise TypeError(f"{hint} has no one type of parts")
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return [{"name": "string", "value": _kind(arguments[1])}]
    if is_dataclass(hint):
        return _columns(cast("type", hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "string"
    return cast("Kind", _SCALARS[hint])


# How values of a type are changed on their way out and in, worked out once for the type; None where they are not.
_Change = Callable[[Any], Any] | None


@cache
def _plain(hint: Any) -> _Change:
    """To what Parquet has: a dict for a dataclass, a list for a tuple, names and values for a mapping, a text for an enum."""
    inner = _without_none(hint)
    origin, arguments = get_origin(inner), get_args(inner)
    if origin is tuple:
        return _unless_none(_each(_plain(arguments[0])))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        change = _plain(arguments[1]) or _same
        return _unless_none(lambda value: [{"name": name, "value": change(each)} for name, each in value.items()])
    if is_dataclass(inner):
        changes = [(name, _plain(kind) or _same) for name, kind in _hints(cast("type", inner)).items()]
        return _unless_none(lambda value: {name: change(getattr(value, name)) for name, change in changes})
    if isinstance(inner, type) and issubclass(inner, Enum):
        return _unless_none(lambda value: value.value)
    return None


@cache
def _mend(hint: Any) -> _Change:
    """From what Parquet has: mappings where lists of names and values stand. All else pydantic does."""
    inner = _without_none(hint)
    origin, arguments = get_origin(inner), get_args(inner)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _unless_none(lambda value: {each["name"]: each["value"] for each in value})
    if origin is tuple:
        change = _mend(arguments[0])
        return _unless_none(_each(change)) if change else None
    if not is_dataclass(inner):
        return None
    hints = _hints(cast("type", inner)).items()
    changes = [(name, change) for name, kind in hints if (change := _mend(kind)) is not None]

    def mended(value: Any) -> Any:
        return {**value, **{name: change(value[name]) for name, change in changes if name in value}}

    return _unless_none(mended) if changes else None


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        return next(each for each in get_args(hint) if each is not type(None))
    return hint


def _unless_none(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else change(value)


def _each(change: _Change) -> Callable[[Any], list[Any]]:
    return (lambda value: [change(each) for each in value]) if change else list


def _same(value: Any) -> Any:
    return value
