"""The five seams. Implementations live in sibling packages and need not inherit from these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

from ocinterp.types import (
    Cell,
    Completion,
    ExecutionResult,
    Feedback,
    FileInfo,
    LiveEvent,
    Message,
    Task,
    Trajectory,
    Turn,
    Verdict,
)


def ignore(_: object, /) -> None:
    """The listener that does not listen."""


class Model(Protocol):
    """Anything that continues a dialogue. Raises ModelError when no completion can be had."""

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """One completion. `on_text` gets its text piece by piece as it arrives; the pieces join to the whole.

        When this raises, the pieces may be the start of an answer that never came.
        """
        ...


@runtime_checkable
class Fickle(Protocol):
    """A model that may say something else when it is asked once more."""

    def others(self) -> Sequence[Model]:
        """Who is to be asked, one after the other, where what it said will not do: mostly itself, drawing by chance."""
        ...


class Session(Protocol):
    """A live interpreter: variables, imports and files survive from one cell to the next.

    Every method raises SandboxError when the sandbox itself fails. What the program does wrong is in the result.
    """

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        """Run one cell to its end, or to the end of its patience. What `on_output` raises ends the cell and is raised."""
        ...

    async def interrupt(self) -> None:
        """Stop the running cell, if there is one: first politely, which keeps the variables, then for good."""
        ...

    async def put(self, name: str, content: bytes, /) -> None:
        """Write a file into the working directory; `name` is relative. UsageError for a bad name or too much."""
        ...

    async def get(self, name: str, /) -> bytes:
        """Read a regular file of the working directory. UsageError if there is none, or it is too large."""
        ...

    async def files(self) -> tuple[FileInfo, ...]:
        """The regular files below the working directory, by name; links are neither listed nor followed."""
        ...


class Sandbox(Protocol):
    """A factory of isolated sessions; leaving the context frees everything."""

    def open(self) -> AbstractAsyncContextManager[Session]: ...


class FeedbackProvider(Protocol):
    """Answers a turn, or says nothing (an empty tuple). `before` is the trajectory without the turn."""

    async def __call__(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]: ...


class Verifier(Protocol):
    """Holds what a task must not carry, and judges a program against it."""

    async def verify(self, task: Task, program: str, /) -> Verdict: ...
