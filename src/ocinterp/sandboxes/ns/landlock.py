"""Landlock: what a process may reach of the file system, given up by itself and for good, without any right.

Numbers: include/uapi/linux/landlock.h. What a kernel knows of it is its ABI version: 1 (Linux 5.13) files; 2 moves
between folders; 3 truncation; 4 TCP; 5 ioctl on devices; 6 (Linux 6.12) signals and abstract sockets. It does not
cover chmod, chown, utime, stat and extended attributes: seccomp.py answers those.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from ocinterp.sandboxes.ns import syscalls

SCOPED = 6  # the first ABI that keeps signals inside

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE, _READ, _READ_FOLDER = 1, 1 << 1, 1 << 2, 1 << 3
_REMOVE_FOLDER, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_FOLDER, _MAKE_FILE, _MAKE_SOCKET, _MAKE_FIFO, _MAKE_LINK = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
_MOVE, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_FILE_ONLY = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL  # what a rule about a single file may say
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP = 0b11  # bind, connect
_SCOPES = 0b11  # abstract UNIX sockets, signals

LOOK = _READ | _READ_FOLDER
RUN = LOOK | _EXECUTE
USE = _READ | _WRITE | _TRUNCATE
OWN = (
    RUN
    | USE
    | _REMOVE_FOLDER
    | _REMOVE_FILE
    | _MAKE_FOLDER
    | _MAKE_FILE
    | _MAKE_SOCKET
    | _MAKE_FIFO
    | _MAKE_LINK
    | _MOVE
)


@dataclass(frozen=True, slots=True)
class Reach:
    """The paths that stay within reach, with all below them; those that are not there are passed over."""

    run: Iterable[str] = field(default=())
    look: Iterable[str] = field(default=())
    use: Iterable[str] = field(default=())  # files: read and write
    own: Iterable[str] = field(default=())


def abi() -> int:
    """The version that this kernel knows; 0 when it has none, or has it switched off."""
    try:
        return syscalls.call(_CREATE_RULESET, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(reach: Reach, *, network: bool = False) -> None:
    """Confine the calling thread, and all it will start, to `reach`. It must have given up new privileges before."""
    version = abi()
    handled = _HANDLED[min(version, 5)]
    tcp = _TCP if version >= 4 and not network else 0
    scopes = _SCOPES if version >= SCOPED else 0
    attributes = struct.pack("QQQ", handled, tcp, scopes)[: 24 if version >= SCOPED else 16 if version >= 4 else 8]
    ruleset = syscalls.call(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for paths, rights in ((reach.run, RUN), (reach.look, LOOK), (reach.use, USE), (reach.own, OWN)):
            for path in paths:
                with suppress(FileNotFoundError):
                    _allow(ruleset, path, rights & handled)
        syscalls.call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _FILE_ONLY
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd))
        syscalls.call(_ADD_RULE, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(fd)
