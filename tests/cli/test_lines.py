"""Lines of standard input."""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys
import termios
from collections.abc import Iterator
from typing import Any

import pytest

from ocinterp.cli.lines import Lines


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """Both ends of a terminal that is standard input; what blocks on it is interrupted in the end."""
    master, slave = pty.openpty()
    with os.fdopen(slave, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        before = signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(30)
        yield master, slave
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    os.close(master)


def _give_up(*_: Any) -> None:
    raise TimeoutError("it was blocked")


async def test_what_was_typed_and_thrown_away_blocks_nobody(terminal: tuple[int, int]) -> None:
    master, slave = terminal
    loop = asyncio.get_running_loop()
    flushed = loop.create_future()

    def flush() -> None:  # as Ctrl-C does, after it was seen that there is something and before it is read
        termios.tcflush(slave, termios.TCIFLUSH)
        loop.remove_reader(slave)
        flushed.set_result(None)

    line = asyncio.create_task(Lines().next())
    await asyncio.sleep(0)
    loop.add_reader(slave, flush)
    os.write(master, b"lost\n")
    await flushed
    for _ in range(3):
        await asyncio.sleep(0)
    assert not line.done()
    os.write(master, b"kept\n")
    assert await line == "kept"


async def test_lines_end_as_they_do_on_every_system(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    os.write(write, b"one\r\ntwo\n\nlast")
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        lines = Lines()
        assert [await lines.next() for _ in range(5)] == ["one", "two", "", "last", None]
