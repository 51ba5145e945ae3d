"""The judge on published benchmarks: references pass, and a model's answers get the verdicts that were published."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from ocinterp.bench import evalplus
from ocinterp.bench.results import Judged
from ocinterp.bench.samples import Samples
from ocinterp.problems import Benchmark
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.types import Status
from ocinterp.verifiers import court as courts
from ocinterp.verifiers.court import Court, convene
from ocinterp.verifiers.judge import Judgements

pytestmark = pytest.mark.asyncio(loop_scope="module")


def sample(benchmark: Benchmark, count: int) -> Benchmark:
    """Some of the tasks, the same each time."""
    names = sorted(benchmark.problems, key=lambda name: hashlib.sha256(name.encode()).digest())[:count]
    return replace(benchmark, problems={name: benchmark.problems[name] for name in names})


def imported(data: Path, folder: Path, file: str, name: str) -> Benchmark:
    path = data / "benchmarks" / file
    if not path.is_file():
        pytest.skip(f"{name} is not among the test data")
    store.add_file(path, folder)
    return store.load(name, folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    resources = Resources(memory_bytes=courts.MEMORY_BYTES, output_bytes=courts.ANSWER_BYTES)
    profile = Profile(guests=(courts.GUEST,))
    async with NamespaceSandbox(resources, profile=profile, service=Service(zygotes=2)) as sandbox:
        yield sandbox


async def judged(court: Court, programs: dict[str, str]) -> dict[str, Judgements]:
    async with asyncio.TaskGroup() as group:
        asked = {name: group.create_task(court.judge(name, program)) for name, program in programs.items()}
    return {name: task.result() for name, task in asked.items()}


async def test_references_pass_under_each_profile(sandbox: NamespaceSandbox, data: Path, tmp_path: Path) -> None:
    some = sample(imported(data, tmp_path, "HumanEvalPlus-v0.1.10.jsonl.gz", "humaneval+@0.1.10"), 20)
    court = await convene(sandbox, some, tmp_path, ("strict", "evalplus-0.3"), workers=2)
    found = await judged(court, {name: each.reference for name, each in some.problems.items()})
    failed = {
        (name, profile): each
        for name, both in found.items()
        for profile, each in both.items()
        if any(tally.status is not Status.PASS for tally in each.sets)
    }
    assert failed == {}
    assert len(found) == 20


async def test_a_models_answers_get_the_published_verdicts(
    sandbox: NamespaceSandbox, data: Path, tmp_path: Path
) -> None:
    folder = data / "samples" / "qwen2.5-coder-1.5b-base"
    if not folder.is_dir():
        pytest.skip(f"no samples in {folder}")
    whole = imported(data, tmp_path, "HumanEvalPlus-v0.1.9.jsonl.gz", "humaneval+@0.1.9")
    some = sample(whole, 30)
    programs = {each.task_id: each.program for each in Samples(folder / "humaneval_generated.jsonl.gz", whole.problems)}
    published = evalplus.read(folder / "humaneval_generated_eval_results.json.gz").tasks
    court = await convene(sandbox, some, tmp_path, ("evalplus-0.2",), workers=2)
    found = await judged(court, {name: programs[name] for name in some.problems})
    ours = {
        name: (Judged(*(tally.status.value for tally in each["evalplus-0.2"].sets)),) for name, each in found.items()
    }
    theirs = {name: published[name] for name in ours}
    assert evalplus.differences(theirs, ours) == ()
    assert 0 < sum(each[0].base == "pass" for each in theirs.values()) < 30
