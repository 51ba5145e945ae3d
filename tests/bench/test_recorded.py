"""Recorded dialogues evaluated anew: MINT's logs against their own counts, and our own trajectories."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
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

Made = Mapping[str, Attempt]  # by task

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


def test_each_file_of_a_folder_is_a_setting_named_by_its_log(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    for name in (
        "m__F=None__max1_p1+tool+cd__humaneval__results",
        "m__F=None__max5_p2+tool+cd__humaneval__results",
        "m__F=gpt-4__PHF=no_GT-textual__max5_p2+tool+cd__humaneval__results",
        "m__F=gpt-4__PHF=GT-textual__max5_p2+tool+cd__humaneval__results",
        "m__F=gpt-4__PHF=no_GT-textual-sparse__max5_p2+tool+cd__humaneval__results",
        "m__F=gpt-4__PHF=no_GT-binary__max5_p2+tool+cd__humaneval__results",
    ):
        moved(log(tmp_path, ADD, success=True), folder / f"{name}.jsonl")
    found = recorded.gather(str(folder), benchmark(tmp_path))
    names = ["single", "execution", "human", "oracle", "human-binary", "human-sparse"]
    assert [each.name for each in found.settings] == names
    assert [each.shows_tests for each in found.settings] == [False] * 6  # nobody was told that an answer was wrong
    found = recorded.gather(f"{folder}/*F=None*", benchmark(tmp_path))
    assert (found.name, [each.name for each in found.settings]) == ("replay:*F=None*", names[:2])
    assert found.task_ids == ("own/add",)


def moved(path: Path, to: Path) -> Path:
    to.parent.mkdir(exist_ok=True)
    return path.replace(to)


def test_files_with_one_name_are_told_apart_and_what_not_all_have_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    for model in ("one", "two"):
        moved(log(tmp_path, ADD, success=True), folder / f"{model}__F=None__max1_p1__x__results.jsonl.old.jsonl")
    records.append(folder / "own.jsonl", Trajectory("own/add", (), (Turn(Completion(code(ADD))),)))
    records.append(folder / "own.jsonl", Trajectory("own/twice", (), (Turn(Completion(code(TWICE))),)))
    records.append(folder / "other.jsonl", Trajectory("chat/1", (), (Turn(Completion("Hello.")),)))
    (folder / "notes.txt").write_text("not a record")
    found = recorded.gather(str(folder), benchmark(tmp_path))
    assert [each.name for each in found.recordings] == [
        "one__F=None__max1_p1__x__results.jsonl.old",
        "own",
        "two__F=None__max1_p1__x__results.jsonl.old",
    ]
    assert (found.task_ids, found.unknown) == (("own/add",), 1)


@pytest.mark.parametrize("name", ["nothing*", "empty", "no.jsonl"])
def test_where_no_records_are_it_is_said(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no records at .* give a .jsonl file, a folder of them, or a pattern"):
        recorded.gather(str(tmp_path / name), benchmark(tmp_path))


def test_a_folder_about_other_tasks_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("one", "two"):
        records.append(tmp_path / "logs" / f"{name}.jsonl", Trajectory("chat/1", (), (Turn(Completion("Hello.")),)))
    with pytest.raises(UsageError, match="none of the 2 files has a record about a task of own"):
        recorded.gather(str(tmp_path / "logs"), benchmark(tmp_path))


async def test_a_difference_is_told_with_its_setting_and_the_test_that_fails(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    right, wrong = (f"<solution>\n{program}</solution>" for program in (ADD, WRONG))
    moved(log(tmp_path, right, success=False), folder / "m__F=None__max1_p1__humaneval__results.jsonl")
    moved(log(tmp_path, right, wrong, success=True), folder / "m__F=None__max5_p2__humaneval__results.jsonl")
    found = recorded.gather(str(folder), benchmark(tmp_path))
    ended: list[Ended] = []
    async with open_desk(tmp_path, found.model) as desk:
        await found.give_again(desk, found.task_ids, done=(), on_end=ended.append)
        made = [each for each in ended if isinstance(each, Attempt)]
        told = await found.explained(desk.court, made)
    assert [each.key.setting for each in made] == ["single", "execution"]
    assert [setting.shows_tests for setting in found.settings] == [False, True]
    assert [(each.setting, each.recorded, each.judged) for each in told] == [
        ("single", "unsolved", "pass"),
        ("execution", "solved", "wrong"),
    ]
    assert told[0].why == "all tests pass"
    assert told[1].why == "A test fails: -1 instead of 3, 4 less. Input: add(1, 2) Expected: 3 Actual: -1"


def test_a_task_is_known_by_the_lines_of_its_words(tmp_path: Path) -> None:
    row = {"task_id": "own/add", "prompt": "Add.", "entry_point": "add", "tests": ["assert add(1, 2) == 3"]}
    path = tmp_path / "mine.jsonl"
    path.write_text(f"{json.dumps(row)}\n")
    store.add_file(path, tmp_path / "datasets")
    found = store.load("mine", tmp_path / "datasets")

    def about(words: str) -> int:
        history = [{"role": "user", "content": f"Task:\n{words}"}, {"role": "assistant", "content": ADD}]
        line = {"state": {"history": history}, "task": {"task_name": "mbpp", "task_id": 0}}
        path = tmp_path / "log.jsonl"
        path.write_text(f"{json.dumps(line)}\n")
        return len(recorded.gather(str(path), found).task_ids)

    assert about("Add.\n") == 1
    for words in ("Add.\nassert other(1, 2) == 3\n", "\n", "Subtract."):
        with pytest.raises(UsageError, match="about a task of mine"):
            about(words)


def base_tests_of(found: Benchmark, names: set[str]) -> Benchmark:
    """The tasks of those names without their added tests, which take long."""
    problems = {name: each for name, each in found.problems.items() if name in names}
    for name, each in problems.items():
        assert isinstance(each.tests, Calls)
        problems[name] = replace(each, tests=replace(each.tests, plus=()))
    return replace(found, problems=problems)


# How many tasks the log calls solved (HumanEval: 45, MBPP: 91), and those whose verdict differs. The log's own tests of
# HumanEval/50 call a function that a proposal need not have; a key of 95's that is a number is a text in HumanEval+, which
# is JSON; the proposal to Mbpp/74 hangs on the order of a set of texts, which is right in 18 processes of 100, not in ours.
SOLVED = {
    "gpt-3.5-turbo-0613__F=None__max1": (0, set[str](), 0, set[str]()),
    "gpt-3.5-turbo-0613__F=None__max5": (17, set[str](), 23, set[str]()),
    "gpt-3.5-turbo-0613__F=gpt-4-0613__PHF=no_GT-textual__": (23, set[str](), 30, set[str]()),
    "gpt-3.5-turbo-0613__F=gpt-4-0613__PHF=GT-textual": (31, set[str](), 34, set[str]()),
    "claude-2__F=None__max1": (16, {"95"}, 17, set[str]()),
    "claude-2__F=None__max5": (22, {"50"}, 28, set[str]()),
    "claude-2__F=gpt-4-0613__PHF=no_GT-textual": (31, set[str](), 33, {"74"}),
    "CodeLlama-13b-Instruct-hf__F=None__max1": (3, set[str](), 0, set[str]()),
    "CodeLlama-13b-Instruct-hf__F=None__max5": (2, set[str](), 1, set[str]()),
    "CodeLlama-13b-Instruct-hf__F=gpt-4-0613__PHF=no_GT-textual": (10, {"50", "95"}, 10, set[str]()),
}
QUICK = {
    "humaneval": ("claude-2__F=None__max1", "CodeLlama-13b-Instruct-hf__F=gpt-4-0613__PHF=no_GT-textual"),
    "mbpp": ("claude-2__F=None__max1", "claude-2__F=gpt-4-0613__PHF=no_GT-textual"),
}  # of all, which take minutes


def opened(name: str, data: Path, folder: Path) -> Benchmark:
    (file,) = (data / "benchmarks").rglob("mbpp.jsonl.gz" if name == "mbpp" else "HumanEvalPlus-v0.1.10.jsonl.gz")
    store.add_file(file, folder)
    return store.load("mbpp" if name == "mbpp" else "humaneval+", folder)


@asynccontextmanager
async def judging(whole: Benchmark, folder: Path) -> AsyncGenerator[Callable[[recorded.Recordings], Awaitable[Made]]]:
    """What evaluates a log's dialogues anew: the attempts by task."""
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    service = Service(zygotes=2)
    async with (
        NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,)), service=service) as jobs,
        NamespaceSandbox(Resources(timeout_seconds=5), service=service) as cells,
    ):
        judges = await court.convene(jobs, whole, folder, workers=2)

        async def evaluate(each: recorded.Recordings) -> Made:
            ended: list[Ended] = []
            desk = Desk(judges, cells, each.model, opening=each.opening, concurrency=4)
            await desk.evaluate([each.setting], list(each.by_task), on_end=ended.append)
            made = {one.key.task_id: one for one in ended if isinstance(one, Attempt)}
            assert len(made) == len(each.by_task)
            return made

        yield evaluate


