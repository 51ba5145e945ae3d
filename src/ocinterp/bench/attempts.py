"""Attempts at tasks, as they are kept: a trajectory a line, its verdict in a field of its own (docs/formats.md)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import cast

from ocinterp import records
from ocinterp.bench.hidden import Scored
from ocinterp.bench.numbers import Measure
from ocinterp.errors import DataError, UsageError
from ocinterp.types import Status, Trajectory, Usage

BEFORE = {"form": "chat", "again": "never"}  # of runs that do not say it


@dataclass(frozen=True, slots=True)
class Key:
    """Which attempt: the `sample`-th, from 0, of a task in a setting."""

    setting: str
    task_id: str
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """A dialogue that has ended, and the verdicts on its program after each turn; the last one counts.

    `programs` are what was judged after each turn. `leaks` are runs of 8 tokens of the solution in what a critic said.
    `unsaid` is why the dialogue ended where the model gave no answer that could be used: nothing but thoughts, or a prompt
    beyond its context. `critic_tokens` are those that a critic read and said.
    """

    key: Key
    trajectory: Trajectory
    turns: tuple[Scored, ...]
    leaks: int = 0
    unsaid: str = ""
    programs: tuple[str, ...] = ()
    critic_tokens: Usage = field(default_factory=Usage)

    @property
    def scored(self) -> Scored:
        """What counts. An attempt without any answer fails."""
        failed = str(Status.EXCEPTION)
        return self.turns[-1] if self.turns else Scored(failed, None, failed)

    def solves(self, measure: Measure) -> bool:
        """Whether what counts passes."""
        return self.scored.status(measure) == Status.PASS

    def solved_at(self, measure: Measure) -> int | None:
        """The first turn, from 1, whose program passes; None where none does."""
        return next((n for n, each in enumerate(self.turns, 1) if each.status(measure) == Status.PASS), None)


def append(path: Path, attempt: Attempt) -> None:
    """Keep an attempt: on the disk when this returns."""
    programs = attempt.programs or (None,) * len(attempt.turns)
    verdict: dict[str, object] = {
        "setting": attempt.key.setting,
        "sample": attempt.key.sample,
        "turns": [_turn(*each) for each in zip(attempt.turns, programs, strict=True)],
        "leaks": attempt.leaks,
        "unsaid": attempt.unsaid,
        "critic_tokens": asdict(attempt.critic_tokens),
    }
    records.append(path, attempt.trajectory, verdict)


def _turn(scored: Scored, program: str | None) -> dict[str, object]:
    return {**asdict(scored), **({} if program is None else {"program": program})}


def read(path: Path) -> dict[Key, Attempt]:
    """The attempts in a file; none where there is no file. DataError says which line is not one.

    A last line that was cut short, as by a crash, is taken off the file.
    """
    _mend(path)
    return peek(path)


def peek(path: Path) -> dict[Key, Attempt]:
    """The same, without touching the file: a last line without its end is passed over."""
    try:
        return {each.key: each for each in _lines(path)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error


def check_origin(found: Mapping[Key, Attempt], origin: Mapping[str, str], path: Path) -> None:
    """UsageError where attempts in `path` were made otherwise than `origin` says, so that going on would mix two runs.

    What either does not say is no difference, but for what there was no choice of before.
    """
    for attempt in found.values():
        for name, value in origin.items():
            then = attempt.trajectory.provenance.get(name, BEFORE.get(name))
            if name != "version" and then and value and then != value:
                raise UsageError(
                    f"{path} is of another run: its {name} is {then}, not {value}; give --json another name to begin anew"
                )


def _lines(path: Path) -> Iterator[Attempt]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip() and line.endswith(b"\n"):
                try:
                    yield _attempt(*records.loads_judged(line))
                except (DataError, KeyError, TypeError, ValueError) as error:
                    raise DataError(f"{path}:{number}: not an attempt of an evaluation: {error}") from error


def _attempt(trajectory: Trajectory, verdict: dict[str, object] | None) -> Attempt:
    if verdict is None:
        raise DataError("it has no verdict")
    turns = cast("list[dict[str, str]]", verdict["turns"])
    return Attempt(
        Key(str(verdict["setting"]), trajectory.task_id, cast("int", verdict["sample"])),
        trajectory,
        tuple(Scored(each["base"], each["plus"], each["unseen"], each.get("error", "")) for each in turns),
        cast("int", verdict["leaks"]),
        str(verdict["unsaid"]),
        tuple(each["program"] for each in turns if "program" in each),
        Usage(**cast("dict[str, int]", verdict.get("critic_tokens", {}))),
    )


def _mend(path: Path) -> None:
    """Cut off a line that a crash cut short; one that another process is writing is waited for (records.append)."""
    try:
        with path.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                file.seek(0)
                file.truncate(file.read().rfind(b"\n") + 1)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
