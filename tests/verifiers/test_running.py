"""What is made of the bytes of a process: frames that were asked for, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ocinterp.errors import BudgetExhausted, DataError, OcinterpError, SandboxError, UsageError
from ocinterp.jobs import Enough, Job, JobEnd, sealed
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Outcome, Status
from ocinterp.verifiers import running
from ocinterp.verifiers.inside import calls, frames
from ocinterp.verifiers.inside.frames import Frame
from ocinterp.verifiers.running import Ended, Question, ask
from verifiers.benches import service

pytestmark = pytest.mark.asyncio(loop_scope="module")
LOADED, DONE = Frame(frames.LOADED, 0, 0.0, b""), Frame(frames.DONE, 0, 0.0, b"")
WELL = JobEnd(Outcome.OK, 0, 0.0)
NOT_SAID = Ended(Status.CRASHED, "what it sent was no answer")


class Saying:
    """Carries out a job by saying some bytes, and ending in some way."""

    def __init__(self, said: list[Frame], end: JobEnd = WELL) -> None:
        self._said, self._end = said, end
        self.asked: Job | None = None

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        self.asked = job
        try:
            for frame in self._said:
                on_bytes(frame.packed())
        except Enough:
            return JobEnd(Outcome.KILLED, -9, 0.0)
        return self._end


def answer(number: int, kind: bytes = frames.ANSWER, content: bytes = b"x") -> Frame:
    return Frame(kind, number, 0.0, content)


async def heard(jobs: Saying, numbers: tuple[int, ...] = (0, 1), enough: int = 99) -> tuple[Ended | None, list[Frame]]:
    found: list[Frame] = []

    def listen(frame: Frame) -> bool:
        found.append(frame)
        return len(found) < enough

    return await ask(jobs, "", Question("f", 0, numbers, 1.0), listen), found


async def test_all_that_was_asked_for_is_heard() -> None:
    assert await heard(Saying([LOADED, answer(0), answer(1), DONE])) == (None, [answer(0), answer(1)])


@pytest.mark.parametrize("kind", [frames.ANSWER, frames.DIGEST, frames.RAISED, frames.LATE])
async def test_four_kinds_are_of_calls(kind: bytes) -> None:
    assert await heard(Saying([LOADED, answer(0, kind), answer(1), DONE])) == (None, [answer(0, kind), answer(1)])


@pytest.mark.parametrize(
    "said",
    [
        [answer(1)],
        [answer(0), answer(0)],
        [answer(0), answer(2)],
        [answer(0), answer(1), answer(2)],
        [answer(0, frames.LOADED)],
        [answer(0, frames.NOT_LOADED)],
        [DONE],
        [answer(0), DONE],
    ],
    ids=range(8),
)
async def test_what_was_not_asked_for_is_no_answer(said: list[Frame]) -> None:
    found, _ = await heard(Saying([LOADED, *said]))
    assert found == NOT_SAID


@pytest.mark.parametrize("kind", [frames.ANSWER, frames.DIGEST, frames.RAISED, frames.DONE])
async def test_nothing_is_answered_before_the_program_was_loaded(kind: bytes) -> None:
    found, said = await heard(Saying([answer(0, kind)]))
    assert found == Ended(Status.CRASHED, "what it sent was no answer", loaded=False)
    assert said == []


@pytest.mark.parametrize(
    ("end", "ended"),
    [
        (JobEnd(Outcome.OK, 0, 0.0), Ended(Status.EXITED, "it ended with exit status 0")),
        (JobEnd(Outcome.ERROR, 7, 0.0), Ended(Status.EXITED, "it ended with exit status 7")),
        (JobEnd(Outcome.KILLED, -11, 0.0), Ended(Status.CRASHED, "killed by signal 11")),
        (JobEnd(Outcome.MEMORY, -9, 0.0), Ended(Status.MEMORY, "out of memory")),
        (JobEnd(Outcome.TIMEOUT, -9, 0.0), Ended(Status.TIMEOUT, "out of time")),
        (JobEnd(Outcome.OUTPUT, -9, 0.0), Ended(Status.OUTPUT, "its answers are too large")),
    ],
    ids=lambda value: str(value),
)
async def test_how_it_ended_is_told_where_answers_are_missing(end: JobEnd, ended: Ended) -> None:
    assert await heard(Saying([LOADED, answer(0)], end)) == (ended, [answer(0)])
    assert (await heard(Saying([], end)))[0] == Ended(ended.status, ended.detail, loaded=False)


async def test_a_listener_that_has_enough_ends_it() -> None:
    assert await heard(Saying([LOADED, answer(0), answer(1), DONE]), enough=1) == (None, [answer(0)])


@pytest.mark.parametrize("kind", [frames.ANSWER, frames.DIGEST, frames.RAISED, frames.LATE])
async def test_what_is_longer_than_it_may_be_is_no_answer(kind: bytes) -> None:
    most = running.SMALL_BYTES if kind == frames.ANSWER else frames.MAX_WORDS
    fitting, longer = answer(0, kind, bytes(most)), answer(0, kind, bytes(most + 1))
    assert await heard(Saying([LOADED, fitting, DONE]), (0,)) == (None, [fitting])
    assert await heard(Saying([LOADED, longer, DONE]), (0,)) == (NOT_SAID, [])


@pytest.mark.parametrize(
    ("content", "said", "status"),
    [
        (b"ValueError\n3\nno", "ValueError: no (line 3)", Status.EXCEPTION),
        (b"ValueError\n0\n", "ValueError", Status.EXCEPTION),
        (b"MemoryError\n1\n", "MemoryError (line 1)", Status.MEMORY),
        (b"SystemExit\n2\n0", "SystemExit: 0 (line 2)", Status.EXITED),
        (b"", "", Status.EXCEPTION),
        (b"\xff\xfe", "\ufffd\ufffd", Status.EXCEPTION),
    ],
)
async def test_an_exception_is_said_as_people_do(content: bytes, said: str, status: Status) -> None:
    frame = answer(0, frames.RAISED, content)
    assert (running.words(frame), running.failed(frame)) == (said, status)


async def test_the_first_failure_of_several_acts_is_raised_as_it_is() -> None:
    async def fail(error: Exception) -> None:
        raise error

    for error in (SandboxError("the sandbox"), UsageError("the user")):
        with pytest.raises(type(error), match=str(error)):
            await running.side_by_side([fail(error)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with service() as sandbox:
        yield sandbox


async def test_calls_are_made_in_the_order_asked_for(sandbox: NamespaceSandbox) -> None:
    found: list[Frame] = []
    with sealed(calls.pack([(n,) for n in range(5)], [1.0] * 5)) as packed:
        question = Question("f", packed, (4, 1, 2), 5.0)
        before = len(list(Path("/proc/self/fd").iterdir()))
        ended = await ask(sandbox, "def f(x): return x", question, lambda frame: not found.append(frame))
        assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert ended is None
    assert [(frame.kind, frame.number) for frame in found] == [(b"A", 4), (b"A", 1), (b"A", 2)]
    assert len({frame.content for frame in found}) == 3


async def test_time_is_told_only_where_it_was_asked_for(sandbox: NamespaceSandbox) -> None:
    program = "def f(x): return sum(range(10**6))"
    for timed in (False, True):
        found: list[Frame] = []
        with sealed(calls.pack([(1,)], [5.0])) as packed:
            question = Question("f", packed, (0,), 5.0, timed=timed)
            await ask(sandbox, program, question, lambda frame: not found.append(frame))  # noqa: B023
        assert (found[0].seconds > 0) is timed


async def test_random_numbers_are_the_same_in_each_process(sandbox: NamespaceSandbox) -> None:
    program = "import random\ndef f(x): return random.random()"
    said: list[bytes] = []
    with sealed(calls.pack([(1,)], [5.0])) as packed:
        for _ in range(2):
            await ask(sandbox, program, Question("f", packed, (0,), 5.0), lambda frame: not said.append(frame.content))
    assert said[0] == said[1]


@pytest.mark.parametrize("error", [SandboxError, UsageError, DataError, BudgetExhausted])
async def test_what_fails_beside_others_is_raised_as_it_is(error: type[OcinterpError]) -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise error("mine")

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    with pytest.raises(error, match="mine"):
        await running.side_by_side([wait(), fail()])
    assert ended == ["ended"]
