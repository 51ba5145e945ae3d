"""Frames between the host and a worker.

Two lengths of 4 bytes, big endian; a header, one JSON object in UTF-8; then a payload of bytes, whose parts the header
gives the sizes of. The header is small, so that parsing what a program has forged costs next to nothing.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterable
from typing import Any

SIZES = struct.Struct(">II")
MAX_HEADER_BYTES = 1 << 16

Header = dict[str, Any]

_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def pack(header: Header, parts: Iterable[bytes] = ()) -> bytes:
    """One frame as bytes. Raises ValueError for numbers that JSON cannot say, and for a header that is too large."""
    head = _encode(header).encode()
    if len(head) > MAX_HEADER_BYTES:
        raise ValueError(f"a header of {len(head)} bytes")
    payload = b"".join(parts)
    return SIZES.pack(len(head), len(payload)) + head + payload


def write(fd: int, header: Header, parts: Iterable[bytes] = ()) -> None:
    """Send one frame over a blocking descriptor."""
    view = memoryview(pack(header, parts))
    while view:
        view = view[os.write(fd, view) :]


def read(fd: int) -> tuple[Header, bytes] | None:
    """The next frame from a blocking descriptor; None when the other side has gone."""
    sizes = _exactly(fd, SIZES.size)
    if sizes is None:
        return None
    header_bytes, payload_bytes = SIZES.unpack(sizes)
    header, payload = _exactly(fd, header_bytes), _exactly(fd, payload_bytes)
    return None if header is None or payload is None else (json.loads(header), payload)


def split(payload: bytes, sizes: Iterable[int]) -> list[str]:
    """The texts of a payload, one for each size in bytes; what is no UTF-8 is replaced."""
    texts: list[str] = []
    start = 0
    for size in sizes:
        texts.append(payload[start : start + size].decode("utf-8", "replace"))
        start += size
    return texts


def _exactly(fd: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
