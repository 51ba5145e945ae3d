"""How zygotes are shared out, replaced and kept ahead, seen from outside."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError
from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Service
from ocinterp.sandboxes.ns import supervisor
from ocinterp.sandboxes.zygotes import NamespaceSandbox, UnsafeSandbox
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell

pytestmark = pytest.mark.usefixtures("namespaces")


async def prints(session: Session, source: str = "print(1)") -> str:
    return (await session.run(Cell("c", source))).stdout


async def one_session(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as session:
        assert await prints(session) == "1\n"


async def until(what: int, before: set[int]) -> set[int]:
    """Wait until so many processes have come since `before`."""
    async with asyncio.timeout(30):
        while len(found := set(descendants()) - before) != what:
            await asyncio.sleep(0)
    return found


async def test_a_zygote_that_has_served_its_turn_is_replaced() -> None:
    before = set(descendants())
    async with NamespaceSandbox(service=Service(turnover=2)) as sandbox:
        await sandbox.ready()
        first = await until(2, before)  # launcher and zygote
        for _ in range(2):
            await one_session(sandbox)
        while first & set(descendants()):
            await one_session(sandbox)
        assert not first & await until(2, before)
    assert ended(set(descendants()) - before)


async def test_sessions_that_are_open_outlive_the_turn_of_their_zygote() -> None:
    async with NamespaceSandbox(service=Service(turnover=1)) as sandbox, sandbox.open() as session:
        assert await prints(session, "x = 1\nprint(x)") == "1\n"
        for _ in range(4):
            await one_session(sandbox)
        assert await prints(session, "print(x)") == "1\n"


async def test_who_comes_when_all_places_are_taken_waits_for_one_to_be_free() -> None:
    order: list[str] = []

    async def late(sandbox: NamespaceSandbox) -> None:
        async with sandbox.open() as session:
            order.append(await prints(session, "print('late')"))

    async with (
        NamespaceSandbox(service=Service(sessions=2)) as sandbox,
        asyncio.TaskGroup() as group,
        sandbox.open() as one,
        sandbox.open() as other,
    ):
        group.create_task(late(sandbox))
        order += [await prints(session, "print('early')") for session in (one, other)]
    assert order == ["early\n", "early\n", "late\n"]


async def test_spares_are_forked_before_anybody_asks_and_kept_apart() -> None:
    before = set(descendants())
    async with NamespaceSandbox(service=Service(spares=2)) as sandbox:
        await until(4, before)  # launcher, zygote, two workers
        async with sandbox.open() as session:
            assert await prints(session, "x = 1\nopen('note', 'w').close()\nprint(x)") == "1\n"
            await until(5, before)  # two more are kept ahead
        async with sandbox.open() as session:
            assert await prints(session, "import os\nprint(os.listdir(), 'x' in globals())") == "[] False\n"
    assert ended(set(descendants()) - before)


async def test_a_spare_that_died_waiting_is_not_handed_out() -> None:
    before = set(descendants())
    async with NamespaceSandbox(service=Service(spares=1)) as sandbox:
        *_, worker = sorted(await until(3, before))
        os.kill(worker, 9)
        assert ended({worker})
        await one_session(sandbox)


async def failing(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as session:
        await prints(session)
        raise SandboxError("it is no program's doing")


async def test_spares_of_a_zygote_that_failed_go_and_it_goes_with_them() -> None:
    before = set(descendants())
    async with NamespaceSandbox(service=Service(spares=2)) as sandbox:
        for _ in range(4):
            with pytest.raises(SandboxError, match="no program's doing"):
                await failing(sandbox)
        async with asyncio.timeout(30):
            while len(set(descendants()) - before) != 4:  # launcher, zygote, two workers
                await one_session(sandbox)
    assert ended(set(descendants()) - before)


async def test_sandboxes_that_are_left_while_spares_are_forked_leave_nothing() -> None:
    before = set(descendants())
    for _ in range(3):
        async with NamespaceSandbox(service=Service(spares=8)) as sandbox:
            await one_session(sandbox)
    assert ended(set(descendants()) - before)


async def test_sessions_are_shared_out_among_the_zygotes() -> None:
    before = set(descendants())
    async with NamespaceSandbox(service=Service(zygotes=2)) as sandbox, AsyncExitStack() as stack:
        first, second = [await stack.enter_async_context(sandbox.open()) for _ in range(2)]
        assert await prints(first) == await prints(second) == "1\n"
        tree = await until(6, before)  # two launchers, two zygotes, two workers
        *_, last = sorted(tree)
        zygote = _parent(last)
        os.kill(zygote, 9)
        assert ended({zygote})
        answers = [await _answer(session) for session in (first, second)]
        assert sorted(answers) == ["1\n", "SandboxError"]
        await one_session(sandbox)


async def test_no_session_starts_where_something_went_wrong_that_was_no_programs_doing() -> None:
    before = set(descendants())
    async with UnsafeSandbox() as sandbox:
        await sandbox.ready()
        first = await until(1, before)
        with pytest.raises(SandboxError):
            await lose_the_workspace(sandbox)
        await one_session(sandbox)
        assert not first & set(descendants())


async def lose_the_workspace(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as session:
        await prints(session, "import os, shutil\nshutil.rmtree(os.getcwd())\nos._exit(0)")
        await prints(session)


async def _answer(session: Session) -> str:
    try:
        return await prints(session)
    except SandboxError:
        return "SandboxError"


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_all_who_wait_for_a_zygote_that_does_not_start_are_told_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.0)
    told: list[str] = []

    async def try_one(sandbox: NamespaceSandbox) -> None:
        with pytest.raises(SandboxError, match="did not start within 0 s") as error:
            await one_session(sandbox)
        told.append(str(error.value))

    async with NamespaceSandbox() as sandbox, asyncio.TaskGroup() as group:
        for _ in range(3):
            group.create_task(try_one(sandbox))
    assert len(told) == 3
    assert len(set(told)) == 1
