"""One thread writes, and whatever has gathered while it waited for the disk is its next transaction.

So a lone write waits for one commit, and hundreds at once share one; nobody waits for a timer.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final

from ocinterp.errors import OcinterpError
from ocinterp.journal.file import complaint

Statement = tuple[str, tuple[object, ...]]
_MOST: Final = 1000  # writes of one transaction


@dataclass(frozen=True, slots=True)
class _Write:
    statements: Sequence[Statement]
    written: asyncio.Future[None]


class Writer:
    """Owns the connection `database`. After a write that failed it takes no other: what it might lose may be paid for."""

    def __init__(self, database: sqlite3.Connection, path: Path) -> None:
        self._database = database
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._broken: OcinterpError | None = None  # set by the thread
        self._thread = threading.Thread(target=self._work, name=f"journal {path.name}", daemon=True)
        self._thread.start()

    async def write(self, *statements: Statement) -> None:
        """Returns when all of it is on the disk, or raises and nothing of it is. Being cancelled does not undo it."""
        write = _Write(statements, self._loop.create_future())
        self._queue.put(write)
        await write.written

    async def close(self) -> None:
        """Write what is still waiting, fold the log into the file, and close it."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        with suppress(sqlite3.Error):  # in closing: the log is then folded in when the journal is next opened
            while batch := self._gather():
                self._commit(batch)
                self._loop.call_soon_threadsafe(_tell, batch, self._broken)
            self._database.close()

    def _gather(self) -> list[_Write]:
        """At least one write, and all that are there; empty when there will be no more."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        with suppress(Empty):
            while len(batch) < _MOST:
                write = self._queue.get_nowait()
                if write is None:
                    self._queue.put(None)  # for the next round
                    break
                batch.append(write)
        return batch

    def _commit(self, batch: list[_Write]) -> None:
        if self._broken is not None:
            return
        try:
            self._database.execute("BEGIN IMMEDIATE")
            for write in batch:
                for sql, values in write.statements:
                    self._database.execute(sql, values)
            self._database.execute("COMMIT")
        except (sqlite3.Error, ArithmeticError, ValueError, MemoryError) as error:
            self._broken = complaint(self._path, error)
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")


def _tell(batch: list[_Write], broken: OcinterpError | None) -> None:
    for write in batch:
        if write.written.done():  # whoever waited was cancelled
            continue
        if broken is None:
            write.written.set_result(None)
        else:
            write.written.set_exception(type(broken)(str(broken)))
