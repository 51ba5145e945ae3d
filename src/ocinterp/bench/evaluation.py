"""What came of an evaluation: numbers for each setting and between settings, as values and as JSON (docs/formats.md)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

from ocinterp.bench import numbers
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.numbers import Measure
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash
from ocinterp.bench.settings import Setting
from ocinterp.bench.statistics import (
    Estimate,
    Paired,
    Repairs,
    mean,
    mean_reciprocal_rank,
    paired,
    pass_at_k,
    recall,
    repairs,
    solved_by_turn,
)
from ocinterp.files import replace_file
from ocinterp.journal import FREE, NOTHING, Cost, Price
from ocinterp.types import Status, Usage

FORMAT: Final = "ocinterp-evaluation/1"


@dataclass(frozen=True, slots=True)
class Standing:
    """A setting's attempts, by task in the benchmark's order; `missing` are those that were not made yet.

    No number is given while some are missing or crashed: a part of the tasks is no sample of them.
    """

    setting: Setting
    tasks: Mapping[str, tuple[Attempt, ...]]
    crashes: tuple[Crash, ...] = ()
    missing: int = 0

    @property
    def crashed(self) -> int:
        return len(self.crashes)

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
        return (*(each for each in others if each != headline), headline)

    def estimate(self, measure: Measure, k: int = 1) -> Estimate | None:
        """pass@k of the samples."""
        if not self.whole:
            return None
        values = [pass_at_k(len(each), sum(_solved(one, measure) for one in each), k) for each in self.tasks.values()]
        return mean(values)

    def solved(self, measure: Measure) -> dict[str, bool]:
        """Whether the first sample of each task solves it."""
        return {task_id: _solved(each[0], measure) for task_id, each in self.tasks.items() if each}

    @property
    def usage(self) -> Usage:
        """The tokens of all answers, as far as the provider counted them; a critic's are in the journal."""
        found = [turn.completion.usage or Usage() for each in self.attempts() for turn in each.trajectory.turns]
        return Usage(sum(each.prompt_tokens for each in found), sum(each.completion_tokens for each in found))

    @property
    def curve(self) -> tuple[float, ...]:
        """The share of tasks whose first sample is solved by turn 1, 2, ..."""
        found, longest = self._turns_of_solution(), self.longest
        return solved_by_turn(found, longest) if found else ()

    @property
    def longest(self) -> int:
        """The turns of the longest dialogue among the first samples."""
        return max((len(each[0].turns) for each in self.tasks.values() if each), default=0)

    @property
    def reciprocal_rank(self) -> float | None:
        """ConvCodeWorld's MRR: of the first solutions' turns; None where there is no number to give."""
        return mean_reciprocal_rank(self._turns_of_solution(), max(1, self.longest)) if self.whole else None

    @property
    def recall(self) -> float | None:
        """ConvCodeWorld's Recall: the share of tasks that were solved after some turn, also if lost again."""
        return recall(self._turns_of_solution(), max(1, self.longest)) if self.whole else None

    @property
    def repairs(self) -> dict[str, Repairs]:
        """By what the first answers to tasks failed with (`hidden.Scored.kind`), and whether the last ones solve them."""
        measure = self.setting.measure
        first = [each[0] for each in self.tasks.values() if each and each[0].turns]
        failed = [each for each in first if each.turns[0].status(measure) != Status.PASS]
        return repairs((each.turns[0].kind(measure), _solved(each, measure)) for each in failed)

    def cost(self, price: Price) -> Cost:
        """What all answers would cost by themselves; equal first answers of several settings are paid once."""
        return price.of(self.usage.prompt_tokens, self.usage.completion_tokens)

    def _turns_of_solution(self) -> list[int | None]:
        return [_turn_of_solution(each[0], self.setting.measure) for each in self.tasks.values() if each]

    def ended(self) -> dict[str, list[Attempt | Crash]]:
        """All that has ended, crashes among the others, by task and in the order of samples."""
        found: dict[str, list[Attempt | Crash]] = {task_id: list(each) for task_id, each in self.tasks.items()}
        for crash in self.crashes:
            found.setdefault(crash.key.task_id, []).append(crash)
        return {task_id: sorted(each, key=lambda one: one.key.sample) for task_id, each in found.items()}

    def attempts(self) -> Iterator[Attempt]:
        for each in self.tasks.values():
            yield from each


def _turn_of_solution(attempt: Attempt, measure: Measure) -> int | None:
    """Its number, from 1."""
    return next((n for n, each in enumerate(attempt.turns, 1) if each.status(measure) == Status.PASS), None)


