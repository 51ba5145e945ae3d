"""Evaluations that were kept, read again: the numbers' file says what was asked for, the trajectories what came of it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

from pydantic import TypeAdapter, ValidationError

from ocinterp.bench import attempts, evaluation, results
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import FORMAT, Evaluation, gathered
from ocinterp.bench.hidden import Scored
from ocinterp.bench.numbers import Measure
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset, Judged, Score
from ocinterp.bench.run import Crash
from ocinterp.bench.seats import Seat, Setting
from ocinterp.bench.settings import CONTROLS
from ocinterp.bench.standings import Standing
from ocinterp.errors import DataError
from ocinterp.feedback import silent
from ocinterp.journal import FREE, Cost, Price
from ocinterp.journal.costs import NANO
from ocinterp.loop import Limits
from ocinterp.protocols import FeedbackProvider
from ocinterp.types import Status, Trajectory

SAMPLES: Final = "samples"  # the one setting of a score


@dataclass(frozen=True, slots=True)
class _Crash:
    task_id: str
    sample: int
    reason: str


@dataclass(frozen=True, slots=True)
class _Setting:
    label: str
    scoring_tests_shown: bool
    solution_shown: bool
    equal_budget: bool
    measure: Measure
    samples: int
    turns: int | None
    crashed: int
    missing: int
    crashes: tuple[_Crash, ...]
    control: bool | None = None  # older files do not say; their names do


@dataclass(frozen=True, slots=True)
class _Paid:
    calls: int
    prompt_tokens: int
    completion_tokens: int
    dollars: float

    def cost(self) -> Cost:
        return Cost(self.calls, self.prompt_tokens, 0, self.completion_tokens, round(self.dollars * NANO))


@dataclass(frozen=True, slots=True)
class _File:
    """What is read of the file of numbers; the numbers themselves follow from the attempts."""

    format: Literal["ocinterp-evaluation/1"]
    dataset: Dataset
    origin: dict[str, str]
    paid: _Paid
    price: tuple[str, str] | None
    critic_price: tuple[str, str] | None
    settings: dict[str, _Setting]
    differences: tuple[Difference, ...]
    tasks: tuple[str, ...]


@cache
def _adapter() -> TypeAdapter[_File]:
    return TypeAdapter(_File)


def read(path: Path) -> Evaluation:
    """The evaluation whose numbers are in `path` and whose trajectories lie beside it, as far as it has come; or a score.

    DataError for a file that is neither, and for numbers that do not follow from their trajectories.
    """
    try:
        content: Any = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if isinstance(content, dict) and cast("dict[str, Any]", content).get("format") == results.FORMAT:
        return of_score(results.read(path), path.stem)
    try:
        file = _adapter().validate_python(content)
    except ValidationError as error:
        raise DataError(f"{path}: {_complaint(error)}") from error
    found = _evaluation(file, path.with_suffix(".jsonl"))
    _check(found, file, cast("dict[str, Any]", content), path)
    return found


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["loc"] in {(), ("format",)}:
        return f'expected "format": "{FORMAT}", or that of a score'
    return (
        f"{'.'.join(map(str, first['loc']))}: {first['msg']} (a run of another version, or edited: the same "
        "`ocinterp eval` with --resume writes it anew, and asks for nothing that is kept)"
    )


def _evaluation(file: _File, trajectories: Path) -> Evaluation:
    settings = [_setting(name, each) for name, each in file.settings.items()]
    crashes = [
        Crash(Key(name, one.task_id, one.sample), one.reason)
        for name, each in file.settings.items()
        for one in each.crashes
    ]
    ended: dict[Key, Attempt | Crash] = {each.key: each for each in crashes}
    ended.update(attempts.peek(trajectories))
    found = gathered(file.dataset, file.origin, settings, file.tasks, ended)
    prices = [FREE if each is None else Price(*each) for each in (file.price, file.critic_price)]
    return replace(found, differences=file.differences, price=prices[0], critic_price=prices[1], paid=file.paid.cost())


def _check(found: Evaluation, file: _File, told: Mapping[str, Any], path: Path) -> None:
    """Refuse numbers that are not those of the trajectories, where both are of the same moment."""
    ours: dict[str, Any] = json.loads(json.dumps(evaluation.content(found)))
    whole = [_whole(each, file.settings[each.setting.name]) for each in found.standings]
    for standing, comparable in zip(found.standings, whole, strict=True):
        name = standing.setting.name
        then, now = told["settings"][name], ours["settings"][name]
        if comparable:
            _agree(then, now, name, path)
        elif not _finished(file.settings[name]):
            _agree({"pass@1": then.get("pass@1")}, {"pass@1": None}, name, path)
    if all(whole):
        between = ("pairs", "equal_budget")
        _agree({each: told.get(each) for each in between}, {each: ours[each] for each in between}, "the run", path)


def _finished(kept: _Setting) -> bool:
    return not kept.crashed and not kept.missing


def _whole(standing: Standing, kept: _Setting) -> bool:
    """Whether a setting was whole when its numbers were written, and is."""
    return _finished(kept) and standing.whole


def _agree(told: Mapping[str, object], found: Mapping[str, object], whose: str, path: Path) -> None:
    """DataError for the first number that is another one. What is not told may be anything."""
    then = dict(_leaves({key: value for key, value in told.items() if key in found}))
    now = dict(_leaves({key: value for key, value in found.items() if key in told}))
    for name in now | then:
        if not _same(then.get(name), now.get(name)):
            numbers = f"{then.get(name)}, but its trajectories give {now.get(name)}"
            raise DataError(f"{path}: {'.'.join(name)} of {whose} is {numbers}")


def _leaves(value: object, name: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """What JSON holds, by where it is; without intervals, since a bootstrap depends on the version of its generator."""
    if isinstance(value, dict):
        inside = list(cast("dict[str, object]", value).items())
    elif isinstance(value, list):
        inside = [(str(number), each) for number, each in enumerate(cast("list[object]", value))]
    else:
        yield name, value
        return
    for key, each in inside:
        if not key.startswith("ci95"):
            yield from _leaves(each, (*name, key))


def _same(told: object, found: object) -> bool:
    if isinstance(told, float) and isinstance(found, float):
        return math.isclose(told, found, rel_tol=1e-9, abs_tol=1e-12)
    return told == found


def _silent(seat: Seat) -> FeedbackProvider:
    return silent


def _setting(name: str, kept: _Setting) -> Setting:
    """A setting as far as numbers depend on it: nobody is asked in it any more."""
    return Setting(
        name,
        kept.label,
        kept.measure,
        _silent,
        Limits(kept.turns),
        samples=1 if kept.equal_budget else kept.samples,
        shows_tests=kept.scoring_tests_shown,
        shows_solution=kept.solution_shown,
        control=name.partition("-")[0] in CONTROLS if kept.control is None else kept.control,
        equal_budget=kept.equal_budget,
    )


def of_score(score: Score, name: str) -> Evaluation:
    """A scored run as an evaluation in one setting, `samples`, whose trajectories nobody knows."""
    measure: Measure = score.suites[-1]
    samples = max((len(each) for each in score.tasks.values()), default=1)
    label = "samples that were scored; how they were made is not known"
    setting = Setting(SAMPLES, label, measure, _silent, Limits(1), samples=samples)
    tasks = {task_id: found for task_id, judged in score.tasks.items() if (found := _attempts(task_id, judged))}
    crashes = tuple(
        Crash(Key(SAMPLES, task_id, number), each.why)
        for task_id, judged in score.tasks.items()
        for number, each in enumerate(judged)
        if _is_crash(each)
    )
    origin = {"model": name, "profile": score.profile}
    return Evaluation(score.dataset, origin, (Standing(setting, tasks, crashes),), task_ids=tuple(score.tasks))


def _attempts(task_id: str, judged: tuple[Judged, ...]) -> tuple[Attempt, ...]:
    """One for each sample; one that failed where there is none, as scores count it."""
    nothing = Trajectory(task_id, ())
    if not judged:
        return (Attempt(Key(SAMPLES, task_id), nothing, (), unsaid="no sample"),)
    return tuple(
        Attempt(Key(SAMPLES, task_id, number), nothing, (Scored(each.base, each.plus, ""),))
        for number, each in enumerate(judged)
        if not _is_crash(each)
    )


def _is_crash(judged: Judged) -> bool:
    return Status.SANDBOX_FAILURE in {judged.base, judged.plus}
