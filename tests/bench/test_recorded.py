"""Recorded dialogues evaluated anew: MINT's logs against their own counts, and our own trajectories."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from evaluations import ADD, ROWS, TWICE, WRONG, attempts_of, benchmark, open_desk, scripted
from ocinterp import records
from ocinterp.bench import recorded
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.recorded import Difference
from ocinterp.bench.run import Desk, Ended
from ocinterp.bench.settings import chosen
from ocinterp.errors import UsageError
from ocinterp.problems import Benchmark, Calls
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.testing import code
from ocinterp.types import Completion, Trajectory, Turn
from ocinterp.verifiers import court

pytestmark = pytest.mark.usefixtures("namespaces")

OBSERVED = "Observation:\nYour answer is wrong.\n\nYou have 3 steps left and 1 chances to propose solution left."


def log(folder: Path, *answers: str, success: bool) -> Path:
    """A log of MINT in which a model works on own/add."""
    said = [{"role": "user", "content": f"Two tasks.\n\nTask:\nrepeat\n\nTask:\nComplete it:\n\n{ROWS[0]['prompt']}"}]
    for answer in answers:
        said += [{"role": "assistant", "content": answer}, {"role": "user", "content": OBSERVED}]
    task = {"task_name": "humaneval", "task_id": "0", "prompt": ROWS[0]["prompt"]}
    path = folder / "m__F=None__max5_p2+tool+cd__humaneval__results.jsonl"
    path.write_text(json.dumps({"state": {"history": said[:-1], "success": success}, "task": task}) + "\n")
    return path


async def judged(folder: Path, path: Path) -> tuple[Attempt, list[Difference]]:
    found = recorded.read(path, benchmark(folder))
    async with open_desk(folder, found.model) as desk:
        (attempt,) = await attempts_of(replace(desk, opening=found.opening), [found.setting], list(found.by_task))
    return attempt, list(found.differences({"own/add": attempt}))


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ([f"<execute>\n{ADD}print(add(1, 2))\n</execute>"], "exception"),  # it only tried
        ([f"<solution>\n{WRONG}</solution>", f"So:\n<solution>\n{ADD}</solution>, as I said in <solution>"], "pass"),
        ([f"<solution>\n{ADD}"], "exception"),  # cut off
    ],
)
async def test_what_a_log_proposed_last_is_judged_whatever_the_log_says(
    tmp_path: Path, answers: list[str], status: str
) -> None:
    verdicts: list[str] = []
    for success in (True, False):
        attempt, differences = await judged(tmp_path, log(tmp_path, *answers, success=success))
        verdicts.append(attempt.scored.base)
        agrees = success == (status == "pass")
        word = "solved" if success else "unsolved"
        assert differences == ([] if agrees else [Difference("own/add", word, attempt.scored.base)])
        assert [turn.completion.text for turn in attempt.trajectory.turns] == answers
    assert len(set(verdicts)) == 1
    assert (verdicts[0] == "pass") == (status == "pass")


async def test_our_own_trajectories_are_judged_anew(tmp_path: Path) -> None:
    scripts = {"own/add": [code(WRONG), code(ADD)], "own/twice": [code(TWICE)]}
    async with open_desk(tmp_path, scripted(scripts)) as desk:
        before = await attempts_of(desk, chosen(["visible"], suites=("base", "plus")), ("own/add", "own/twice"))
    path = tmp_path / "kept.jsonl"
    for each in before:
        records.append(path, each.trajectory, {"setting": "visible", "turns": "none of its business"})
    found = recorded.read(path, benchmark(tmp_path))
    async with open_desk(tmp_path, found.model) as desk:
        after = await attempts_of(desk, [found.setting], list(found.by_task))
    assert [each.turns for each in sorted(after, key=str)] == [each.turns for each in sorted(before, key=str)]


def test_a_file_about_other_tasks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    records.append(path, Trajectory("chat/1", (), (Turn(Completion("Hello.")),)))
    with pytest.raises(UsageError, match="none of its 1 records is about a task of own"):
        recorded.read(path, benchmark(tmp_path))


def base_tests_of(found: Benchmark, names: set[str]) -> Benchmark:
    """The tasks of those names without their added tests, which take long."""
    problems = {name: each for name, each in found.problems.items() if name in names}
    for name, each in problems.items():
        assert isinstance(each.tests, Calls)
        problems[name] = replace(each, tests=replace(each.tests, plus=()))
    return replace(found, problems=problems)


# How many of 45 the log calls solved, and the tasks whose verdict differs: the log's own tests of 50 call a function that
# a proposal need not have, and a key of 95's that is a number is a text in HumanEval+, which is JSON.
SOLVED = {
    "gpt-3.5-turbo-0613__F=None__max1": (0, set[str]()),
    "gpt-3.5-turbo-0613__F=None__max5": (17, set[str]()),
    "gpt-3.5-turbo-0613__F=gpt-4-0613__PHF=no_GT-textual__": (23, set[str]()),
    "gpt-3.5-turbo-0613__F=gpt-4-0613__PHF=GT-textual": (31, set[str]()),
    "claude-2__F=None__max1": (16, {"95"}),
    "claude-2__F=None__max5": (22, {"50"}),
    "claude-2__F=gpt-4-0613__PHF=no_GT-textual": (31, set[str]()),
    "CodeLlama-13b-Instruct-hf__F=None__max1": (3, set[str]()),
    "CodeLlama-13b-Instruct-hf__F=None__max5": (2, set[str]()),
    "CodeLlama-13b-Instruct-hf__F=gpt-4-0613__PHF=no_GT-textual": (10, {"50", "95"}),
}
QUICK = (
    "claude-2__F=None__max1",
    "CodeLlama-13b-Instruct-hf__F=gpt-4-0613__PHF=no_GT-textual",
)  # of all, which take a minute


async def test_the_success_counts_of_mint_are_reproduced_on_humaneval(data: Path, tmp_path: Path) -> None:
    (file,) = (data / "benchmarks").rglob("HumanEvalPlus-v0.1.10.jsonl.gz")
    store.add_file(file, tmp_path)
    whole = store.load("humaneval+", tmp_path)
    names = SOLVED if os.environ.get("OCINTERP_TEST_ALL") else QUICK
    logs = {name: next((data / "trajectories").glob(f"{name}*humaneval*")) for name in names}
    found = {name: recorded.read(path, whole) for name, path in logs.items()}
    task_ids = {task_id for each in found.values() for task_id in each.by_task}
    assert {len(each.by_task) for each in found.values()} == {45}
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    service = Service(zygotes=2)
    async with (
        NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,)), service=service) as jobs,
        NamespaceSandbox(Resources(timeout_seconds=5), service=service) as cells,
    ):
        bench = await court.convene(jobs, base_tests_of(whole, task_ids), tmp_path, workers=2)
        for name, each in found.items():
            ended: list[Ended] = []
            desk = Desk(bench, cells, each.model, opening=each.opening, concurrency=4)
            await desk.evaluate([each.setting], list(each.by_task), on_end=ended.append)
            made = {one.key.task_id: one for one in ended if isinstance(one, Attempt)}
            assert len(made) == 45
            solved, differing = SOLVED[name]
            log_says = [one.provenance["recorded"] for one in each.by_task.values()].count("solved")
            assert log_says == solved
            differences = list(each.differences(made))
            assert {one.task_id.removeprefix("HumanEval/") for one in differences} == differing, name
            ours = sum(one.scored.base == "pass" for one in made.values())
            assert ours == solved + len(differing)
