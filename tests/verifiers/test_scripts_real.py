"""The published benchmarks whose tests are code: their references pass, and what they show as wrong does not."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from ocinterp.problems import Benchmark
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import catalogue, store
from ocinterp.types import Status
from ocinterp.verifiers.court import GUEST, Court
from ocinterp.verifiers.expected import Expectations

pytestmark = pytest.mark.asyncio(loop_scope="module")
FILES = {
    "humaneval": "HumanEval.jsonl.gz",
    "humanevalfix": "humanevalpack-python.jsonl.gz",
    "mbpp": "mbpp.jsonl.gz",
    "mbpp-sanitized": "sanitized-mbpp.json.gz",
    "quixbugs": "quixbugs_python.jsonl.gz",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    resources = Resources(memory_bytes=4096 * MIB, output_bytes=64 * MIB)
    async with NamespaceSandbox(resources, profile=Profile(guests=(GUEST,))) as sandbox:
        yield sandbox


def opened(name: str, data: Path, folder: Path) -> Benchmark:
    path = data / "benchmarks" / FILES[name]
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    store.add_file(path, folder)
    found = catalogue.find(name)
    assert found is not None
    return store.load(found.full_name, folder)


async def statuses(sandbox: NamespaceSandbox, benchmark: Benchmark, programs: Mapping[str, str]) -> dict[str, Status]:
    court = Court(sandbox, benchmark, Expectations("", {}), workers=4)
    async with asyncio.TaskGroup() as group:
        tasks = {name: group.create_task(court.judge(name, program)) for name, program in programs.items()}
    return {name: task.result()["strict"].base.status for name, task in tasks.items()}


@pytest.mark.parametrize("name", FILES)
async def test_every_reference_passes(sandbox: NamespaceSandbox, data: Path, tmp_path: Path, name: str) -> None:
    benchmark = opened(name, data, tmp_path)
    found = await statuses(sandbox, benchmark, {key: each.reference for key, each in benchmark.problems.items()})
    assert len(found) == len(benchmark.problems)
    assert {key: status for key, status in found.items() if status is not Status.PASS} == {}


async def test_no_program_with_a_published_bug_passes(sandbox: NamespaceSandbox, data: Path, tmp_path: Path) -> None:
    benchmark = opened("quixbugs", data, tmp_path)
    with gzip.open(data / "benchmarks" / FILES["quixbugs"]) as rows:
        buggy = {f"QuixBugs/{row['name']}": row["buggy_program"] for row in map(json.loads, rows)}
    loops = {"QuixBugs/bitcount", "QuixBugs/sqrt"}  # they never end
    found = await statuses(sandbox, benchmark, {key: each for key, each in buggy.items() if key not in loops})
    assert {key for key, status in found.items() if status in {Status.PASS, Status.SANDBOX_FAILURE}} == set()
