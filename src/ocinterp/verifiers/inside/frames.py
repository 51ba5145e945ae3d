"""What the process of a candidate says to the host, frame by frame; both sides use this module.

A frame is a kind (one byte), the number of the call it is about (4 bytes), the processor seconds it took (4, a float; 0
where nobody asked), a length (4) and as many bytes; little endian:

    L            the program was loaded, and has its entry point
    X            it was not: an exception, as in E
    A  number    a call's answer, encoded (encoding.py)
    D  number    the answer is large: its length in bytes (8) and their digest (blake2b, 16)
    E  number    the call raised: the name of the exception, the line of the program, the message, a line feed between
    T  number    the call took longer than it may; before L: loading did
    Q            the last call has been made

Nothing else in the process is kept from writing here. So a frame is an answer and no more: whoever forges one could as
well have returned it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

HEAD = struct.Struct("<cIfI")
LARGE = struct.Struct("<Q16s")
MAX_WORDS = 2000  # bytes of an error's name and message

LOADED, NOT_LOADED, ANSWER, DIGEST, RAISED, LATE, DONE = b"L", b"X", b"A", b"D", b"E", b"T", b"Q"
_KINDS = frozenset((LOADED, NOT_LOADED, ANSWER, DIGEST, RAISED, LATE, DONE))
OF_LOADING = frozenset((LOADED, NOT_LOADED, LATE))
OF_CALLS = frozenset((ANSWER, DIGEST, RAISED, LATE))


@dataclass(frozen=True, slots=True)
class Frame:
    """One of them."""

    kind: bytes
    number: int
    seconds: float
    content: bytes

    def packed(self) -> bytes:
        return HEAD.pack(self.kind, self.number, self.seconds, len(self.content)) + self.content


class Broken(ValueError):  # noqa: N818  a state, not a fault of ours
    """The bytes are no frames."""


class Reader:
    """Frames out of pieces of a stream, in time linear in its length. Raises Broken where it is none."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._wanted = HEAD.size  # bytes from which there is something new to see

    def feed(self, data: bytes) -> Iterator[Frame]:
        self._held += data
        start, end = 0, len(self._held)
        while end - start >= self._wanted:
            kind, number, seconds, length = HEAD.unpack_from(self._held, start)
            if kind not in _KINDS:
                raise Broken(f"no kind of frame: {kind!r}")
            body = start + HEAD.size
            if end - body < length:
                self._wanted = HEAD.size + length
                break
            start, self._wanted = body + length, HEAD.size
            yield Frame(kind, number, seconds, bytes(self._held[body:start]))
        del self._held[:start]
