"""Several models at the same tasks in the same settings, task by task, as values and as JSON (docs/formats.md)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations, takewhile
from pathlib import Path
from typing import Final

from ocinterp.bench import evaluation, matched, standings
from ocinterp.bench.attempts import BEFORE
from ocinterp.bench.conv import GROUP
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.matched import Matched
from ocinterp.bench.numbers import Measure
from ocinterp.bench.results import Dataset
from ocinterp.bench.standings import Standing
from ocinterp.bench.statistics import Paired, paired
from ocinterp.errors import UsageError
from ocinterp.files import replace_file

FORMAT: Final = "ocinterp-comparison/1"
_OPTIONS: Final = ("critic", "turns", "form", "temperature", "spread", "again", "max_tokens")  # on which numbers depend
_CONV_OPTIONS: Final = ("conv_turns",)  # and those of ConvCodeWorld's settings


@dataclass(frozen=True, slots=True)
class Pair:
    """A paired difference between two models in one setting."""

    setting: str
    first: str
    second: str
    measure: Measure
    found: Paired


@dataclass(frozen=True, slots=True)
class Match:
    """What a model gives in a setting that refines, against its own answers for as many tokens. `drew` drew those."""

    setting: str
    name: str
    drew: str
    found: Matched


@dataclass(frozen=True, slots=True)
class Comparison:
    """Models by their names, as far as their evaluations have `tasks` in common; `left_out` are tasks that not all have.

    `settings` are those that at least two models were evaluated in, `alone` the others. `options` are those that are not
    the same for all, with the value of each model.
    """

    dataset: Dataset
    profile: str
    models: Mapping[str, Evaluation]
    tasks: tuple[str, ...]
    left_out: int
    settings: tuple[str, ...]
    alone: tuple[str, ...]
    options: Mapping[str, Mapping[str, str]]

    def standings(self, setting: str) -> dict[str, Standing]:
        """The models that were evaluated in a setting."""
        found = ((name, each) for name, run in self.models.items() for each in run.standings)
        return {name: each for name, each in found if each.setting.name == setting}

    def pairs(self) -> Iterator[Pair]:
        """Every two models of each setting whose attempts are whole, by the setting's own measure."""
        for setting in self.settings:
            whole = {name: each for name, each in self.standings(setting).items() if each.whole}
            for (first, one), (second, other) in combinations(whole.items(), 2):
                measure = one.setting.measure
                yield Pair(setting, first, second, measure, paired(one.solved(measure), other.solved(measure)))

    def matches(self) -> Iterator[Match]:
        """Each model against itself, in all settings where that is known."""
        found = [(name, *each) for name, run in self.models.items() for each in run.matches()]
        for setting in self.settings:
            for name, drawn, each in found:
                if each.rival.name == setting:
                    yield Match(setting, name, drawn.setting.name, each)


def compare(runs: Sequence[tuple[str, Evaluation]]) -> Comparison:
    """Put evaluations side by side; each comes with the name of its file, which tells two of one model apart.

    UsageError for fewer than two, and where they were not made alike: by dataset, profile, tests that count, tasks.
    """
    if len(runs) < 2:
        raise UsageError("a comparison takes at least two runs")
    first = runs[0][1]
    for name, each in runs[1:]:
        _check_alike(runs[0][0], first, name, each)
    models = _named(runs)
    settings, alone = _settings(models)
    tasks = _common([each.task_ids for each in models.values()])
    everything = {task for each in models.values() for task in each.task_ids}
    return Comparison(
        first.dataset,
        first.origin.get("profile", ""),
        {name: _among(each, tasks) for name, each in models.items()},
        tasks,
        len(everything) - len(tasks),
        settings,
        alone,
        _different({name: each.origin for name, each in models.items()}, settings),
    )


def _check_alike(first: str, one: Evaluation, second: str, other: Evaluation) -> None:
    if one.dataset != other.dataset:
        raise UsageError(
            f"{first} is of {_dataset(one.dataset)} and {second} of {_dataset(other.dataset)}: "
            "only runs over the same tasks can be compared"
        )
    profiles = one.origin.get("profile", ""), other.origin.get("profile", "")
    if profiles[0] != profiles[1]:
        raise UsageError(
            f"{first} was judged by profile {profiles[0]} and {second} by {profiles[1]}: "
            "numbers of different profiles are never mixed"
        )


def _dataset(found: Dataset) -> str:
    return f"{found.name} {found.version} ({found.md5[:8]})"


