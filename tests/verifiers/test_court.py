"""The court: judges of a benchmark's tasks, what it refuses, and sandboxes that fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio

from ocinterp.errors import SandboxError, UsageError
from ocinterp.jobs import Job, JobEnd, Jobs
from ocinterp.problems import Script
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Status, Verdict
from ocinterp.verifiers import court as courts
from ocinterp.verifiers.court import Court, convene
from ocinterp.verifiers.judge import Failure, Tally
from ocinterp.verifiers.oracle import PROFILES
from ocinterp.verifiers.scripts import ScriptJudge
from verifiers.benches import benchmark, both, calls, problem, service

pytestmark = pytest.mark.asyncio(loop_scope="module")
OWN = benchmark(
    problem("def f(x): return 2 * x", calls(1, 2), calls(3), name="own/1"),
    problem("def f(x): return 3 * x", calls(1), name="own/2"),
    replace(problem("", (), name="own/3"), tests=Script("assert f(1)")),
)
RIGHT = "def f(x): return x + x"


class Failing:
    """Carries out jobs as another does, but for some that fail as a sandbox does."""

    def __init__(self, jobs: Jobs, failures: int) -> None:
        self._jobs = jobs
        self.left = failures
        self.performed = 0

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        self.performed += 1
        if self.left > 0:
            self.left -= 1
            raise SandboxError("the zygote died")
        return await self._jobs.perform(job, on_bytes=on_bytes)


class Counting:
    """Carries out jobs as another does, and counts how many at once."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self.now = self.most = 0

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self._jobs.perform(job, on_bytes=on_bytes)
        finally:
            self.now -= 1


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with service() as sandbox:
        yield sandbox


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def court(sandbox: NamespaceSandbox, tmp_path_factory: pytest.TempPathFactory) -> Court:
    return await convene(sandbox, OWN, tmp_path_factory.mktemp("expected"), PROFILES, workers=2)


async def test_a_verdict_is_of_both_sets_together(court: Court) -> None:
    task = OWN.problems["own/1"].task
    assert await court.verify(task, RIGHT) == Verdict(3, 3, "pass")
    assert await court.verify(task, "def f(x): return {1: 2}.get(x, 0)") == Verdict(1, 3, "wrong", "wrong value")
    found = await court.verify(task, "")
    assert (found.passed, found.total, found.status) == (0, 3, "exception")


async def test_a_task_without_further_tests_has_one_set(court: Court) -> None:
    found = await court.judge("own/2", "def f(x): return 3 * x")
    assert {both(each) for each in found.values()} == {(Status.PASS,)}
    assert found["strict"].plus is None


async def test_a_task_that_there_is_not_is_refused(court: Court) -> None:
    with pytest.raises(UsageError, match="own has no task own/9"):
        court.of("own/9")


async def test_tests_that_are_code_are_judged_by_their_examiner(court: Court) -> None:
    assert isinstance(court.of("own/3"), ScriptJudge)


async def test_a_sandbox_that_fails_once_is_asked_again(court: Court, sandbox: NamespaceSandbox) -> None:
    jobs = Failing(sandbox, 1)
    found = await Court(jobs, OWN, court.expectations, PROFILES).judge("own/1", RIGHT)
    assert {both(each) for each in found.values()} == {(Status.PASS, Status.PASS)}
    assert jobs.performed == 2


@pytest.mark.parametrize("fast", [False, True])
async def test_a_sandbox_that_fails_twice_says_nothing_of_the_program(
    court: Court, sandbox: NamespaceSandbox, fast: bool
) -> None:
    jobs = Failing(sandbox, 2)
    found = await Court(jobs, OWN, court.expectations, PROFILES).judge("own/1", RIGHT, fast=fast)
    assert set(found) == set(PROFILES)
    unknown = (Status.SANDBOX_FAILURE, Status.SANDBOX_FAILURE)
    assert {both(each) for each in found.values()} == {unknown}
    assert found["strict"].base == Tally(0, 2, Failure(0, Status.SANDBOX_FAILURE, "the zygote died"))
    assert jobs.performed == 2


async def test_no_more_processes_run_than_it_has_workers(court: Court, sandbox: NamespaceSandbox) -> None:
    jobs = Counting(sandbox)
    several = Court(jobs, OWN, court.expectations, ("strict",), workers=3)
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(several.judge("own/1", f"{RIGHT} + {n % 2}")) for n in range(12)]
    assert [both(each.result()["strict"])[0] for each in asked] == [Status.PASS, Status.WRONG] * 6
    assert jobs.most <= 3


async def test_many_programs_are_judged_by_one_judge(court: Court) -> None:
    with court.of("own/1") as judge:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(judge.judge(f"def f(x): return x * {n}")) for n in (1, 2, 3)]
    assert [both(each.result()["strict"])[0] for each in asked] == [Status.WRONG, Status.PASS, Status.WRONG]


async def test_whose_special_cases_count_is_told_by_the_name(court: Court) -> None:
    names = ("humaneval", "humaneval+", "humanevalfix", "mbpp", "mbpp-sanitized", "mbpp+", "quixbugs", "own")
    assert [courts.family(benchmark(name=name)) for name in names] == [*["humaneval"] * 3, *["mbpp"] * 3, "", ""]


async def test_tallies_together_are_no_pass_while_one_fails(court: Court) -> None:
    failure = Failure(7, Status.TIMEOUT, "out of time")
    assert courts.verdict([Tally(2, 2), Tally(3, 3)]) == Verdict(5, 5, "pass")
    assert courts.verdict([Tally(2, 2), Tally(3, 3, failure)]) == Verdict(4, 5, "timeout", "out of time")