@pytest.mark.parametrize("bench", QUICK)
async def test_the_success_counts_of_mint_are_reproduced(data: Path, tmp_path: Path, bench: str) -> None:
    whole = opened(bench, data, tmp_path)
    names = SOLVED if os.environ.get("OCINTERP_TEST_ALL") else QUICK[bench]
    found = {name: recorded.read(mint_log(data, name, bench), whole) for name in names}
    tasks = 91 if bench == "mbpp" else 45
    assert {(len(each.by_task), each.unknown) for each in found.values()} == {(tasks, 0)}
    task_ids = {task_id for each in found.values() for task_id in each.by_task}
    judged_by = whole if bench == "mbpp" else base_tests_of(whole, task_ids)
    async with judging(judged_by, tmp_path) as evaluate:
        for name, each in found.items():
            made = await evaluate(each)
            solved, differing = SOLVED[name][2:] if bench == "mbpp" else SOLVED[name][:2]
            log_says = [one.provenance["recorded"] for one in each.by_task.values()].count("solved")
            assert log_says == solved
            differences = list(each.differences(made))
            assert {one.task_id.rpartition("/")[2] for one in differences} == differing, name
            gained = sum(1 if one.judged == "pass" else -1 for one in differences)
            assert sum(one.scored.base == "pass" for one in made.values()) == solved + gained


async def test_a_log_of_mint_that_lies_about_every_success_is_judged_the_same(data: Path, tmp_path: Path) -> None:
    whole = opened("mbpp", data, tmp_path)
    name = "claude-2__F=None__max1"
    path = mint_log(data, name, "mbpp")
    lies = tmp_path / path.name
    with gzip.open(path, "rt") as log, gzip.open(lies, "wt") as file:
        for line in log:
            record = json.loads(line)
            record["state"]["success"] = not record["state"]["success"]
            file.write(json.dumps(record) + "\n")
    found = recorded.read(lies, whole)
    async with judging(whole, tmp_path) as evaluate:
        made = await evaluate(found)
    solved, differing = SOLVED[name][2:]
    assert not differing  # the log as it was: all its verdicts are ours
    assert sum(one.scored.base == "pass" for one in made.values()) == solved
    assert len(list(found.differences(made))) == len(made) == 91


def mint_log(data: Path, name: str, bench: str) -> Path:
    return next((data / "trajectories").glob(f"{name}*{bench}*"))
