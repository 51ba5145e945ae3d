"""Answers as bytes, written in the candidate's process without running the candidate's code.

A stream is what CPython's C pickler writes under protocol 5 without its memo, so that it depends on the value alone.
What is not exactly a plain builtin becomes a tag, the opcodes of a call `type(KIND, ...)`; `decoding` lists the kinds
and is the only reader. A tag's contents are read through the methods of builtin types, never through those of the
value's own class. Equal streams mean equal values: the tag of what cannot be said holds a random number.
"""

from __future__ import annotations

import sys
from _blake2 import blake2b  # hashlib would load OpenSSL, 3 MB in every process
from _pickle import PickleError, Pickler
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from os import urandom
from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any, Final, cast

PROTOCOL: Final = 5
DIGEST_BYTES: Final = 16
THRESHOLD: Final = 1 << 14  # bytes: a longer answer is sent as a digest
LIMIT: Final = 1 << 28  # bytes: a longer answer is not said; shared parts are written out, which can grow without end
DEPTH: Final = 1000  # of the interpreter's stack, whatever the candidate made of its limit
NAME: Final = 200  # characters of a type's name

# What reading a value can raise; a MemoryError is freed by the time it is caught.
_FAILURES: Final = (
    *(ArithmeticError, AssertionError, AttributeError, BufferError, LookupError, MemoryError, OSError),
    *(PickleError, RuntimeError, TypeError, ValueError),
)


@dataclass(frozen=True, slots=True)
class Digest:
    """In place of a long answer: how many bytes its stream has, and their blake2b of 16 bytes."""

    length: int
    digest: bytes


Answer = bytes | Digest


Refer = Callable[[object], str]


def encode(value: object, *, limit: int = LIMIT, refer: Refer | None = None) -> bytes:
    """The stream of `value`; whatever it is, this does not raise. What takes over `limit` bytes becomes a foreign tag.

    `refer` gives words by which a value that cannot be said can be spoken of: its tag's `why`.
    """
    found = answer(value, threshold=limit, limit=limit, refer=refer)
    assert isinstance(found, bytes)
    return found


def answer(value: object, *, threshold: int = THRESHOLD, limit: int = LIMIT, refer: Refer | None = None) -> Answer:
    """The stream of `value`, or its digest where it has over `threshold` bytes; those are never held all at once.

    One text or one bytes object inside it is, since the pickler hands it over whole.
    """
    sink = _Sink(threshold, limit)
    before = sys.getrecursionlimit()
    try:
        if before != DEPTH:
            sys.setrecursionlimit(DEPTH)
        _write(value, sink, refer)
    except _FAILURES as error:
        sink = _Sink(1 << 12, 1 << 12)
        _write(_Unsaid(_name(type(value)), _why(error) if refer is None else refer(value)), sink)
    finally:
        if before != DEPTH:
            sys.setrecursionlimit(before)
    return sink.answer()


class _TooLongError(RuntimeError):
    """The stream is over its limit."""


class _Sink:
    """Takes the pieces of a stream: keeps them up to `threshold` bytes, and only their digest beyond."""

    __slots__ = ("digest", "length", "limit", "pieces", "threshold")

    def __init__(self, threshold: int, limit: int) -> None:
        self.threshold, self.limit = threshold, limit
        self.length = 0
        self.pieces: list[bytes] = []
        self.digest: blake2b | None = None

    def write(self, piece: bytes, /) -> None:
        self.length += len(piece)
        if self.length > self.limit:
            raise _TooLongError
        if self.digest is not None:
            self.digest.update(piece)
            return
        self.pieces.append(piece)
        if self.length > self.threshold:
            self.digest = blake2b(digest_size=DIGEST_BYTES)
            for each in self.pieces:
                self.digest.update(each)
            self.pieces.clear()

    def answer(self) -> Answer:
        if self.digest is not None:
            return Digest(self.length, self.digest.digest())
        return self.pieces[0] if len(self.pieces) == 1 else b"".join(self.pieces)


