"""Recorded answers, given again: their code runs live, and what differs from the record is told."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ocinterp import records
from ocinterp.errors import DataError, ModelError, UsageError
from ocinterp.models import mint
from ocinterp.protocols import ignore
from ocinterp.render import error_line
from ocinterp.types import Completion, Feedback, Message, Outcome, Source, Task, Trajectory, Turn

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")
_FIGURE = "[figure]"
_NAMED = 8  # records listed in an error


def load(path: Path) -> list[Trajectory]:
    """The trajectories of a file: JSON lines in our format or a log of MINT, gzipped or not. Raises DataError."""
    try:
        first = _first_record(path)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if "format" in first:
        return list(records.read(path))
    if {"state", "task"} <= first.keys():
        return [mint.trajectory_of(record, name=path.name) for record in _read_lines(path)]
    raise DataError(
        f"{path} holds neither trajectories (with a field 'format': 'ocinterp-trajectory/1') nor a log of MINT "
        "(with the fields 'state' and 'task')"
    )


def pick(trajectories: Sequence[Trajectory], which: str | None) -> Trajectory:
    """One of a file's trajectories: by number from 1, by task id, or the first. Raises UsageError when there is none."""
    if which is None and trajectories:
        return trajectories[0]
    for number, each in enumerate(trajectories, 1):
        if which in {str(number), each.task_id}:
            return each
    there = ", ".join(f"{number}: {each.task_id}" for number, each in enumerate(trajectories[:_NAMED], 1))
    more = f", and {len(trajectories) - _NAMED} more" if len(trajectories) > _NAMED else ""
    raise UsageError(f"there is no record {which!r}; there are {there or 'none'}{more}")


@dataclass
class ReplayModel:
    """Says again what was said, in order. ModelError when the record is over."""

    trajectory: Trajectory
    _said: int = 0

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        if self._said >= len(self.trajectory.turns):
            raise ModelError(f"the record is over after {self._said} answers")
        completion = self.trajectory.turns[self._said].completion
        self._said += 1
        on_text(completion.text)
        return completion


@dataclass(frozen=True)
class ReplayFeedback:
    """Says to each turn what was said to it then, and nothing to the last."""

    trajectory: Trajectory

    async def __call__(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        number = len(before.turns)
        if number + 1 >= len(self.trajectory.turns):
            return ()
        # An answer that nobody spoke to was followed by another all the same: the loop must go on, in silence.
        return self.trajectory.turns[number].feedback or (_SILENCE,)


_SILENCE = Feedback(Source.EXECUTION, "")


def outcome_of(turn: Turn) -> str:
    """How the code of a turn ended: "clean", or the class of the first error; "nothing ran" without code."""
    if not turn.runs:
        return "nothing ran"
    failed = next((run.result for run in turn.runs if not run.result.ok), None)
    if failed is None:
        return "clean"
    if failed.outcome is Outcome.TIMEOUT:
        return "timeout"
    return failed.error.name if failed.error else str(failed.outcome)


def differences(recorded: Turn, live: Turn) -> list[str]:
    """Where a live turn differs from the recorded one, in lines for a person; empty where nothing was recorded."""
    if not recorded.runs:
        return []
    found: list[str] = []
    then, now = (_told(turn, outcome_of(turn)) for turn in (recorded, live))
    if _ADDRESS.sub("", then) != _ADDRESS.sub("", now):
        found.append(f"recorded: {then}; now: {now}")
    lines_then, lines_now = _text(recorded), _text(live)
    if _FIGURE not in lines_then:  # most records keep no pictures
        lines_now = [line for line in lines_now if line != _FIGURE]
    different = [pair for pair in _pairs(lines_then, lines_now) if pair[0] != pair[1]]
    if different:
        more = f" (and {len(different) - 1} more lines)" if different[1:] else ""
        found.append(f"recorded output: {different[0][0]!r}; now: {different[0][1]!r}{more}")
    return found


def _told(turn: Turn, outcome: str) -> str:
    failed = next((run.result for run in turn.runs if not run.result.ok), None)
    return error_line(failed) or outcome if failed else outcome


def _pairs(then: list[str], now: list[str]) -> list[tuple[str, str]]:
    longest = max(len(then), len(now))
    return list(zip(*(side + ["(nothing more)"] * (longest - len(side)) for side in (then, now)), strict=True))


def _text(turn: Turn) -> list[str]:
    """What a turn printed and showed, line by line, without what changes from run to run: addresses, blank ends."""
    parts: list[str] = []
    for run in turn.runs:
        parts += [run.result.stdout, run.result.stderr]
        parts += [_FIGURE if "image/png" in d.data else d.data.get("text/plain", "") for d in run.result.displays]
    text = "\n".join(part.strip("\n") for part in parts if part.strip())
    return [_ADDRESS.sub("0x…", line.rstrip()) for line in text.splitlines() if line.strip()]


def _first_record(path: Path) -> dict[str, Any]:
    for record in _read_lines(path):
        return record
    raise DataError(f"{path} is empty")


def _read_lines(path: Path) -> list[dict[str, Any]]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    found: list[dict[str, Any]] = []
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise DataError(f"{path}:{number}: not JSON: {error}") from error
        if not isinstance(record, dict):
            raise DataError(f"{path}:{number}: not a JSON object")
        found.append(cast("dict[str, Any]", record))
    return found
