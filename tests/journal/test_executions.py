"""A sandbox behind a journal is a sandbox: the loop cannot tell, but what ran once is not run again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError
from ocinterp.feedback import failures
from ocinterp.journal import Journal, JournaledSandbox
from ocinterp.loop import rollout
from ocinterp.protocols import Session
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing import FakeSandbox, ScriptedModel, code
from ocinterp.testing.fakes import FakeSession
from ocinterp.types import (
    Cell,
    Display,
    DisplayEvent,
    ExecutionResult,
    LiveEvent,
    Message,
    Outcome,
    OutputEvent,
    Task,
)


@dataclass
class Counting:
    """A sandbox that counts what is run in it, and in which session."""

    ran: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    opened: int = 0
    broken: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        self.opened += 1
        number = self.opened

        def respond(cell: Cell) -> ExecutionResult:
            if self.broken:
                raise SandboxError("it broke")
            self.ran.append((number, cell.source))
            shown = (Display({"text/plain": cell.source}),)
            return ExecutionResult(cell.id, Outcome.OK, f"{number}: {cell.source}\n", "err", displays=shown)

        yield FakeSession(respond)


async def done(sandbox: JournaledSandbox, *sources: str) -> list[str]:
    async with sandbox.open() as session:
        return [(await session.run(Cell(f"{at}.1", each))).stdout for at, each in enumerate(sources, 1)]


async def test_what_ran_is_not_run_again_in_this_process_or_a_later_one(tmp_path: Path) -> None:
    real = Counting()
    for _ in range(3):
        async with Journal(tmp_path / "j") as journal:
            sandbox = JournaledSandbox(real, journal, "ns")
            assert await done(sandbox, "a", "b") == ["1: a\n", "1: b\n"]
            assert await done(sandbox, "a", "b") == ["1: a\n", "1: b\n"]
    assert real.ran == [(1, "a"), (1, "b")]
    assert real.opened == 1


async def test_what_comes_after_something_known_runs_after_it(tmp_path: Path) -> None:
    real = Counting()
    async with Journal(tmp_path / "j") as journal:
        sandbox = JournaledSandbox(real, journal, "ns")
        await done(sandbox, "a", "b")
        assert await done(sandbox, "a", "b", "c") == ["1: a\n", "1: b\n", "2: c\n"]
        assert real.ran[2:] == [(2, "a"), (2, "b"), (2, "c")]
        assert await done(sandbox, "b") == ["3: b\n"]  # another past is another execution


async def test_names_and_settings_and_files_tell_executions_apart(tmp_path: Path) -> None:
    real = Counting()
    async with Journal(tmp_path / "j") as journal:
        await done(JournaledSandbox(real, journal, "ns"), "a")
        await done(JournaledSandbox(real, journal, "bwrap"), "a")
        await done(JournaledSandbox(real, journal, "ns", {"seconds": 3}), "a")
        for content in (b"1", b"2", b"1"):
            async with JournaledSandbox(real, journal, "ns").open() as session:
                await session.put("f", content)
                await session.run(Cell("1.1", "a"))
    assert len(real.ran) == 5


async def test_files_of_a_session_known_from_the_journal_are_made_when_they_are_asked_for(tmp_path: Path) -> None:
    real = Counting()
    async with Journal(tmp_path / "j") as journal:
        sandbox = JournaledSandbox(real, journal, "ns")
        for _ in range(2):
            async with sandbox.open() as session:
                await session.put("f", b"1")
                await session.run(Cell("1.1", "a"))
                assert await session.get("f") == b"1"
                assert [each.name for each in await session.files()] == ["f"]
                await session.put("g", b"2")
                assert await session.get("g") == b"2"
    assert real.ran == [(1, "a"), (2, "a")]


async def test_a_listener_hears_what_was_put_out_and_results_carry_their_own_cell(tmp_path: Path) -> None:
    heard: list[LiveEvent] = []
    async with Journal(tmp_path / "j") as journal:
        sandbox = JournaledSandbox(Counting(), journal, "ns")
        await done(sandbox, "a")
        async with sandbox.open() as session:
            result = await session.run(Cell("7.2", "a"), on_output=heard.append)
            await session.interrupt()
    assert result.cell_id == "7.2"
    assert heard == [
        OutputEvent("7.2", "stdout", "1: a\n"),
        OutputEvent("7.2", "stderr", "err"),
        DisplayEvent("7.2", Display({"text/plain": "a"})),
    ]


async def test_those_who_run_the_same_at_once_share_it(tmp_path: Path) -> None:
    real = Counting()
    async with Journal(tmp_path / "j") as journal, asyncio.TaskGroup() as group:
        sandbox = JournaledSandbox(real, journal, "ns")
        tasks = [group.create_task(done(sandbox, "a", "b")) for _ in range(8)]
    assert {tuple(each.result()) for each in tasks} == {("1: a\n", "1: b\n")}
    assert len(real.ran) == 2


async def test_a_failing_sandbox_is_no_result(tmp_path: Path) -> None:
    real = Counting(broken=True)
    async with Journal(tmp_path / "j") as journal:
        sandbox = JournaledSandbox(real, journal, "ns")
        with pytest.raises(SandboxError):
            await done(sandbox, "a")
        real.broken = False
        assert await done(sandbox, "a") == ["2: a\n"]


async def test_the_loop_runs_the_same_dialogue_again_without_a_sandbox(tmp_path: Path) -> None:
    script = [code("x = 1\nprint(x)"), code("print(x + 1)")]
    task = Task("t", (Message("user", "go"),))
    async with Journal(tmp_path / "j") as journal:
        found = [
            await rollout(
                task, model=ScriptedModel(script), sandbox=JournaledSandbox(fake, journal, "fake"), feedback=failures
            )
            for fake in (FakeSandbox(), FakeSandbox(lambda _: 1 / 0))  # pyright: ignore[reportArgumentType]
        ]
    assert found[0] == found[1]


async def test_a_real_session_catches_up(namespaces: None, tmp_path: Path) -> None:
    async with Journal(tmp_path / "j") as journal, NamespaceSandbox() as real:
        sandbox = JournaledSandbox(real, journal, "ns")
        assert await done(sandbox, "x = 20", "x += 1", "print(x)") == ["", "", "21\n"]
        assert await done(sandbox, "x = 20", "x += 1", "print(2 * x)") == ["", "", "42\n"]
        assert journal.report().hits == 2