def _named(runs: Sequence[tuple[str, Evaluation]]) -> dict[str, Evaluation]:
    """By model; two of the same name get that of their file too, and if need be a number."""
    models = [each.origin.get("model", "") or name for name, each in runs]
    names = [
        f"{model} ({name})" if models.count(model) > 1 else model for model, (name, _) in zip(models, runs, strict=True)
    ]
    seen = Counter[str]()
    found: dict[str, Evaluation] = {}
    for name, (_, each) in zip(_shortened(names), runs, strict=True):
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = each
    return found


def _shortened(names: Sequence[str]) -> list[str]:
    """Without what all of them begin or end with, up to the last sign that is no letter or digit; `replay:` says nothing."""
    if len(set(names)) < 2:
        return list(names)
    start = _boundary(_shared(names))
    rest = [name[start:] for name in names]
    end = _boundary(_shared([each[::-1] for each in rest]))
    short = [each[: len(each) - end] for each in rest]
    return short if all(short) and (start + end) > 12 else list(names)


def _shared(names: Sequence[str]) -> str:
    """What all of them begin with."""
    columns = takewhile(lambda signs: len(set(signs)) == 1, zip(*names, strict=False))
    return "".join(signs[0] for signs in columns)


def _boundary(shared: str) -> int:
    """How much of it ends between two words."""
    return max((number for number, sign in enumerate(shared, 1) if sign in "/:_"), default=0)


def _settings(models: Mapping[str, Evaluation]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that several models have, and those that one has; UsageError where they are not measured by the same tests."""
    measures: dict[str, dict[str, Measure]] = {}
    for name, run in models.items():
        for each in run.standings:
            measures.setdefault(each.setting.name, {})[name] = each.setting.measure
    for setting, found in measures.items():
        if len(set(found.values())) > 1:
            told = ", ".join(f"{measure} of {name}" for name, measure in found.items())
            raise UsageError(
                f"{setting} is not measured by the same tests everywhere ({told}): compare runs that are alike"
            )
    shared = tuple(setting for setting, found in measures.items() if len(found) > 1)
    if not shared:
        told = "; ".join(
            f"{name}: {', '.join(one.setting.name for one in run.standings)}" for name, run in models.items()
        )
        raise UsageError(f"the runs have no setting in common ({told})")
    return shared, tuple(setting for setting in measures if setting not in shared)


def _common(task_ids: Sequence[Sequence[str]]) -> tuple[str, ...]:
    shared = set(task_ids[0]).intersection(*task_ids[1:])
    if not shared:
        raise UsageError("the runs have no task in common")
    return tuple(each for each in task_ids[0] if each in shared)


def _among(run: Evaluation, tasks: Sequence[str]) -> Evaluation:
    """An evaluation of these tasks alone."""
    wanted = set(tasks)
    standings = tuple(_standing(each, tasks, wanted) for each in run.standings)
    differences = tuple(each for each in run.differences if each.task_id in wanted)
    return replace(run, standings=standings, differences=differences, task_ids=tuple(tasks))


def _standing(standing: Standing, tasks: Sequence[str], wanted: set[str]) -> Standing:
    found = {task: standing.tasks[task] for task in tasks if task in standing.tasks}
    crashes = tuple(each for each in standing.crashes if each.key.task_id in wanted)
    gaps = {task: number for task, number in standing.gaps.items() if task in wanted}
    return Standing(standing.setting, found, crashes, gaps)


def _different(origins: Mapping[str, Mapping[str, str]], settings: Sequence[str]) -> dict[str, dict[str, str]]:
    options = _OPTIONS + (_CONV_OPTIONS if any(each.startswith(GROUP) for each in settings) else ())
    values = {
        option: {name: each.get(option, BEFORE.get(option, "")) for name, each in origins.items()} for option in options
    }
    return {option: found for option, found in values.items() if len(set(found.values())) > 1}


def dumps(found: Comparison) -> str:
    """The file's text."""
    content = {
        "format": FORMAT,
        "dataset": asdict(found.dataset),
        "profile": found.profile,
        "tasks": len(found.tasks),
        "left_out": found.left_out,
        "options": {name: dict(values) for name, values in found.options.items()},
        "settings": {
            setting: {
                name: standings.as_json(each, found.models[name].dollars(each))
                for name, each in found.standings(setting).items()
            }
            for setting in found.settings
        },
        "pairs": [
            {"setting": each.setting, **evaluation.pair(each.first, each.second, each.measure, each.found)}
            for each in found.pairs()
        ],
        "equal_budget": [{"model": each.name, **matched.as_json(each.drew, each.found)} for each in found.matches()],
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def write(path: Path, found: Comparison) -> None:
    """Make `path` hold this comparison, in one step."""
    replace_file(path, [dumps(found).encode("utf-8", "replace")])
