"""What a session's processes may use together, by every means that this machine has."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns import totals
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell, ExecutionResult, Outcome

LIMITS = Resources(memory_bytes=400 * MIB, timeout_seconds=20, processes=20)


@pytest.fixture(params=["best", "watchdog"])
def means(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, namespaces: None) -> totals.Guards:
    """What this machine allows; and the watchdog, which is for every machine."""
    chosen = totals.find() if request.param == "best" else totals.Watchdog()
    monkeypatch.setattr(totals, "find", lambda: chosen)
    return chosen


async def run(sandbox: NamespaceSandbox, source: str) -> ExecutionResult:
    async with sandbox.open() as session:
        return await session.run(Cell("c", textwrap.dedent(source)))


async def test_many_processes_hold_no_more_than_one_may(means: totals.Guards) -> None:
    source = """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                held = bytearray(150 * 1024 * 1024)
                time.sleep(30)
                os._exit(0)
        print(os.wait()[1])
        """
    async with NamespaceSandbox(LIMITS) as sandbox:
        result = await run(sandbox, source)
        assert (result.outcome is Outcome.MEMORY) or "9" in result.stdout.split(), result
        assert (await run(sandbox, "print(1)")).ok


async def test_what_processes_share_is_counted_once(means: totals.Guards) -> None:
    source = """
        import os, time
        held = bytearray(150 * 1024 * 1024)
        for _ in range(6):
            if os.fork() == 0:
                time.sleep(0.5)
                os._exit(sum(held[::4096]))
        for _ in range(6):
            assert os.wait()[1] == 0
        """
    async with NamespaceSandbox(LIMITS) as sandbox:
        assert (await run(sandbox, source)).ok


async def test_no_group_is_left(means: totals.Guards) -> None:
    async with NamespaceSandbox(LIMITS) as sandbox:
        await asyncio.gather(*(run(sandbox, "1") for _ in range(10)))  # noqa: TID251
    if isinstance(means, totals.Cgroups):
        left = [each for folder in means.folders for each in folder.glob(f"ocinterp-{os.getpid()}-*")]
        assert left == []


def folder(path: Path, controllers: str = "") -> Path:
    """A group as the kernel shows it, as far as it is looked at here."""
    path.mkdir(parents=True)
    (path / "cgroup.subtree_control").write_text(controllers)
    (path / "cgroup.procs").write_text("")
    return path


def test_the_nearest_delegated_group_with_both_controllers_is_used(tmp_path: Path) -> None:
    top = folder(tmp_path / "top", "cpu memory pids")
    service = folder(top / "user.slice" / "user@1.service", "memory pids")
    own = folder(service / "app.slice", "pids") / "terminal.scope"
    folder(own)
    found = totals.delegated(own, top)
    assert found is not None
    assert (found.folders, found.name) == ((service,), "cgroup v2")


def test_a_group_above_the_top_is_not_looked_at(tmp_path: Path) -> None:
    folder(tmp_path / "outside", "memory pids")
    top = folder(tmp_path / "outside" / "top")
    assert totals.delegated(top, top) is None


def test_a_group_that_takes_no_process_is_the_sandboxs_failure(tmp_path: Path) -> None:
    groups = totals.delegated(folder(tmp_path / "own", "memory pids"), tmp_path)
    assert groups is not None
    (tmp_path / "own").chmod(0o500)
    if not os.access(tmp_path / "own", os.W_OK):
        with pytest.raises(SandboxError, match="total memory"):
            groups.around(os.getpid(), LIMITS, lambda: None)
        assert not totals.works(groups)


async def test_the_tree_and_what_it_holds() -> None:
    program = "import subprocess, sys; x = bytearray(50 << 20); subprocess.run(['sleep', '60'])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    while len(pids := totals.tree(process.pid)) < 2:
        await asyncio.sleep(0.01)
    assert totals.resident(pids) > totals.proportional(pids) > 50 * MIB
    subprocess.run(["kill", *map(str, pids)], check=True)
    await process.wait()
    assert totals.resident(pids) == 0
