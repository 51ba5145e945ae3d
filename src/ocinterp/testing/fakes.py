"""Fakes shipped with the package: a script in place of a model, a table in place of a sandbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ocinterp.errors import UsageError
from ocinterp.protocols import ignore
from ocinterp.types import Cell, Completion, ExecutionResult, FileInfo, LiveEvent, Message, Outcome


def code(source: str) -> str:
    """An answer that is one fenced block of Python."""
    return f"```python\n{source}\n```"


@dataclass
class ScriptedModel:
    """Gives the completions of a script in order, and keeps what it was shown."""

    script: Sequence[str | Completion]
    seen: list[tuple[Message, ...]] = field(default_factory=list[tuple[Message, ...]])

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        said = self.script[len(self.seen)]
        self.seen.append(tuple(messages))
        completion = said if isinstance(said, Completion) else Completion(said)
        on_text(completion.text)
        return completion


def runs_clean(cell: Cell) -> ExecutionResult:
    """The respond function of a FakeSandbox in which nothing ever fails."""
    return ExecutionResult(cell.id, Outcome.OK)


@dataclass
class FakeSandbox:
    """Answers every cell with `respond`; `open_sessions` shows whether anything leaked."""

    respond: Callable[[Cell], ExecutionResult] = runs_clean
    open_sessions: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[FakeSession]:
        self.open_sessions += 1
        try:
            yield FakeSession(self.respond)
        finally:
            self.open_sessions -= 1


@dataclass
class FakeSession:
    """A session whose cells are answered by a function and whose files are a dictionary."""

    respond: Callable[[Cell], ExecutionResult] = runs_clean
    stored: dict[str, bytes] = field(default_factory=dict[str, bytes])
    ran: list[Cell] = field(default_factory=list[Cell])

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        self.ran.append(cell)
        return self.respond(cell)

    async def interrupt(self) -> None:
        pass

    async def put(self, name: str, content: bytes, /) -> None:
        self.stored[name] = content

    async def get(self, name: str, /) -> bytes:
        if name not in self.stored:
            raise UsageError(f"there is no file {name!r} in the session")
        return self.stored[name]

    async def files(self) -> tuple[FileInfo, ...]:
        return tuple(FileInfo(name, len(content)) for name, content in sorted(self.stored.items()))
