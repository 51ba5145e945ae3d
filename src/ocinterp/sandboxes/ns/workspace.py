"""Files of a session, reached by name from the trusted side.

The program in the session may rename, link and swap whatever it likes while this happens, so no path is ever handed
to the kernel in one piece: each component is opened from the one before it, and a link is never followed.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat

MAX_LISTED = 500
MAX_LISTING_BYTES = 100_000  # as JSON: a listing is one datagram
MAX_VISITED = 20_000
MAX_DEPTH = 32
MAX_PATH_BYTES = 4000

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def parts_of(name: str) -> list[str]:
    """The components of a relative file name. Raises ValueError for one that leads elsewhere."""
    parts = name.split("/")
    if not name or name.startswith("/") or any(part in {"", ".", ".."} for part in parts) or "\0" in name:
        raise ValueError(f"not a relative file name: {name!r}")
    if len(parts) > MAX_DEPTH or len(os.fsencode(name)) > MAX_PATH_BYTES:
        raise ValueError("the file name is too long")
    return parts


def open_regular(root: str, name: str) -> int:
    """A descriptor for reading a regular file below `root`. Raises OSError, ValueError."""
    *folders, last = parts_of(name)
    parent = _walk(root, folders, make=False)
    try:
        fd = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise ValueError(f"not a regular file: {name!r}")
    return fd


def create(root: str, name: str) -> int:
    """A descriptor for writing a new file below `root`; an old file or link of that name goes first."""
    *folders, last = parts_of(name)
    parent = _walk(root, folders, make=True)
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(last, dir_fd=parent)
        return os.open(last, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent)
    finally:
        os.close(parent)


def regular_files(root: str, after: str = "") -> tuple[list[tuple[str, int, float]], bool]:
    """A page of (name, size in bytes, modification time) of the regular files below `root`, and whether there are more.

    By name, those after `after`, hidden ones left out; at most MAX_LISTED of them and MAX_LISTING_BYTES, from the first
    MAX_VISITED entries met: a listing must end, and fit into one message, whatever the program made.
    """
    found: list[tuple[str, int, float]] = []
    pending: list[list[str]] = [[]]
    visited = 0
    while pending and visited < MAX_VISITED:
        folders = pending.pop()
        try:
            fd = _walk(root, folders, make=False)
        except OSError:
            continue  # gone, or turned into something else meanwhile
        try:
            with os.scandir(fd) as entries:
                for entry in entries:
                    visited += 1
                    if visited >= MAX_VISITED:
                        break
                    if is_plain(entry.name):
                        _note(entry, folders, found, pending)
        finally:
            os.close(fd)
    rest = sorted(entry for entry in found if entry[0] > after)
    page = _that_fit(rest[:MAX_LISTED])
    return page, len(page) < len(rest)


def _that_fit(found: list[tuple[str, int, float]]) -> list[tuple[str, int, float]]:
    size = 0
    for count, entry in enumerate(found):
        size += len(json.dumps(entry)) + 2
        if size > MAX_LISTING_BYTES:
            return found[:count]
    return found


def is_plain(name: str) -> bool:
    """Whether a listing shows an entry of this name."""
    return not name.startswith(".") and name != "__pycache__" and name.isprintable()


def _note(
    entry: os.DirEntry[str], folders: list[str], found: list[tuple[str, int, float]], pending: list[list[str]]
) -> None:
    path = [*folders, entry.name]
    if entry.is_dir(follow_symlinks=False):
        if len(path) < MAX_DEPTH:
            pending.append(path)
    elif entry.is_file(follow_symlinks=False):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return
        found.append(("/".join(path), status.st_size, status.st_mtime))


def _walk(root: str, folders: list[str], *, make: bool) -> int:
    fd = os.open(root, _FOLDER)
    for name in folders:
        try:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=fd)
            deeper = os.open(name, _FOLDER, dir_fd=fd)
        finally:
            os.close(fd)
        fd = deeper
    return fd
