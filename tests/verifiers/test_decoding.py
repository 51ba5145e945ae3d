"""What is read from bytes that nobody vouches for: a value, or the one error, in bounded time and memory."""

from __future__ import annotations

import pickle
import struct
from dataclasses import fields
from itertools import chain
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.verifiers.inside.decoding import (
    TAG,
    Array,
    DecodeError,
    Foreign,
    Limits,
    Parts,
    Scalar,
    Sub,
    collisions,
    decode,
)
from ocinterp.verifiers.inside.encoding import encode

PLAIN: list[Any] = [
    [1, 300, -5, 1 << 80, 1.5, "text", b"bytes", bytearray(b"b"), None, True, 1j],
    {"a": {1, 2}, (1, 2): frozenset({3}), "b": [{}, set(), (), (1, 2, 3, 4)]},
    [len, "x" * 300, b"y" * 300, 1 << 4000, type, range(3)],
]
SEEDS = [encode(each) for each in PLAIN]
HEAD = b"\x80\x05"
MODULUS = (1 << 61) - 1  # integers that differ by it have equal hashes


# All that there is in an answer: the plain types, and what stands for the rest.
ATOMS = {type(None), bool, int, float, complex, str, bytes, bytearray}
CONTAINERS = {list, tuple, set, frozenset}
TAGS = {Array, Foreign, Parts, Scalar, Sub}


def refused_or_known(data: bytes) -> bool:
    """Whether the bytes are refused with the one error, in words, or say a value of the known types alone."""
    try:
        left: list[Any] = [decode(data)]
    except DecodeError as error:
        return bool(str(error))
    while left:
        value = left.pop()
        if type(value) in CONTAINERS:
            left.extend(value)
        elif type(value) is dict:
            left.extend(chain.from_iterable(cast("dict[Any, Any]", value).items()))
        elif type(value) in TAGS:
            left.extend(getattr(value, each.name) for each in fields(value))
        elif type(value) not in ATOMS:
            return False
    return True


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_the_one_error(data: bytes) -> None:
    assert all(map(refused_or_known, (data, HEAD + data, HEAD + data + b".", HEAD + TAG + data + b"R.")))


OPCODES = b"NKMJG\x88\x89\x8a\x8b\x8cX\x8dCB\x8e\x96]}\x8f)\x85\x86\x87(t\x91aesu\x90\x93R\x95."


@given(st.lists(st.sampled_from([bytes([each]) for each in OPCODES] + [TAG, b"K\x01", b"\x8c\x03sub"]), max_size=60))
def test_any_order_of_the_opcodes_is_a_value_or_the_one_error(codes: list[bytes]) -> None:
    assert refused_or_known(HEAD + b"".join(codes) + b".")


