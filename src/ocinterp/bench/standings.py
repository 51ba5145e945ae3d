"""What came of one setting of an evaluation: its attempts in numbers, as values and as JSON (docs/formats.md)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field

from ocinterp.bench import matched, numbers, spending
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.numbers import Measure
from ocinterp.bench.run import Crash
from ocinterp.bench.seats import Setting
from ocinterp.bench.statistics import (
    Estimate,
    Repairs,
    mean,
    mean_reciprocal_rank,
    pass_at_k,
    recall,
    repairs,
    solved_by_turn,
)
from ocinterp.types import Status, Usage


@dataclass(frozen=True, slots=True)
class Ranks:
    """ConvCodeWorld's two numbers of a dialogue's turns (statistics.py), from 0 to 1."""

    mrr: float
    recall: float


@dataclass(frozen=True, slots=True)
class Dollars:
    """What a model's tokens cost, and a critic's."""

    model: float
    critic: float

    @property
    def both(self) -> float:
        return self.model + self.critic


@dataclass(frozen=True, slots=True)
class Standing:
    """A setting's attempts, by task in the benchmark's order; `gaps` says how many of a task were not made yet.

    No number is given while some are missing or crashed: a part of the tasks is no sample of them.
    """

    setting: Setting
    tasks: Mapping[str, tuple[Attempt, ...]]
    crashes: tuple[Crash, ...] = ()
    gaps: Mapping[str, int] = field(default_factory=dict[str, int])

    @property
    def crashed(self) -> int:
        return len(self.crashes)

    @property
    def missing(self) -> int:
        return sum(self.gaps.values())

    @property
    def reasons(self) -> Counter[str]:
        """How many attempts each failure ended, by its words."""
        return Counter(each.reason for each in self.crashes)

    @property
    def whole(self) -> bool:
        """Whether there is a number to give."""
        return bool(self.tasks) and not self.crashed and not self.missing

    @property
    def measures(self) -> tuple[Measure, ...]:
        """The tests that attempts are measured by, the one of the headline last; plus tests where there are any."""
        headline = self.setting.measure
        if self.setting.shows_tests:  # what is said depends on the tests, so that no other measure means anything
            return (headline,)
        plus = any(each.scored.plus is not None for each in self.attempts())
        others: tuple[Measure, ...] = ("base", "plus", "unseen") if plus else ("base", "unseen")
        return (*(each for each in others if each != headline and (each != "unseen" or self._knows_unseen)), headline)

    @property
    def _knows_unseen(self) -> bool:
        """Whether it is known how unseen tests came out; a score does not say."""
        return all(each.scored.unseen for each in self.attempts())

    def estimate(self, measure: Measure, k: int = 1) -> Estimate | None:
        """pass@k of the samples."""
        if not self.whole:
            return None
        values = [pass_at_k(len(each), sum(one.solves(measure) for one in each), k) for each in self.tasks.values()]
        return mean(values)

    def solved(self, measure: Measure) -> dict[str, bool]:
        """Whether the first sample of each task solves it."""
        return {task_id: each[0].solves(measure) for task_id, each in self.tasks.items() if each}

    @property
    def chosen(self) -> Estimate | None:
        """pass@1, by unseen tests, of the sample that visible tests choose (matched.py); None where there is one a task."""
        if not self.whole or self.most_samples == 1 or not self._knows_unseen:
            return None
        return mean([matched.accepted(each).solves("unseen") for each in self.tasks.values()])

    @property
    def most_samples(self) -> int:
        """Of a task."""
        return max([self.setting.samples, *map(len, self.tasks.values())])

    @property
    def mean_samples(self) -> float:
        """Of a task, as far as they are made."""
        return sum(map(len, self.tasks.values())) / max(1, len(self.tasks))

    @property
    def usage(self) -> Usage:
        """The tokens of all answers; `estimated` says whether some were not counted."""
        return spending.total(spending.answers_of(each) for each in self.attempts())

    @property
    def critic_usage(self) -> Usage:
        return spending.total(each.critic_tokens for each in self.attempts())

    @property
    def estimated(self) -> bool:
        """Whether a provider counted no tokens of some answer, so that they are estimated by its bytes."""
        turns = (turn for each in self.attempts() for turn in each.trajectory.turns)
        return not all(spending.is_counted(turn.completion) for turn in turns)

    @property
    def curve(self) -> tuple[float, ...]:
        """The share of tasks whose first sample is solved by turn 1, 2, ..."""
        found, longest = self._turns_of_solution(), self.longest
        return solved_by_turn(found, longest) if found else ()

    @property
    def longest(self) -> int:
        """The turns of the longest dialogue among the first samples."""
        return max((len(each.turns) for each in self._first()), default=0)

    @property
    def ranks(self) -> Ranks | None:
        """Of the first samples; None where a dialogue has one answer, and where there is no pass@1."""
        if not self.setting.refines or not self.whole:
            return None
        found, turns = self._turns_of_solution(), self.setting.limits.max_turns or self.longest
        return Ranks(mean_reciprocal_rank(found, turns), recall(found, turns))

    @property
    def repairs(self) -> dict[str, Repairs]:
        """By what the first answers to tasks failed with (`hidden.Scored.kind`), and whether the last ones solve them."""
        measure = self.setting.measure
        failed = [each for each in self._first() if each.turns and each.turns[0].status(measure) != Status.PASS]
        return repairs((each.turns[0].kind(measure), each.solves(measure)) for each in failed)

    def _first(self) -> list[Attempt]:
        return [each[0] for each in self.tasks.values() if each]

    def _turns_of_solution(self) -> list[int | None]:
        return [each.solved_at(self.setting.measure) for each in self._first()]

    def ended(self) -> dict[str, list[Attempt | Crash]]:
        """All that has ended, crashes among the others, by task and in the order of samples."""
        found: dict[str, list[Attempt | Crash]] = {task_id: list(each) for task_id, each in self.tasks.items()}
        for crash in self.crashes:
            found.setdefault(crash.key.task_id, []).append(crash)
        return {task_id: sorted(each, key=lambda one: one.key.sample) for task_id, each in found.items()}

    def attempts(self) -> Iterator[Attempt]:
        for each in self.tasks.values():
            yield from each


def as_json(standing: Standing, dollars: Dollars | None) -> dict[str, object]:
    """A setting as JSON has it."""
    setting = standing.setting
    return {
        "label": setting.label,
        "scoring_tests_shown": setting.shows_tests,
        "control": setting.control,
        "solution_shown": setting.shows_solution,
        "equal_budget": setting.equal_budget,
        "measure": setting.measure,
        "n": len(standing.tasks),
        "samples": standing.most_samples,
        "turns": setting.limits.max_turns,
        "crashed": standing.crashed,
        "reasons": dict(standing.reasons),
        "crashes": [
            {"task_id": each.key.task_id, "sample": each.key.sample, "reason": each.reason} for each in standing.crashes
        ],
        "missing": standing.missing,
        **_scores(standing),
        **_course(standing),
        **_spent(standing, dollars),
        "leaks": {
            "attempts": sum(each.leaks > 0 for each in standing.attempts()),
            "ngrams": sum(each.leaks for each in standing.attempts()),
        },
        "unsaid": sum(bool(each.unsaid) for each in standing.attempts()),
    }


def _scores(standing: Standing) -> dict[str, object]:
    """By all tests that it is measured by, those of the headline first and by themselves."""
    measure = standing.setting.measure
    return {
        **_numbers(standing, measure),
        "chosen": numbers.as_json({1: standing.chosen}) if standing.chosen else None,
        **{each: _numbers(standing, each) for each in standing.measures},
        "statuses": dict(Counter(each.scored.status(measure) for each in standing.attempts())),
    }


def _numbers(standing: Standing, measure: Measure) -> dict[str, object]:
    return numbers.as_json({k: standing.estimate(measure, k) for k in sorted({1, standing.setting.samples})})


def _course(standing: Standing) -> dict[str, object]:
    """What happened from turn to turn."""
    ranks = standing.ranks
    return {
        "solved_by_turn": list(standing.curve) if standing.whole else None,
        "mrr": ranks.mrr if ranks else None,
        "recall": ranks.recall if ranks else None,
        "repairs": {kind: asdict(each) for kind, each in standing.repairs.items()},
    }


def _spent(standing: Standing, dollars: Dollars | None) -> dict[str, object]:
    return {
        "tokens": asdict(standing.usage),
        "tokens_estimated": standing.estimated,
        "critic_tokens": asdict(standing.critic_usage),
        "dollars": asdict(dollars) if dollars else None,
    }
