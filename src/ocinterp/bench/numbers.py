"""Numbers of scores and evaluations: which tests they count, as JSON has them, and in the words of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Literal

from ocinterp.bench.statistics import Estimate, Interval, Paired
from ocinterp.render import printable

Suite = Literal["base", "plus"]  # the benchmark's own tests; those and the added ones
Measure = Literal[Suite, "unseen"]  # or all but those whose input the task shows to the model

LABELS: Final[Mapping[Measure, str]] = {"base": "base", "plus": "base + plus", "unseen": "unseen"}


_REASONS, _WORDS = 6, 100  # reasons, and characters of one


def as_json(estimates: Mapping[int, Estimate | None]) -> dict[str, object]:
    """`pass@1` and its `ci95`, then those of other k; null where there is no number to give."""
    numbers: dict[str, object] = {}
    for k, found in estimates.items():
        numbers[f"pass@{k}"] = found.value if found else None
        numbers["ci95" if k == 1 else f"ci95@{k}"] = bounds(found.interval) if found else None
    return numbers


def of_pair(found: Paired) -> dict[str, object]:
    """As JSON has a paired difference."""
    return {
        "tasks": found.tasks,
        "gained": found.gained,
        "lost": found.lost,
        "difference": found.difference,
        "ci95": bounds(found.interval),
        "p": found.p,
    }


def bounds(interval: Interval) -> list[float]:
    """As JSON has an interval."""
    return [interval.low, interval.high]


def percent(share: float, sign: Literal["", "+"] = "") -> str:
    """`43.9` of 0.439; `+43.9` for a difference."""
    return f"{100 * share:{sign}.1f}"


def between(interval: Interval, sign: Literal["", "+"] = "") -> str:
    """`36.5 to 51.6`."""
    return f"{percent(interval.low, sign)} to {percent(interval.high, sign)}"


def dollars(amount: float) -> str:
    """`$12.35`, `$0.0012`."""
    return f"${amount:,.2f}" if amount >= 1 else f"${amount:.4f}"


def short(name: str, most: int) -> str:
    """A name of at most so many signs: what a long one begins and ends with."""
    tail = most // 3
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def reasons(found: Counter[str]) -> Iterator[str]:
    """The most frequent ones, a line each: `  213: the tests need flask`."""
    for reason, number in found.most_common(_REASONS):
        yield f"  {number:,}: {printable(reason)[:_WORDS] or 'for no known reason'}"
    more = len(found) - _REASONS
    if more > 0:
        yield f"  and {count(more, 'reason')} more: --json has them all"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 task`, `1,140 tasks`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"
