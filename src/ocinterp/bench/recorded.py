"""Dialogues that were recorded elsewhere, evaluated anew: their answers are given again, and judged by the benchmark's tests.

What a log says of its own success is never a verdict; it is compared with ours, task by task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocinterp.bench.attempts import Attempt
from ocinterp.bench.hidden import program_of
from ocinterp.bench.numbers import Measure
from ocinterp.bench.settings import Program, Seat, Setting
from ocinterp.errors import UsageError
from ocinterp.loop import Limits
from ocinterp.models.replay import ReplayFeedback, ReplayModel, load
from ocinterp.problems import Benchmark, Problem
from ocinterp.protocols import FeedbackProvider
from ocinterp.types import Message, Status, Task, Trajectory

NAME: Final = "recorded"
_SOLUTION: Final = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
_BEGINNING: Final = 60  # characters of a task's code, without blanks, by which it is known in a prompt


@dataclass(frozen=True, slots=True)
class Difference:
    """A task that the log calls solved and our verdict does not, or the other way round."""

    task_id: str
    recorded: str
    judged: str


@dataclass(frozen=True, slots=True)
class Recordings:
    """The dialogues of a file, by the benchmark's task; `unknown` are those about none of its tasks."""

    path: Path
    by_task: Mapping[str, Trajectory]
    unknown: int = 0

    @property
    def name(self) -> str:
        return f"replay:{self.path.name}"

    @property
    def setting(self) -> Setting:
        """As it was then: the same feedback is given to the same answers. Base tests make the headline."""
        label = f"answers and feedback as recorded in {self.path.name}; verdicts are ours"
        return Setting(NAME, label, "base", self._feedback, Limits(), program=self._program)

    def model(self, setting: Setting, task_id: str, sample: int) -> ReplayModel:
        return ReplayModel(self.by_task[task_id])

    def opening(self, task: Task) -> tuple[Message, ...]:
        """What the model was given then."""
        return self.by_task[task.id].prompt

    def _feedback(self, seat: Seat) -> FeedbackProvider:
        return ReplayFeedback(self.by_task[seat.task.id])

    @property
    def _program(self) -> Program:
        mint = any(each.provenance.get("benchmark") == "MINT" for each in self.by_task.values())
        return proposed if mint else program_of

    def differences(self, attempts: Mapping[str, Attempt], measure: Measure = "base") -> Iterator[Difference]:
        """Where the log disagrees, as far as it says anything."""
        for task_id, attempt in attempts.items():
            recorded = self.by_task[task_id].provenance.get("recorded")
            judged = attempt.scored.status(measure)
            if recorded is not None and (recorded == "solved") != (judged == Status.PASS):
                yield Difference(task_id, recorded, judged)


def read(path: Path, benchmark: Benchmark) -> Recordings:
    """The dialogues of a file (trajectories, or a log of MINT) that are about a benchmark's tasks; the first of each.

    DataError for a file that holds neither, UsageError where none is about them.
    """
    found: dict[str, Trajectory] = {}
    unknown = 0
    for each in load(path):
        task_id = _task_of(each, benchmark)
        if task_id is None:
            unknown += 1
        else:
            found.setdefault(task_id, each)
    if not found:
        raise UsageError(f"{path}: none of its {unknown} records is about a task of {benchmark.name}")
    return Recordings(path, {name: found[name] for name in benchmark.problems if name in found}, unknown)


def proposed(trajectory: Trajectory, entry_point: str) -> str:
    """What a dialogue of MINT proposed last: the first <solution> of the latest answer that has one, closed.

    An answer without it proposes nothing, whatever code is in it: so MINT counts.
    """
    found = [_SOLUTION.search(turn.completion.text) for turn in trajectory.turns]
    said = [each[1] for each in found if each is not None]
    return said[-1].strip() if said else ""


def _task_of(trajectory: Trajectory, benchmark: Benchmark) -> str | None:
    """By the task's name; else by its own words at the end of the prompt, blanks apart."""
    if trajectory.task_id in benchmark.problems:
        return trajectory.task_id
    text = _dense(trajectory.prompt[-1].content.rpartition("Task:")[2]) if trajectory.prompt else ""
    found = [name for name, problem in benchmark.problems.items() if _is_about(text, problem)]
    return found[0] if len(found) == 1 else None


def _is_about(text: str, problem: Problem) -> bool:
    head = f"def{problem.task.entry_point}("
    stem = _dense(problem.stem)
    if head in stem:
        return head in text and stem[:_BEGINNING] in text
    return any(_dense(test) in text for test in problem.task.visible_tests[:1])


def _dense(text: str) -> str:
    return "".join(text.split())
