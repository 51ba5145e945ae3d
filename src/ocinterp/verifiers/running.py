"""A program's answers to calls of its function, each as it came: not yet judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ocinterp.errors import OcinterpError
from ocinterp.jobs import Enough, Job, JobEnd, Jobs, sealed
from ocinterp.types import Outcome, Status
from ocinterp.verifiers.inside import frames
from ocinterp.verifiers.inside.frames import Frame

ENTRY = "ocinterp.verifiers.inside.answering"
LOAD_SECONDS = 10.0  # processor time that a program may take before it is called
SMALL_BYTES = 2048  # a longer answer comes as its digest
IDLE_SECONDS = 20.0  # that a program may sleep
_WALL_FACTOR = 50.0  # wall clock is the backstop alone: as many programs to a core must not change a verdict
_WALL_SECONDS = 60.0
_MAX_WORDS = 1 << 20  # bytes of what tells how tests came out


@dataclass(frozen=True, slots=True)
class Ended:
    """What is to be said of a call that got no answer: loading failed, or the process was gone."""

    status: Status
    detail: str = ""
    loaded: bool = True


@dataclass(frozen=True, slots=True)
class Question:
    """Calls to be made: a packed set (calls.py) behind a descriptor, which of them, and how."""

    entry_point: str
    packed: int
    numbers: Sequence[int]
    seconds: float  # that all of them may take together
    small: int = SMALL_BYTES
    timed: bool = False


async def ask(jobs: Jobs, program: str, question: Question, listen: Callable[[Frame], bool]) -> Ended | None:
    """Have `program` answer; None when all was answered, else why not all.

    `listen` gets each frame of a call as it comes, in the order of the numbers; when it says False no more are made, and
    that counts as all. Raises SandboxError.
    """
    heard = _Heard(question, listen)
    source = program.encode("utf-8", "surrogatepass")
    with sealed(source) as written:
        cpu = LOAD_SECONDS + question.seconds
        job = Job(
            ENTRY,
            {
                "entry_point": question.entry_point,
                "calls": list(question.numbers),
                "small": question.small,
                "timed": question.timed,
                "load_seconds": LOAD_SECONDS,
            },
            (written, question.packed),
            cpu_seconds=cpu,
            wall_seconds=wall(cpu),
            idle_seconds=IDLE_SECONDS,
        )
        try:
            end = await jobs.perform(job, on_bytes=heard.feed)
        except frames.Broken:
            return Ended(Status.CRASHED, "what it sent was no answer", loaded=heard.loaded)
    return heard.ending(end)


def wall(cpu_seconds: float) -> float:
    """How long, by the clock on the wall, what may use so much processor time is waited for."""
    return _WALL_SECONDS + _WALL_FACTOR * cpu_seconds


def listener(pieces: list[bytes]) -> Callable[[bytes], None]:
    """What takes in an answer of bounded size; who says more has said enough."""

    def listen(data: bytes) -> None:
        pieces.append(data)
        if sum(map(len, pieces)) > _MAX_WORDS:
            raise Enough

    return listen


async def side_by_side(acts: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all at the same time; the first failure ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for act in acts:
                group.create_task(act)
    except* OcinterpError as failures:
        raise failures.exceptions[0] from None


_ENDINGS = {
    Outcome.TIMEOUT: (Status.TIMEOUT, "out of time"),
    Outcome.MEMORY: (Status.MEMORY, "out of memory"),
    Outcome.OUTPUT: (Status.OUTPUT, "its answers are too large"),
    Outcome.KILLED: (Status.CRASHED, "killed by signal {}"),
}


def ended(end: JobEnd, *, loaded: bool = True) -> Ended:
    """What the end of a process says where it had not said all."""
    status, detail = _ENDINGS.get(end.outcome, (Status.EXITED, "it ended with exit status {}"))
    return Ended(status, detail.format(abs(end.status)), loaded=loaded)


class _Heard:
    """Frames of one process, as far as they are what was asked for."""

    def __init__(self, question: Question, listen: Callable[[Frame], bool]) -> None:
        self._reader = frames.Reader()
        self._numbers = iter(question.numbers)
        self._small = question.small
        self._listen = listen
        self._ended: Ended | None = None
        self.loaded = False
        self._done = False

    def feed(self, data: bytes) -> None:
        for frame in self._reader.feed(data):
            self._take(frame)
            if self._done:
                raise Enough

    def ending(self, end: JobEnd) -> Ended | None:
        if self._done:
            return self._ended
        return ended(end, loaded=self.loaded)

    def _take(self, frame: Frame) -> None:
        most = self._small if frame.kind == frames.ANSWER else frames.MAX_WORDS
        if len(frame.content) > most:  # reading it would cost the host more than it is worth
            raise frames.Broken(f"{frame.kind!r} of {len(frame.content)} bytes")
        if not self.loaded:
            self.loaded = frame.kind == frames.LOADED
            if not self.loaded and frame.kind not in frames.OF_LOADING:
                raise frames.Broken(f"{frame.kind!r} before the program was loaded")
            if not self.loaded:
                status = Status.TIMEOUT if frame.kind == frames.LATE else failed(frame)
                self._ended, self._done = Ended(status, words(frame), loaded=False), True
        elif frame.kind == frames.DONE:
            self._done = True
            if next(self._numbers, None) is not None:
                raise frames.Broken("some calls were passed over")
        elif frame.kind not in frames.OF_CALLS or frame.number != next(self._numbers, None):
            raise frames.Broken(f"{frame.kind!r} of call {frame.number}, which was not the next")
        elif not self._listen(frame):
            self._done = True


def failed(frame: Frame) -> Status:
    """What an exception means."""
    name = frame.content.partition(b"\n")[0]
    if name == b"MemoryError":
        return Status.MEMORY
    return Status.EXITED if name == b"SystemExit" else Status.EXCEPTION


def words(frame: Frame) -> str:
    """An exception, as people say it."""
    name, line, message = ([*frame.content.decode("utf-8", "replace").split("\n", 2), "", ""])[:3]
    where = f" (line {line})" if line not in {"", "0"} else ""
    return f"{name}: {message}{where}" if message else f"{name}{where}"
