"""What the references of a benchmark answer: computed once for each text of it, and kept.

References run as candidates do, in the sandbox. Large answers are kept as their digests, so that a file has some
megabytes where the answers have hundreds.
"""

from __future__ import annotations

import asyncio
import hashlib
import struct
import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ocinterp import files
from ocinterp.errors import UsageError
from ocinterp.jobs import Jobs, sealed
from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.verifiers import running
from ocinterp.verifiers.inside import calls, frames
from ocinterp.verifiers.inside.frames import Frame
from ocinterp.verifiers.running import side_by_side

_MAGIC = b"ocinterp-expected/1\n"
_NAME = struct.Struct("<HI")
_REFERENCE_SECONDS = 600.0  # of all calls of a task together


@dataclass(frozen=True, slots=True)
class Expectations:
    """For each task the frames of its reference's answers, base tests first, in the order of the tests."""

    md5: str
    tasks: Mapping[str, tuple[Frame, ...]]

    def seconds(self, task_id: str) -> float:
        """Processor time that the reference takes for all of them."""
        return sum(frame.seconds for frame in self.tasks[task_id])


async def compute(
    jobs: Jobs, benchmark: Benchmark, *, workers: int, on_task: Callable[[str], None] = lambda _: None
) -> Expectations:
    """Run every reference. Raises SandboxError where the sandbox fails, UsageError for a reference that does not answer."""
    room = asyncio.Semaphore(workers)
    found: dict[str, tuple[Frame, ...]] = {}

    async def one(problem: Problem) -> None:
        async with room:
            found[problem.task.id] = await answers_of(jobs, problem)
        on_task(problem.task.id)

    await side_by_side(one(each) for each in benchmark.problems.values() if isinstance(each.tests, Calls))
    return Expectations(benchmark.md5, {name: found[name] for name in benchmark.problems if name in found})


async def answers_of(
    jobs: Jobs, problem: Problem, numbers: Sequence[int] | None = None, *, small: int = running.SMALL_BYTES
) -> tuple[Frame, ...]:
    """The frames of a reference's answers; UsageError where it does not answer them all."""
    assert isinstance(problem.tests, Calls)
    arguments = list(problem.tests)
    heard: list[Frame] = []

    def listen(frame: Frame) -> bool:
        heard.append(frame)
        return True

    with sealed(calls.pack(arguments, [_REFERENCE_SECONDS] * len(arguments))) as packed:
        question = running.Question(
            problem.task.entry_point,
            packed,
            range(len(arguments)) if numbers is None else numbers,
            seconds=_REFERENCE_SECONDS,
            small=small,
            timed=True,
        )
        ended = await running.ask(jobs, problem.reference, question, listen)
    for frame in heard:
        if frame.kind in {frames.RAISED, frames.LATE}:
            ended = running.Ended(running.failed(frame), running.words(frame))
    if ended is not None:
        raise UsageError(
            f"the reference of {problem.task.id} does not answer its own tests: {ended.status}, {ended.detail}"
        )
    return tuple(heard)


def cached(folder: Path, benchmark: Benchmark) -> Path:
    """Where the expectations of a benchmark are kept: they depend on its text, on how it was read and on this Python."""
    text = hashlib.blake2b(digest_size=8)
    for name, problem in benchmark.problems.items():
        text.update(f"{name}\0{problem.reference}\0".encode("utf-8", "surrogatepass"))
        if isinstance(problem.tests, Calls):
            text.update(f"{len(problem.tests.base)} {len(problem.tests.plus)}\0".encode())
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return folder / f"{benchmark.md5}-{text.hexdigest()}-{version}.expected"


def write(path: Path, expectations: Expectations) -> None:
    """Keep them; whoever reads meanwhile sees the old file or the new one. Raises UsageError where it cannot be written."""
    parts: list[bytes] = []
    for name, answers in expectations.tasks.items():
        label = name.encode()
        parts += [_NAME.pack(len(label), len(answers)), label, *(frame.packed() for frame in answers)]
    packed = zlib.compress(b"".join(parts), 6)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_in_one_step(path, [_MAGIC, expectations.md5.encode(), b"\n", packed], mode=0o600)
    except OSError as error:
        raise UsageError(f"the references' answers cannot be kept in {path}: {error}") from error


def read(path: Path) -> Expectations | None:
    """Those that were kept; None where there are none, or what is there is damaged and has to be computed again."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"the references' answers cannot be read from {path}: {error}") from error
    magic, _, rest = data.partition(b"\n")
    md5, _, packed = rest.partition(b"\n")
    if magic + b"\n" != _MAGIC:
        return None
    try:
        return Expectations(md5.decode("ascii"), _unpacked(zlib.decompress(packed)))
    except (zlib.error, struct.error, ValueError):
        return None


def _unpacked(data: bytes) -> dict[str, tuple[Frame, ...]]:
    tasks: dict[str, tuple[Frame, ...]] = {}
    at = 0
    while at < len(data):
        length, count = _NAME.unpack_from(data, at)
        at += _NAME.size
        name = data[at : at + length].decode()
        at += length
        found: list[Frame] = []
        for _ in range(count):
            kind, number, seconds, size = frames.HEAD.unpack_from(data, at)
            at += frames.HEAD.size
            found.append(Frame(kind, number, seconds, data[at : at + size]))
            at += size
        if at > len(data):
            raise ValueError("cut off")
        tasks[name] = tuple(found)
    return tasks


def is_needed(folder: Path, benchmark: Benchmark) -> bool:
    """Whether there are answers to compute: a task's tests are calls, and nothing is kept."""
    calls = any(isinstance(each.tests, Calls) for each in benchmark.problems.values())
    return calls and read(cached(folder, benchmark)) is None


async def kept_or_computed(
    folder: Path, jobs: Jobs, benchmark: Benchmark, *, workers: int, on_task: Callable[[str], None] = lambda _: None
) -> Expectations:
    """Read them, or compute and keep them."""
    path = cached(folder, benchmark)
    found = read(path)
    if found is None:
        found = await compute(jobs, benchmark, workers=workers, on_task=on_task)
        write(path, found)
    return found
