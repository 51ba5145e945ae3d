"""Numbers about verdicts, each with its uncertainty: pass@k, paired differences, progress over turns, repairs.

All intervals are of 95 %, over tasks: they say how much a number would move with other tasks of the same kind.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ocinterp.errors import UsageError

_Z = 1.959963984540054  # the normal distribution's 97.5 % quantile
_RESAMPLES = 10_000
_SEED = 20_240_222
_CHUNK = 1_000_000  # numbers drawn at a time: 8 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`, and how it was found: Wilson's for a proportion, else a bootstrap over tasks."""

    low: float
    high: float
    method: Literal["wilson", "bootstrap", "bonett-price"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over tasks, and its interval."""

    value: float
    interval: Interval


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """The chance that one of `k` samples drawn from `samples`, of which `correct` are right, is right.

    The unbiased estimator of Chen et al. 2021 (Codex), section 2.1, as a product that cannot overflow. UsageError when
    `k` are not there to be drawn.
    """
    if not 0 <= correct <= samples:
        raise UsageError(f"{correct} of {samples} samples cannot be correct")
    if not 1 <= k <= samples:
        raise UsageError(f"pass@{k} needs from 1 to {samples} samples a task, as many as there are: choose another k")
    if samples - correct < k:
        return 1.0
    return 1.0 - math.prod(1.0 - k / number for number in range(samples - correct + 1, samples + 1))


def mean(values: Sequence[float]) -> Estimate:
    """The mean of one value a task, each from 0 to 1. UsageError where there is no task.

    Where all are 0 or 1, as with one sample a task, the mean is a proportion and the interval is Wilson's: it keeps its
    width at 0 and at 1, where a bootstrap has none. Where values lie between, tasks are resampled.
    """
    if not values:
        raise UsageError("a mean over no tasks means nothing: choose at least one")
    value = math.fsum(values) / len(values)
    if all(each in {0, 1} for each in values):
        return Estimate(value, wilson(round(math.fsum(values)), len(values)))
    return Estimate(value, bootstrap(values))


def wilson(successes: int, trials: int) -> Interval:
    """Wilson's score interval (1927) of a proportion, without continuity correction."""
    share, spread = successes / trials, _Z**2 / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + (spread / 2) ** 2) / (1 + spread)
    low = 0.0 if successes == 0 else centre - half
    return Interval(low, 1.0 if successes == trials else centre + half, "wilson")


def bootstrap(values: Sequence[float]) -> Interval:
    """The middle 95 % of the means of 10,000 resamples of `values`; the same each time, on every machine."""
    import numpy as np  # 0.1 s: not at import

    random = np.random.RandomState(_SEED)  # its stream is frozen; those of newer generators may change
    known, size = np.asarray(values, dtype=float), len(values)
    step = max(1, _CHUNK // size)
    drawn = [min(step, _RESAMPLES - done) for done in range(0, _RESAMPLES, step)]
    means = np.concatenate([known[random.randint(0, size, (count, size))].mean(axis=1) for count in drawn])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(low), float(high), "bootstrap")


@dataclass(frozen=True, slots=True)
class Paired:
    """Two settings on the same tasks. `gained`: solved by the second alone; `lost`: by the first alone.

    `difference` is the second's share of solved tasks less the first's; `p` McNemar's, exact and two-sided.
    """

    tasks: int
    gained: int
    lost: int
    difference: float
    interval: Interval
    p: float


def paired(first: Mapping[str, bool], second: Mapping[str, bool]) -> Paired:
    """Whether the second setting solves more tasks than the first. UsageError where their tasks are not the same.

    The interval is Bonett and Price's of 2012: Wald's with half a task added to each of the four kinds, which holds its
    level for few tasks too.
    """
    if first.keys() != second.keys() or not first:
        other = sorted(first.keys() ^ second.keys())
        raise UsageError(f"only settings on the same tasks can be compared; in one of the two: {', '.join(other[:5])}")
    gained = sum(second[task] and not first[task] for task in first)
    lost = sum(first[task] and not second[task] for task in first)
    tasks = len(first)
    up, down = (gained + 1) / (tasks + 2), (lost + 1) / (tasks + 2)
    half = _Z * math.sqrt((up + down - (up - down) ** 2) / (tasks + 2))
    interval = Interval(max(-1.0, up - down - half), min(1.0, up - down + half), "bonett-price")
    return Paired(tasks, gained, lost, (gained - lost) / tasks, interval, mcnemar(gained, lost))


def mcnemar(gained: int, lost: int) -> float:
    """The chance of so uneven a split, or a more uneven one, if each of the tasks that differ fell by a fair coin."""
    tosses = gained + lost
    tail = sum(math.comb(tosses, count) for count in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**tosses)  # whole numbers until here, so that it is exact


def solved_by_turn(solved: Sequence[int | None], turns: int) -> tuple[float, ...]:
    """The share of tasks solved by turn 1, 2, ... `turns`; a task's number is the turn of its first solution, or None."""
    counts = Counter(_checked(solved))
    done = 0
    curve: list[float] = []
    for turn in range(1, turns + 1):
        done += counts[turn]
        curve.append(done / len(solved))
    return tuple(curve)


def mean_reciprocal_rank(solved: Sequence[int | None], turns: int) -> float:
    """ConvCodeWorld's MRR (2502.19852): the mean of 1/turn of the first solution, 0 where none came in time."""
    return math.fsum(1 / turn for turn in _checked(solved) if turn is not None and turn <= turns) / len(solved)


def recall(solved: Sequence[int | None], turns: int) -> float:
    """ConvCodeWorld's Recall: the share of tasks that were solved within `turns` turns."""
    return sum(turn is not None and turn <= turns for turn in _checked(solved)) / len(solved)


def _checked(solved: Sequence[int | None]) -> Sequence[int | None]:
    if not solved or any(turn is not None and turn < 1 for turn in solved):
        raise UsageError("turns count from 1, and at least one task is needed")
    return solved


@dataclass(frozen=True, slots=True)
class Repairs:
    """How many first attempts failed in one way, and how many of those tasks were solved in the end."""

    failed: int
    repaired: int

    @property
    def rate(self) -> float | None:
        """None where nothing failed, so that nothing could be repaired."""
        return self.repaired / self.failed if self.failed else None


def repairs(attempts: Iterable[tuple[str, bool]]) -> dict[str, Repairs]:
    """By the error class of each failed first attempt, most frequent first; with each comes whether it was solved later."""
    failed, repaired = Counter[str](), Counter[str]()
    for kind, solved in attempts:
        failed[kind] += 1
        repaired[kind] += solved
    return {kind: Repairs(count, repaired[kind]) for kind, count in failed.most_common()}
