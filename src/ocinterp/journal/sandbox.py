"""A sandbox whose every cell goes through a journal: what ran once is not run again, in this process or a later one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from ocinterp import records
from ocinterp.errors import DataError
from ocinterp.journal.acts import Done, Journal
from ocinterp.journal.request import Request
from ocinterp.protocols import Sandbox, Session, ignore
from ocinterp.types import Cell, DisplayEvent, ExecutionResult, FileInfo, LiveEvent, OutputEvent, ResultEvent

Step = tuple[str, str, str]  # what was done in a session: "cell", its language and source; "file", its name and hash


@dataclass(frozen=True)
class JournaledSandbox:
    """`sandbox`, each of whose cells is run once and then found in `journal`.

    A cell is the same as another where all that was done before it in its session is the same. `name` and `settings` say
    what else its result depends on: the sandbox, its limits and packages. A session of which everything is in the journal is
    never opened; where one thing is not, what came before it is run again first.
    """

    sandbox: Sandbox
    journal: Journal
    name: str
    settings: Mapping[str, object] = field(default_factory=dict[str, object])

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        async with AsyncExitStack() as stack:
            yield _Session(self, stack)


@dataclass
class _Session:
    """`behind` are the cells and files that are known from the journal, and are not in the real session yet."""

    of: JournaledSandbox
    stack: AsyncExitStack
    steps: list[Step] = field(default_factory=list[Step])
    behind: list[Cell | tuple[str, bytes]] = field(default_factory=list["Cell | tuple[str, bytes]"])
    real: Session | None = None

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        ran = False

        async def act() -> Done:
            nonlocal ran
            ran = True
            session = await self._caught_up()
            return Done(_written(await session.run(cell, on_output=on_output)))

        steps = [*self.steps, ("cell", cell.language, cell.source)]
        request = Request("execution", self.of.name, steps, self.of.settings)
        try:
            answer = await self.of.journal.once(request, act)
        finally:
            self.steps = steps
            if not ran:
                self.behind.append(cell)
        result = replace(_read(answer), cell_id=cell.id)
        if not ran:
            for event in _events(result):
                on_output(event)
        return result

    async def interrupt(self) -> None:
        if self.real is not None:
            await self.real.interrupt()

    async def put(self, name: str, content: bytes, /) -> None:
        self.steps.append(("file", name, hashlib.blake2b(content, digest_size=16).hexdigest()))
        if self.real is None:
            self.behind.append((name, content))
        else:
            await (await self._caught_up()).put(name, content)

    async def get(self, name: str, /) -> bytes:
        return await (await self._caught_up()).get(name)

    async def files(self) -> tuple[FileInfo, ...]:
        return await (await self._caught_up()).files()

    async def _caught_up(self) -> Session:
        """The real session, in which all has been done that is known of this one."""
        if self.real is None:
            self.real = await self.stack.enter_async_context(self.of.sandbox.open())
        behind, self.behind = self.behind, []
        for each in behind:
            if isinstance(each, Cell):
                await self.real.run(each)
            else:
                await self.real.put(*each)
        return self.real


def _written(result: ExecutionResult) -> str:
    return json.dumps(records.event_to_json(ResultEvent(result)), ensure_ascii=False)


def _read(answer: str) -> ExecutionResult:
    event = records.event_from_json(cast("dict[str, object]", json.loads(answer)))
    if not isinstance(event, ResultEvent):
        raise DataError(f"the journal has no result of an execution here, but {answer[:60]}")
    return event.result


def _events(result: ExecutionResult) -> Iterator[LiveEvent]:
    """What a listener would have heard, in one piece each."""
    if result.stdout:
        yield OutputEvent(result.cell_id, "stdout", result.stdout)
    if result.stderr:
        yield OutputEvent(result.cell_id, "stderr", result.stderr)
    for each in result.displays:
        yield DisplayEvent(result.cell_id, each)
