"""What a journal has in it, as whoever reads it gets it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ocinterp.journal.costs import Cost, describe

State = Literal["begun", "settled", "failed", "doubt"]


@dataclass(frozen=True, slots=True)
class Entry:
    """An act as the journal knows it. `possible`: what attempts may have cost besides, whose cost nobody knows.

    `state` is "settled" when there is an answer; else how its last attempt stands: "begun" (under way, or broken off by
    a crash since the journal was last opened), "failed", or "doubt" (broken off, and maybe paid for).
    """

    key: str
    kind: str
    model: str
    scope: str
    sample: int
    state: State
    attempts: int
    spent: Cost
    possible: Cost
    answer: str | None
    error: str


@dataclass(frozen=True, slots=True)
class Report:
    """The journal in numbers. `settled`, `failed`, `in_doubt` and `begun` count entries by their state.

    `doubts` counts attempts that were broken off, those of entries that were settled later included. `spent` is known;
    `possible` is the most that broken-off, failed and uncounted attempts may have cost besides; `held` is set aside for
    acts under way. `hits`: asks of this process that were answered without an act of their own.
    """

    settled: int
    failed: int
    in_doubt: int
    begun: int
    doubts: int
    spent: Cost
    possible: Cost
    held: Cost
    hits: int = 0

    def __str__(self) -> str:
        counts = [f"{self.settled:,} settled"]
        numbers = (
            (self.failed, "failed"),
            (self.in_doubt, "in doubt"),
            (self.begun, "begun"),
            (self.hits, "from the journal"),
        )
        counts += [f"{number:,} {name}" for number, name in numbers if number]
        possible = (
            f", and possibly {describe(self.possible)}" if self.possible.calls or self.possible.nanodollars else ""
        )
        broken = f" ({self.doubts:,} broken off)" if self.doubts else ""
        return f"{', '.join(counts)}; spent {describe(self.spent)}{possible}{broken}"
