"""What any value becomes in bytes, and that none can run its own code or end the encoder."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import hashlib
import pickle
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.verifiers.inside.decoding import Array, Foreign, Limits, Parts, Scalar, Sub, decode
from ocinterp.verifiers.inside.encoding import DIGEST_BYTES, Digest, answer, encode

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(1 << 2000), 1 << 2000),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(st.characters(exclude_categories=())),  # half surrogate pairs too
    st.binary(),
)
keys = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4).map(tuple) | st.frozensets(inner, max_size=4), max_leaves=8
)
values = st.recursive(
    keys | st.binary().map(bytearray) | st.sets(keys, max_size=5),
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.lists(inner, max_size=5).map(tuple),
        st.dictionaries(keys, inner, max_size=5),
    ),
    max_leaves=30,
)


def typed(value: object) -> object:
    """The value with the types of all that is in it, so that 1, 1.0 and True differ, and so do 0.0 and -0.0."""
    held: Any = value
    match value:
        case list() | tuple():
            return held.__class__, [typed(each) for each in held]
        case set() | frozenset():
            return held.__class__, sorted(repr(typed(each)) for each in held)
        case dict():
            return dict, [(typed(key), typed(item)) for key, item in held.items()]
        case float():
            return float, struct.pack("d", value)
        case _:
            return held.__class__, held


@given(values)
def test_a_plain_value_is_read_back_with_its_types(value: object) -> None:
    assert typed(decode(encode(value))) == typed(value)


@given(values, st.integers(0, 60))
def test_a_digest_is_that_of_the_whole_stream(value: object, threshold: int) -> None:
    whole = encode(value)
    if len(whole) <= threshold:
        assert answer(value, threshold=threshold) == whole
    else:
        digest = hashlib.blake2b(whole, digest_size=DIGEST_BYTES).digest()
        assert answer(value, threshold=threshold) == Digest(len(whole), digest)


def test_a_long_answer_is_digested_in_pieces() -> None:
    long = [list(range(50_000)), "x" * 200_000, [b"y" * 70_000] * 3]
    whole = encode(long)
    assert len(whole) > 500_000
    assert answer(long) == Digest(len(whole), hashlib.blake2b(whole, digest_size=16).digest())
    assert decode(whole) == long


def test_shared_parts_are_written_like_separate_ones() -> None:
    shared = [1, "a"]
    assert encode([shared, shared, (shared,)]) == encode([[1, "a"], [1, "a"], ([1, "a"],)])
    word = "".join(["wo", "rd"])
    assert encode([word, word]) == encode(["word", "".join(["wor", "d"])])


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


NAME = __name__
ORDERED: collections.OrderedDict[str, int] = collections.OrderedDict(a=1, b=2)
ORDERED.move_to_end("a")
UTC = Parts("datetime.timezone", ((Parts("datetime.timedelta", (0, 0, 0)),),))


NAMED: list[tuple[Any, object]] = [
    (collections.Counter("aab"), Sub("collections.Counter", {"a": 2, "b": 1})),
    (ORDERED, Sub("collections.OrderedDict", {"b": 2, "a": 1})),
    (collections.defaultdict(list, {1: [2]}), Sub("collections.defaultdict", {1: [2]})),
    (collections.deque([1, 2], 5), Parts("collections.deque", (1, 2))),
    (Point(1, 2), Sub(f"{NAME}.Point", (1, 2))),
    (Color.RED, Parts(f"{NAME}.Color", ("RED", 1))),
    (Level.LOW, Sub(f"{NAME}.Level", 1)),
    (decimal.Decimal("1.50"), Parts("decimal.Decimal", ("1.50",))),
    (fractions.Fraction(2, 6), Parts("fractions.Fraction", (1, 3))),
    (datetime.date(2020, 1, 2), Parts("datetime.date", (2020, 1, 2))),
    (datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), Parts("datetime.datetime", (2020, 1, 2, 0, 0, 0, 0, 0, UTC))),
    (memoryview(b"abc"), Parts("builtins.memoryview", (b"abc",))),
    (np.float64(1.5), Scalar("numpy.float64", 1.5)),
    (np.bool_(True), Scalar("numpy.bool", True)),
    (np.int8(3), Scalar("numpy.int8", 3)),
    (np.str_("a"), Scalar("numpy.str_", "a")),
    (np.datetime64("1970-01-02"), Scalar("numpy.datetime64", b"\1" + bytes(7))),
    (np.arange(4).reshape(2, 2), Array("numpy.ndarray", "<i8", (2, 2), [[0, 1], [2, 3]])),
    (np.array(5.0), Array("numpy.ndarray", "<f8", (), 5.0)),
    (np.array([1, "a", len], dtype=object), Array("numpy.ndarray", "|O", (3,), [1, "a", Foreign("builtins.builtin_function_or_method")])),
    (range(3), Foreign("builtins.range")),
    ((each for each in "ab"), Foreign("builtins.generator")),
    ({1: 2}.keys(), Foreign("builtins.dict_keys")),
    (map(str, [1]), Foreign("builtins.map")),
    (len, Foreign("builtins.builtin_function_or_method")),
    (type, Foreign("builtins.type")),
    ([type, {1: type}], [Foreign("builtins.type"), {1: Foreign("builtins.type")}]),
    (int, Foreign("builtins.type")),
    (sys, Foreign("builtins.module")),
    (object(), Foreign("builtins.object")),
    (..., Foreign("builtins.ellipsis")),
]  # fmt: skip


@pytest.mark.parametrize(("value", "said"), NAMED, ids=[type(value).__name__ for value, _ in NAMED])
def test_what_is_not_plain_is_named_and_its_contents_said(value: object, said: object) -> None:
    assert decode(encode(value)) == said


def lie(*_: object, **__: object) -> Any:
    raise AssertionError("the candidate's code ran")


METHODS = {
    **dict.fromkeys(
        [
            *("__eq__", "__hash__", "__len__", "__iter__", "__reduce__", "__reduce_ex__", "__getattribute__", "__getattr__"),
            *("__repr__", "__str__", "__bytes__", "__int__", "__index__", "__float__", "__complex__", "__getitem__"),
            *("__contains__", "__bool__", "__getstate__", "__getnewargs__", "__getnewargs_ex__", "__sizeof__", "__dir__"),
            *("keys", "items", "values", "copy", "tolist", "item", "union", "encode", "__buffer__", "__array__"),
        ],
        lie,
    ),
    "__class__": property(lie),
    "__dict__": property(lie),
}  # fmt: skip


class Meta(type):
    """A metaclass that answers nothing about its classes."""


for name in ("__eq__", "__hash__", "__instancecheck__", "__subclasscheck__", "__getattribute__", "__repr__"):
    type.__setattr__(Meta, name, lie)


def liar(base: type, value: object) -> object:
    """An instance of a subclass of `base` whose every method fails the test."""
    made = Meta("Liar", (base,), {"__module__": "candidate"} | METHODS)
    return cast("Any", base).__new__(made, value)


@pytest.mark.parametrize("value", [5, 2.5, "text", b"bytes", (1, 2), 1 + 2j, frozenset({1})], ids=repr)
def test_a_subclass_of_a_builtin_cannot_lie_about_what_it_holds(value: object) -> None:
    assert decode(encode([liar(type(value), value)])) == [Sub("candidate.Liar", value)]


MUTABLE: list[tuple[Any, Any, object]] = [
    (list, [1, 2], [1, 2]),
    (set, [1, 2], {1, 2}),
    (bytearray, b"ab", bytearray(b"ab")),
]


@pytest.mark.parametrize(("base", "contents", "said"), MUTABLE)
def test_a_subclass_of_a_mutable_builtin_cannot_either(base: Any, contents: Any, said: object) -> None:
    made = liar(base, None)
    base.__init__(made, contents)
    assert decode(encode(made)) == Sub("candidate.Liar", said)


@pytest.mark.parametrize("base", [dict, collections.defaultdict, collections.OrderedDict])
def test_nor_can_a_subclass_of_a_dict(base: Any) -> None:
    made: Any = liar(base, None)
    cast("Any", dict).__setitem__(made, "a", 1)
    found = decode(encode(made))
    assert found in (Sub("candidate.Liar", {"a": 1}), Foreign("candidate.Liar", "error"))


def test_an_instance_cannot_answer_for_itself() -> None:
    assert decode(encode({1: liar_instance()})) == {1: Foreign("candidate.Liar")}


def liar_instance() -> object:
    return object.__new__(Meta("Liar", (), {"__module__": "candidate"} | METHODS))


def test_keys_of_the_candidates_classes_are_not_asked_for_their_hash() -> None:
    class Key(str):
        asked = 0
        __slots__ = ()

        def __hash__(self) -> int:
            Key.asked += 1
            return 1

    made = collections.Counter({Key("a"): 1})
    ordered = collections.OrderedDict({Key("a"): 1})
    before = Key.asked
    encode([made, ordered])
    assert Key.asked == before


def test_patched_methods_of_the_library_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("__iter__", "__eq__", "items", "__getitem__", "keys", "__reduce__"):
        monkeypatch.setattr(collections.Counter, name, lie, raising=False)
    assert decode(encode(collections.Counter({"a": 1}))) == Sub("collections.Counter", {"a": 1})


def test_a_false_fraction_or_enum_runs_no_descriptor() -> None:
    class Slot:
        def __get__(self, *_: object) -> object:
            return lie()

    for module, name, slots in (
        ("fractions", "Fraction", ("_numerator", "_denominator")),
        ("enum", "Enum", ("__dict__",)),
    ):
        false = type(name, (), {"__module__": module, **{each: Slot() for each in slots}})
        assert decode(encode(object.__new__(false))) == Foreign(f"{module}.{name}")


def test_a_class_without_a_module_or_with_a_strange_one_has_a_name() -> None:
    for module in (None, 5, lie):
        assert decode(encode(type("C", (), {"__module__": module})())) == Foreign("?.C")
    long = type("C" * 10_000, (), {})
    assert len(decode(encode(long())).type_name) == 200


def recursive_list() -> object:
    made: list[object] = []
    made.append({"a": (made,)})
    return made


def recursive_dict() -> object:
    made: dict[str, object] = {}
    made["self"] = made
    return made


def nested(depth: int) -> object:
    made: object = 0
    for _ in range(depth):
        made = [made]
    return made


def expanding() -> object:
    made: object = [0] * 10
    for _ in range(30):
        made = [made] * 10
    return made


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (recursive_list, Foreign("builtins.list", "recursive")),
        (recursive_dict, Foreign("builtins.dict", "recursive")),
        (lambda: nested(10_000), Foreign("builtins.list", "deep")),
        (expanding, Foreign("builtins.list", "large")),
    ],
)
def test_what_has_no_end_is_named(make: Callable[[], object], said: Foreign) -> None:
    assert decode(encode(make(), limit=1 << 20)) == said
    assert isinstance(answer(make(), threshold=100, limit=1 << 20), bytes)


def test_a_deque_in_itself_is_named() -> None:
    made: collections.deque[object] = collections.deque()
    made.append(made)
    assert decode(encode(made)) == Foreign("collections.deque", "deep")


def test_the_candidates_recursion_limit_does_not_matter_and_is_kept() -> None:
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(100_000)
        assert decode(encode(nested(50_000))) == Foreign("builtins.list", "deep")
        assert sys.getrecursionlimit() == 100_000
    finally:
        sys.setrecursionlimit(before)


def test_what_cannot_be_said_never_has_equal_bytes() -> None:
    assert encode(iter([1])) != encode(iter([1]))
    assert encode(recursive_list()) != encode(recursive_list())
    assert encode([1, object()]) != encode([1, object()])


def test_an_array_too_large_to_write_out_is_named() -> None:
    vast = np.broadcast_to(np.int8(0), (1 << 40,))
    assert decode(encode([1, vast])) == [1, Foreign("numpy.ndarray", "memory")]


def test_big_integers_and_lone_surrogates_are_said_whole() -> None:
    big = 10**100_000 + 7
    assert decode(encode([big, -big])) == [big, -big]
    text = "\ud800" * 100_000
    assert decode(encode(text)) == text


def test_a_stream_is_one_that_the_standard_library_reads_where_it_is_plain() -> None:
    value = [1, {"a": (2.5, None)}, {3}, frozenset({4}), b"x", bytearray(b"y")]
    assert pickle.loads(encode(value)) == value


def test_what_is_read_back_can_be_said_again() -> None:
    value: Iterator[int] = iter([1])
    assert decode(encode(decode(encode(value)))) == Foreign(Foreign.__module__ + ".Foreign")
    assert decode(encode(nested(400)), limits=Limits(depth=400)) == nested(400)