class _Unsaid:
    """Stands for a value that could not be written."""

    __slots__ = ("name", "why")

    def __init__(self, name: str, why: str) -> None:
        self.name, self.why = name, why


def _why(error: BaseException) -> str:
    match error:
        case _TooLongError():
            return "large"
        case RecursionError():
            return "deep"
        case MemoryError():
            return "memory"
        case ValueError() if "cyclic" in str(error):
            return "recursive"
        case _:
            return "error"


def _write(value: object, sink: _Sink, refer: Refer | None = None) -> None:
    pickler = _Pickler(sink, PROTOCOL)
    pickler.refer = refer
    pickler.fast = True
    pickler.dump(value)


class _Pickler(Pickler):
    """Asks `_tag` about everything that is not exactly None, bool, int, float, str, bytes, bytearray or a container."""

    refer: Refer | None = None

    def reducer_override(self, obj: Any, /) -> Any:
        if obj is type:
            return "type"  # a reference to the builtin: the head of every tag
        tag = _tag(obj)
        if self.refer is not None and tag[0] == "foreign" and type(obj) is not _Unsaid:
            tag = (*tag[:2], self.refer(obj), tag[3])
        return type, tag


# Slots of builtin types, bound before a candidate runs: no metaclass and no attribute of a class can answer for them.
_dict_of: Final = type.__dict__["__dict__"].__get__
_flags_of: Final = type.__dict__["__flags__"].__get__
_module_of: Final = type.__dict__["__module__"].__get__
_mro_of: Final = type.__dict__["__mro__"].__get__
_qualname_of: Final = type.__dict__["__qualname__"].__get__
_exact: Final = str.__str__
_IMMUTABLE: Final = 1 << 8  # Py_TPFLAGS_IMMUTABLETYPE: a type written in C, which no candidate could make or patch
_list: Final[Any] = list
_tuple: Final[Any] = tuple
_items: Final[Any] = cast("Any", dict).items
_get: Final[Any] = cast("Any", dict).get
_ordered_keys: Final[Any] = cast("Any", OrderedDict).__iter__


_CONTENTS: Final[dict[Any, Callable[[Any], object]]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    complex: complex.__complex__,
    bytes: bytes.__bytes__,
    bytearray: lambda value: bytearray.__getitem__(value, slice(None)),
    list: lambda value: _list.__getitem__(value, slice(None)),
    tuple: lambda value: _tuple.__getitem__(value, slice(None)),
    dict: lambda value: list(_items(value)),  # pairs: a copy would hash the keys, or ask an overridden `keys`
    set: cast("Any", set).copy,
    frozenset: cast("Any", frozenset).copy,
}
# By id: a class is never hashed or compared, since its metaclass could answer.
_BUILTINS: Final = {id(base): (base.__name__, contents) for base, contents in _CONTENTS.items()}
_PARTS: Final = {
    "datetime.datetime": ("year", "month", "day", "hour", "minute", "second", "microsecond", "fold", "tzinfo"),
    "datetime.date": ("year", "month", "day"),
    "datetime.time": ("hour", "minute", "second", "microsecond", "fold", "tzinfo"),
    "datetime.timedelta": ("days", "seconds", "microseconds"),
}
_METHODS: Final = {  # types in C -> the method that tells all
    "decimal.Decimal": "__str__",
    "datetime.timezone": "__getinitargs__",
    "builtins.memoryview": "tobytes",
}
_ATOMS: Final = (str, int, float, bool, bytes, type(None))
_ITEMS: Final = frozenset("?bhilqBHILQefdFDSU")  # numpy's dtype characters whose items are plain values


