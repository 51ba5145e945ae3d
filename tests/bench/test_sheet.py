"""The sheet has every attempt, says what the JSON says, and no cell of it is a formula."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kept_runs import ORIGIN, SINGLE, attempt, gathered, of_model, refined, small
from ocinterp.bench import evaluation, sheet
from ocinterp.bench.attempts import Key
from ocinterp.bench.comparison import compare
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.run import Crash

texts = st.text(st.characters(exclude_categories=["Cs"]))


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def rows(found: Evaluation) -> list[dict[str, str]]:
    return read(sheet.dumps(sheet.rows(found)))


def test_there_is_a_row_for_each_attempt() -> None:
    found = rows(small())
    assert [(each["setting"], each["task_id"], each["status"]) for each in found[3:6]] == [
        ("single", "own/d", "timeout"),
        ("visible", "own/a", "pass"),
        ("visible", "own/b", "pass"),
    ]
    row = found[5]
    assert (row["turns"], row["first_status"], row["first_error"], row["solved_at"]) == (
        "2",
        "exception",
        "NameError",
        "2",
    )
    assert (row["prompt_tokens"], row["completion_tokens"], row["stop"]) == ("20", "10", "done")
    assert (row["model"], row["dataset"], row["sample"], row["measure"]) == ("scripted", "own@own", "0", "unseen")


def test_the_rows_add_up_to_the_numbers_of_the_json() -> None:
    found = rows(small())
    for name, numbers in json.loads(evaluation.dumps(small()))["settings"].items():
        mine = [each for each in found if each["setting"] == name]
        assert sum(each["status"] == "pass" for each in mine) / len(mine) == numbers["pass@1"]
        assert sum(int(each["prompt_tokens"]) for each in mine) == numbers["tokens"]["prompt_tokens"]


def test_a_row_says_what_a_critic_cost_and_what_was_shown() -> None:
    found = refined()
    told = json.loads(evaluation.dumps(found))["settings"]
    for standing in found.standings:
        name = standing.setting.name
        mine = [each for each in rows(found) if each["setting"] == name]
        assert {each["shown"] for each in mine} == {{"human-base": "tests", "oracle-base": "solution"}.get(name, "")}
        assert [each["sample"] for each in mine[: len(mine) // 4]] == [str(n) for n in range(len(mine) // 4)]
        sums = {kind: sum(float(each[kind]) for each in mine) for kind in ("dollars", "critic_dollars")}
        assert sums == pytest.approx(
            {"dollars": told[name]["dollars"]["model"], "critic_dollars": told[name]["dollars"]["critic"]}
        )
        assert sum(int(each["critic_prompt_tokens"]) for each in mine) == told[name]["critic_tokens"]["prompt_tokens"]
    assert {each["dollars"] for each in rows(small())} == {""}


def test_a_crash_is_a_row_with_its_reason_in_its_place() -> None:
    crash = Crash(Key("single", "own/b"), "=no more processes")
    found = rows(gathered(crash, attempt(SINGLE, "own/a", "pass"), attempt(SINGLE, "own/c", "pass"), settings=[SINGLE]))
    assert [each["status"] for each in found] == ["pass", "sandbox-failure", "pass"]
    assert (found[1]["reason"], found[1]["turns"], found[1]["base"]) == ("'=no more processes", "", "")


def test_models_of_a_comparison_have_their_rows() -> None:
    found = compare([("one", of_model("small", "a")), ("other", of_model("large", "ab"))])
    assert [each["model"] for each in read(sheet.dumps(sheet.of_comparison(found)))] == ["small"] * 4 + ["large"] * 4


@given(texts)
@example("=1+1")
@example("'=1+1")
@example('@SUM(A1)\n-2,"x"')
def test_a_cell_comes_back_as_it_was_and_is_never_a_formula(text: str) -> None:
    found = replace(of_model("x", ""), origin={**ORIGIN, "model": text or "x"})
    (cell, *_) = [each["model"] for each in rows(found)]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert sheet.plain(cell) == (text or "x")


def test_a_file_is_written_in_utf_8_with_the_line_ends_of_the_standard(tmp_path: Path) -> None:
    sheet.write(tmp_path / "run.csv", sheet.rows(of_model("Modèle", "a")))
    content = (tmp_path / "run.csv").read_bytes()
    assert content.count(b"\r\n") == 5
    assert "Modèle".encode() in content


def test_the_documented_columns_are_those_of_the_sheet() -> None:
    text = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    part = text.partition("\n## Sheets\n")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in part.splitlines() if line.startswith("| `")]
    assert tuple(re.findall(r"`(\w+)`", "".join(first))) == sheet.COLUMNS
