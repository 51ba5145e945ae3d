"""What is seen of training while it goes on, and how it is stopped."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from ocinterp.protocols import ignore

if TYPE_CHECKING:
    from ocinterp.train.loop import Measured

_TOLD = "stopping after this step, with a checkpoint; Ctrl-C again ends it at once"
_LINES = 20  # over a run, where there is no terminal


class Wish:
    """Somebody's wish that a run end after its step: Ctrl-C, or a scheduler's signal. A second Ctrl-C ends it at once."""

    def __init__(self, *, quiet: bool = False, told: str = _TOLD) -> None:
        self.made = False
        self._quiet = quiet
        self._told = told

    def __call__(self) -> bool:
        return self.made

    @contextmanager
    def heard(self) -> Generator[None]:
        """Listen while the steps are made."""
        before = {each: signal.signal(each, self._hear) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, old in before.items():
                signal.signal(each, old)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.made and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.made:
            return
        self.made = True
        if not self._quiet:
            print(f"\nocinterp: {self._told}", file=sys.stderr)


@contextmanager
def shown(total: int, *, quiet: bool = False) -> Generator[Callable[[Measured], None]]:
    """Tell of the steps of a run of so many tokens: a bar on a terminal, some twenty lines elsewhere."""
    if quiet:
        yield ignore
    elif sys.stderr is not None and sys.stderr.isatty():
        with _bar(total) as tell:
            yield tell
    else:
        yield _lines(total)


def _lines(total: int) -> Callable[[Measured], None]:
    speed = _Speed()
    told = 0

    def tell(found: Measured) -> None:
        nonlocal told
        speed.add(found)
        part = found.tokens * _LINES // total
        if found.step == 1 or part > told:
            told = part
            print(_line(found, total, speed), file=sys.stderr, flush=True)

    return tell


@contextmanager
def _bar(total: int) -> Generator[Callable[[Measured], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeRemainingColumn(),
    )
    speed = _Speed()
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("the first step", total=total)

        def tell(found: Measured) -> None:
            if speed.add(found):  # what an earlier part of the run has done is no speed
                bar.reset(task, total=total, completed=found.tokens)
            bar.update(task, completed=found.tokens, description=_numbers(found, speed))

        yield tell


class _Speed:
    """Tokens a second by the wall, over this part of the run; what was done before it does not count."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._before: int | None = None
        self._last = 0

    def add(self, found: Measured) -> bool:
        """Whether it is the first; that one also loads what the others have, so its own time is left out."""
        first = self._before is None
        if first:
            self._before, self._started = found.tokens, time.monotonic()
        self._last = found.tokens
        return first

    def value(self) -> float | None:
        seconds = time.monotonic() - self._started
        done = self._last - (self._before or 0)
        return done / seconds if done and seconds else None


def _line(found: Measured, total: int, speed: _Speed) -> str:
    value = speed.value()
    left = f", {_clock((total - found.tokens) / value)} left" if value else ""
    return f"{found.tokens / total:4.0%}  {_numbers(found, speed)}{left}"


def _numbers(found: Measured, speed: _Speed) -> str:
    value = speed.value()
    parts = [f"step {found.step:,}", f"loss {found.loss:.4f}", f"rate {found.rate:.2e}"]
    if value:
        parts.append(f"{value:,.0f} tokens/s")
    if found.mfu is not None:
        parts.append(f"MFU {found.mfu:.1%}")
    return "  ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