def _solved(attempt: Attempt, measure: Measure) -> bool:
    return attempt.scored.status(measure) == Status.PASS


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation as far as it has come. `origin` says how: model, critic, temperature, profile and so on.

    `price` is that of the model's tokens, as far as it is known; `paid` is for everything, critics included.
    """

    dataset: Dataset
    origin: Mapping[str, str]
    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...] = ()  # to what a log said of the same attempts
    task_ids: tuple[str, ...] = ()
    price: Price = FREE
    paid: Cost = NOTHING

    @property
    def crashed(self) -> int:
        return sum(each.crashed for each in self.standings)

    @property
    def reasons(self) -> Counter[str]:
        """Why attempts crashed, in all settings."""
        return sum((each.reasons for each in self.standings), Counter[str]())

    @property
    def missing(self) -> int:
        return sum(each.missing for each in self.standings)

    def pairs(self) -> Iterator[tuple[Standing, Standing, Measure, Paired]]:
        """Every two settings that are whole, measured by what both can be: of `resample` the first sample."""
        whole = [each for each in self.standings if each.whole]
        for first, second in combinations(whole, 2):
            measure = _common(first, second)
            if measure is not None:
                yield first, second, measure, paired(first.solved(measure), second.solved(measure))


def _common(first: Standing, second: Standing) -> Measure | None:
    """The strictest measure of both, but none that counts visible tests where one setting is not measured by them."""
    order: tuple[Measure, ...] = ("unseen", "base", "plus")
    headlines: set[Measure] = {first.setting.measure, second.setting.measure}
    both = set(first.measures) & set(second.measures)
    ranked = sorted(both & headlines or both, key=order.index)
    return ranked[0] if ranked else None


def gathered(
    dataset: Dataset,
    origin: Mapping[str, str],
    settings: Sequence[Setting],
    task_ids: Sequence[str],
    ended: Mapping[Key, Attempt | Crash],
) -> Evaluation:
    """What has ended, in the order of settings and tasks."""
    standings = tuple(_standing(each, task_ids, ended) for each in settings)
    return Evaluation(dataset, origin, standings, task_ids=tuple(task_ids))


def _standing(setting: Setting, task_ids: Sequence[str], ended: Mapping[Key, Attempt | Crash]) -> Standing:
    tasks: dict[str, tuple[Attempt, ...]] = {}
    crashes: list[Crash] = []
    missing = 0
    for task_id in task_ids:
        found = [ended.get(Key(setting.name, task_id, n)) for n in range(setting.samples)]
        crashes += [each for each in found if isinstance(each, Crash)]
        missing += found.count(None)
        if attempts := tuple(each for each in found if isinstance(each, Attempt)):
            tasks[task_id] = attempts
    return Standing(setting, tasks, tuple(crashes), missing)


def dumps(evaluation: Evaluation) -> str:
    """The file's text."""
    content = {
        "format": FORMAT,
        "model": evaluation.origin.get("model", ""),
        "dataset": asdict(evaluation.dataset),
        "origin": dict(evaluation.origin),
        "crashed": evaluation.crashed,
        "missing": evaluation.missing,
        "paid": _cost(evaluation.paid),
        "price": None if not evaluation.price else [str(evaluation.price.prompt), str(evaluation.price.completion)],
        "settings": {each.setting.name: summary(each, evaluation.price) for each in evaluation.standings},
        "pairs": [
            pair(first.setting.name, second.setting.name, measure, found)
            for first, second, measure, found in evaluation.pairs()
        ],
        "differences": [asdict(each) for each in evaluation.differences],
        "tasks": list(evaluation.task_ids),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def write(path: Path, evaluation: Evaluation) -> None:
    """Make `path` hold this evaluation, in one step."""
    replace_file(path, [dumps(evaluation).encode("utf-8", "replace")])


def _cost(cost: Cost) -> dict[str, object]:
    tokens = {"prompt_tokens": cost.prompt_tokens, "completion_tokens": cost.completion_tokens}
    return {"calls": cost.calls, **tokens, "dollars": float(cost.dollars)}


def summary(standing: Standing, price: Price) -> dict[str, object]:
    """A setting as JSON has it."""
    setting = standing.setting
    return {
        "label": setting.label,
        "scoring_tests_shown": setting.shows_tests,
        "measure": setting.measure,
        **_numbers(standing, setting.measure),
        "n": len(standing.tasks),
        "samples": setting.samples,
        "crashed": standing.crashed,
        "reasons": dict(standing.reasons),
        "crashes": [
            {"task_id": each.key.task_id, "sample": each.key.sample, "reason": each.reason} for each in standing.crashes
        ],
        "missing": standing.missing,
        **{measure: _numbers(standing, measure) for measure in standing.measures},
        "statuses": dict(Counter(each.scored.status(setting.measure) for each in standing.attempts())),
        "solved_by_turn": None if standing.crashed or standing.missing else list(standing.curve),
        "mrr": standing.reciprocal_rank,
        "recall": standing.recall,
        "repairs": {kind: asdict(each) for kind, each in standing.repairs.items()},
        "tokens": asdict(standing.usage),
        "dollars": float(standing.cost(price).dollars) if price else None,
        "leaks": {
            "attempts": sum(each.leaks > 0 for each in standing.attempts()),
            "ngrams": sum(each.leaks for each in standing.attempts()),
        },
        "unsaid": sum(bool(each.unsaid) for each in standing.attempts()),
    }


def _numbers(standing: Standing, measure: Measure) -> dict[str, object]:
    return numbers.as_json({k: standing.estimate(measure, k) for k in sorted({1, standing.setting.samples})})


def pair(first: str, second: str, measure: Measure, found: Paired) -> dict[str, object]:
    """A paired difference as JSON has it."""
    return {
        "first": first,
        "second": second,
        "measure": measure,
        "tasks": found.tasks,
        "gained": found.gained,
        "lost": found.lost,
        "difference": found.difference,
        "ci95": numbers.bounds(found.interval),
        "p": found.p,
    }
