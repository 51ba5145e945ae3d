"""What refinement must beat: independent answers for as many tokens, task by task (decision 0012)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ocinterp.bench import numbers
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.seats import Setting
from ocinterp.bench.spending import bought, cost
from ocinterp.bench.statistics import Estimate, Paired, mean, paired
from ocinterp.types import StopReason


@dataclass(frozen=True, slots=True)
class Matched:
    """The answers that the tokens of `rival` buy, and what becomes of them.

    `one` is the mean of them all, `chosen` the first one that the task's visible tests accept, else the first, `best` any
    that is right. The rival has to beat the one named by `against`; `difference` is what it has more than that.
    """

    rival: Setting
    samples: float  # of a task, in the mean
    tokens: int
    budget: int  # the rival's tokens
    one: Estimate
    chosen: Estimate
    best: Estimate
    against: Literal["chosen", "best"]
    difference: Paired


def matched(rival: Setting, samples: Mapping[str, Sequence[Attempt]], dialogues: Mapping[str, Attempt]) -> Matched:
    """`samples` must cost no less than `dialogues`, which are the rival's; both by the same tasks, at least one.

    A dialogue that hears of the scoring tests ends with the first program that passes them. To choose among samples as
    well informed is to take any that is right; else visible tests are all there is to choose by.
    """
    drawn = {task_id: samples[task_id][: bought(samples[task_id], each)] for task_id, each in dialogues.items()}
    measure = rival.measure
    chosen = {task_id: accepted(each).solves(measure) for task_id, each in drawn.items()}
    best = {task_id: any(one.solves(measure) for one in each) for task_id, each in drawn.items()}
    refined = {task_id: each.solves(measure) for task_id, each in dialogues.items()}
    return Matched(
        rival,
        sum(map(len, drawn.values())) / len(drawn),
        sum(cost(one) for each in drawn.values() for one in each),
        sum(map(cost, dialogues.values())),
        mean([sum(one.solves(measure) for one in each) / len(each) for each in drawn.values()]),
        mean(list(chosen.values())),
        mean(list(best.values())),
        "best" if rival.shows_tests else "chosen",
        paired(best if rival.shows_tests else chosen, refined),
    )


def accepted(samples: Sequence[Attempt]) -> Attempt:
    """The first sample that nobody had anything to say of: neither its own code nor the visible tests; else the first."""
    return next((each for each in samples if each.trajectory.stop is StopReason.DONE), samples[0])


def as_json(name: str, found: Matched) -> dict[str, object]:
    """`name` is the setting that drew the answers."""
    return {
        "setting": name,
        "rival": found.rival.name,
        "measure": found.rival.measure,
        "samples": found.samples,
        "tokens": found.tokens,
        "budget": found.budget,
        **{
            kind: numbers.as_json({1: each})
            for kind, each in (("one", found.one), ("chosen", found.chosen), ("best", found.best))
        },
        "against": found.against,
        **numbers.of_pair(found.difference),
    }
