"""Frames between the host and a worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ocinterp.sandboxes.ns import wire

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    try:
        yield read, write
    finally:
        os.close(read)
        os.close(write)


frames_of_anything = st.tuples(st.dictionaries(st.text(), plain, max_size=4), st.binary(max_size=300))


@given(frames=st.lists(frames_of_anything, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_is_read(pipe: tuple[int, int], frames: list[tuple[wire.Header, bytes]]) -> None:
    for header, payload in frames:
        wire.write(pipe[1], header, [payload])
    assert [wire.read(pipe[0]) for _ in frames] == frames


def test_a_frame_larger_than_the_pipe_arrives_whole(pipe: tuple[int, int]) -> None:
    parts = ["é".encode() * 300_000, b"end"]
    writer = threading.Thread(target=wire.write, args=(pipe[1], {"a": 1}, parts))
    writer.start()
    assert wire.read(pipe[0]) == ({"a": 1}, b"".join(parts))
    writer.join()


@pytest.mark.parametrize("kept", [0, 4, 8, 10, 16])
def test_a_frame_cut_short_is_the_end(kept: int) -> None:
    read, write = os.pipe()
    os.write(write, wire.pack({"a": 1}, [b"xyz"])[:kept])
    os.close(write)
    assert wire.read(read) is None
    os.close(read)


def test_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        wire.pack({"x": float("nan")})


def test_a_header_that_nobody_would_read_is_refused() -> None:
    with pytest.raises(ValueError, match="header of"):
        wire.pack({"x": "y" * wire.MAX_HEADER_BYTES})


def test_a_payload_is_split_by_sizes_whatever_they_are() -> None:
    assert wire.split("añb".encode(), [1, 2, 1]) == ["a", "ñ", "b"]
    assert wire.split(b"\xff", [1, 5]) == ["\N{REPLACEMENT CHARACTER}", ""]
