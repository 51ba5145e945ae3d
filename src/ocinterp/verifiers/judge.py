"""Verdicts: a candidate's answers against the reference's, compared here, outside the process that gave them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from ocinterp.errors import SandboxError
from ocinterp.jobs import Jobs, sealed
from ocinterp.problems import Calls, Problem
from ocinterp.types import Status
from ocinterp.verifiers import expected as references
from ocinterp.verifiers import running
from ocinterp.verifiers.expected import Expectations
from ocinterp.verifiers.inside import calls, frames
from ocinterp.verifiers.inside.frames import Frame
from ocinterp.verifiers.oracle import Family, Oracle, Profile
from ocinterp.verifiers.running import Ended, Question

LEAST_SECONDS = 1.0  # of processor time for one call, and how many times the reference's: EvalPlus's numbers
TIMES_REFERENCE = 4.0
MOST_SECONDS = 60.0  # for all calls of a process together, or one that may take longer
_PART_SECONDS = 2.0  # of the reference's time: a task with more is made in parts, side by side
_PART_CALLS = 5000
_SEEN_AT_ONCE = 8  # large answers held in memory
WHOLE_BYTES = 1 << 27  # of one answer that has to be seen whole


@dataclass(frozen=True, slots=True)
class Failure:
    """The first test of a set that did not pass."""

    number: int  # among all calls of the task, base tests first; or among the asserts of its script
    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How one set of tests came out. `passed` counts those that were made and passed; `failure` is the first that did not."""

    passed: int
    total: int
    failure: Failure | None = None

    @property
    def status(self) -> Status:
        return Status.PASS if self.failure is None else self.failure.status


@dataclass(frozen=True, slots=True)
class Judgement:
    """Both sets of a program's tests under one profile; `plus` is None where the task has none.

    `forgeable`: the tests ran in the program's own process, which could have said anything.
    """

    base: Tally
    plus: Tally | None = None
    forgeable: bool = field(default=False, kw_only=True)

    @property
    def sets(self) -> tuple[Tally, ...]:
        return (self.base,) if self.plus is None else (self.base, self.plus)


Judgements = dict[Profile, Judgement]


