"""Jobs: code of ours that runs in a fresh isolated process, beside a program that nobody trusts, and ends with it.

A session is a dialogue with an interpreter; a job is one question and its answer, which is all that a verdict needs and
costs a fraction of it.
"""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from ocinterp.types import Outcome

_SEALS = 0x1 | 0x2 | 0x4 | 0x8  # F_SEAL_SEAL, SHRINK, GROW, WRITE (linux/fcntl.h)


class Rest:
    """The sleep of `members` jobs that wait for each other, so that none of them sleeps alone.

    Sleeping is to use no processor (less than a tenth of one), to wait for none, and to say nothing. It is counted in
    looks, a second apart or more: a host that is held up itself takes none, and holds nothing against anybody.
    """

    def __init__(self, members: int = 1) -> None:
        self._members = members
        self._asleep: dict[object, int] = {}  # looks in a row
        self.looks = 0

    def saw(self, member: object, *, asleep: bool) -> None:
        """Take note of a look at one of them. At the first one it counts, where all have slept between two looks or more."""
        self._asleep[member] = self._asleep.get(member, 0) + 1 if asleep else 0
        if len(self._asleep) == self._members and min(self._asleep.values()) > 1:
            self.looks += member is next(iter(self._asleep))

    def leave(self, member: object) -> None:
        """It has ended: the others do not wait for it any more."""
        self._asleep.pop(member, None)
        self._members -= 1


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done, and how long it may take.

    `entry` names a module of a package that the sandbox's profile has as a guest; its `main(answers, inputs, order)` gets
    a descriptor to write to, the `inputs`, and `order`, which is plain JSON and small. What it prints is lost.
    `cpu_seconds` is of the process alone and in whole seconds, rounded up; `wall_seconds` of everything; `idle_seconds` of
    sleep (`rest`, which jobs that wait for each other share).
    """

    entry: str
    order: Mapping[str, Any] = field(default_factory=dict[str, Any])
    inputs: tuple[int, ...] = ()
    cpu_seconds: float = 30.0
    wall_seconds: float = 120.0
    idle_seconds: float = math.inf
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class JobEnd:
    """How the process ended: OK for status 0, ERROR for another, KILLED by a signal, or which limit it met."""

    outcome: Outcome
    status: int  # an exit code, or minus a signal's number
    cpu_seconds: float


class Jobs(Protocol):
    """Whoever carries out jobs."""

    async def perform(self, job: Job, /, *, on_bytes: Callable[[bytes], None]) -> JobEnd:
        """Carry one out. `on_bytes` gets its answer piece by piece; raising Enough there ends the job (as KILLED).

        Raises SandboxError when the sandbox fails.
        """
        ...


class Enough(Exception):  # noqa: N818  no error
    """Raised by a listener that needs no more of an answer."""


@contextmanager
def sealed(content: bytes) -> Generator[int]:
    """A descriptor of `content`, from position 0, that nobody can change any more, whoever gets it (memfd_create(2))."""
    fd = os.memfd_create("input", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
        yield fd
    finally:
        os.close(fd)
