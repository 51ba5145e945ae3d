"""Verdicts by tests that are code of their own: asserts in a process beside the program's, unittests within it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ocinterp.errors import SandboxError
from ocinterp.jobs import Enough, Job, JobEnd, Jobs, sealed
from ocinterp.problems import Problem, Script
from ocinterp.types import Outcome, Status
from ocinterp.verifiers import running
from ocinterp.verifiers.judge import Failure, Judgement, Judgements, Tally
from ocinterp.verifiers.oracle import Profile
from ocinterp.verifiers.prepared import Prepared, prepare

SERVING = "ocinterp.verifiers.inside.serving"
EXAMINING = "ocinterp.verifiers.inside.examining"
TRUSTING = "ocinterp.verifiers.inside.trusting"
SECONDS = 10.0  # where the tests are asserts
UNITTEST_SECONDS = 60.0  # where they are a unittest.TestCase: those draw figures and fit models
_CLOSING_SECONDS = 5.0  # wall clock: how long a program that broke off may take to be gone
_MAX_ANSWER = 1 << 20  # bytes of what tells how the tests came out


class ScriptJudge:
    """Judges programs by one task's own test code. Use it as a context manager; it holds the tests.

    A verdict takes two processes, of which one waits for the other: they count as one of `room`. Asserts whose numbers,
    in the order of the source, are in `leave_out` are not made. `seconds` of processor time are for all that they ask of a program together.
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
        self.script = problem.tests
        self.seconds = seconds
        self._jobs = jobs
        self._room = room
        self._prepared: Prepared = prepare(problem, leave_out)
        self._packed = -1
        self._held = ExitStack()

    def __enter__(self) -> ScriptJudge:
        if self.script.kind == "asserts":
            tests = self._prepared.packed
        else:
            tests = f"{self.script.setup}\n\n{self.script.source}".encode("utf-8", "surrogatepass")
        self._packed = self._held.enter_context(sealed(tests))
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
                judgement = self._judgement(0, Status.SANDBOX_FAILURE, str(error))
        return dict.fromkeys(self.profiles, judgement)

    async def _tried(self, program: str) -> Judgement:
        with sealed(program.encode("utf-8", "surrogatepass")) as written:
            async with self._room:
                if self.script.kind == "asserts":
                    return await self._examined(written)
                return await self._trusted(written)

    async def _examined(self, written: int) -> Judgement:
        dialogue = _Dialogue(self._jobs, self.problem.task.entry_point, self._packed, written, self.seconds)
        said = await dialogue.hold()
        if said.status == "pass":
            return Judgement(Tally(self._prepared.total, self._prepared.total))
        if said.status == "failed":
            raise SandboxError(f"the tests of {self.problem.task.id} cannot be run: {said.words}")
        words = self._prepared.said(said.line, said.words, said.sides)
        return self._judgement(self._prepared.place(said.line), Status(said.status), words)

    async def _trusted(self, written: int) -> Judgement:
        pieces: list[bytes] = []
        job = _job(TRUSTING, (written, self._packed), UNITTEST_SECONDS, {"libraries": self._prepared.libraries})
        end = await self._jobs.perform(job, on_bytes=_listener(pieces))
        try:
            said = json.loads(b"".join(pieces))
            return self._counted(said)
        except (ValueError, KeyError, TypeError, IndexError):
            ended = running.ended(end)
            return self._judgement(0, ended.status, ended.detail, total=1)

    def _counted(self, said: Any) -> Judgement:
        if missing := said.get("missing"):
            why = f"not judgeable here: the tests need {', '.join(map(str, missing))}"
            return self._judgement(0, Status.SANDBOX_FAILURE, why, total=1)
        total, failures = max(1, int(said["total"])), said["failures"]
        if not failures:
            return Judgement(Tally(total, total), forgeable=True)
        name, status, words = failures[0]
        passed = max(0, total - int(said.get("failed", total)))
        return self._judgement(passed, Status(status), f"{name}: {words}" if name else str(words), total=total)

    def _judgement(self, passed: int, status: Status, detail: str, *, total: int = 0) -> Judgement:
        numbers = self._prepared.numbers
        number = numbers[passed] if passed < len(numbers) else passed
        failure = Failure(number, status, detail)
        tally = Tally(passed, total or self._prepared.total, failure)
        return Judgement(tally, forgeable=self.script.kind == "unittest")


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
        order = {"load_seconds": running.LOAD_SECONDS, "seconds": self._seconds}
        job = _job(SERVING, (self._program, theirs.fileno()), running.LOAD_SECONDS + self._seconds, order)
        try:
            return await self._jobs.perform(job, on_bytes=_ignore)
        finally:
            _hang_up(theirs)

    async def _examine(self, ours: socket.socket) -> JobEnd:
        seconds = running.LOAD_SECONDS + self._seconds
        job = _job(EXAMINING, (self._tests, ours.fileno()), seconds, {"entry_point": self._entry_point})
        try:
            return await self._jobs.perform(job, on_bytes=_listener(self._pieces))
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


def _job(entry: str, inputs: tuple[int, ...], seconds: float, order: dict[str, Any]) -> Job:
    wall = running.WALL_SECONDS + running.WALL_FACTOR * seconds
    return Job(entry, order, inputs, cpu_seconds=seconds, wall_seconds=wall)


def _hang_up(end: socket.socket) -> None:
    """Whoever holds the other end hears that nobody is here any more, once it has read what was said."""
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side did


def _listener(pieces: list[bytes]) -> Any:
    def listen(data: bytes) -> None:
        pieces.append(data)
        if sum(map(len, pieces)) > _MAX_ANSWER:
            raise Enough

    return listen


def _ignore(_: bytes) -> None:
    """A candidate's answers go to its examiner; what else it writes is nothing."""
