"""The first failing visible test is told as the paper's evaluation tells of a failing test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ocinterp.bench.hidden import HiddenTests
from ocinterp.feedback.paper import AGAIN, PaperReport
from ocinterp.loop import Limits, rollout
from ocinterp.problems import Benchmark, Calls
from ocinterp.sandboxes.held import Held
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks.pocket.benchmark import held_out
from ocinterp.testing import ScriptedModel, code
from ocinterp.types import Message, Source, Task
from ocinterp.verifiers import court

pytestmark = pytest.mark.usefixtures("namespaces")

ITEM = held_out()["pocket/open/1"]
PROBLEM = replace(ITEM.problem("a"), tests=Calls(tuple((each.given,) for each in ITEM.examples.visible)))
NAME = PROBLEM.task.entry_point
WRONG = {
    "a value": f"def {NAME}(x):\n    return [x, None]",
    "an exception": f"def {NAME}(x):\n    y = x\n    return undefined",
    "no start": f"import math\nmath.nothing\ndef {NAME}(x):\n    return x",
    "no Python": f"def {NAME}(x)\n    return x",
}


async def told(source: str, task: Task = PROBLEM.task) -> str:
    """What the model hears of its program."""
    box = NamespaceSandbox(Resources(timeout_seconds=2))
    async with box, box.open() as session:
        found = await rollout(
            task,
            model=ScriptedModel([code(source)]),
            sandbox=Held(session),
            feedback=PaperReport(session),
            limits=Limits(1),
        )
    said = found.turns[0].feedback
    assert all(each.source is Source.TESTS for each in said)
    return "".join(each.text for each in said)


@pytest.mark.parametrize("kind", WRONG)
async def test_it_is_what_the_scoring_tests_would_say(kind: str, tmp_path: Path) -> None:
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,))) as jobs:
        bench = await court.convene(jobs, Benchmark("b", "1", "0" * 32, {"a": PROBLEM}), tmp_path)
        with HiddenTests(bench, "a") as hidden:
            expected = await hidden.report(WRONG[kind], "base")
    assert expected
    assert await told(WRONG[kind]) == f"{expected}\n\n{AGAIN}"


async def test_nothing_is_said_of_a_program_that_does_what_is_shown() -> None:
    assert await told(PROBLEM.reference) == ""


async def test_what_does_not_end_is_told_as_that() -> None:
    task = Task("loop", (Message("user", "?"),), "f", ("f(1) == 1",))
    assert await told("def f(x):\n    while True: pass", task) == f"Execution timed out.\n\n{AGAIN}"


async def test_a_claim_that_is_no_comparison_is_told_by_its_error() -> None:
    task = Task("truth", (Message("user", "?"),), "f", ("f(1)",))
    assert await told("def f(x): return 0", task) == f"A test fails: AssertionError\nInput: f(1)\n\n{AGAIN}"
