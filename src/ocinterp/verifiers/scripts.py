"""Verdicts by tests that are code of their own: asserts in a process beside the program's, unittests within it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from typing import Protocol

from ocinterp.errors import SandboxError
from ocinterp.jobs import Jobs, sealed
from ocinterp.problems import Problem, Script
from ocinterp.types import Status
from ocinterp.verifiers.asserts import Asserts
from ocinterp.verifiers.judge import Failure, Judgement, Judgements, Tally
from ocinterp.verifiers.oracle import Profile
from ocinterp.verifiers.unittests import Unittests

SECONDS = 10.0  # of processor time, where the tests are asserts and nobody knows better


class Tests(Protocol):
    """A task's tests, and how they are run. `text` is what their process gets."""

    @property
    def text(self) -> bytes: ...

    async def judgement(self, program: int, tests: int) -> Judgement:
        """On a program, of which, as of the tests, a sealed descriptor is given. Raises SandboxError."""
        ...


class ScriptJudge:
    """Judges programs by one task's own test code. Use it as a context manager; it holds the tests.

    A verdict by asserts takes two processes, of which one waits for the other: they count as one of `room`. Asserts or test
    methods whose numbers, in the order of the source, are in `leave_out` are not made. `seconds` of processor time are for a
    program to load, and for all that asserts ask of it.
    """

    def __init__(
        self,
        jobs: Jobs,
        problem: Problem,
        profiles: Sequence[Profile],
        *,
        room: asyncio.Semaphore,
        leave_out: Collection[int] = (),
        seconds: float = SECONDS,
    ) -> None:
        assert isinstance(problem.tests, Script)
        self.problem = problem
        self.profiles = tuple(profiles)
        self.tests: Tests = (
            Asserts(jobs, problem, leave_out, seconds)
            if problem.tests.kind == "asserts"
            else Unittests(jobs, problem, leave_out)
        )
        self._room = room
        self._packed = -1
        self._held = ExitStack()

    def __enter__(self) -> ScriptJudge:
        self._packed = self._held.enter_context(sealed(self.tests.text))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    async def judge(self, program: str, *, fast: bool = False) -> Judgements:
        """The verdict on a program, the same under each profile; `fast` or not, asserts end at the first that fails.

        A sandbox that fails is asked once more.
        """
        try:
            judgement = await self._tried(program)
        except SandboxError:
            try:
                judgement = await self._tried(program)
            except SandboxError as error:
                judgement = Judgement(Tally(0, 1, Failure(0, Status.SANDBOX_FAILURE, str(error))))
        return dict.fromkeys(self.profiles, judgement)

    async def _tried(self, program: str) -> Judgement:
        with sealed(program.encode("utf-8", "surrogatepass")) as written:
            async with self._room:
                return await self.tests.judgement(written, self._packed)
