"""Files: replaced in one step, made for their owner alone, left alone where a newer program wrote them.

In one step: whoever looks, at any moment, and after any crash, sees the old content or the new.
"""

from __future__ import annotations

import errno
import gzip
import json
import os
import secrets
import shlex
import sys
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, cast

from ocinterp.errors import DataError

_ADVICE = {
    errno.ENOSPC: "free some space and try again",
    errno.EDQUOT: "free some space and try again",
    errno.EFBIG: "raise the limit on file sizes (ulimit -f) and try again",
    errno.EACCES: "choose a place that you may use",
    errno.EPERM: "choose a place that you may use",
    errno.EROFS: "choose a place that can be written",
}

MARK: Final = b"\xef\xbb\xbf"  # the byte order mark some editors leave
_GZIP: Final = b"\x1f\x8b"


def misread(error: json.JSONDecodeError) -> str:
    """What is wrong with a line that is not JSON, and at which of its characters."""
    return f"{error.msg.removesuffix(' at')} at column {error.colno}"


def numbered(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, as of `lines`, however long."""
    return ((number, line) for number, line in lines(path, sys.maxsize - 1) if line is not None)


def lines(path: Path, limit: int) -> Iterator[tuple[int, bytes | None]]:
    """The lines of a file with their numbers, unpacked if it is gzip, whatever its name says; without a byte order mark.

    A line of more than `limit` bytes is None: it was skipped, and never held. DataError where the file cannot be read, or
    (`path:line`) is damaged.
    """
    number = 0
    with explained(path), path.open("rb") as raw:
        file = _unpacked(raw)
        try:
            while line := file.readline(limit + 1):
                number += 1
                if len(line) > limit:
                    while line and not line.endswith(b"\n"):
                        line = file.readline(limit)
                    yield number, None
                else:
                    yield number, line.removeprefix(MARK) if number == 1 else line
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}:{number + 1}: the compressed file is damaged or cut short: {error}") from error


def start(path: Path, size: int) -> bytes:
    """The first bytes of a file, unpacked if it is gzip, without a byte order mark. DataError where they cannot be read."""
    with explained(path), path.open("rb") as raw:
        try:
            return _unpacked(raw).read(size).removeprefix(MARK)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}:1: the compressed file is damaged or cut short: {error}") from error


def _unpacked(raw: BufferedReader) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if raw.peek(2).startswith(_GZIP) else raw


def replace_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file in one step. A link is followed, the permissions of an existing file are kept.

    DataError, with what to do, when it cannot be done; the old content is then still there.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():
        raise DataError(f"{path} is not a regular file: choose another name")
    with explained(path):
        write_in_one_step(target, chunks, mode=target.stat().st_mode & 0o7777 if target.exists() else None)


def replace_lines(path: Path, found: Iterable[bytes]) -> None:
    """As `replace_file`, for a file that is packed with gzip where its name ends in .gz."""
    replace_file(path, _compressed(found) if path.suffix == ".gz" else found)


def _compressed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(wbits=31)  # 31: a gzip header that carries no time, so equal content is equal bytes
    for chunk in chunks:
        yield packer.compress(chunk)
    yield packer.flush()


def write_in_one_step(path: Path, chunks: Iterable[bytes], *, mode: int | None = None) -> None:
    """Write a file in one step, for callers with words of their own: OSError when it cannot be done.

    `mode` is its permissions; None: those of any new file. A link is replaced, not followed.
    """
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(6)}.tmp")
    try:
        handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else mode)
        with os.fdopen(handle, "wb") as file:
            if mode is not None:  # whatever the umask has taken away
                os.fchmod(file.fileno(), mode)
            file.writelines(chunks)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)  # the new name is safe only when its folder is
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone, where there is none; one that is there is not even opened."""
    with suppress(FileExistsError):  # opening and closing it would drop the locks that SQLite holds on it
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def refuse_newer(path: Path, schema: int, known: int) -> None:
    """DataError for a file of a format that is newer than the one this program knows."""
    if schema > known:
        raise DataError(
            f"{path} was written by a newer ocinterp (schema {schema}; this one knows {known}): "
            "upgrade with `pip install --upgrade ocinterp`"
        )


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Raise what the system says about a file as a DataError that says what to do."""
    try:
        yield
    except gzip.BadGzipFile:
        raise  # an OSError by its class, but nothing that the system said
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "")
        if error.errno == errno.ENOENT and not path.parent.exists():
            advice = f"make its folder first (mkdir -p {shlex.quote(str(path.parent))})"
        said = f"{path}: {(error.strerror or str(error)).lower()}"
        raise DataError(f"{said}: {advice}" if advice else said) from error
