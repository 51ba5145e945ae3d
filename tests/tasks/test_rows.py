"""Texts and rows: what editors do to files does not matter, and what is damaged is named by file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp import files
from ocinterp.errors import DataError, UsageError
from ocinterp.tasks import texts
from ocinterp.tasks.rows import Row, parse

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
more = st.dictionaries(st.text(), values)
rows = st.lists(more.map(lambda fields: {**fields, "task_id": "t"}), min_size=1, max_size=4)


def fields(text: bytes) -> list[dict[str, object]]:
    return [row.fields for row in parse(text, "f")]


@given(rows, st.sampled_from(["\n", "\r\n", "\n\n \r\n"]), st.sampled_from([b"", files.MARK]), st.booleans())
def test_lines_are_read_whatever_an_editor_did_to_their_ends(
    written: list[dict[str, object]], end: str, mark: bytes, plain: bool
) -> None:
    text = end.join(json.dumps(each, ensure_ascii=plain) for each in written)
    if any(0xD800 <= ord(character) < 0xE000 for character in text):
        text = end.join(json.dumps(each) for each in written)
    assert fields(mark + text.encode()) == written


@given(rows, st.sampled_from([None, 2]))
def test_a_document_holds_the_same_rows_as_lines_do(written: list[dict[str, object]], indent: int | None) -> None:
    assert fields(json.dumps(written, indent=indent).encode()) == written
    by_name = {str(number): each for number, each in enumerate(written)}
    assert fields(json.dumps(by_name, indent=indent).encode()) == written


def test_a_row_knows_its_line_and_in_a_document_its_number() -> None:
    assert [row.where for row in parse(b'\n{"a": 1}\n\n{"a": 2}', "x.jsonl")] == ["x.jsonl:2", "x.jsonl:4"]
    assert [row.where for row in parse(b'[{"a": 1}, {"a": 2}]', "x.json")] == ["x.json: row 1", "x.json: row 2"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "f:1: the file is empty"),
        (b"\xef\xbb\xbf \r\n\n", "f:1: the file is empty"),
        (b'{"a": "b"}\n{"a": "\xe9"}\n', "f:2: not UTF-8: byte 0xe9"),
        (b'{"a": 1}\n{"a": 2', "f:2: not JSON: Expecting ',' delimiter at column 8"),
        (b'\n{"a": \n', "f:2: not JSON: Expecting value at column 7"),
        (b'{"a": 1}\n[3]', "f:2: expected an object, found [3]"),
        (b'[\n{"a": 1},\n oops]', "f:3: not JSON: Expecting value at column 2"),
        (b"[1]", "f: row 1: expected an object, found 1"),
        (b"[]", "f:1: there is no row in it"),
        (b'{"a": ' + b"9" * 5000 + b"}", "f:1: JSON that cannot be read: Exceeds the limit"),
        (b'{"a": ' + b"[" * 100_000 + b"}", "f:1: JSON that cannot be read: maximum recursion depth exceeded"),
        (b"[" * 100_000, "f:1: JSON that cannot be read: maximum recursion depth exceeded"),
    ],
)
def test_what_cannot_be_read_is_named_by_file_and_line(text: bytes, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(complaint)


@pytest.mark.parametrize(
    ("field", "method", "complaint"),
    [
        ({}, "text", "f:3: x: is missing"),
        ({"x": 3}, "text", "f:3: x: expected a text, found 3"),
        ({"x": " \n"}, "program", "f:3: x: is empty"),
        ({"x": "a"}, "texts", 'f:3: x: expected a list of texts, found "a"'),
        ({"x": ["a", 1]}, "texts", 'f:3: x: expected a list of texts, found ["a", 1]'),
        ({"x": [[1], 2]}, "calls", "f:3: x: expected a list of lists of arguments, found [[1], 2]"),
        ({"x": True}, "number", "f:3: x: expected a number, found true"),
        ({"x": 7}, "identity", "f:3: x: expected the task's name, found 7"),
        ({"x": ""}, "identity", "f:3: x: expected the task's name, found "),
    ],
)
def test_a_field_that_is_not_as_expected_is_named(field: dict[str, object], method: str, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        getattr(Row("f:3", field), method)("x")
    assert str(caught.value).startswith(complaint)


def test_windows_line_ends_inside_texts_become_plain() -> None:
    row = Row("f:1", {"a": "x\r\ny", "b": ["x\r\ny"]})
    assert (row.text("a"), row.texts("b")) == ("x\ny", ("x\ny",))


def test_a_file_is_unpacked_by_what_is_in_it_not_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(gzip.compress(b"text"))
    (tmp_path / "b.gz").write_bytes(b"text")
    assert texts.load(tmp_path / "a.jsonl") == texts.load(tmp_path / "b.gz") == b"text"


def test_a_compressed_file_that_is_cut_short_is_named_with_the_line_it_reaches(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    lines = b"".join(b'{"task_id": "%d"}\n' % number for number in range(60_000))
    whole = gzip.compress(lines)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:\d{4,5}: the compressed file is damaged or cut short"):
        texts.load(path)
    path.write_bytes(whole[:5])
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:1: the compressed file is damaged"):
        texts.load(path)


def test_a_file_that_grows_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LIMIT_BYTES", 1 << 20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(1 << 22)))
    with pytest.raises(DataError, match=r"bomb\.gz: more than 1 MB of text: this is no benchmark"):
        texts.load(path)


def test_a_missing_file_and_a_folder_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*absent: No such file or directory"):
        texts.load(tmp_path / "absent")
    with pytest.raises(UsageError, match="Is a directory"):
        texts.load(tmp_path)


@given(st.binary())
def test_a_packed_text_is_unpacked_the_same(text: bytes) -> None:
    assert texts.unpacked(texts.pack(text), "f") == text
    assert texts.pack(text) == texts.pack(text)
