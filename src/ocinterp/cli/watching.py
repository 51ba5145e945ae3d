"""What is seen of a dataset while it is made: the stage, how far it is, how fast, what is spent, and how long it will take."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ocinterp.journal import Budget, Cost
from ocinterp.synth.desk import Watch

if TYPE_CHECKING:
    from ocinterp.synth.folder import Done

_SECONDS: Final = 30.0  # from line to line, where there is no terminal
_LATELY: Final = 60.0  # seconds: how fast it goes is how fast it went in them


class Told(Watch):
    """A line a stage when it is over; while it goes on a bar on a terminal, and elsewhere a line now and then.

    A context manager: the bar goes at its end.
    """

    def __init__(self, spent: Callable[[], Cost], budget: Budget, clock: Callable[[], float] = time.monotonic) -> None:
        self._spent, self._budget, self._clock = spent, budget, clock
        self._bar: Any = None
        self._task: Any = None
        self._stage, self._rows, self._done, self._refused = "", 0, 0, 0
        self._begun = self._told = clock()
        self._marks: deque[tuple[float, int]] = deque()  # when, a second apart at least, and how many rows were done

    def __enter__(self) -> Told:
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (
                TextColumn("{task.description}"), BarColumn(24), MofNCompleteColumn(), TextColumn("{task.fields[more]}"),
                TimeRemainingColumn(),
            )  # fmt: skip
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, stage: str, rows: int) -> None:
        self._stage, self._rows, self._done, self._refused = stage, rows, 0, 0
        self._begun = self._told = self._clock()
        self._marks.clear()
        self._marks.append((self._begun, 0))
        if self._bar is not None:
            self._task = self._bar.add_task(stage, total=rows or None, more="")
        else:
            self._say(f"{stage}{f' ({rows:,} rows go in)' if rows else ''}")

    def row(self, made: bool) -> None:
        self._done += 1
        self._refused += not made
        if (now := self._clock()) - self._marks[-1][0] >= 1:
            self._marks.append((now, self._done))
            while now - self._marks[1][0] >= _LATELY:
                self._marks.popleft()
        if self._bar is not None:
            self._bar.update(self._task, advance=1, more=self._more())
        elif now - self._told >= _SECONDS:
            self._told = now
            self._say(f"{self._stage}: {self._done:,} of {self._rows:,}, {self._more()}, {self._left()} left")

    def end(self, stage: str, done: Done) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None
        from ocinterp.synth.folder import STOPPED

        stopped = " so far" if STOPPED in done.numbers else ""
        refused = f", {done.rejected:,} refused" if done.rejected else ""
        took = _time(self._clock() - self._begun)
        self._say(f"{stage}: {done.rows:,} rows{refused}{stopped}; {took}{self._money()}")

    def _say(self, line: str) -> None:
        if self._bar is not None:
            self._bar.console.print(f"ocinterp: {line}", highlight=False, markup=False)
        else:
            print(f"ocinterp: {line}", file=sys.stderr)

    def _more(self) -> str:
        refused = f"{self._refused:,} refused, " if self._refused else ""
        return f"{refused}{self._speed():.1f} rows/s{self._money()}"

    def _speed(self) -> float:
        """Of late: what the journal knows goes by in no time, and what follows does not."""
        when, done = self._marks[0]
        return (self._done - done) / max(self._clock() - when, 1e-3)

    def _left(self) -> str:
        return _time((self._rows - self._done) / max(self._speed(), 1e-3))

    def _money(self) -> str:
        """What is spent, beside what may be."""
        spent, budget = self._spent(), self._budget
        if budget.dollars is not None or spent.nanodollars:
            cap = f" of ${budget.dollars}" if budget.dollars is not None else ""
            return f", ${spent.dollars:.4f}{cap}"
        if budget.tokens is not None:
            return f", {spent.tokens:,} of {budget.tokens:,} tokens"
        if budget.calls is not None:
            return f", {spent.calls:,} of {budget.calls:,} calls"
        return f", {spent.calls:,} calls" if spent.calls else ""


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
