"""What came of judging samples, as values and as JSON; docs/formats.md describes the file.

The verdicts are what is recorded. All numbers are computed from them, when they are written and again when they are
read, and there is no headline number as long as a sandbox failure has left a sample without a verdict.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, cast

from ocinterp.bench import numbers
from ocinterp.bench.numbers import Suite
from ocinterp.bench.samples import Irregularities
from ocinterp.bench.statistics import Estimate, mean, pass_at_k
from ocinterp.errors import DataError
from ocinterp.files import replace_file
from ocinterp.problems import Benchmark
from ocinterp.types import Status

FORMAT: Final = "ocinterp-score/1"

_COUNTED = ("samples", "repeated", "empty", "refused", "sanitized", "fenced")


@dataclass(frozen=True, slots=True)
class Judged:
    """The verdicts on one sample: a `Status` each, or EvalPlus's word. `plus` is None where there are no such tests.

    `why` says what left it without a verdict, where something did.
    """

    base: str
    plus: str | None = None
    why: str = ""

    def status(self, suite: Suite) -> str:
        """The verdict on a suite; plus includes base, as EvalPlus counts it."""
        return self.base if suite == "base" or self.base != Status.PASS else self.plus or self.base


Tasks = Mapping[str, tuple[Judged, ...]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """Which problems were judged; as in `problems.Benchmark`."""

    name: str
    version: str
    md5: str
    known: bool = True

    @staticmethod
    def of(benchmark: Benchmark) -> Dataset:
        """The one that a benchmark was read from."""
        return Dataset(benchmark.name, benchmark.version, benchmark.md5, benchmark.known)


@dataclass(frozen=True, slots=True)
class Differing:
    """A set of tests that a sample passes under one profile and not under another; `why` are the words of the failure."""

    task_id: str
    index: int  # of the sample, among those of its task
    suite: Suite
    profile: str  # the other one
    status: Status
    other: Status
    why: str


@dataclass(frozen=True, slots=True)
class Score:
    """A scored run: verdicts by task id, in the order of the samples. A task without any (an empty tuple) counts as unsolved.

    `differing` are the samples that other profiles see otherwise, as far as they were asked.
    """

    dataset: Dataset
    profile: str
    tasks: Tasks
    irregularities: Irregularities = field(default_factory=Irregularities)
    differing: tuple[Differing, ...] = ()

    @property
    def suites(self) -> tuple[Suite, ...]:
        """The strictest last: it makes the headline."""
        plus = any(each.plus is not None for judged in self.tasks.values() for each in judged)
        return ("base", "plus") if plus else ("base",)

    @property
    def crashed(self) -> int:
        """Samples that a failure of the sandbox left without a verdict."""
        return sum(self.reasons.values())

    @property
    def reasons(self) -> Counter[str]:
        """How many samples each failure left without a verdict, by its words."""
        failure = Status.SANDBOX_FAILURE
        rows = (each for judged in self.tasks.values() for each in judged)
        return Counter(each.why for each in rows if failure in {each.base, each.plus})

    @property
    def ks(self) -> tuple[int, ...]:
        """The k of 1, 10 and 100 for which every task with samples has enough."""
        fewest = min((len(judged) for judged in self.tasks.values() if judged), default=0)
        return tuple(k for k in (1, 10, 100) if k <= fewest)

    def statuses(self, suite: Suite) -> Counter[str]:
        """How many samples came to each status."""
        return Counter(each.status(suite) for judged in self.tasks.values() for each in judged)

    def estimate(self, suite: Suite, k: int = 1) -> Estimate | None:
        """pass@k; None while `crashed`, and where there is no task. UsageError when a task has fewer samples than k."""
        if self.crashed or not self.tasks:
            return None
        return mean([_solved(judged, suite, k) for judged in self.tasks.values()])

    def estimates(self, suite: Suite) -> dict[int, Estimate | None]:
        """All that can be given, by k; for pass@1 alone None where no task has a sample."""
        return {k: self.estimate(suite, k) for k in self.ks} or {1: None}


def _solved(judged: tuple[Judged, ...], suite: Suite, k: int) -> float:
    passed = sum(each.status(suite) == Status.PASS for each in judged)
    return pass_at_k(len(judged), passed, k) if judged else 0.0


def dumps(score: Score) -> str:
    """The file's text. DataError for a text or a number that JSON cannot hold."""
    tasks = {task: [_verdicts(each) for each in judged] for task, judged in score.tasks.items()}
    content: dict[str, object] = {
        "format": FORMAT,
        "dataset": asdict(score.dataset),
        "profile": score.profile,
        "crashed": score.crashed,
        **_numbers(score, score.suites[-1]),
        **{suite: _numbers(score, suite) for suite in score.suites},
        "irregularities": asdict(score.irregularities),
        "differing": [asdict(each) for each in score.differing],
        "tasks": tasks,
    }
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1)
        text.encode()
    except ValueError as error:  # UnicodeEncodeError is one
        raise DataError(f"a score that JSON cannot hold: {error}") from error
    return text + "\n"


