"""The rows of any file of data, one by one, whatever is wrong with some of them: JSON Lines, a JSON list, Parquet; gzip too."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ocinterp import files
from ocinterp.errors import DataError
from ocinterp.files import misread
from ocinterp.synth import parquet
from ocinterp.synth.queries import Rejected

MOST_BYTES: Final = 4 * 2**20  # of a row; the longest of the published ones has 60 KB
_TOO_LONG: Final = f"a row of more than {MOST_BYTES >> 20} MiB"
_MOST_DOCUMENT: Final = 2**30  # of a file that is one JSON list
_HEAD: Final = 200  # characters of a row that is not taken
_PARQUET: Final = b"PAR1"
_BLANKS: Final = 4096  # that may stand before a list
_HALF: Final = re.compile(rb"\\u[dD][89a-fA-F]")  # of a pair of surrogates, as JSON writes it
_OTHER_TEXT: Final = (b"\xff\xfe", b"\xfe\xff")
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Raw:
    """A row as its file has it: its number from 1, its fields, the SHA-256 of its bytes."""

    row: int
    fields: dict[str, Any]
    sha256: str


def rows(path: Path) -> Iterator[Raw | Rejected]:
    """All rows of a file; those that cannot be read say why. DataError for a file that is no such file, or is damaged."""
    with files.explained(path):
        with path.open("rb") as file:
            start = file.read(4)
        if start == _PARQUET:
            return _parquet(path)
        if start.startswith(_OTHER_TEXT):
            raise DataError(f"{path}: is UTF-16, not UTF-8: save it as UTF-8")
        return _text(path)


def _text(path: Path) -> Iterator[Raw | Rejected]:
    if files.start(path, _BLANKS).lstrip().startswith(b"["):
        yield from _document(path)
        return
    for number, line in files.lines(path, MOST_BYTES):
        if line is None:
            yield Rejected(str(path), number, _TOO_LONG)
        elif line.strip():
            yield _line(path, number, line)


def _line(path: Path, number: int, line: bytes) -> Raw | Rejected:
    try:
        words = line.decode()
    except UnicodeDecodeError as error:
        reason = f"not UTF-8: byte {error.object[error.start]:#04x} at {error.start + 1}"
        return Rejected(str(path), number, reason, line.decode(errors="replace")[:_HEAD])
    try:
        value = json.loads(words)
    except (ValueError, RecursionError) as error:
        torn = "" if line.endswith(b"\n") else "the last line is cut short: "
        return Rejected(str(path), number, f"{torn}{_complaint(error)}", words[:_HEAD])
    return _raw(path, number, value, line.strip())


def _document(path: Path) -> Iterator[Raw | Rejected]:
    """The rows of a JSON list."""
    content = b"".join(line for _, line in files.lines(path, _MOST_DOCUMENT) if line is not None)
    try:
        words = content.decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8: byte {error.object[error.start]:#04x}: save it as UTF-8") from error
    return _elements(path, words, _after_blanks(words, 0) + 1)


def _elements(path: Path, words: str, at: int) -> Iterator[Raw | Rejected]:
    """Element by element, so that no more than one of them is held beside the text."""
    number = 0
    while (at := _after_blanks(words, at)) < len(words) and words[at] != "]":
        number += 1
        try:
            value, end = _DECODER.raw_decode(words, at)
        except (ValueError, RecursionError) as error:
            yield Rejected(str(path), number, f"{_complaint(error)}; nothing after it was read", words[at:][:_HEAD])
            return
        text = words[at:end].encode(errors="surrogatepass")
        if len(text) > MOST_BYTES:
            yield Rejected(str(path), number, _TOO_LONG, words[at:][:_HEAD])
        else:
            yield _raw(path, number, value, text)
        at = _after_blanks(words, end)
        at += words[at : at + 1] == ","


def _after_blanks(words: str, at: int) -> int:
    while words[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def _raw(path: Path, number: int, value: object, text: bytes) -> Raw | Rejected:
    if not isinstance(value, dict):
        return Rejected(str(path), number, "not an object", text.decode(errors="replace")[:_HEAD])
    if _HALF.search(text) and (odd := _half(cast("object", value))):
        return Rejected(
            str(path), number, f"a text is not valid Unicode: {odd!a}", text.decode(errors="replace")[:_HEAD]
        )
    return Raw(number, cast("dict[str, Any]", value), hashlib.sha256(text).hexdigest())


def _half(value: object) -> str:
    """Where half of a pair stands by itself in a value, which no encoding has; empty where none does."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        return error.object[error.start : error.end][:10]
    return ""


def _parquet(path: Path) -> Iterator[Raw | Rejected]:
    for number, fields in enumerate(parquet.rows(path), 1):
        text = json.dumps(fields, ensure_ascii=False, sort_keys=True, default=str).encode(errors="surrogatepass")
        if len(text) > MOST_BYTES:
            yield Rejected(str(path), number, _TOO_LONG, text[:_HEAD].decode(errors="replace"))
        else:
            yield Raw(number, fields, hashlib.sha256(text).hexdigest())


def _complaint(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {misread(error).lower()}"
    return f"JSON that cannot be read: {error}"
