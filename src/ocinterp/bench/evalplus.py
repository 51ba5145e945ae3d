"""EvalPlus's own result files, and where the verdicts of two runs differ."""

from __future__ import annotations

import gzip
import json
import zlib
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, cast

from ocinterp.bench.numbers import Suite
from ocinterp.bench.results import Judged, Tasks
from ocinterp.errors import DataError
from ocinterp.types import Status

_STATUSES = {"pass", "fail", "timeout"}


@dataclass(frozen=True, slots=True)
class Published:
    """An eval_results.json; `md5` is its dataset's, `tasks` has EvalPlus's words: pass, fail, timeout."""

    md5: str
    date: str
    tasks: Tasks


def read(path: Path) -> Published:
    """The verdicts in a file of EvalPlus 0.2 or 0.3, gzip or not. DataError where it is not one."""
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        data = json.loads(content)
        tasks = {task: tuple(map(_judged, rows)) for task, rows in data["eval"].items()}
        return Published(str(data["hash"]), str(data.get("date", "")), tasks)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the compressed file is damaged or cut short: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path}: not EvalPlus's results ({error}), expected hash and eval with base_status") from error


def _judged(row: dict[str, Any]) -> Judged:
    found = (row["base_status"], row.get("plus_status"))
    unknown = [each for each in found if each is not None and each not in _STATUSES]
    if unknown or found[0] is None:
        raise ValueError(f"status {found}")
    return Judged(*cast("tuple[str, str | None]", found))


@dataclass(frozen=True, slots=True)
class Difference:
    """A sample that passes in one of two runs only; None where a run does not have it."""

    task_id: str
    index: int
    suite: Suite
    first: str | None
    second: str | None


def differences(first: Tasks, second: Tasks) -> tuple[Difference, ...]:
    """The samples whose verdicts differ, in the order of `first`: pass or not, since words for failures vary.

    Verdicts on plus are compared where both runs have them, and include base.
    """
    found: list[Difference] = []
    for task in dict.fromkeys([*first, *second]):
        pairs = zip_longest(first.get(task, ()), second.get(task, ()))
        for index, (one, other) in enumerate(pairs):
            found += _differing(task, index, one, other)
    return tuple(found)


def _differing(task: str, index: int, one: Judged | None, other: Judged | None) -> list[Difference]:
    if one is None or other is None:
        return [Difference(task, index, "base", one and one.base, other and other.base)]
    suites: list[Suite] = ["base", "plus"] if one.plus is not None and other.plus is not None else ["base"]
    found: list[Difference] = []
    for suite in suites:
        ours, theirs = one.status(suite), other.status(suite)
        if (ours == Status.PASS) != (theirs == Status.PASS):
            found.append(Difference(task, index, suite, ours, theirs))
    return found