@given(st.sampled_from(SEEDS), st.data())
def test_a_damaged_stream_is_a_value_or_the_one_error(seed: bytes, data: st.DataObject) -> None:
    stream = bytearray(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(stream) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                stream[at] = data.draw(st.integers(0, 255))
            case 1:
                del stream[at:]
                stream.append(data.draw(st.integers(0, 255)))
            case _:
                stream[at:at] = data.draw(st.binary(max_size=4))
    assert refused_or_known(bytes(stream))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_undamaged_stream_is_known(seed: bytes) -> None:
    decode(seed)
    assert refused_or_known(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_part_of_a_stream_is_refused(seed: bytes) -> None:
    for size in range(len(seed)):
        with pytest.raises(DecodeError):
            decode(seed[:size])
    with pytest.raises(DecodeError, match=r"malformed|more than one"):
        decode(seed + b"N")


class Attack:
    def __reduce__(self) -> Any:
        return exec, ("raise SystemExit",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_something_is_refused(protocol: int) -> None:
    with pytest.raises(DecodeError):
        decode(pickle.dumps(Attack(), protocol))
    with pytest.raises(DecodeError):
        decode(pickle.dumps([Attack()], 5))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"\x8d" + struct.pack("<Q", 1 << 60) + b"x.", "bytes announced"),
        (b"\x8e" + struct.pack("<Q", 1 << 60) + b"x.", "bytes announced"),
        (b"\x96" + struct.pack("<Q", (1 << 64) - 1) + b"x.", "bytes announced"),
        (b"\x8b" + struct.pack("<i", -1) + b".", "digits"),
        (b"\x95" + struct.pack("<Q", 1 << 60) + b"N.", "frame"),
        (b"r\xff\xff\xff\x7fN.", "malformed"),  # LONG_BINPUT: a place in the memo, which would be made
        (b"NN.", "more than one value"),
        (b".", "none"),
        (b"(N.", "more than one value"),
        (b"t.", "malformed"),
        (b"Na.", "values are missing|no list to fill"),
        (b"]](a.", "values are missing"),
        (b"](N\x85(a.", "values are missing"),
        (b"}(Nu.", "without a value"),
        (b"}(NNNNu.", "a key twice"),
        (b"}(K\x01N\x88Nu.", "a key twice"),  # 1 and True
        (b"\x8f(NN\x90.", "a member twice"),
        (b"}]Ns.", "a key that cannot be one"),
        (b"\x8f(]\x90.", "a key that cannot be one"),
        (b"(}\x91.", "a key that cannot be one"),
        (b"\x8c\x02\xff\xff.", "no text"),
        (b"\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "a name of something"),
        (b"NN\x85R.", "a call of something"),
        (TAG + b"NR.", "a call of something"),
        (TAG + b")R.", "an unknown tag"),
        (TAG + b"]\x85R.", "an unknown tag"),
        (TAG + b"\x8c\x03sub\x85R.", "a malformed tag"),
        (TAG + b"(\x8c\x03sub\x8c\x01a\x8c\x03intNtR.", "not a int"),
        (TAG + b"(\x8c\x03sub\x8c\x01a\x8c\x04boolNtR.", "not a bool"),
        (TAG + b"(\x8c\x03sub\x8c\x01a\x8c\x04dict](NetR.", "a pair that is none"),
        (TAG + b"(\x8c\x07complexNNtR.", "a malformed tag"),
        (TAG + b"(\x8c\x05array\x8c\x01a\x8c\x01bN\x85NtR.", "a malformed shape"),
        (TAG + b"(\x8c\x03tag)tR.", "an unknown tag"),
    ],
)  # fmt: skip
def test_a_hostile_stream_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode(HEAD + body)


def test_what_is_beyond_a_limit_is_refused() -> None:
    for value, limits in (
        ([1] * 100, Limits(items=100)),
        ("x" * 100, Limits(bytes=100)),
        (1 << 400, Limits(digits=100)),
        ([[[1]]], Limits(depth=2)),
        ({(1, (2, 3))}, Limits(depth=2)),
    ):
        with pytest.raises(DecodeError, match=r"of at most|more than"):
            decode(encode(value), limits=limits)
        assert decode(encode(value)) == value


@pytest.mark.parametrize(
    "body",
    [
        b"]" * 1_000_000 + b"a" * 999_999,
        b"(" * 1_000_000,
        b"N" + b"\x85" * 1_000_000,
        b"N" + b"]" * 300 + b"a" * 300 + b"\x85" * 300,
        TAG * 100_000,
    ],
)
def test_depth_costs_no_stack(body: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(HEAD + body + b".")


WRAPS: list[Any] = [int, lambda key: (key, 1)]  # pyright: ignore[reportUnknownLambdaType]


@pytest.mark.parametrize("make", [dict.fromkeys, set, frozenset], ids=["dict", "set", "frozenset"])
@pytest.mark.parametrize("wrap", WRAPS, ids=["plain", "in a tuple"])
def test_a_flood_of_equal_hashes_is_refused(make: Any, wrap: Any) -> None:
    few = make([wrap(each * MODULUS) for each in range(1, 100)])
    assert decode(encode(few)) == few
    with pytest.raises(DecodeError, match="equal hashes"):
        decode(encode(make([wrap(each * MODULUS) for each in range(1, 3000)])))


def test_a_flood_that_comes_key_by_key_is_refused() -> None:
    one_by_one = b"".join(encode(each * MODULUS)[11:-1] + b"Ns" for each in range(1, 3000))
    with pytest.raises(DecodeError, match="equal hashes"):
        decode(HEAD + b"}" + one_by_one + b".")
    pairs = [(each * MODULUS, 1) for each in range(1, 3000)]
    tag = TAG + b"(\x8c\x03sub\x8c\x01a\x8c\x04dict" + b"](" + encode(pairs)[13:-2] + b"etR."
    with pytest.raises(DecodeError):
        decode(HEAD + tag)


def test_colliding_pairs_are_counted() -> None:
    assert collisions([1, 2, 3]) == 0
    assert collisions([-1, -2]) == 1  # CPython keeps -1 for errors
    counts: dict[int, int] = {}
    assert [collisions([each * MODULUS], counts) for each in range(1, 5)] == [0, 1, 2, 3]


def test_keys_of_any_kind_are_read_back() -> None:
    assert decode(encode({len: 1}))[Foreign("builtins.builtin_function_or_method")] == 1

    class Word(str):
        __slots__ = ()

    assert decode(encode({Word("a"): 1})) == {Sub(Word.__module__ + "." + Word.__qualname__, "a"): 1}


def test_integers_beyond_what_python_prints_are_read() -> None:
    assert decode(encode(10**900_000)) == 10**900_000
    with pytest.raises(DecodeError, match="more than 1000000 digits"):
        decode(encode(10**1_100_000))
