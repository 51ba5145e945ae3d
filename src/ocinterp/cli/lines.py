"""Lines of standard input, read without a thread: one that waits for a line could not be stopped by Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

_CHUNK = 1 << 16


class Lines:
    """Standard input, line by line. All who read it share one of these: it holds what came after the last line."""

    def __init__(self) -> None:
        self._buffer = b""
        self._terminal: int | None = None

    async def next(self) -> str | None:
        """The next line without its end; None when there are no more."""
        while b"\n" not in self._buffer:
            fd = self._descriptor()
            await _readable(fd)
            try:
                data = os.read(fd, _CHUNK)
            except BlockingIOError:  # a Ctrl-C has thrown away what was typed before it
                continue
            if not data:
                break
            self._buffer += data
        if not self._buffer:
            return None
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode("utf-8", "replace").removesuffix("\r")

    def _descriptor(self) -> int:
        """Standard input; of a terminal one that never blocks, opened anew, since the old one is shared with others."""
        fd = sys.stdin.fileno()
        if not os.isatty(fd):
            return fd
        if self._terminal is not None:
            return self._terminal
        with suppress(OSError):  # a terminal that has no name here, as in some containers
            fd = os.open(os.ttyname(fd), os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        self._terminal = fd
        return fd


async def _readable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    try:
        loop.add_reader(fd, lambda: ready.done() or ready.set_result(None))
    except PermissionError:  # a file on disk: always ready, and nothing that could be waited for
        return
    try:
        await ready
    finally:
        loop.remove_reader(fd)
