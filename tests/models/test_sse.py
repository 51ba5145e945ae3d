"""Bytes become events, however they were cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import ModelError
from ocinterp.models import sse
from ocinterp.models.sse import EventParser, ServerEvent


def parse(*chunks: bytes) -> list[ServerEvent]:
    parser = EventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_of_the_standard_ends_a_line(end: bytes) -> None:
    assert parse(b"data: a" + end + end + b"data: b" + end + end) == [ServerEvent("a"), ServerEvent("b")]


def test_data_lines_join_with_line_feeds() -> None:
    assert parse(b"data: {\ndata:  1\ndata\ndata:}\n\n") == [ServerEvent("{\n 1\n\n}")]


def test_comments_and_unknown_fields_say_nothing() -> None:
    assert parse(b": hello\n\nretry: 10\nid: 7\ndata: a\n:\n\n") == [ServerEvent("a")]


def test_the_event_type_is_told_and_forgotten_after_its_event() -> None:
    assert parse(b"event: error\ndata: a\n\ndata: b\n\n") == [ServerEvent("a", "error"), ServerEvent("b")]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert parse(b"\xef\xbb", b"\xbfdata: a\n\ndata: \xef\xbb\xbfb\n\n") == [ServerEvent("a"), ServerEvent("\ufeffb")]


def test_a_character_may_be_cut_between_chunks() -> None:
    assert parse(b"data: \xe2\x82", b"\xac\n\n") == [ServerEvent("€")]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert parse(b"data: a\xffb\n\n") == [ServerEvent("a\ufffdb")]


def test_an_event_that_never_ended_is_dropped() -> None:
    assert parse(b"data: a\n\ndata: b\n") == [ServerEvent("a")]


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LONGEST_EVENT", 100)
    with pytest.raises(ModelError, match="more than 100 bytes"):
        parse(*[b"data: 0123456789\n"] * 20)


LINES = st.sampled_from(
    [b"data: a", b"data:\xe2\x82\xac", b"data", b":", b"event: x", b"", b"", b"\xef\xbb\xbfdata: m", b"\xff"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(LINES, ENDS)).map(lambda rows: b"".join(line + end for line, end in rows)), st.data())
def test_any_chunking_gives_the_same_events(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == parse(stream) == parse(*(stream[i : i + 1] for i in range(len(stream))))


@given(st.binary(max_size=300), st.integers(1, 7))
def test_any_bytes_at_all_are_survived_and_chunked_alike(stream: bytes, size: int) -> None:
    assert parse(*(stream[i : i + size] for i in range(0, len(stream), size))) == parse(stream)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")), min_size=1))
def test_what_a_server_writes_is_what_is_read(texts: list[str]) -> None:
    assert parse(*(f"data: {text}\n\n".encode() for text in texts)) == [ServerEvent(text) for text in texts]
