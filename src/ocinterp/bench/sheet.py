"""Attempts as a table for spreadsheets and data frames: CSV (RFC 4180), a row for each (docs/formats.md)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.comparison import Comparison
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.run import Crash
from ocinterp.bench.spending import answers_of
from ocinterp.bench.standings import Standing
from ocinterp.files import replace_file
from ocinterp.types import Status

COLUMNS: Final = (
    *("model", "dataset", "setting", "shown", "task_id", "sample"),
    *("measure", "status", "base", "plus", "unseen", "error"),
    *("turns", "first_status", "first_error", "solved_at"),
    *("prompt_tokens", "completion_tokens", "critic_prompt_tokens", "critic_completion_tokens"),
    *("dollars", "critic_dollars", "leaks", "stop", "reason"),
)
_SHOWN: Final = {"": "", "*": "tests", "**": "solution"}
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")  # what a spreadsheet may take for one, and our own mark

Row = dict[str, str | int | float]


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula: `'` stands before one that could be, and before another `'`."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain(text: str) -> str:
    """What `safe` was given."""
    return text.removeprefix("'")


def rows(evaluation: Evaluation, model: str = "") -> Iterator[Row]:
    """All attempts that have ended, by setting, task and sample; a crash is one of status `sandbox-failure`."""
    dataset = f"{evaluation.dataset.name}@{evaluation.dataset.version}"
    for standing in evaluation.standings:
        known: Row = {"model": model or evaluation.origin.get("model", ""), "dataset": dataset}
        found = standing.ended()
        for each in (one for task_id in evaluation.task_ids for one in found.get(task_id, ())):
            row = _attempt(each, standing) | _spent(each, evaluation) if isinstance(each, Attempt) else _crash(each)
            yield known | _key(each.key, standing) | row


def of_comparison(found: Comparison) -> Iterator[Row]:
    """The same of all models, as far as they are compared."""
    for name, run in found.models.items():
        yield from (row for row in rows(run, name) if row["setting"] in found.settings)


def _key(key: Key, standing: Standing) -> Row:
    return {
        "setting": standing.setting.name,
        "shown": _SHOWN[standing.setting.mark],
        "task_id": key.task_id,
        "sample": key.sample,
        "measure": standing.setting.measure,
    }


def _crash(crash: Crash) -> Row:
    return {"status": str(Status.SANDBOX_FAILURE), "reason": crash.reason}


def _attempt(attempt: Attempt, standing: Standing) -> Row:
    measure, last = standing.setting.measure, attempt.scored
    first = attempt.turns[0] if attempt.turns else last
    return {
        "status": last.status(measure),
        "base": last.base,
        "plus": last.plus or "",
        "unseen": last.unseen,
        "error": last.error,
        "turns": len(attempt.turns),
        "first_status": first.status(measure),
        "first_error": first.error,
        "solved_at": attempt.solved_at(measure) or "",
        "leaks": attempt.leaks,
        "stop": str(attempt.trajectory.stop or ""),
        "reason": attempt.unsaid,
    }


def _spent(attempt: Attempt, evaluation: Evaluation) -> Row:
    answers, critics = answers_of(attempt), attempt.critic_tokens
    dollars = evaluation.worth(answers, critics)
    return {
        "prompt_tokens": answers.prompt_tokens,
        "completion_tokens": answers.completion_tokens,
        "critic_prompt_tokens": critics.prompt_tokens,
        "critic_completion_tokens": critics.completion_tokens,
        "dollars": dollars.model if dollars else "",
        "critic_dollars": dollars.critic if dollars else "",
    }


def dumps(found: Iterable[Row]) -> str:
    """The file's text, with a line of names first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in found:
        cells = (row.get(name, "") for name in COLUMNS)
        writer.writerow([safe(each) if isinstance(each, str) else each for each in cells])
    return text.getvalue()


def write(path: Path, found: Iterable[Row]) -> None:
    """Make `path` hold these rows, in one step."""
    replace_file(path, [dumps(found).encode("utf-8", "replace")])
