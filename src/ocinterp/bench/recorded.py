"""Dialogues that were recorded elsewhere, evaluated anew: their answers are given again, and judged by the benchmark's tests.

What a log says of its own success is never a verdict; it is compared with ours, task by task.
"""

from __future__ import annotations

import glob
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.hidden import HiddenTests, program_of
from ocinterp.bench.numbers import Measure
from ocinterp.bench.run import Desk, Ended
from ocinterp.bench.settings import Program, Seat, Setting
from ocinterp.errors import SandboxError, UsageError
from ocinterp.loop import Limits
from ocinterp.models import mint
from ocinterp.models.replay import ReplayFeedback, ReplayModel, load
from ocinterp.problems import Benchmark, Problem
from ocinterp.protocols import FeedbackProvider
from ocinterp.types import Message, Source, Status, Task, Trajectory
from ocinterp.verifiers.court import Court

NAME: Final = "recorded"
_SOLUTION: Final = re.compile(r"<solution>(.*?)</solution>", re.DOTALL)
_BEGINNING: Final = 60  # characters of a task's code, without blanks, by which it is known in a prompt
_OF_TESTS: Final = {Source.TESTS, Source.SIMULATED_HUMAN, Source.ORACLE}  # they speak of scoring tests, or saw them


@dataclass(frozen=True, slots=True)
class Difference:
    """A task that the log calls solved and our verdict does not, or the other way round; `why` is ours."""

    task_id: str
    recorded: str
    judged: str
    setting: str = NAME
    why: str = ""


@dataclass(frozen=True, slots=True)
class Recordings:
    """The dialogues of a file, by the benchmark's task; `unknown` are those about none of its tasks.

    `name` is that of the setting which they are.
    """

    path: Path
    by_task: Mapping[str, Trajectory]
    unknown: int = 0
    name: str = NAME

    @property
    def setting(self) -> Setting:
        """As it was then: the same feedback is given to the same answers. Base tests make the headline."""
        label = f"answers and feedback as recorded in {self.path.name}; verdicts are ours"
        shown = any(map(_tells_of_tests, self.by_task.values()))
        return Setting(self.name, label, "base", self._feedback, Limits(), program=self._program, shows_tests=shown)

    def model(self, setting: Setting, task_id: str, sample: int) -> ReplayModel:
        return ReplayModel(self.by_task[task_id])

    def opening(self, task: Task) -> tuple[Message, ...]:
        """What the model was given then."""
        return self.by_task[task.id].prompt

    def _feedback(self, seat: Seat) -> FeedbackProvider:
        return ReplayFeedback(self.by_task[seat.task.id])

    @property
    def is_mint(self) -> bool:
        return any(each.provenance.get("benchmark") == "MINT" for each in self.by_task.values())

    @property
    def _program(self) -> Program:
        return proposed if self.is_mint else program_of

    def differences(self, attempts: Mapping[str, Attempt], measure: Measure = "base") -> Iterator[Difference]:
        """Where the log disagrees, as far as it says anything."""
        for task_id, attempt in attempts.items():
            recorded = self.by_task[task_id].provenance.get("recorded")
            judged = attempt.scored.status(measure)
            if recorded is not None and (recorded == "solved") != (judged == Status.PASS):
                yield Difference(task_id, recorded, judged, self.name)


@dataclass(frozen=True, slots=True)
class Archive:
    """The dialogues of several files, each of which is a setting of its own. `name` is what was asked for."""

    name: str
    recordings: tuple[Recordings, ...]

    @property
    def task_ids(self) -> tuple[str, ...]:
        """The tasks that every file has: the others could not be compared."""
        first, *others = (each.by_task for each in self.recordings)
        return tuple(task_id for task_id in first if all(task_id in each for each in others))

    @property
    def settings(self) -> tuple[Setting, ...]:
        return tuple(each.setting for each in self.recordings)

    @property
    def unknown(self) -> int:
        """How many records are about none of these tasks."""
        return sum(each.unknown + len(each.by_task) - len(self.task_ids) for each in self.recordings)

    def model(self, setting: Setting, task_id: str, sample: int) -> ReplayModel:
        """Who gives the answers of a setting again."""
        (found,) = (each for each in self.recordings if each.name == setting.name)
        return found.model(setting, task_id, sample)

    async def give_again(
        self, desk: Desk, task_ids: Sequence[str], *, done: Collection[Attempt], on_end: Callable[[Ended], None]
    ) -> None:
        """As Desk.evaluate, for all files: each dialogue begins as it did then."""
        for each in self.recordings:
            await replace(desk, opening=each.opening).evaluate([each.setting], task_ids, done=done, on_end=on_end)

    def differences(self, attempts: Collection[Attempt]) -> Iterator[Difference]:
        """Where the logs disagree, file by file."""
        for each in self.recordings:
            made = {attempt.key.task_id: attempt for attempt in attempts if attempt.key.setting == each.name}
            yield from each.differences(made)

    async def explained(self, court: Court, attempts: Collection[Attempt]) -> tuple[Difference, ...]:
        """The same with the test that fails, for which those programs are judged once more."""
        programs = {each.name: each.setting.program for each in self.recordings}
        dialogues = {each.key: each.trajectory for each in attempts}
        found: list[Difference] = []
        for each in self.differences(attempts):
            dialogue = dialogues[Key(each.setting, each.task_id)]
            with HiddenTests(court, each.task_id) as hidden:
                program = programs[each.setting](dialogue, hidden.problem.task.entry_point)
                try:
                    said = await hidden.report(program, "base")
                except SandboxError as error:
                    said = f"judged once more, {error}"
            why = " ".join(said.split()) or "all tests pass"
            found.append(replace(each, why=why))
        return tuple(found)


