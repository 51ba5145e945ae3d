"""`ocinterp report` and `ocinterp compare`, and the pages and sheets that `eval` writes, as a person gets them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import cast

import pytest

from cli.conftest import Command, Serve
from evaluations import ADD, TWICE, WRONG, write_benchmark
from kept_runs import SINGLE, VISIBLE, attempt, gathered, keep, of_model, small
from ocinterp.bench import results
from ocinterp.bench.attempts import Key
from ocinterp.bench.results import Dataset, Judged, Score
from ocinterp.bench.run import Crash
from ocinterp.testing import Asked, Says, code


async def pupil(asked: Asked) -> Says:
    """Knows twice; gets add right once it is told anything."""
    messages = cast("list[dict[str, str]]", asked.body["messages"])
    if "`twice`" in messages[0]["content"]:
        return Says(code(TWICE))
    return Says(code(WRONG if len(messages) == 1 else ADD))


def kept_page(path: Path) -> dict[str, object]:
    """The data in a page."""
    text = path.read_text()
    return json.loads(text.partition('<script type="application/json" id="dialogues">')[2].partition("</script>")[0])


@pytest.mark.usefixtures("namespaces")
def test_a_run_leaves_a_page_and_a_sheet_and_can_be_reported_again(home: Path, ocinterp: Command, serve: Serve) -> None:
    assert ocinterp("data", "import", write_benchmark(home)).code == 0
    run = ("eval", "own", "-m", serve(pupil, repeat_last=True), "--setting", "single,visible", "--price", "1,2")
    ended = ocinterp(*run, "--json", "run.json", "--html", "run.html", "--csv", "run.csv")
    assert ended.code == 0, ended.err
    assert "page in run.html" in ended.err
    content = json.loads((home / "run.json").read_text())
    paid, settings = content["paid"], content["settings"]
    assert (paid["calls"], paid["dollars"] > 0, content["tasks"]) == (3, True, ["own/add", "own/twice"])
    assert settings["visible"]["dollars"]["model"] > settings["single"]["dollars"]["model"] > 0
    assert settings["visible"]["repairs"] == {"wrong": {"failed": 1, "repaired": 1}}
    with (home / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [each["status"] for each in rows] == ["wrong", "pass", "pass", "pass"]
    again = ocinterp("report", "run.json", "--html", "again.html", "--csv", "again.csv")
    assert (again.code, again.out) == (0, ended.out)
    assert (home / "again.html").read_bytes() == (home / "run.html").read_bytes()
    assert (home / "again.csv").read_bytes() == (home / "run.csv").read_bytes()
    made = cast("list[list[list[list[dict[str, list[object]]]]]]", kept_page(home / "run.html")["tasks"])
    assert [len(each[0]["turns"]) for each in made[0][1]] == [1, 2]


@pytest.mark.usefixtures("namespaces")
def test_a_run_that_ended_early_can_be_reported(home: Path, ocinterp: Command, serve: Serve) -> None:
    assert ocinterp("data", "import", write_benchmark(home)).code == 0
    run = ("eval", "own", "-m", serve(pupil, repeat_last=True), "--budget", "1 call", "--concurrency", "1")
    assert ocinterp(*run, "--html", "run.html").code == 3
    assert not (home / "run.html").exists()
    ended = ocinterp("report", "own-scripted", "--html", "run.html")
    assert (ended.code, "1 attempt not made yet" in ended.out) == (0, True)
    assert "1 attempt not made yet" in (home / "run.html").read_text()


@pytest.mark.parametrize("run", ["kept/run.json", "kept/run.jsonl", "kept", "run", "run.json"])
def test_a_run_is_found_by_its_file_its_folder_or_its_name(home: Path, ocinterp: Command, run: str) -> None:
    for folder in (home / "kept", home / "data" / "evaluations"):
        folder.mkdir(parents=True)
        keep(folder / "run.json", small())
    ended = ocinterp("report", run)
    assert (ended.code, "visible - single" in ended.out) == (0, True), ended.err


def test_a_run_that_is_not_there_is_refused_with_those_that_are(home: Path, ocinterp: Command) -> None:
    folder = home / "data" / "evaluations"
    folder.mkdir(parents=True)
    keep(folder / "humaneval-qwen.json", small())
    ended = ocinterp("report", "humaneval-lama")
    assert (ended.code, "there is no run humaneval-lama" in ended.err, "(humaneval-qwen)" in ended.err) == (
        2,
        True,
        True,
    )
    (home / "two").mkdir()
    keep(home / "two" / "a.json", small())
    keep(home / "two" / "b.json", small())
    ended = ocinterp("report", "two")
    assert (ended.code, "does not hold one run (a .json), but a.json, b.json" in ended.err) == (2, True)


def test_a_run_with_crashes_exits_with_1(home: Path, ocinterp: Command) -> None:
    crash = Crash(Key("single", "own/a"), "no more processes")
    keep(home / "run.json", gathered(crash, attempt(SINGLE, "own/b", "pass"), settings=[SINGLE]))
    keep(home / "other.json", of_model("other", "a"))
    ended = ocinterp("report", "run.json")
    assert (ended.code, "no more processes" in ended.out) == (1, True)
    assert ocinterp("compare", "run.json", "other.json").code == 1
    assert ocinterp("compare", "other.json", "other.json").code == 0


@pytest.mark.parametrize("option", ["--html", "--csv", "--json"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_done(
    home: Path, ocinterp: Command, option: str
) -> None:
    keep(home / "run.json", small())
    ended = ocinterp("compare", "run.json", "run.json", option, "nowhere/x")
    assert (ended.code, "there is no folder nowhere" in ended.err, ended.out) == (2, True, "")
    ended = ocinterp("compare", "run.json", "run.json", option, ".")
    assert (ended.code, ". is a folder" in ended.err) == (2, True)


def test_a_page_is_refused_before_a_model_is_asked(home: Path, ocinterp: Command) -> None:
    ended = ocinterp("eval", "own", "-m", "scripted@http://127.0.0.1:9/v1", "--html", "nowhere/x.html")
    assert (ended.code, "there is no folder nowhere" in ended.err) == (2, True)


def test_models_are_compared_from_their_files(home: Path, ocinterp: Command) -> None:
    both = (SINGLE, VISIBLE)
    keep(home / "small.json", of_model("small", "a", settings=both))
    keep(home / "large.json", of_model("large", "abcd", settings=both))
    files = ("--json", "both.json", "--html", "both.html", "--csv", "both.csv")
    ended = ocinterp("compare", "small.json", "large.json", *files)
    assert ended.code == 0, ended.err
    assert "less small" in ended.out
    content = json.loads((home / "both.json").read_text())
    assert {name: each["large"]["pass@1"] for name, each in content["settings"].items()} == {"single": 1, "visible": 1}
    assert [(each["setting"], each["gained"]) for each in content["pairs"]] == [("single", 3), ("visible", 3)]
    assert kept_page(home / "both.html")["columns"] == [
        *("small · single", "large · single", "small · visible", "large · visible")
    ]
    with (home / "both.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 16


def test_scores_are_compared_too(home: Path, ocinterp: Command) -> None:
    for name, status in (("qwen", "pass"), ("llama", "wrong")):
        tasks = {"own/a": (Judged("pass", "pass"),), "own/b": (Judged(status, status),)}
        results.write(home / f"{name}.json", Score(Dataset("own", "own", "0" * 32), "strict", tasks))
    ended = ocinterp("compare", "qwen.json", "llama.json")
    assert (ended.code, "llama" in ended.out, "-50.0" in ended.out) == (0, True, True)


def test_what_cannot_be_compared_is_refused_with_exit_code_2(home: Path, ocinterp: Command) -> None:
    keep(home / "one.json", of_model("one", "a"))
    keep(home / "other.json", of_model("other", "a", profile="evalplus-0.3"))
    ended = ocinterp("compare", "one.json", "other.json")
    assert (ended.code, "numbers of different profiles are never mixed" in ended.err) == (2, True)
    ended = ocinterp("compare", "one.json")
    assert (ended.code, "takes at least two runs" in ended.err) == (2, True)


def test_a_damaged_file_is_refused_with_exit_code_3(home: Path, ocinterp: Command) -> None:
    (home / "run.json").write_text("{")
    ended = ocinterp("report", "run.json")
    assert (ended.code, "run.json: not JSON" in ended.err) == (3, True)
