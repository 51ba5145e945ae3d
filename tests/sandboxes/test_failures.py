"""What happens when it is the sandbox that fails: never a result, always a SandboxError that says why."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import layout
from ocinterp.sandboxes.ns.supervisor import Supervisor
from ocinterp.sandboxes.probe import TIERS, probe, sandbox_named
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_sandbox_must_be_entered_before_use() -> None:
    with pytest.raises(SandboxError, match="async with"):
        async with NamespaceSandbox().open():
            pass
    with pytest.raises(SandboxError, match="not been started"):
        await Supervisor({}).wait_ready()


async def test_an_interpreter_that_cannot_be_started_is_named() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = layout.plan_bare(Profile(), sessions=Path(folder)) | {"python": "/missing/python"}
        supervisor = Supervisor(plan)
        await supervisor.start()
        with pytest.raises(SandboxError, match="/missing/python"):
            await supervisor.wait_ready()
        with pytest.raises(SandboxError, match="/missing/python"):
            await supervisor.ask("open", "s")
        await supervisor.stop()


async def test_a_zygote_that_breaks_leaves_its_last_words() -> None:
    with tempfile.TemporaryDirectory() as folder:
        plan = layout.plan_bare(Profile(), sessions=Path(folder)) | {"boot": "raise RuntimeError('no luck')"}
        supervisor = Supervisor(plan)
        await supervisor.start()
        with pytest.raises(SandboxError, match="no luck"):
            await supervisor.wait_ready()
        await supervisor.stop()


async def test_a_closed_sandbox_says_so(named: str) -> None:
    sandbox = sandbox_named(named, Resources())
    async with sandbox:
        await sandbox.ready()
    with pytest.raises(SandboxError, match="closed"):
        async with sandbox.open() as session:
            await session.run(Cell("c", "1"))


async def test_libraries_that_are_missing_are_not_reported_as_there(named: str) -> None:
    async with sandbox_named(named, Resources(), profile=Profile(preload=("json", "no_such_library"))) as sandbox:
        assert await sandbox.ready() == ["json"]
        assert await sandbox.ready() == ["json"]


async def test_an_interpreter_without_a_place_to_work_in_is_the_sandboxs_failure() -> None:
    async with TIERS["unsafe"]() as sandbox, sandbox.open() as session:
        await session.run(Cell("c", "import os, shutil\nshutil.rmtree(os.getcwd())\nos._exit(0)"))
        with pytest.raises(SandboxError, match="No such file"):
            await session.run(Cell("c", "1"))


async def test_more_requests_than_the_socket_holds_are_all_answered(named: str) -> None:
    async with sandbox_named(named, Resources()) as sandbox, sandbox.open() as session, asyncio.TaskGroup() as group:
        await session.put("a", b"")
        answers = [group.create_task(session.files()) for _ in range(2000)]
    assert {answer.result()[0].name for answer in answers} == {"a"}


async def test_a_tier_is_chosen_by_its_name() -> None:
    assert sandbox_named("auto", Resources()).name == "ns"
    assert sandbox_named("unsafe", Resources()).name == "unsafe"
    with pytest.raises(UsageError, match="auto, ns, bwrap, landlock, container, jupyter, unsafe"):
        sandbox_named("nonesuch", Resources())


async def test_the_probe_says_what_it_found(namespaces: None) -> None:
    finding = await probe()
    assert finding.works
    assert "seccomp" in finding.why
