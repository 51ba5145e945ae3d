"""What an examiner and a candidate say to each other over the socket between them; both sides use this module.

A message is a kind (one byte), a length (4, little endian) and as many bytes. The candidate says first whether it was
loaded; then each request has one reply, which changes may come before.

    ?  request: a pickle of (operation, operands ...), made by the examiner: the candidate may trust it
    L  the program was loaded                    X  it was not: an exception, as in E
    C  changes that a call made, encoded: [its arguments, or None], [(number of an instance, its attributes), ...]
    A  what came of it, encoded (encoding.py); what cannot be said is a foreign value whose `why` refers to it:
       `#5` is the candidate's fifth object, `@5` the examiner's fifth instance
    E  it raised: the next builtin exception, a line feed, then as answering.described
    T  the program is out of time
    F  it calls a function of the tests, encoded: [its number, arguments, named arguments]; the examiner then goes on
       with requests, the last of them "back" or "raise"

An examiner never unpickles, and believes nothing but that an answer is an answer.
"""

from __future__ import annotations

import os
import struct
from typing import Any, Final, NoReturn

HEAD = struct.Struct("<cI")
REQUEST, LOADED, NOT_LOADED, CHANGES, ANSWER, RAISED, LATE, BACK = b"?", b"L", b"X", b"C", b"A", b"E", b"T", b"F"
THEIRS, MINE = "#", "@"  # as the examiner sees them
MAX_BYTES = 1 << 27  # of one message
_PIECE = 1 << 18


class Gone(Exception):  # noqa: N818  a state, not a fault of ours
    """Nobody is at the other end."""


class Broken(Gone):
    """What came is no message."""


# A program may put its own in the place of builtins: then it shall fail, not wait.
_size: Final = len
_least: Final = min


def say(fd: int, kind: bytes, content: bytes) -> None:
    """Send a message. Raises Gone."""
    data = memoryview(HEAD.pack(kind, _size(content)) + content)
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError as error:
        raise Gone from error


def hear(fd: int) -> tuple[bytes, bytes]:
    """The next message. Raises Gone, and Broken where the announced length is beyond MAX_BYTES."""
    kind, length = HEAD.unpack(_exactly(fd, HEAD.size))
    if length > MAX_BYTES:
        raise Broken
    return kind, _exactly(fd, length)


def _exactly(fd: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size:
        try:
            piece = os.read(fd, _least(size, _PIECE))
        except OSError as error:
            raise Gone from error
        if not piece:
            raise Gone
        pieces.append(piece)
        size -= _size(piece)
    return b"".join(pieces)


def held(number: int) -> NoReturn:
    """In a request: the candidate's object of that number (serving finds it by this name)."""
    raise LookupError(number)


def instance(number: int, name: str) -> NoReturn:
    """In a request: the examiner's instance of that number, of the tests' class `name`."""
    raise LookupError(number, name)


def function(number: int) -> NoReturn:
    """In a request: a function that the tests define."""
    raise LookupError(number)


def defined(name: str) -> NoReturn:
    """In a request: a class that the tests define."""
    raise LookupError(name)


Request = tuple[Any, ...]
