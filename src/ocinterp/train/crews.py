"""Lessons as rows by several processes: a hundred thousand dialogues take minutes to tokenize, before the first step."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Self

from ocinterp.errors import DataError
from ocinterp.train.lessons import Lesson
from ocinterp.train.rows import Counts, Format, Row, rows

_ALONE: Final = 8_192  # lessons, before it is worth to start others: each takes seconds to begin
_AT_ONCE: Final = 512  # lessons for a process
_AHEAD: Final = 3  # portions for each process: what waits takes memory

_Done = tuple[list[Row], Counts]


def cores(processes: int = 1) -> int:
    """How many processors each of so many processes on this machine may take."""
    return max(1, len(os.sched_getaffinity(0)) // processes)


@dataclass
class Crew:
    """Makes rows of lessons, as `rows.rows` does and in the same order, by `workers` processes as soon as there are many.

    A context manager: at its end the processes are gone.
    """

    form: Format
    longest: int
    texts: bool = False
    workers: int = 1
    _alone: int = field(default_factory=lambda: _ALONE, init=False)
    _pool: ProcessPoolExecutor | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def rows(self, lessons: Iterable[Lesson], counts: Counts) -> Iterator[Row]:
        """A row for each lesson that teaches something; what became of them is added to `counts`."""
        left = iter(lessons)
        if self.workers < 2:
            yield from rows(left, self.form, self.longest, counts, texts=self.texts)
            return
        before = counts.lessons
        yield from rows(islice(left, self._alone), self.form, self.longest, counts, texts=self.texts)
        self._alone = max(0, self._alone - (counts.lessons - before))
        waiting: deque[Future[_Done]] = deque()
        while portion := tuple(islice(left, _AT_ONCE)):
            waiting.append(self._started().submit(_portion, portion))
            if len(waiting) == self.workers * _AHEAD:
                yield from _taken(waiting.popleft(), counts)
        while waiting:
            yield from _taken(waiting.popleft(), counts)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            spawn, known = multiprocessing.get_context("spawn"), (self.form, self.longest, self.texts)
            self._pool = ProcessPoolExecutor(self.workers, spawn, _begin, known)
        return self._pool


def _taken(portion: Future[_Done], counts: Counts) -> list[Row]:
    try:
        found, more = portion.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a process that tokenizes was killed, maybe for want of memory: free some and run it again"
        ) from error
    counts.add(more)
    return found


_work: tuple[Format, int, bool] | None = None  # of a process that was started for it


def _begin(form: Format, longest: int, texts: bool) -> None:
    global _work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that reads ends the others
    threading.Thread(target=_follow, daemon=True).start()
    _work = form, longest, texts


def _follow() -> None:
    """End with the process that reads, however it ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _portion(lessons: tuple[Lesson, ...]) -> _Done:
    assert _work is not None
    form, longest, texts = _work
    counts = Counts()
    return list(rows(lessons, form, longest, counts, texts=texts)), counts
