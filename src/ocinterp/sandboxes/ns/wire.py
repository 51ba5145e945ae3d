"""Frames between the host and a worker: a length of 4 bytes, big endian, then one JSON object in UTF-8."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 128 * 1024 * 1024

Frame = dict[str, Any]


def pack(frame: Frame) -> bytes:
    """One frame as bytes. Raises ValueError for numbers that JSON cannot say."""
    body = json.dumps(frame, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()
    return HEADER.pack(len(body)) + body


def write(fd: int, frame: Frame) -> None:
    """Send one frame over a blocking descriptor."""
    view = memoryview(pack(frame))
    while view:
        view = view[os.write(fd, view) :]


def read(fd: int) -> Frame | None:
    """The next frame from a blocking descriptor; None when the other side has gone."""
    header = _exactly(fd, HEADER.size)
    if header is None:
        return None
    body = _exactly(fd, HEADER.unpack(header)[0])
    return None if body is None else json.loads(body)


def _exactly(fd: int, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = os.read(fd, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
