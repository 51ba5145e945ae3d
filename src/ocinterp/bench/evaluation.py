"""What came of an evaluation: its settings side by side, and what is between them, as values and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, count, islice
from pathlib import Path
from typing import Final

from ocinterp.bench import matched, numbers, standings
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.matched import Matched
from ocinterp.bench.numbers import Measure
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash, Ended
from ocinterp.bench.seats import Setting
from ocinterp.bench.spending import needed
from ocinterp.bench.standings import Dollars, Standing
from ocinterp.bench.statistics import Paired, paired
from ocinterp.files import replace_file
from ocinterp.journal import FREE, NOTHING, Cost, Price
from ocinterp.types import Usage

FORMAT: Final = "ocinterp-evaluation/1"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation as far as it has come. `origin` says how: model, critic, temperature, profile and so on.

    `price` and `critic_price` are those that tokens cost now, FREE where nobody named one; `paid` is for everything, in
    earlier runs too, equal requests once.
    """

    dataset: Dataset
    origin: Mapping[str, str]
    standings: tuple[Standing, ...]
    differences: tuple[Difference, ...] = ()  # to what a log said of the same attempts
    task_ids: tuple[str, ...] = ()
    price: Price = FREE
    critic_price: Price = FREE
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

    def dollars(self, standing: Standing) -> Dollars | None:
        """What a setting's tokens cost, were it made alone: answers that settings share are paid for once."""
        return self.worth(standing.usage, standing.critic_usage)

    def worth(self, answers: Usage, critics: Usage) -> Dollars | None:
        """What tokens of the model and of its critic cost; None without a price."""
        if not self.price and not self.critic_price:
            return None
        return Dollars(
            float(self.price.of(answers.prompt_tokens, answers.completion_tokens).dollars),
            float(self.critic_price.of(critics.prompt_tokens, critics.completion_tokens).dollars),
        )

    def pairs(self) -> Iterator[tuple[Standing, Standing, Measure, Paired]]:
        """Every two settings that are whole, measured by what both can be: of `resample` the first sample."""
        whole = [each for each in self.standings if each.whole]
        for first, second in combinations(whole, 2):
            measure = _common(first, second)
            if measure is not None:
                yield first, second, measure, paired(first.solved(measure), second.solved(measure))

    def matches(self) -> Iterator[tuple[Standing, Matched]]:
        """What the tokens of each setting that refines buy, where answers were drawn for them and all is whole."""
        whole = [each for each in self.standings if each.whole]
        for drawn in (each for each in whole if each.setting.equal_budget):
            for rival in (each for each in whole if each.setting.competes):
                dialogues = {task_id: each[0] for task_id, each in rival.tasks.items()}
                yield drawn, matched.matched(rival.setting, drawn.tasks, dialogues)


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
    ended: Mapping[Key, Ended],
) -> Evaluation:
    """What has ended, in the order of settings and tasks."""
    found = tuple(_standing(each, settings, task_ids, ended) for each in settings)
    return Evaluation(dataset, origin, found, task_ids=tuple(task_ids))


def _standing(
    setting: Setting, settings: Sequence[Setting], task_ids: Sequence[str], ended: Mapping[Key, Ended]
) -> Standing:
    tasks: dict[str, tuple[Attempt, ...]] = {}
    crashes: list[Crash] = []
    gaps: dict[str, int] = {}
    for task_id in task_ids:
        rivals = [ended.get(Key(each.name, task_id)) for each in settings if each.competes]
        samples = (ended.get(Key(setting.name, task_id, n)) for n in count())
        found = _drawn(samples, rivals) if setting.equal_budget else list(islice(samples, setting.samples))
        crashes += [each for each in found if isinstance(each, Crash)]
        if missing := found.count(None):
            gaps[task_id] = missing
        if attempts := tuple(each for each in found if isinstance(each, Attempt)):
            tasks[task_id] = attempts
    return Standing(setting, tasks, tuple(crashes), gaps)


def _drawn(samples: Iterator[Ended | None], rivals: Sequence[Ended | None]) -> list[Ended | None]:
    """The samples that cost as much as the rivals; the last one is no Attempt where they cannot be told yet."""
    known = [each for each in rivals if isinstance(each, Attempt)]
    if len(known) < len(rivals):
        return [None]
    made: list[Attempt] = []
    while isinstance(following := next(samples), Attempt):
        made.append(following)
    number = needed(made, known)
    return [*made, following] if number is None else [*made[:number]]


def content(evaluation: Evaluation) -> dict[str, object]:
    """What the file of numbers holds."""
    return {
        "format": FORMAT,
        "model": evaluation.origin.get("model", ""),
        "dataset": asdict(evaluation.dataset),
        "origin": dict(evaluation.origin),
        "crashed": evaluation.crashed,
        "missing": evaluation.missing,
        "paid": _cost(evaluation.paid),
        "price": _price(evaluation.price),
        "critic_price": _price(evaluation.critic_price),
        "settings": {
            each.setting.name: standings.as_json(each, evaluation.dollars(each)) for each in evaluation.standings
        },
        "pairs": [
            pair(first.setting.name, second.setting.name, measure, found)
            for first, second, measure, found in evaluation.pairs()
        ],
        "equal_budget": [matched.as_json(each.setting.name, found) for each, found in evaluation.matches()],
        "differences": [asdict(each) for each in evaluation.differences],
        "tasks": list(evaluation.task_ids),
    }


def dumps(evaluation: Evaluation) -> str:
    """The file's text."""
    return json.dumps(content(evaluation), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def write(path: Path, evaluation: Evaluation) -> None:
    """Make `path` hold this evaluation, in one step."""
    replace_file(path, [dumps(evaluation).encode("utf-8", "replace")])


def _price(price: Price) -> list[str] | None:
    return [str(price.prompt), str(price.completion)] if price else None


def _cost(cost: Cost) -> dict[str, object]:
    tokens = {"prompt_tokens": cost.prompt_tokens, "completion_tokens": cost.completion_tokens}
    return {"calls": cost.calls, **tokens, "dollars": float(cost.dollars)}


def pair(first: str, second: str, measure: Measure, found: Paired) -> dict[str, object]:
    """A paired difference as JSON has it."""
    return {"first": first, "second": second, "measure": measure, **numbers.of_pair(found)}