def gather(pattern: str, benchmark: Benchmark) -> Archive:
    """The files that are meant by a path, a folder or a pattern (`logs/gpt*mbpp*`), as far as they are about a benchmark.

    A log of MINT is named by the setting that it is; another file alone is `recorded`. Where several would have the same
    name, it is that of the file. UsageError where there are no files, or none is about a task; DataError as in `read`.
    """
    paths = _files(pattern)
    if len(paths) == 1:
        found = [read(paths[0], benchmark)]
    else:
        found = [each for path in paths if (each := _read(path, benchmark)).by_task]
    if not found:
        raise UsageError(f"{pattern}: none of the {len(paths)} files has a record about a task of {benchmark.name}")
    names = [_name_of(each, alone=len(found) == 1) for each in found]
    count = Counter(names)
    clear = [name if count[name] == 1 else _stem(each.path) for name, each in zip(names, found, strict=True)]
    order = {name: number for number, name in enumerate(mint.SETTINGS)}
    named = [replace(each, name=name) for name, each in zip(clear, found, strict=True)]
    named.sort(key=lambda each: (order.get(each.name, len(order)), each.name))
    return Archive(f"replay:{Path(pattern).name}", tuple(named))


def _files(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_file():
        return [path]
    found = path.iterdir() if path.is_dir() else map(Path, glob.glob(pattern))  # noqa: PTH207  it may be absolute
    files = sorted(each for each in found if each.is_file() and ".jsonl" in each.suffixes[-2:])
    if not files:
        raise UsageError(f"there are no records at {pattern}: give a .jsonl file, a folder of them, or a pattern")
    return files


def _name_of(recordings: Recordings, *, alone: bool) -> str:
    if recordings.is_mint:
        return mint.setting_of(recordings.path.name)
    return NAME if alone else _stem(recordings.path)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("__results")


def read(path: Path, benchmark: Benchmark) -> Recordings:
    """The dialogues of a file (trajectories, or a log of MINT) that are about a benchmark's tasks; the first of each.

    DataError for a file that holds neither, UsageError where none is about them.
    """
    found = _read(path, benchmark)
    if not found.by_task:
        raise UsageError(f"{path}: none of its {found.unknown} records is about a task of {benchmark.name}")
    return found


def _read(path: Path, benchmark: Benchmark) -> Recordings:
    found: dict[str, Trajectory] = {}
    unknown = 0
    for each in load(path):
        task_id = _task_of(each, benchmark)
        if task_id is None:
            unknown += 1
        else:
            found.setdefault(task_id, each)
    return Recordings(path, {name: found[name] for name in benchmark.problems if name in found}, unknown)


def proposed(trajectory: Trajectory, entry_point: str) -> str:
    """What a dialogue of MINT proposed last: the first <solution> of the latest answer that has one, closed.

    An answer without it proposes nothing, whatever code is in it: so MINT counts.
    """
    found = [_SOLUTION.search(turn.completion.text) for turn in trajectory.turns]
    said = [each[1] for each in found if each is not None]
    return said[-1].strip() if said else ""


def _tells_of_tests(trajectory: Trajectory) -> bool:
    """Whether what was said in it depends on the scoring tests, as MINT's word on a proposal does."""
    said = [each for turn in trajectory.turns for each in turn.feedback]
    return any(each.source in _OF_TESTS or mint.WRONG in each.text for each in said)


def _task_of(trajectory: Trajectory, benchmark: Benchmark) -> str | None:
    """By the task's name; else by its own words at the end of the prompt, blanks apart."""
    if trajectory.task_id in benchmark.problems:
        return trajectory.task_id
    words = trajectory.prompt[-1].content.rpartition("Task:")[2] if trajectory.prompt else ""
    text, lines = _dense(words), frozenset(_dense(line) for line in words.splitlines() if line.strip())
    found = [name for name, problem in benchmark.problems.items() if _is_about(text, lines, problem)]
    return found[0] if len(found) == 1 else None


def _is_about(text: str, lines: frozenset[str], problem: Problem) -> bool:
    """By the head of its function and how its code begins; else by its first test, or by all the lines of its words."""
    head = f"def{problem.task.entry_point}("
    stem = _dense(problem.stem)
    if head in stem:
        return head in text and stem[:_BEGINNING] in text
    if any(_dense(test) in text for test in problem.task.visible_tests[:1]):
        return True
    ours = {_dense(line) for message in problem.task.prompt for line in message.content.splitlines()}
    return bool(lines) and lines <= ours


def _dense(text: str) -> str:
    return "".join(text.split())
