"""The arguments of calls, packed by the host once for all candidates; the candidate's process reads them one by one.

    4 bytes: how many; for each 8 bytes: where it ends, and 8: the processor seconds it may take (a float); then each,
    as marshal writes it. Little endian.

marshal is not safe against bytes that somebody else made: these are the host's own, and nobody can change them
(jobs.sealed). Each call gets arguments that were read for it alone, so what one does to them no other sees.
"""

from __future__ import annotations

import marshal
import mmap
import struct
from collections.abc import Sequence
from typing import Any

_COUNT = struct.Struct("<I")
_ENTRY = struct.Struct("<Qd")


def pack(arguments: Sequence[tuple[Any, ...]], seconds: Sequence[float]) -> bytes:
    """Both are one for each call. Raises ValueError for values that are not plain."""
    parts = [marshal.dumps(each) for each in arguments]
    table = [_COUNT.pack(len(parts))]
    end = 0
    for part, limit in zip(parts, seconds, strict=True):
        end += len(part)
        table.append(_ENTRY.pack(end, limit))
    return b"".join([*table, *parts])


class Calls:
    """The packed arguments behind a descriptor."""

    def __init__(self, fd: int) -> None:
        self._data = memoryview(mmap.mmap(fd, 0, prot=mmap.PROT_READ))
        self.count: int = _COUNT.unpack_from(self._data)[0]
        self._start = _COUNT.size + self.count * _ENTRY.size

    def __getitem__(self, number: int) -> tuple[Any, ...]:
        begin = self._entry(number - 1)[0] if number else 0
        return marshal.loads(self._data[self._start + begin : self._start + self._entry(number)[0]])

    def seconds(self, number: int) -> float:
        return self._entry(number)[1]

    def _entry(self, number: int) -> tuple[int, float]:
        return _ENTRY.unpack_from(self._data, _COUNT.size + number * _ENTRY.size)
