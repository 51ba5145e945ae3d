"""A run that was kept is the same run when it is read again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from kept_runs import DATASET, ORIGIN, SINGLE, TASKS, VISIBLE, attempt, gathered, keep, of_model, refined, small
from ocinterp.bench import attempts, board, evaluation, notes, results, runs
from ocinterp.bench.attempts import Key
from ocinterp.bench.hidden import Scored
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset, Judged, Score
from ocinterp.bench.run import Crash
from ocinterp.bench.settings import chosen
from ocinterp.cli.kept import Kept
from ocinterp.errors import DataError
from ocinterp.journal import FREE, Cost, Price
from ocinterp.types import Usage

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


def test_a_run_with_critics_and_an_equal_budget_is_read_as_it_was_kept(tmp_path: Path) -> None:
    found = refined()
    again = runs.read(keep(tmp_path / "run.json", found))
    told = content(tmp_path / "run.json")
    assert evaluation.dumps(again) == evaluation.dumps(found)
    assert [(each["rival"], each["samples"]) for each in told["equal_budget"]] == [
        *(("visible", 2), ("human-base", 10), ("oracle-base", 9))
    ]
    assert [each["samples"] for each in told["settings"].values()] == [10, 1, 1, 1]
    assert again.critic_price == found.critic_price
    assert [each.setting.mark for each in again.standings] == ["", "", "*", "**"]
    shown: list[str] = []
    for each in (found, again):
        console = Console(width=80)
        with console.capture() as printed:
            console.print(board.render(each))
        shown.append(printed.get())
    assert shown[0] == shown[1]


@pytest.mark.parametrize("said", [True, False])
def test_a_control_is_one_again_and_competes_with_nothing(tmp_path: Path, said: bool) -> None:
    wanted = chosen(["single", "execution", "blank", "resample"], suites=("base",))
    made = [attempt(wanted[0], each, "wrong") for each in TASKS]
    made += [attempt(setting, each, "wrong", "pass") for setting in wanted[1:3] for each in TASKS]
    made += [attempt(wanted[3], each, "wrong", sample=n) for each in TASKS for n in range(10)]
    path = keep(tmp_path / "run.json", gathered(*made, settings=wanted, origin=ORIGIN))
    if not said:  # as files were written before
        told = content(path)
        for each in told["settings"].values():
            del each["control"]
        path.write_text(json.dumps(told))
    again = runs.read(path)
    assert [each.setting.control for each in again.standings] == [False, False, True, False]
    assert [found.rival.name for _, found in again.matches()] == ["execution-base"]


def test_an_equal_budget_that_is_not_drawn_to_its_end_is_read_as_missing(tmp_path: Path) -> None:
    path = keep(tmp_path / "run.json", refined())
    kept = (tmp_path / "run.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "run.jsonl").write_text("".join(each for each in kept if '"sample":9' not in each))
    again = runs.read(path)
    assert (again.missing, list(again.matches())) == (4, [])


def test_a_run_without_a_critics_price_is_read_as_one_whose_critic_cost_nothing(tmp_path: Path) -> None:
    again = runs.read(keep(tmp_path / "run.json", replace(refined(), critic_price=FREE)))
    dollars = again.dollars(again.standings[2])
    assert dollars is not None
    assert (dollars.model > 0, dollars.critic) == (True, 0)
    assert notes.UNPRICED in [each.text for each in notes.of(again)]
    assert notes.UNPRICED not in [each.text for each in notes.of(refined())]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (("settings", "human-base", "mrr"), "mrr of human-base is 0.9, but its trajectories give 0.333"),
        (
            ("settings", "human-base", "critic_tokens", "prompt_tokens"),
            "critic_tokens.prompt_tokens of human-base is 0.9",
        ),
        (("settings", "visible", "dollars", "model"), "dollars.model of visible is 0.9"),
        (("settings", "resample", "chosen", "pass@1"), "chosen.pass@1 of resample is 0.9"),
        (("equal_budget", 0, "best", "pass@1"), "equal_budget.0.best.pass@1 of the run is 0.9"),
        (("pairs", 0, "gained"), "pairs.0.gained of the run is 0.9, but its trajectories give 4"),
        (("equal_budget",), "equal_budget"),
    ],
)
def test_no_number_is_believed_that_does_not_follow(tmp_path: Path, where: tuple[str | int, ...], words: str) -> None:
    path = keep(tmp_path / "run.json", refined())
    told: Any = content(path)
    part = told
    for each in where[:-1]:
        part = part[each]
    part[where[-1]] = 0.9
    path.write_text(json.dumps(told))
    with pytest.raises(DataError) as refused:
        runs.read(path)
    assert words in str(refused.value)


def test_a_run_that_is_not_whole_gives_no_headline(tmp_path: Path) -> None:
    path = keep(tmp_path / "run.json", gathered(CRASH, settings=[SINGLE]))
    told = content(path)
    told["settings"]["single"]["pass@1"] = 0.5
    path.write_text(json.dumps(told))
    with pytest.raises(DataError, match=r"pass@1 of single is 0\.5, but its trajectories give None"):
        runs.read(path)


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
    assert visible.curve == (0.25, 0.75, 1.0)
    assert visible.ranks is not None
    assert visible.ranks.mrr == pytest.approx((1 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert visible.ranks.recall == 1.0
    assert of_model("good", "abcd").standings[0].repairs == {}


def test_the_table_has_turns_repairs_and_cost() -> None:
    console = Console(width=120)
    with console.capture() as printed:
        console.print(board.render(replace(small(), price=Price("1000", "2000"))))
    lines = [" ".join(each.split()) for each in printed.get().splitlines()]
    assert "setting tests tasks pass@1 95 % turns MRR recall" in lines
    assert "visible unseen 4 75.0 30.1 to 95.4 2.25 58.3 100.0" in lines
    assert "tokens prompts answers cost" in lines
    assert "visible 90 45 $0.1800" in lines
    assert "solved by turn 1 2 3" in lines
    assert "visible 25.0 75.0 100.0" in lines
    assert lines[lines.index("first failed with visible") + 1 :][:2] == ["NameError 1 of 2", "wrong 1 of 1"]


def test_the_tables_of_all_settings_fit_a_terminal_of_80_characters() -> None:
    names = ("single", "resample", "visible", "execution", "human", "oracle", "conv")
    wanted = chosen(names, suites=("base", "plus"))
    statuses = ("wrong", "NameError", "TypeError", "timeout", "pass")
    made = [
        replace(attempt(each, task_id, *statuses[-each.limits.max_turns :]), critic_tokens=Usage(2_000, 400))
        for each in wanted
        if each.limits.max_turns is not None and each.refines
        for task_id in TASKS
    ]
    made += [attempt(wanted[0], each, "pass") for each in TASKS[1:]]
    made += [attempt(wanted[0], TASKS[0], "wrong")]
    made += [attempt(wanted[1], each, "wrong", sample=n) for each in TASKS for n in range(180)]
    model = f"replay:{'x' * 90}.jsonl"
    found = gathered(*made, settings=wanted, origin={**ORIGIN, "model": model})
    assert not found.missing
    console = Console(width=200)
    with console.capture() as printed:
        console.print(board.render(replace(found, price=Price("1000", "2000"))))
    tables = printed.get().partition("differences in points")[0].splitlines()
    assert max(len(each.rstrip()) for each in tables) <= 80
    assert tables[1].startswith("model replay:xxx")
    assert tables[1].endswith("x.jsonl")
    assert [each.split()[0] for each in tables if "**" in each].count("conv-partial-expert") == 3


def test_a_run_has_its_numbers_from_its_beginning(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "run.json", DATASET, ORIGIN, (SINGLE, VISIBLE), TASKS)
    kept.begin(resume=False)
    assert runs.read(tmp_path / "run.json").missing == 8
    kept.hear(attempt(SINGLE, "own/a", "pass"))  # and then it is killed
    assert runs.read(tmp_path / "run.json").missing == 7


def test_a_run_that_is_not_whole_has_no_rank_and_no_recall() -> None:
    found = gathered(attempt(VISIBLE, "own/a", "pass"), settings=[VISIBLE])
    assert found.standings[0].ranks is None
