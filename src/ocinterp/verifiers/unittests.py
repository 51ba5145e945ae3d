"""Tests that are a unittest.TestCase: run beside the program, in its own process, which could say anything."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ocinterp.jobs import Job, Jobs
from ocinterp.problems import Problem, Script
from ocinterp.types import Status
from ocinterp.verifiers import running
from ocinterp.verifiers.judge import Failure, Judgement, Tally
from ocinterp.verifiers.prepared import libraries, parsed, without_methods

ENTRY = "ocinterp.verifiers.inside.trusting"
SECONDS = 60.0  # of processor time: they draw figures and fit models
IDLE_SECONDS = 60.0


class Unittests:
    """The tests of one task (scripts.Tests), without the methods numbered so. UsageError where they are no Python."""

    def __init__(self, jobs: Jobs, problem: Problem, leave_out: Collection[int] = ()) -> None:
        script = problem.tests
        assert isinstance(script, Script)
        parsed(problem)
        self._jobs = jobs
        self._libraries = libraries(problem.reference, script.setup, script.source)
        self.text = f"{script.setup}\n\n{without_methods(script.source, leave_out)}".encode("utf-8", "surrogatepass")

    async def judgement(self, program: int, tests: int) -> Judgement:
        pieces: list[bytes] = []
        job = Job(
            ENTRY,
            {"libraries": self._libraries},
            (program, tests),
            cpu_seconds=SECONDS,
            wall_seconds=running.wall(SECONDS),
            idle_seconds=IDLE_SECONDS,
        )
        end = await self._jobs.perform(job, on_bytes=running.listener(pieces))
        try:
            return _counted(json.loads(b"".join(pieces)))
        except (ValueError, KeyError, TypeError, IndexError):
            ended = running.ended(end)
            return _failed(0, 1, ended.status, ended.detail)


def _counted(said: Any) -> Judgement:
    if missing := said.get("missing"):
        why = f"not judgeable here: the tests need {', '.join(map(str, missing))}"
        return _failed(0, 1, Status.SANDBOX_FAILURE, why)
    total, failures = max(1, int(said["total"])), said["failures"]
    if not failures:
        return Judgement(Tally(total, total), forgeable=True)
    name, status, words = failures[0]
    passed = max(0, total - int(said.get("failed", total)))
    return _failed(passed, total, Status(status), f"{name}: {words}" if name else str(words))


def _failed(passed: int, total: int, status: Status, detail: str) -> Judgement:
    return Judgement(Tally(passed, total, Failure(passed, status, detail)), forgeable=True)