def _verdicts(judged: Judged) -> dict[str, str]:
    found = {"base": judged.base, "plus": judged.plus, "why": judged.why or None}
    return {name: value for name, value in found.items() if value is not None}


def _numbers(score: Score, suite: Suite) -> dict[str, object]:
    return numbers.as_json(score.estimates(suite))


def write(path: Path, score: Score) -> None:
    """Make `path` hold this score, in one step."""
    replace_file(path, [dumps(score).encode()])


def read(path: Path) -> Score:
    """The score in a file. DataError says what is wrong with it, numbers that its verdicts do not give included."""
    return loads(_content(path), str(path))


def loads(content: bytes, origin: str = "the score") -> Score:
    """What `dumps` wrote; `origin` is named in errors."""
    try:
        data = _object(json.loads(content, parse_constant=_refuse))
        score = _score(data)
    except KeyError as error:
        raise DataError(f"{origin}: {error.args[0]} is missing") from error
    except DataError as error:
        raise DataError(f"{origin}: {error}") from error
    except (ValueError, RecursionError) as error:  # not JSON, not UTF-8
        raise DataError(f"{origin}: not JSON: {error}") from error
    expected = _numbers(score, score.suites[-1])["pass@1"]
    if data.get("pass@1") != expected:
        raise DataError(f"{origin}: pass@1 is {data.get('pass@1')}, but its verdicts give {expected}")
    return score


def _score(data: dict[str, object]) -> Score:
    if data.get("format") != FORMAT:
        raise DataError(f'found format {data.get("format")!r:.40}, expected "{FORMAT}"')
    return Score(
        _dataset(data["dataset"]),
        _text(data["profile"]),
        {task: tuple(map(_judged, _list(rows))) for task, rows in _object(data["tasks"]).items()},
        _irregularities(data["irregularities"]),
        tuple(map(_difference, _list(data["differing"]))),
    )


def _difference(value: object) -> Differing:
    row = _object(value)
    index, suite = row["index"], row["suite"]
    if not isinstance(index, int) or suite not in {"base", "plus"}:
        raise DataError(f"found {row!r:.80}, expected a sample on which profiles differ")
    return Differing(
        _text(row["task_id"]),
        index,
        "base" if suite == "base" else "plus",
        _text(row["profile"]),
        _status(row["status"]),
        _status(row["other"]),
        _text(row["why"]),
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _refuse(constant: str) -> None:
    raise DataError(f"a number is not finite: {constant}")


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"found {value!r:.40}, expected an object")
    return cast("dict[str, object]", value)


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise DataError(f"found {value!r:.40}, expected a list")
    return cast("list[object]", value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"found {value!r:.40}, expected a text")
    return value


def _judged(value: object) -> Judged:
    row = _object(value)
    plus = _status(row["plus"]) if "plus" in row else None
    return Judged(_status(row["base"]), plus, _text(row.get("why", "")))


def _status(value: object) -> Status:
    try:
        return Status(_text(value))
    except ValueError as error:
        raise DataError(f"found status {value!r:.40}, expected one of {', '.join(Status)}") from error


def _dataset(value: object) -> Dataset:
    data = _object(value)
    if not isinstance(data["known"], bool):
        raise DataError(f"dataset.known is {data['known']!r:.40}, expected true or false")
    return Dataset(_text(data["name"]), _text(data["version"]), _text(data["md5"]), data["known"])


def _irregularities(value: object) -> Irregularities:
    data = _object(value)
    unknown = {name: _count(number) for name, number in _object(data["unknown"]).items()}
    missing, uneven = (tuple(map(_text, _list(data[name]))) for name in ("missing", "uneven"))
    samples, repeated, empty, refused, sanitized, fenced = (_count(data[name]) for name in _COUNTED)
    return Irregularities(samples, unknown, missing, uneven, repeated, empty, refused, sanitized, fenced)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DataError(f"found {value!r:.40}, expected a count")
    return value