def _tag(value: object) -> tuple[object, ...]:
    """The kind of `value` and what it holds, all of it plain or tagged in turn."""
    cls: type = type(value)
    if cls is complex:
        whole = cast("complex", value)
        return "complex", whole.real, whole.imag
    if cls is _Unsaid:  # isinstance would ask the value for its __class__
        failed = cast("_Unsaid", value)
        return "foreign", failed.name, failed.why, urandom(8)
    name = _name(cls)
    try:
        return _known(value, name, _mro_of(cls)) or ("foreign", name, "", urandom(8))
    except RecursionError:
        raise  # the whole answer is too deep, not what is at its bottom
    except _FAILURES as error:
        return "foreign", name, _why(error), urandom(8)


def _known(value: Any, name: str, bases: tuple[type, ...]) -> tuple[object, ...] | None:
    """What `value` holds as the first of its `bases` that is known; numpy's scalars may be floats or texts as well."""
    for base in bases:
        if _name(base) == "numpy.generic" and _flags_of(base) & _IMMUTABLE:
            return "scalar", name, _item(value, _dict_of(base))
    for base in bases:
        if found := _BUILTINS.get(id(base)):
            kind, contents = found
            ordered = base is dict and any(each is OrderedDict for each in bases)
            return "sub", name, kind, _ordered(value) if ordered else contents(value)
        own = _name(base)
        if _flags_of(base) & _IMMUTABLE:
            if found := _written_in_c(value, name, own, base):
                return found
        elif own in {"enum.Enum", "fractions.Fraction"} and (found := _library(value, name, own, _dict_of(base))):
            return found
    return None


def _written_in_c(value: Any, name: str, base: str, cls: type) -> tuple[object, ...] | None:
    slots: Any = _dict_of(cls)
    if base == "numpy.ndarray":
        dtype = slots["dtype"].__get__(value)
        return "array", name, dtype.str, slots["shape"].__get__(value), slots["tolist"](value)
    if base == "collections.deque":
        return "parts", name, list(slots["__iter__"](value))
    if base in _PARTS:
        return "parts", name, [getattr(cls, each).__get__(value) for each in _PARTS[base]]
    if base in _METHODS:
        return "parts", name, [slots[_METHODS[base]](value)]
    return None


def _item(value: Any, slots: Any) -> object:
    """A numpy scalar as a plain value, a longdouble as the nearest; as its bytes where there is none (datetime64)."""
    char = slots["dtype"].__get__(value).char
    method = "item" if char in _ITEMS else "__float__" if char == "g" else "tobytes"
    return slots[method](value)


def _library(value: Any, name: str, base: str, slots: Any) -> tuple[object, ...] | None:
    """Types of the library that are written in Python: read from their own storage."""
    if base == "enum.Enum":
        if type(slots["__dict__"]) is not GetSetDescriptorType:
            return None
        held = slots["__dict__"].__get__(value)
        return "parts", name, [_get(held, "_name_"), _get(held, "_value_")]
    parts = [slots[each] for each in ("_numerator", "_denominator")]
    if all(type(each) is MemberDescriptorType for each in parts):
        return "parts", name, [each.__get__(value) for each in parts]
    return None


def _ordered(value: Any) -> list[tuple[object, object]]:
    """The pairs of an OrderedDict in its own order, which is not that of the dict below it.

    Its iterator hashes the keys: where one is no plain atom, the dict's order has to do.
    """
    pairs = {id(key): (key, item) for key, item in _items(value)}
    if any(all(type(key) is not each for each in _ATOMS) for key, _ in pairs.values()):
        return list(pairs.values())
    keys = list(_ordered_keys(value))
    return [pairs[id(key)] for key in keys] if len(keys) == len(pairs) else list(pairs.values())


def _name(cls: type) -> str:
    """Where the class says it is defined, as `module.Class`; a builtin's name alone is not enough to be one."""
    try:
        module = _module_of(cls)
    except AttributeError:  # it was deleted
        module = None
    return f"{module if type(module) is str else '?'}.{_exact(_qualname_of(cls))}"[-NAME:]
