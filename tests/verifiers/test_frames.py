"""Frames: what is cut anywhere comes out whole, and what is none is called so."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.verifiers.inside import frames
from ocinterp.verifiers.inside.frames import Broken, Frame, Reader

KINDS = b"LXADETQ"
some = st.builds(
    Frame,
    st.sampled_from([bytes([kind]) for kind in KINDS]),
    st.integers(0, (1 << 32) - 1),
    st.floats(0, 100, width=32),
    st.binary(max_size=60),
)


@given(st.lists(some, max_size=8), st.lists(st.integers(0, 500), max_size=12))
def test_any_split_of_the_bytes_gives_the_same_frames(written: list[Frame], cuts: list[int]) -> None:
    data = b"".join(frame.packed() for frame in written)
    places = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
    reader = Reader()
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == written


@given(st.lists(some, max_size=3), st.binary(max_size=60))
def test_garbage_raises_nothing_but_broken(written: list[Frame], garbage: bytes) -> None:
    reader = Reader()
    found: list[Frame] = []
    try:
        found.extend(reader.feed(b"".join(frame.packed() for frame in written) + garbage))
    except Broken:
        assert garbage
    assert found[: len(written)] == written or len(found) < len(written)


@pytest.mark.parametrize("kind", [b"\0", b"l", b"\xff", b"Z"])
def test_an_unknown_kind_is_broken_before_its_content_comes(kind: bytes) -> None:
    with pytest.raises(Broken, match="no kind"):
        list(Reader().feed(frames.HEAD.pack(kind, 0, 0.0, 1000)))


def test_a_length_that_never_comes_gives_no_frame() -> None:
    reader = Reader()
    head = frames.HEAD.pack(frames.ANSWER, 0, 0.0, (1 << 32) - 1)
    assert [frame for piece in [head, *[bytes(1 << 16)] * 50] for frame in reader.feed(piece)] == []


def test_frames_before_a_broken_one_are_given() -> None:
    frame = Frame(frames.LOADED, 0, 0.0, b"")
    feeding = Reader().feed(frame.packed() + b"?" * 20)
    assert next(feeding) == frame
    with pytest.raises(Broken):
        next(feeding)
