"""A run that was kept is the same run when it is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kept_runs import DATASET, ORIGIN, SINGLE, TASKS, VISIBLE, attempt, gathered, keep, of_model, small
from ocinterp.bench import attempts, board, evaluation, results, runs
from ocinterp.bench.attempts import Key
from ocinterp.bench.hidden import Scored
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset, Judged, Score
from ocinterp.bench.run import Crash
from ocinterp.cli.kept import Kept
from ocinterp.errors import DataError
from ocinterp.journal import Cost, Price

CRASH = Crash(Key("single", "own/a"), "no more processes")


def content(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_a_run_is_read_as_it_was_kept(tmp_path: Path) -> None:
    found = replace(
        small(),
        differences=(Difference("own/a", "solved", "wrong"),),
        price=Price("0.5", "1.5"),
        paid=Cost(3, 100, 0, 50, 2_500_000),
    )
    again = runs.read(keep(tmp_path / "run.json", found))
    assert evaluation.dumps(again) == evaluation.dumps(found)
    assert [list(each.attempts()) for each in again.standings] == [list(each.attempts()) for each in found.standings]
    assert (again.price, again.paid.dollars, again.differences) == (found.price, found.paid.dollars, found.differences)


def test_a_run_with_crashes_and_gaps_is_read_with_its_reasons(tmp_path: Path) -> None:
    found = gathered(CRASH, attempt(SINGLE, "own/b", "pass"), settings=[SINGLE])
    again = runs.read(keep(tmp_path / "run.json", found))
    assert again.standings[0].crashes == (CRASH,)
    assert (again.missing, again.reasons) == (2, {"no more processes": 1})


def test_trajectories_that_were_kept_after_the_numbers_count(tmp_path: Path) -> None:
    path = keep(tmp_path / "run.json", gathered(CRASH, settings=[SINGLE]))
    for task_id in TASKS:
        attempts.append(tmp_path / "run.jsonl", attempt(SINGLE, task_id, "pass"))
    again = runs.read(path)
    assert (again.crashed, again.missing) == (0, 0)
    assert again.standings[0].solved("plus") == dict.fromkeys(TASKS, True)


def test_reading_leaves_the_file_of_a_run_that_goes_on_as_it_is(tmp_path: Path) -> None:
    path = keep(tmp_path / "run.json", small())
    torn = (tmp_path / "run.jsonl").read_bytes()[:-20]
    (tmp_path / "run.jsonl").write_bytes(torn)
    assert runs.read(path).missing == 1
    assert (tmp_path / "run.jsonl").read_bytes() == torn


def test_numbers_that_the_trajectories_do_not_give_are_refused(tmp_path: Path) -> None:
    path = keep(tmp_path / "run.json", small())
    told = content(path)
    told["settings"]["single"]["pass@1"] = 1.0
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"pass@1 of single is 1\.0, but its trajectories give 0\.25"):
        runs.read(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[]", 'expected "format": "ocinterp-evaluation/1"'),
        ('{"format": "other/1"}', 'expected "format": "ocinterp-evaluation/1", or that of a score'),
        ('{"format": "ocinterp-evaluation/1"}', "dataset: Field required"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_file_of_something_else_is_refused_by_its_name(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"run\.json") as refused:
        runs.read(path)
    assert words in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"run\.json: no such file"):
        runs.read(tmp_path / "run.json")


def test_a_score_is_an_evaluation_in_one_setting(tmp_path: Path) -> None:
    tasks = {"own/a": (Judged("pass", "wrong"),), "own/b": (Judged("pass", "pass"),), "own/c": ()}
    score = Score(Dataset("own", "own", "0" * 32), "strict", tasks)
    results.write(tmp_path / "qwen.json", score)
    found = runs.read(tmp_path / "qwen.json")
    (standing,) = found.standings
    estimate, expected = standing.estimate("plus"), score.estimate("plus")
    assert (estimate, standing.setting.name, found.origin["model"]) == (expected, "samples", "qwen")
    assert standing.solved("base") == {"own/a": True, "own/b": True, "own/c": False}


def test_a_sample_without_a_verdict_leaves_a_score_without_a_number(tmp_path: Path) -> None:
    tasks = {"own/a": (Judged("sandbox-failure", why="the tests need flask"),), "own/b": (Judged("pass"),)}
    found = runs.of_score(Score(Dataset("own", "own", "0" * 32), "strict", tasks), "qwen")
    assert (found.crashed, found.standings[0].estimate("base")) == (1, None)
    assert found.reasons == {"the tests need flask": 1}


def test_error_classes_and_programs_are_kept_with_each_verdict(tmp_path: Path) -> None:
    keep(tmp_path / "run.json", small())
    lines = [json.loads(each) for each in (tmp_path / "run.jsonl").read_text().splitlines()]
    last = lines[-1]["verdict"]["turns"]
    assert [each["error"] for each in last] == ["NameError", "", ""]
    assert [each["program"][-9:] for each in last] == ["return 0\n", "return 1\n", "return 2\n"]


def test_attempts_that_were_kept_without_programs_are_read_too(tmp_path: Path) -> None:
    made = replace(attempt(SINGLE, "own/a", "pass"), programs=())
    attempts.append(tmp_path / "run.jsonl", made)
    assert attempts.read(tmp_path / "run.jsonl") == {made.key: made}


def test_an_error_is_said_by_its_class_where_the_verdict_is_an_exception() -> None:
    found = Scored("pass", "exception", "wrong", "KeyError")
    assert [found.kind("base"), found.kind("plus"), found.kind("unseen")] == ["pass", "KeyError", "wrong"]


def test_repairs_are_counted_by_what_the_first_answer_failed_with() -> None:
    visible = small().standings[1]
    found = {kind: (each.failed, each.repaired) for kind, each in visible.repairs.items()}
    assert found == {"NameError": (2, 1), "wrong": (1, 1)}
    assert (visible.recall, visible.curve) == (1.0, (0.25, 0.75, 1.0))
    assert visible.reciprocal_rank == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert of_model("good", "abcd").standings[0].repairs == {}


def test_the_table_has_turns_repairs_and_cost() -> None:
    console = Console(width=120)
    with console.capture() as printed:
        console.print(board.render(replace(small(), price=Price("1000", "2000"))))
    lines = [" ".join(each.split()) for each in printed.get().splitlines()]
    assert "visible unseen 4 75.0 30.1 to 95.4 2.25 135 $0.1800" in lines
    assert "solved by turn tests 1 2 3 MRR recall" in lines
    assert "visible unseen 25.0 75.0 100.0 0.583 100.0" in lines
    assert lines[lines.index("first failed with visible") + 1 :][:2] == ["NameError 1 of 2", "wrong 1 of 1"]


def test_a_run_has_its_numbers_from_its_beginning(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "run.json", DATASET, ORIGIN, (SINGLE, VISIBLE), TASKS)
    kept.begin(resume=False)
    assert runs.read(tmp_path / "run.json").missing == 8
    kept.hear(attempt(SINGLE, "own/a", "pass"))  # and then it is killed
    assert runs.read(tmp_path / "run.json").missing == 7


def test_a_run_that_is_not_whole_has_no_rank_and_no_recall() -> None:
    found = gathered(attempt(VISIBLE, "own/a", "pass"), settings=[VISIBLE])
    assert (found.standings[0].reciprocal_rank, found.standings[0].recall) == (None, None)
