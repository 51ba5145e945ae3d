"""Values of ours as rows of Parquet, and back: a column for each field, a list for a tuple, a struct for a value within.

A mapping of texts is a list of structs with `name` and `value`: `datasets` cannot load Arrow's own map type.
"""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping
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
        return parquet.write(path, (cast("dict[str, Any]", _plain(each)) for each in rows), self.schema)

    def read(self, path: Path) -> Iterator[_T]:
        """Its rows. DataError for a file of something else, or a damaged one."""
        hints = _hints(self.kind)
        for fields_ in parquet.rows(path):
            try:
                yield self._adapter.validate_python(_mended(fields_, hints))
            except ValidationError as error:
                first = error.errors()[0]
                place = ".".join(map(str, first["loc"]))
                raise DataError(f"{path}: no table of {self.kind.__name__}: {place}: {first['msg']}") from error


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


def _plain(value: object) -> object:
    if is_dataclass(value):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in cast("Iterable[object]", value)]
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        return [{"name": name, "value": _plain(each)} for name, each in pairs.items()]
    return value.value if isinstance(value, Enum) else value


def _mended(found: Mapping[str, Any], hints: Mapping[str, Any]) -> dict[str, Any]:
    """With mappings where lists of names and values stand."""
    return {name: _mended_value(value, hints.get(name)) for name, value in found.items()}


def _mended_value(value: Any, hint: Any) -> Any:
    if value is None:
        return None
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _mended_value(value, next(each for each in arguments if each is not type(None)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {each["name"]: each["value"] for each in value}
    if origin is tuple:
        return [_mended_value(each, arguments[0]) for each in value]
    if is_dataclass(hint) and isinstance(value, Mapping):
        return _mended(cast("Mapping[str, Any]", value), _hints(cast("type", hint)))
    return value
