"""Answers read back from bytes that nobody vouches for, in time linear in their number and without running anything.

The stream is what `encoding` writes: opcodes of pickle protocol 5, of which only those below are known, each with its
argument as the comments of CPython's `pickletools` describe it. Nothing is looked up or imported. The one call there
is, `type(KIND, ...)`, makes one of these:

    complex  real, imaginary                        the number
    sub      type, base, contents                   Sub; a dict's contents are a list of pairs
    parts    type, list                             Parts
    scalar   type, item                             Scalar
    array    type, dtype, shape, nested lists       Array
    foreign  type, why, random bytes                Foreign
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from struct import Struct
from typing import Any, Final, cast


class DecodeError(ValueError):
    """The bytes are not an answer, or one beyond its limits; the message says which and where."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an answer may hold. `depth` counts containers around a value; a stack of CPython bears about 900."""

    bytes: int = 1 << 28
    items: int = 5_000_000
    depth: int = 500
    digits: int = 1_000_000  # of an integer
    collisions: int = 20_000  # pairs of keys with equal hashes, over the whole answer


@dataclass(frozen=True, slots=True)
class Sub:
    """A value of a subclass of a builtin, or of what calls itself so: its contents as the builtin sees them."""

    type_name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Parts:
    """A value of the standard library's that is no builtin: Decimal, Fraction, datetime, deque, Enum, memoryview."""

    type_name: str
    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A numpy scalar; `value` is bytes where no plain value has its precision."""

    type_name: str
    value: Any


@dataclass(frozen=True, slots=True)
class Array:
    """A numpy array: `items` as nested lists, one item where `shape` is empty. `dtype` as in "<f8"."""

    type_name: str
    dtype: str
    shape: tuple[int, ...]
    items: Any


@dataclass(frozen=True, slots=True)
class Foreign:
    """What cannot be said: a generator, an instance. `why` is recursive, deep, large, memory, error or empty."""

    type_name: str
    why: str = ""


DEFAULT: Final = Limits()
TAG: Final = b"\x8c\x08builtins\x8c\x04type\x93"  # in the stream of every value that is not plain


def decode(data: bytes, *, limits: Limits = DEFAULT) -> Any:
    """The value that `data` says: plain values, and the classes of this module where it was not plain.

    DecodeError for anything that `encoding` would not write, or that is beyond `limits`.
    """
    if len(data) > limits.bytes:
        raise DecodeError(f"{len(data)} bytes, of at most {limits.bytes}")
    return _Machine(data, limits).run()


def collisions(keys: Iterable[Hashable], counts: dict[int, int] | None = None) -> int:
    """How many pairs of `keys` have equal hashes, each of which costs a comparison when they are put into a set.

    `counts` holds how many keys have a hash: given again, it adds to those before.
    """
    counts = {} if counts is None else counts
    pairs = 0
    for key in keys:
        number = hash(key)
        before = counts.get(number, 0)
        counts[number] = before + 1
        pairs += before
    return pairs


class _Name:
    """What is no value."""

    __slots__ = ()


_GLOBAL: Final = _Name()  # a reference to `type`, which stands before a tag
_U32, _U64 = Struct("<I"), Struct("<Q")
_NUMBERS: Final = {ord("K"): Struct("<B"), ord("M"): Struct("<H"), ord("J"): Struct("<i"), ord("G"): Struct(">d")}


class _Machine:
    """A pickle machine's stack and marks. A container's depth is counted when it closes, from those of its items."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        self.data, self.limits = data, limits
        self.at = 0
        self.stack: list[Any] = []
        self.deep: list[int] = []  # beside `stack`: how many containers are in each value, one in another
        self.marks: list[int] = []
        self.items = self.pairs = 0
        self.counts: dict[int, dict[int, int]] = {}  # of the dicts and sets, by their id: they are filled piecewise
        self.ended = False

    def run(self) -> Any:
        data, size = self.data, len(self.data)
        if data[:2] != b"\x80\x05":
            raise DecodeError("no stream of this format begins here")
        self.at = 2
        try:
            while not self.ended:
                byte = data[self.at]
                self.at += 1
                if form := _NUMBERS.get(byte):
                    self.push(form.unpack_from(data, self.at)[0])
                    self.at += form.size
                else:
                    _CODES[byte](self)
        except (IndexError, KeyError, RecursionError, struct.error) as error:
            raise DecodeError(f"malformed at byte {self.at} of {size}") from error
        if self.at != size or len(self.stack) != 1 or self.marks:
            raise DecodeError(f"more than one value, or none, in {size} bytes")
        return Foreign("builtins.type") if self.stack[0] is _GLOBAL else self.stack[0]

    def push(self, value: Any, depth: int = 0) -> None:
        self.items += 1
        if self.items > self.limits.items:
            raise DecodeError(f"more than {self.limits.items} items")
        if depth > self.limits.depth:
            raise DecodeError(f"more than {self.limits.depth} containers, one in another")
        self.stack.append(value)
        self.deep.append(depth)

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise DecodeError(f"{size} bytes announced at byte {start} of {len(self.data)}")
        return self.data[start : self.at]

    def number(self, form: Struct) -> Any:
        return form.unpack(self.take(form.size))[0]

    def pop(self, count: int) -> tuple[list[Any], int]:
        """The top `count` values, and the depth of a container that holds them."""
        start = len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise DecodeError(f"values are missing at byte {self.at}")
        values, depth = self.stack[start:], max(self.deep[start:], default=0) + 1
        del self.stack[start:], self.deep[start:]
        return [Foreign("builtins.type") if each is _GLOBAL else each for each in values], depth

    def pop_mark(self) -> tuple[list[Any], int]:
        """The values above the last mark."""
        found = self.pop(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return found

    def below(self, kind: type) -> Any:
        """The container on top of the stack, an unfinished one of `kind`."""
        if len(self.stack) <= (self.marks[-1] if self.marks else 0) or type(self.stack[-1]) is not kind:
            raise DecodeError(f"no {kind.__name__} to fill at byte {self.at}")
        return self.stack[-1]

    def grow(self, kind: type, fill: Callable[[Any, list[Any]], None], found: tuple[list[Any], int]) -> None:
        """Put what was found into the container below it; its depth may grow."""
        values, depth = found
        fill(self.below(kind), values)
        if depth > self.limits.depth:
            raise DecodeError(f"more than {self.limits.depth} containers, one in another")
        self.deep[-1] = max(self.deep[-1], depth)

    def check(self, target: object, keys: Sequence[Any]) -> None:
        """That `keys` can be added to `target` in linear time. A target lives as long as this machine."""
        try:
            self.pairs += collisions(keys, self.counts.setdefault(id(target), {}))
        except (TypeError, RecursionError) as error:
            raise DecodeError(f"a key that cannot be one before byte {self.at}") from error
        if self.pairs > self.limits.collisions:
            raise DecodeError(f"more than {self.limits.collisions} pairs of keys have equal hashes")

    def fill_dict(self, target: dict[Any, Any], values: list[Any]) -> None:
        keys = values[::2]
        if len(values) % 2:
            raise DecodeError(f"a key without a value before byte {self.at}")
        self.check(target, keys)
        size = len(target)
        target.update(zip(keys, values[1::2], strict=True))
        if len(target) != size + len(keys):
            raise DecodeError(f"a key twice before byte {self.at}")

    def fill_set(self, target: set[Any], values: list[Any]) -> None:
        self.check(target, values)
        size = len(target)
        target.update(values)
        if len(target) != size + len(values):
            raise DecodeError(f"a member twice before byte {self.at}")

    def integer(self, size: int) -> None:
        if size * 8 > self.limits.digits * 3.33:
            raise DecodeError(f"an integer of more than {self.limits.digits} digits")
        self.push(int.from_bytes(self.take(size), "little", signed=True))

    def text(self, size: int) -> None:
        try:
            self.push(self.take(size).decode("utf-8", "surrogatepass"))
        except UnicodeDecodeError as error:
            raise DecodeError(f"no text before byte {self.at}") from error

    def frame(self) -> None:
        if self.number(_U64) > len(self.data) - self.at:
            raise DecodeError(f"a frame beyond the end at byte {self.at}")

    def stop(self) -> None:
        self.ended = True

    def mark(self) -> None:
        if len(self.marks) > self.limits.depth:
            raise DecodeError(f"more than {self.limits.depth} containers, one in another")
        self.marks.append(len(self.stack))

    def tuple_of(self, count: int) -> None:
        values, depth = self.pop(count)
        self.push(tuple(values), depth)

    def marked(self, kind: type) -> None:
        values, depth = self.pop_mark()
        if kind is frozenset:
            target: set[Any] = set()
            self.fill_set(target, values)
            self.counts.pop(id(target), None)  # it ends here, and its id may be used again
        self.push(kind(values), depth)

    def name(self) -> None:
        if self.pop(2)[0] != ["builtins", "type"]:
            raise DecodeError(f"a name of something at byte {self.at}")
        self.push(_GLOBAL)

    def reduce(self) -> None:
        arguments, depth = self.stack.pop(), self.deep.pop()
        floor = self.marks[-1] if self.marks else 0
        if len(self.stack) <= floor or self.stack.pop() is not _GLOBAL or type(arguments) is not tuple:
            raise DecodeError(f"a call of something at byte {self.at}")
        self.deep.pop()
        self.push(self.tag(cast("tuple[Any, ...]", arguments)), depth)

    def tag(self, arguments: tuple[Any, ...]) -> Any:
        kind = arguments[0] if arguments else None
        if type(kind) is not str or kind not in _KINDS:
            raise DecodeError(f"an unknown tag before byte {self.at}")
        types = _KINDS[kind]
        fields = arguments[1:]
        if len(fields) != len(types) or any(
            t is not None and type(f) is not t for f, t in zip(fields, types, strict=True)
        ):
            raise DecodeError(f"a malformed tag before byte {self.at}")
        return getattr(self, f"tag_{kind}")(*fields)

    def tag_complex(self, real: float, imaginary: float) -> complex:
        return complex(real, imaginary)

    def tag_sub(self, name: str, base: str, contents: Any) -> Sub:
        if base == "dict" and type(contents) is list:
            pairs = cast("list[Any]", contents)
            if any(type(each) is not tuple or len(each) != 2 for each in pairs):
                raise DecodeError(f"a pair that is none before byte {self.at}")
            contents = {}
            self.fill_dict(cast("dict[Any, Any]", contents), list(chain.from_iterable(pairs)))
        if type(contents) is not _BASES.get(base):
            raise DecodeError(f"not a {base[:20]} before byte {self.at}")
        return Sub(name, contents)

    def tag_parts(self, name: str, parts: list[Any]) -> Parts:
        return Parts(name, tuple(parts))

    def tag_scalar(self, name: str, value: Any) -> Scalar:
        return Scalar(name, value)

    def tag_array(self, name: str, dtype: str, shape: tuple[Any, ...], items: Any) -> Array:
        if any(type(each) is not int for each in shape):
            raise DecodeError(f"a malformed shape before byte {self.at}")
        return Array(name, dtype, shape, items)

    def tag_foreign(self, name: str, why: str, _: bytes) -> Foreign:
        return Foreign(name, why)


_BASES: Final = {
    each.__name__: each
    for each in (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
}  # fmt: skip
# The types of a tag's fields; None is any.
_KINDS: Final[dict[str, tuple[type | None, ...]]] = {
    "complex": (float, float),
    "sub": (str, str, None),
    "parts": (str, list),
    "scalar": (str, None),
    "array": (str, str, tuple, None),
    "foreign": (str, str, bytes),
}


def _fill_list(target: list[Any], values: list[Any]) -> None:
    target.extend(values)


_ACTS: Final[dict[bytes, Callable[[_Machine], None]]] = {
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"\x8a": lambda m: m.integer(m.take(1)[0]),
    b"\x8b": lambda m: m.integer(m.number(_U32)),
    b"\x8c": lambda m: m.text(m.take(1)[0]),
    b"X": lambda m: m.text(m.number(_U32)),
    b"\x8d": lambda m: m.text(m.number(_U64)),
    b"C": lambda m: m.push(m.take(m.take(1)[0])),
    b"B": lambda m: m.push(m.take(m.number(_U32))),
    b"\x8e": lambda m: m.push(m.take(m.number(_U64))),
    b"\x96": lambda m: m.push(bytearray(m.take(m.number(_U64)))),
    b"]": lambda m: m.push([], 1),
    b"}": lambda m: m.push({}, 1),
    b"\x8f": lambda m: m.push(set[Any](), 1),
    b")": lambda m: m.push((), 1),
    b"\x85": lambda m: m.tuple_of(1),
    b"\x86": lambda m: m.tuple_of(2),
    b"\x87": lambda m: m.tuple_of(3),
    b"(": _Machine.mark,
    b"t": lambda m: m.marked(tuple),
    b"\x91": lambda m: m.marked(frozenset),
    b"a": lambda m: m.grow(list, _fill_list, m.pop(1)),
    b"e": lambda m: m.grow(list, _fill_list, m.pop_mark()),
    b"s": lambda m: m.grow(dict, m.fill_dict, m.pop(2)),
    b"u": lambda m: m.grow(dict, m.fill_dict, m.pop_mark()),
    b"\x90": lambda m: m.grow(set, m.fill_set, m.pop_mark()),
    b"\x93": _Machine.name,
    b"R": _Machine.reduce,
    b"\x95": _Machine.frame,
    b".": _Machine.stop,
}
_CODES: Final = {code[0]: act for code, act in _ACTS.items()}
