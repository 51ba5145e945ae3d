"""Dialogues in groups: real sessions, real verdicts, and no reward from a sandbox that fails."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from ocinterp.errors import DataError, ModelError, SandboxError, UsageError
from ocinterp.jobs import Job, JobEnd
from ocinterp.problems import Calls, Problem, Script
from ocinterp.protocols import Session, ignore
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks.pocket.benchmark import benchmark
from ocinterp.testing import code
from ocinterp.train.exercises import FileExercises, PocketExercises
from ocinterp.train.recipe import Practice
from ocinterp.train.rollouts import Clock, Group, Practising
from ocinterp.types import Completion, Message, StopReason, Task, Tokens
from train.places import Only, grounds

pytestmark = pytest.mark.usefixtures("namespaces")

ASK = (Message("user", "double f"),)
TASK = Task("double", ASK, "f", ("f(2) == 4", "f(0) == 0"))
DOUBLE = Problem(TASK, "def f(x): return 2 * x", Script("assert f(2) == 4\nassert f(0) == 0\nassert f(5) == 10\n"))
RIGHT = code("def f(x): return x + x")
WRONG = code("def f(x): return x + 1")
NARROW = code("def f(x): return {2: 4, 0: 0}[x]")  # does what is shown, and no more
BROKEN = code("def f(x): return y")
FORGED = code(
    "class Same:\n    def __eq__(self, other): return True\n    __hash__ = object.__hash__\ndef f(x): return Same()"
)
PLAIN = Practice(groups=1, dialogues=4, second=0.0, report="visible")


@dataclass
class Lines:
    """Seats that say what they are told to, the n-th dialogue the n-th of its lines."""

    lines: Sequence[Sequence[str]]
    heard: list[list[tuple[Message, ...]]] = field(default_factory=list[list[tuple[Message, ...]]])

    def __call__(self, seeds: Sequence[str]) -> Table:
        self.heard = [[] for _ in seeds]
        return Table([Speaker(self.lines[n % len(self.lines)], self.heard[n]) for n in range(len(seeds))])


@dataclass
class Table:
    seats: list[Speaker]

    async def serve(self) -> None:
        """They need nobody."""


@dataclass
class Speaker:
    lines: Sequence[str]
    heard: list[tuple[Message, ...]]
    left: bool = False

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        self.heard.append(tuple(messages))
        text = self.lines[len(self.heard) - 1]
        return Completion(text, tokens=Tokens((1,), (2,), (-0.5,)))

    def leave(self) -> None:
        self.left = True


async def played(practice: Practice, *lines: Sequence[str], problem: Problem = DOUBLE) -> tuple[list[Group], Lines]:
    script = Lines(lines)
    async with grounds(2) as there:
        practising = Practising(Only(problem), there, practice)
        return await practising.groups(script, "seed", Clock()), script


async def test_a_reward_is_for_hidden_tests_alone_and_feedback_of_visible_ones() -> None:
    (group,), script = await played(PLAIN, (RIGHT,), (WRONG, RIGHT), (BROKEN, WRONG), (NARROW,))
    assert [each.solved for each in group.episodes] == [True, True, False, False]
    assert [len(each.own) for each in group.episodes] == [1, 2, 2, 1]
    assert [each.trajectory.stop for each in group.episodes] == [
        StopReason.DONE,
        StopReason.DONE,
        StopReason.MAX_TURNS,
        StopReason.DONE,
    ]
    told = [heard[1][-1].content for heard in script.heard if len(heard) > 1]
    assert "These tests do not hold:\n- f(2) == 4\n  but it is 3" in told[0]
    assert "NameError: name 'y' is not defined" in told[1]
    assert "f(5)" not in "".join(told)


async def test_a_program_that_deceives_what_it_is_shown_has_no_reward() -> None:
    (group,), _ = await played(PLAIN, (FORGED,))
    assert [len(each.own) for each in group.episodes] == [1] * 4  # it got past the visible tests
    assert not any(each.solved for each in group.episodes)


async def test_an_answer_without_a_program_is_worth_nothing() -> None:
    bare = replace(DOUBLE, task=replace(TASK, visible_tests=()))
    (group,), _ = await played(PLAIN, ("I do not know.",), (RIGHT,), (BROKEN, "No."), (WRONG,), problem=bare)
    assert [each.solved for each in group.episodes] == [False, True, False, False]


async def test_a_group_can_begin_after_an_answer_that_failed() -> None:
    practice = replace(PLAIN, second=1.0)
    (group,), script = await played(practice, (WRONG,), (RIGHT,))
    assert group.start is not None
    assert [each.shared for each in group.episodes] == [1] * 4
    assert [each.solved for each in group.episodes] == [False, True, False, True]
    assert [len(each.trajectory.turns) for each in group.episodes] == [2] * 4
    assert all(len(heard[0]) == 3 for heard in script.heard)  # the request, the answer, and what was said of it
    nothing, _ = await played(practice, (RIGHT,))
    assert nothing == []


async def test_half_of_the_groups_hear_the_words_of_the_paper() -> None:
    practice = replace(PLAIN, groups=2, report="both", dialogues=2)
    _, script = await played(practice, (WRONG, RIGHT), (code("g()"), RIGHT))
    told = [heard[1][-1].content.partition("\n\nFix")[0] for heard in script.heard]
    assert told[0].startswith("These tests do not hold:")
    assert told[1].startswith("Execution result:")
    assert told[2] == "A test fails: 3 instead of 4, 1 less.\nInput: f(2)\nExpected: 4\nActual: 3"
    assert told[3] == "A test fails: NameError: name 'g' is not defined (line 1)\nInput: f(2)"


async def test_addresses_of_objects_are_not_told() -> None:
    _, script = await played(PLAIN, (code("def f(x): return (each for each in [x])"), RIGHT))
    assert "but it is <generator object f.<locals>.<genexpr> at 0x...>" in script.heard[0][1][-1].content


@dataclass
class Failing:
    """A sandbox whose sessions are lost, some of them."""

    box: NamespaceSandbox
    lost: Callable[[int], bool]
    opened: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        number, self.opened = self.opened, self.opened + 1
        async with self.box.open() as session:
            if self.lost(number):
                raise SandboxError("the zygote died")
            yield session


async def test_a_sandbox_failure_is_no_reward() -> None:
    async with grounds(2) as there:
        assert isinstance(there.cells, NamespaceSandbox)
        failing = Failing(there.cells, lambda number: number == 1)
        practising = Practising(Only(DOUBLE), replace(there, cells=failing), PLAIN)
        (group,) = await practising.groups(Lines([(WRONG, WRONG), (RIGHT,)]), "seed", Clock())
    assert group.lost == 1
    assert [each.solved for each in group.episodes] == [False, False, True]


async def test_when_most_dialogues_are_lost_the_run_ends() -> None:
    async with grounds(2) as there:
        assert isinstance(there.cells, NamespaceSandbox)
        practising = Practising(
            Only(DOUBLE), replace(there, cells=Failing(there.cells, lambda number: number > 0)), PLAIN
        )
        with pytest.raises(SandboxError, match="3 of 4 dialogues of a step were lost to the sandbox: the zygote died"):
            await practising.groups(Lines([(RIGHT,)]), "seed", Clock())


class NoJudge:
    """Jobs that all fail."""

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        raise SandboxError("no room")


async def test_a_program_that_nobody_could_judge_has_no_reward() -> None:
    async with grounds(2) as there:
        practising = Practising(Only(DOUBLE), replace(there, jobs=NoJudge()), PLAIN)
        with pytest.raises(SandboxError, match=r"3 of 4 .*: no verdict could be had"):
            await practising.groups(Lines([(WRONG, WRONG), (RIGHT,), (WRONG, RIGHT), (WRONG, RIGHT)]), "s", Clock())
        (group,) = await practising.groups(Lines([(WRONG, WRONG), (WRONG, WRONG), (RIGHT,)]), "s", Clock())
        calls = replace(DOUBLE, tests=Calls(((2,), (0,), (5,))))
        practising = Practising(Only(calls), replace(there, jobs=NoJudge()), PLAIN)
        (other,) = await practising.groups(Lines([(WRONG, WRONG), (WRONG, WRONG), (RIGHT,)]), "s", Clock())
    assert group.lost == other.lost == 1
    assert [each.solved for each in (*group.episodes, *other.episodes)] == [False] * 6


async def test_built_in_tasks_are_the_same_for_a_seed_and_none_of_the_benchmark() -> None:
    there = PocketExercises()
    first = there.drawn("1", 12)
    assert [each.task for each in there.drawn("1", 12)] == [each.task for each in first]
    assert {each.reference for each in there.drawn("2", 12)} != {each.reference for each in first}
    held_out = {each.reference for each in benchmark().problems.values()}
    assert held_out.isdisjoint(each.reference for each in (*first, *there.drawn("1", 12, hard=True)))
    async with grounds(2) as grounds_:
        solution = [(code(first[0].reference),)]
        practising = Practising(Only(first[0]), grounds_, PLAIN)
        (group,) = await practising.groups(Lines(solution), "seed", Clock())
    assert all(each.solved for each in group.episodes)


def test_tasks_of_a_file_are_read_and_refused_with_a_reason(tmp_path: Path) -> None:
    row = {"task_id": "a", "prompt": "Double it.", "entry_point": "f", "tests": ["assert f(2) == 4"]}
    path = tmp_path / "tasks.jsonl"
    path.write_text(json.dumps(row) + "\n")
    found = FileExercises.read(path)
    assert [each.task.id for each in found.drawn("1", 1)] == ["a"]
    assert found.published == ""
    with pytest.raises(UsageError, match=r"takes 2 tasks, and .* has 1"):
        found.drawn("1", 2)
    path.write_text(json.dumps({**row, "tests": "class T(unittest.TestCase): pass"}) + "\n")
    with pytest.raises(DataError, match="a has a TestCase, which runs beside the program"):
        FileExercises.read(path)
    path.write_text("{}\n")
    with pytest.raises(DataError, match="not a row of a benchmark"):
        FileExercises.read(path)


def test_a_benchmark_is_known_as_one(data: Path) -> None:
    path = next(each for each in sorted(data.rglob("*.jsonl*")) if each.name.startswith("HumanEval.jsonl"))
    assert FileExercises.read(path).published.startswith("humaneval")


async def test_a_model_that_cannot_answer_ends_the_step() -> None:
    class Mute(Lines):
        def __call__(self, seeds: Sequence[str]) -> Table:
            raise ModelError("nobody is there")

    async with grounds(2) as there:
        practising = Practising(Only(DOUBLE), there, PLAIN)
        with pytest.raises(ModelError, match="nobody is there"):
            await practising.groups(Mute([()]), "seed", Clock())
