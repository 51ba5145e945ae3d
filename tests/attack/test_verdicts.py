"""Nobody is judged right who is not: the corpus of cheats, before our judge and before EvalPlus's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from attack.cheats import BENCHMARK, CORPUS, Cheat
from attack.harness import Target
from ocinterp.problems import Calls
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, Status
from ocinterp.verifiers import expected, judge, running
from ocinterp.verifiers.court import GUEST, Court, convene, verdict
from ocinterp.verifiers.judge import Judgements
from ocinterp.verifiers.oracle import PROFILES

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMITS = Resources(memory_bytes=512 * MIB, disk_bytes=8 * MIB, output_bytes=16 * MIB, processes=24)


@pytest.fixture(scope="module", autouse=True)
def short_of_time() -> Iterator[None]:
    """What burns time is to burn little of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "LOAD_SECONDS", 1.0)
        patch.setattr(judge, "LEAST_SECONDS", 0.2)
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(namespaces: None) -> AsyncGenerator[Target]:
    before = set(descendants())
    async with NamespaceSandbox(LIMITS, profile=Profile(guests=(GUEST,))) as sandbox:
        await sandbox.ready()
        yield Target(sandbox, before)
        service = set(descendants()) - before
    assert ended(service)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def court(target: Target, tmp_path_factory: pytest.TempPathFactory) -> Court:
    folder = tmp_path_factory.mktemp("expected")
    court = await convene(target.sandbox, BENCHMARK, folder, PROFILES, workers=2)
    await be_honest(court, "double")
    target.seen = target.look()
    return court


async def be_honest(court: Court, name: str) -> None:
    """The reference itself is judged right: nothing has been spoilt."""
    for found in (await court.judge(name, BENCHMARK.problems[name].reference)).values():
        assert [each.status for each in found.sets] == [Status.PASS] * len(found.sets), found


def statuses(found: Judgements) -> set[Status]:
    """The status of the first set that failed, under each profile."""
    return {Status(verdict(each.sets).status) for each in found.values()}


@pytest.mark.parametrize("cheat", CORPUS, ids=lambda cheat: cheat.name.replace(" ", "-"))
async def test_a_cheat_never_passes(cheat: Cheat, court: Court, target: Target) -> None:
    assert statuses(await court.judge(cheat.problem, cheat.source)) == {cheat.status}
    if cheat.status is not Status.TIMEOUT:
        assert statuses(await court.judge(cheat.problem, cheat.source, fast=True)) == {cheat.status}
    await be_honest(court, cheat.problem)
    assert target.look() == target.seen


async def test_what_a_cheat_answers_is_not_taken_from_a_neighbour(court: Court) -> None:
    steal = """
import os, sys
def f(x):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for fd in range(32):
            for act in (lambda: os.pread(os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY), 99, 0), lambda: os.write(fd, b"")):
                try: act()
                except OSError: pass
    names = [sorted(os.listdir(folder)) for folder in ("/dev/shm", "/tmp", ".")]
    return names if any(names) else 0
"""
    slow = "def f(x):\n    sum(range(10**6))\n    return 2 * x\n"
    async with asyncio.TaskGroup() as group:
        honest = [group.create_task(court.judge("double", slow)) for _ in range(3)]
        cheats = [group.create_task(court.judge("double", steal)) for _ in range(3)]
    assert [statuses(each.result()) for each in honest] == [{Status.PASS}] * 3
    assert [statuses(each.result()) for each in cheats] == [{Status.WRONG}] * 3


async def test_the_references_answers_are_nowhere_to_be_read(court: Court, target: Target, tmp_path: Path) -> None:
    path = expected.cached(tmp_path, BENCHMARK)
    expected.write(path, court.expectations)
    assert path.stat().st_size > 100
    program = f"def f(x):\n    return open({str(path)!r}, 'rb').read()"
    found = await court.judge("double", program)
    assert statuses(found) == {Status.EXCEPTION}
    assert found["strict"].base.failure is not None
    assert "FileNotFoundError" in found["strict"].base.failure.detail


# What EvalPlus's judge makes of a program, asked in a session of ours: nothing else keeps the host from what runs there.
_ASK = """
import json, warnings
warnings.filterwarnings("ignore")
from evalplus.eval import untrusted_check
names = {{}}
exec({reference!r}, names)
inputs = [list(each) for each in {inputs!r}]
answers = [names["f"](*each) for each in {inputs!r}]
said, _ = untrusted_check("humaneval", {program!r}, inputs, "f", answers, 0, [0.01] * len(inputs), False, 0.2)
open("said", "w").write(said)
"""


async def ask_evalplus(sandbox: NamespaceSandbox, name: str, program: str) -> str:
    """What EvalPlus says, or how its own process ended."""
    problem = BENCHMARK.problems[name]
    assert isinstance(problem.tests, Calls)
    cell = _ASK.format(reference=problem.reference, inputs=list(problem.tests), program=program)
    async with sandbox.open() as session:
        result = await session.run(Cell("ask", cell))
        return (await session.get("said")).decode() if result.ok else f"its judge: {result.outcome}"


async def test_evalplus_is_cheated_where_ours_is_not(namespaces: None, capsys: pytest.CaptureFixture[str]) -> None:
    evalplus = pytest.importorskip("evalplus", reason="EvalPlus is not installed: it is compared where it is")
    profile = Profile(preload=("numpy", "evalplus.eval"), layers=(Path(evalplus.__file__).parent.parent,))
    resources = Resources(timeout_seconds=30, memory_bytes=5120 * MIB, disk_bytes=64 * MIB)
    async with NamespaceSandbox(resources, profile=profile) as sandbox:
        assert "evalplus.eval" in await sandbox.ready()
        for name, problem in BENCHMARK.problems.items():
            assert await ask_evalplus(sandbox, name, problem.reference) == "pass"
        cheats = [each for each in CORPUS if each.reach != "frames"]
        said = {each.name: await ask_evalplus(sandbox, each.problem, each.source) for each in cheats}
    rows = [f"| {each.name} | {each.status} | {said[each.name]} |\n" for each in cheats]
    with capsys.disabled():
        sys.stdout.write("\n| cheat | ours | EvalPlus |\n|---|---|---|\n" + "".join(rows))
    assert said["object equal to everything"] == said["int subclass equal to everything"] == "pass"
    assert said["expected values in the frames above"] == "pass"
    assert sum(each == "pass" for each in said.values()) >= 9
