"""The bytes of a dataset's file: unpacked, checked to be text, and named by their hash."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path
from typing import Final

from ocinterp import files
from ocinterp.errors import DataError, UsageError

LIMIT_BYTES: Final = 512 * 1024 * 1024  # of text; the largest published one has 8 MB

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 18


def load(path: Path) -> bytes:
    """The text of a file, unpacked if it is gzip, whatever its name says.

    Raises UsageError where it cannot be read, DataError (`path:line: reason`) where it is damaged or far too large.
    """
    try:
        return unpacked(path.read_bytes(), str(path))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def unpacked(content: bytes, source: str) -> bytes:
    """The text in the content of a file; DataError as above."""
    if not content.startswith(_GZIP):
        return content
    text = bytearray()
    try:
        with gzip.open(io.BytesIO(content)) as file:
            while chunk := file.read(_CHUNK):
                text += chunk
                if len(text) > LIMIT_BYTES:
                    raise DataError(f"{source}: more than {LIMIT_BYTES // 2**20} MB of text: this is no benchmark")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        line = text.count(b"\n") + 1
        raise DataError(f"{source}:{line}: the compressed file is damaged or cut short: {error}") from error
    return bytes(text)


def pack(text: bytes) -> bytes:
    """The text as gzip; equal texts give equal bytes."""
    return gzip.compress(text, 6, mtime=0)


def md5(text: bytes) -> str:
    """The name of a text, as EvalPlus names datasets: against mix-ups and damage, not against forgery."""
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def sha256(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def mended(text: bytes) -> bytes:
    """The text without a byte order mark and Windows line ends, which editors and checkouts add."""
    return text.removeprefix(files.MARK).replace(b"\r\n", b"\n")


def decoded(text: bytes, source: str) -> str:
    """The text as str, without a byte order mark. DataError (`source:line`) where it is not UTF-8, or nothing."""
    try:
        words = text.removeprefix(files.MARK).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{source}:{line}: not UTF-8: byte 0x{error.object[error.start]:02x}") from error
    if not words.strip():
        raise DataError(f"{source}:1: the file is empty")
    return words
