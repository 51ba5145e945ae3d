"""Tests that are asserts: run by an examiner, in a process of its own, that asks the program in another."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ocinterp.errors import SandboxError
from ocinterp.jobs import Job, JobEnd, Jobs, Rest
from ocinterp.problems import Problem
from ocinterp.types import Outcome, Status
from ocinterp.verifiers import running
from ocinterp.verifiers.judge import Failure, Judgement, Tally
from ocinterp.verifiers.prepared import Prepared, prepare

SERVING = "ocinterp.verifiers.inside.serving"
EXAMINING = "ocinterp.verifiers.inside.examining"
_KILL_SECONDS = 1.0  # of processor time from a program's limit, which it may ignore, to the kernel's
_READING_SECONDS = 10.0  # of processor time for the tests, beyond that: to read 128 MB of answers takes as long
_CLOSING_SECONDS = 5.0  # wall clock: how long a program that broke off may take to be gone


class Asserts:
    """The tests of one task (scripts.Tests), without those numbered in `leave_out`.

    `seconds` of processor time are for a program to load and for all that is asked of it.
    """

    def __init__(self, jobs: Jobs, problem: Problem, leave_out: Collection[int], seconds: float) -> None:
        self.seconds = seconds
        self._jobs = jobs
        self._problem = problem
        self._prepared: Prepared = prepare(problem, leave_out)

    @property
    def text(self) -> bytes:
        return self._prepared.packed

    async def judgement(self, program: int, tests: int) -> Judgement:
        task, prepared = self._problem.task, self._prepared
        said = await _Dialogue(self._jobs, task.entry_point, tests, program, self.seconds).hold()
        if said.status == "pass":
            return Judgement(Tally(prepared.total, prepared.total))
        if said.status == "failed":
            raise SandboxError(f"the tests of {task.id} cannot be run: {said.words}")
        passed = prepared.place(said.line)
        number = prepared.numbers[passed] if passed < len(prepared.numbers) else passed
        words = prepared.said(said.line, said.words, said.sides)
        return Judgement(Tally(passed, prepared.total, Failure(number, Status(said.status), words)))


@dataclass(frozen=True, slots=True)
class _Said:
    """How tests came out, as `examining` says it."""

    status: str
    line: int = 0
    words: str = ""
    sides: list[str] | Any = ()


class _Dialogue:
    """One candidate and its examiner: two processes that know of each other only what they say over a socket."""

    def __init__(self, jobs: Jobs, entry_point: str, tests: int, program: int, seconds: float) -> None:
        self._jobs = jobs
        self._entry_point = entry_point
        self._tests = tests
        self._program = program
        self._seconds = seconds
        self._pieces: list[bytes] = []
        self._rest = Rest(members=2)

    async def hold(self) -> _Said:
        """Have them talk to the end. Raises SandboxError."""
        ours, theirs = socket.socketpair()
        try:
            with ours, theirs:
                async with asyncio.TaskGroup() as group:
                    candidate = group.create_task(self._serve(theirs))
                    examiner = group.create_task(self._examine(ours))
                    await asyncio.wait({examiner})
                    await asyncio.wait({candidate}, timeout=_CLOSING_SECONDS)
                    if not candidate.done():
                        candidate.cancel()
        except* SandboxError as failures:
            raise failures.exceptions[0] from None
        said = self._heard(examiner.result())
        if said.status != "gone":
            return said
        if candidate.cancelled():
            return _Said("crashed", said.line, "it broke off the dialogue")
        ended = running.ended(candidate.result())
        return _Said(ended.status, said.line, ended.detail)

    async def _serve(self, theirs: socket.socket) -> JobEnd:
        seconds = self._seconds + _KILL_SECONDS
        job = Job(
            SERVING,
            {"seconds": self._seconds},
            (self._program, theirs.fileno()),
            cpu_seconds=seconds,
            wall_seconds=running.wall(seconds),
            idle_seconds=running.IDLE_SECONDS,
            rest=self._rest,
        )
        try:
            return await self._jobs.perform(job, on_bytes=_ignore)
        finally:
            _hang_up(theirs)

    async def _examine(self, ours: socket.socket) -> JobEnd:
        seconds = self._seconds + _READING_SECONDS
        job = Job(
            EXAMINING,
            {"entry_point": self._entry_point},
            (self._tests, ours.fileno()),
            cpu_seconds=seconds,
            wall_seconds=running.wall(seconds),
            rest=self._rest,
        )
        try:
            return await self._jobs.perform(job, on_bytes=running.listener(self._pieces))
        finally:
            _hang_up(ours)

    def _heard(self, end: JobEnd) -> _Said:
        """What the examiner said, or what its own end means: it can be made to work too long, or on too much."""
        if end.outcome is Outcome.OK:
            return _Said(**json.loads(b"".join(self._pieces)))
        if end.outcome in {Outcome.TIMEOUT, Outcome.MEMORY}:
            ended = running.ended(end)
            return _Said(ended.status, words=f"{ended.detail}: the tests, with what the program answers")
        raise SandboxError(f"the process of the tests ended with status {end.status}")


def _hang_up(end: socket.socket) -> None:
    """Whoever holds the other end hears that nobody is here any more, once it has read what was said."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side did


def _ignore(_: bytes) -> None:
    """A candidate's answers go to its examiner; what else it writes is nothing."""