class Judge:
    """Judges programs that are to solve one task. Use it as a context manager; it holds the task's inputs.

    `room` bounds how many processes run at once, over all judges that share it. Tests whose numbers are in `leave_out`
    are not made, and count in no set.
    """

    def __init__(
        self,
        jobs: Jobs,
        problem: Problem,
        expectations: Expectations,
        profiles: Sequence[Profile],
        *,
        family: Family,
        room: asyncio.Semaphore,
        leave_out: Collection[int] = (),
    ) -> None:
        assert isinstance(problem.tests, Calls)
        self.jobs = jobs
        self.problem = problem
        self.family: Family = family
        self.profiles = profiles
        self.room = room
        self.expected = expectations.tasks[problem.task.id]
        self.arguments = list(problem.tests)
        self.middle = len(problem.tests.base)
        ranges = range(self.middle), range(self.middle, len(self.arguments))
        self.sets = [[number for number in each if number not in leave_out] for each in ranges]
        self.limits = [max(LEAST_SECONDS, TIMES_REFERENCE * frame.seconds) for frame in self.expected]
        self.packed = -1
        self._held = ExitStack()

    def __enter__(self) -> Judge:
        self.packed = self._held.enter_context(sealed(calls.pack(self.arguments, self.limits)))
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    async def judge(self, program: str, *, fast: bool = False) -> Judgements:
        """The verdict on a program under each profile. With `fast` no call is made after one that passes under none.

        Else a set's calls end at the first that is out of time. A sandbox that fails is asked once more; then that is
        the verdict.
        """
        try:
            return await self._tried(program, fast=fast)
        except SandboxError:
            try:
                return await self._tried(program, fast=fast)
            except SandboxError as error:
                return self._unknown(str(error))

    def question(self, numbers: Sequence[int], *, small: int = running.SMALL_BYTES) -> Question:
        """Some of the calls, and the time that they may take."""
        limits = [self.limits[number] for number in numbers]
        seconds = max(min(MOST_SECONDS, sum(limits)), *limits, 0.0)
        return Question(self.problem.task.entry_point, self.packed, numbers, seconds, small)

    def set_of(self, number: int) -> int:
        """0 for a base test, 1 for a plus test."""
        return int(number >= self.middle)

    def parts(self) -> Iterator[list[int]]:
        """All calls, in parts of so much time that several workers have something to do."""
        part: list[int] = []
        spent = 0.0
        for number in (*self.sets[0], *self.sets[1]):
            seconds = self.expected[number].seconds
            if part and (spent + seconds > _PART_SECONDS or len(part) >= _PART_CALLS):
                yield part
                part, spent = [], 0.0
            part.append(number)
            spent += seconds
        if part:
            yield part

    async def whole(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """The reference's answers to some calls, but for those of over WHOLE_BYTES."""
        async with self.room:
            found = await references.answers_of(self.jobs, self.problem, numbers, small=WHOLE_BYTES)
        return {frame.number: frame.content for frame in found if frame.kind == frames.ANSWER}

    async def _tried(self, program: str, *, fast: bool) -> Judgements:
        trial = _Trial(self, program)
        await (trial.run_in_order() if fast else trial.run())
        return {profile: await trial.judgement(profile) for profile in self.profiles}

    def _unknown(self, why: str) -> Judgements:
        tallies = [
            Tally(0, len(numbers), Failure(numbers[0], Status.SANDBOX_FAILURE, why)) for numbers in self.sets if numbers
        ]
        return dict.fromkeys(self.profiles, Judgement(*tallies))


class _Trial:
    """One program's answers."""

    def __init__(self, judge: Judge, program: str) -> None:
        self._judge = judge
        self._program = program
        self._answers: dict[int, Frame | Ended] = {}

    async def run(self) -> None:
        """Make all calls, but for those after one of their set that is out of time."""

        def in_time(number: int) -> bool:
            answer = self._answers[number]
            return isinstance(answer, Ended) or answer.kind != frames.LATE

        await running.side_by_side(self._make(part, in_time) for part in self._judge.parts())

    async def run_in_order(self) -> None:
        """Make calls until one passes under no profile."""
        marks = [self._all_marks(index) for index in (0, 1)]

        def passes_somewhere(number: int) -> bool:
            of_set = marks[self._judge.set_of(number)]
            for each in of_set:
                each.mark(number, self._answers[number])
            return any(each.failure is None for each in of_set)

        for part in self._judge.parts():
            await self._make(part, passes_somewhere, only_while=True)
            if part[-1] not in self._answers or not all(any(m.failure is None for m in of_set) for of_set in marks):
                return

    async def _make(self, part: list[int], go_on: Callable[[int], bool], *, only_while: bool = False) -> None:
        """Make the calls of a part. After one at which `go_on` says no, those of its set are left out, or all others."""

        def hear(frame: Frame) -> bool:
            self._answers[frame.number] = frame
            return go_on(frame.number)

        left = part
        while left:
            async with self._judge.room:
                ended = await running.ask(self._judge.jobs, self._program, self._judge.question(left), hear)
            rest = [number for number in left if number not in self._answers]
            last = left[len(left) - len(rest) - 1]
            if rest and ended is not None:
                last = rest.pop(0)
                self._answers[last] = ended
                go_on(last)
            left = [number for number in rest if self._judge.set_of(number) != self._judge.set_of(last)]
            if left and ended is not None and not ended.loaded:
                self._answers[left[0]] = ended
                return
            if only_while:
                return

    async def judgement(self, profile: Profile) -> Judgement:
        tallies: list[Tally] = []
        for numbers in filter(None, self._judge.sets):
            marks = _Marks(self._judge, profile, numbers)
            for number in numbers:
                if number in self._answers:
                    marks.mark(number, self._answers[number])
            await self._look_closer(marks)
            if marks.failure is None and marks.passed < len(numbers):
                before = tallies[-1].failure if tallies else None  # with `fast`: the base tests had failed
                marks.failure = before or Failure(numbers[0], Status.CRASHED, "some calls were not answered")
            tallies.append(Tally(marks.passed, len(numbers), marks.failure))
        return Judgement(*tallies)

    def _all_marks(self, index: int) -> list[_Marks]:
        return [_Marks(self._judge, profile, self._judge.sets[index]) for profile in self._judge.profiles]

    async def _look_closer(self, marks: _Marks) -> None:
        """Large answers that are not the same bytes are seen whole, where the verdict still hangs on them."""
        pending, size = marks.pending, 1
        while pending and marks.failure is None:
            some, pending, size = pending[:size], pending[size:], _SEEN_AT_ONCE
            wanted = await self._judge.whole(some)

            def hear(frame: Frame, wanted: dict[int, bytes] = wanted) -> bool:
                marks.mark_whole(frame, wanted.get(frame.number))
                return marks.failure is None

            async with self._judge.room:
                question = self._judge.question(some, small=WHOLE_BYTES)
                ended = await running.ask(self._judge.jobs, self._program, question, hear)
            if ended is not None:
                marks.failure = Failure(some[0], ended.status, ended.detail)


class _Marks:
    """How the calls of one set came out under one profile, in their order."""

    def __init__(self, judge: Judge, profile: Profile, numbers: Sequence[int]) -> None:
        task, tests = judge.problem.task, judge.problem.tests
        assert isinstance(tests, Calls)
        self._judge = judge
        self._oracle = Oracle(profile, family=judge.family, entry_point=task.entry_point, tolerance=tests.tolerance)
        self.passed = 0
        self.failure: Failure | None = None
        self.pending: list[int] = []  # large answers that are not the same bytes

    def mark(self, number: int, answer: Frame | Ended) -> None:
        """Count an answer."""
        if isinstance(answer, Ended):
            self._count(number, answer.status, answer.detail)
        elif answer.kind == frames.RAISED:
            self._count(number, running.failed(answer), running.words(answer))
        elif answer.kind == frames.LATE:
            self._count(number, Status.TIMEOUT, "out of time")
        else:
            self._compare(number, answer)

    def mark_whole(self, answer: Frame, wanted: bytes | None) -> None:
        """Count a large answer, seen whole beside the reference's; None: that is too large to be seen."""
        if answer.kind == frames.ANSWER and wanted is None:
            self._count(answer.number, Status.WRONG, "wrong value, by its size")
        elif answer.kind == frames.ANSWER and wanted is not None:
            self._decide(answer.number, wanted, answer.content)
        elif answer.kind == frames.DIGEST:
            self._count(answer.number, Status.OUTPUT, "its answer is too large")
        else:
            self.mark(answer.number, answer)

    def _compare(self, number: int, answer: Frame) -> None:
        expected = self._judge.expected[number]
        if expected.kind == answer.kind == frames.ANSWER:
            self._decide(number, expected.content, answer.content)
        elif expected.kind == answer.kind and expected.content == answer.content:
            self.passed += 1
        else:
            self.pending.append(number)

    def _decide(self, number: int, wanted: bytes, found: bytes) -> None:
        reason = self._oracle.compare(self._judge.arguments[number], wanted, found)
        self._count(number, Status.WRONG if reason else Status.PASS, reason)

    def _count(self, number: int, status: Status, detail: str) -> None:
        if status is Status.PASS:
            self.passed += 1
        elif self.failure is None:
            self.failure = Failure(number, status, detail)
