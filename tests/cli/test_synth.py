"""Data is made from the command line."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from cli.conftest import Command, Serve
from ocinterp import records
from ocinterp.testing import teacher


def methods(path: Path) -> Counter[str]:
    return Counter(each.provenance["method"] for each in records.read(path))


def test_as_many_dialogues_as_asked_for_are_written_and_the_seed_decides_which(home: Path, ocinterp: Command) -> None:
    ended = ocinterp("synth", "pocket", "a.jsonl", "--count", "40", "--seed", "x")
    assert (ended.code, ended.out) == (0, "")
    assert "40 dialogues in a.jsonl: " in ended.err
    assert sum(methods(home / "a.jsonl").values()) == 40
    ocinterp("synth", "pocket", "b.jsonl.gz", "--count", "40", "--seed", "x")
    ocinterp("synth", "pocket", "c.jsonl", "--count", "40", "--seed", "y")
    assert list(records.read(home / "b.jsonl.gz")) == list(records.read(home / "a.jsonl"))
    assert list(records.read(home / "c.jsonl")) != list(records.read(home / "a.jsonl"))


def test_only_some_forms_can_be_had(home: Path, ocinterp: Command) -> None:
    assert ocinterp("synth", "pocket", "a.jsonl", "--count", "30", "--forms", "single").code == 0
    assert methods(home / "a.jsonl") == {"pocket-single": 30}
    ended = ocinterp("synth", "pocket", "a.jsonl", "--forms", "single,double")
    assert (ended.code, "there is no form 'double' of a dialogue" in ended.err) == (2, True)
    ended = ocinterp("synth", "pocket", "a.jsonl", "--forms", "")
    assert ended.code == 2


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_made(ocinterp: Command) -> None:
    ended = ocinterp("synth", "pocket", "no/where.jsonl", "--count", "1000000000")
    assert (ended.code, "there is no folder no" in ended.err) == (2, True)


def asked(home: Path, count: int = 30) -> Path:
    """A file of questions, none near to another."""
    rows = [
        {
            "instruction": " ".join([f"Write code for task {at}:", *(f"w{at}x{k}" for k in range(12))]),
            "response": "```python\n1\n```",
        }
        for at in range(count)
    ]
    (home / "asked.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return home / "asked.jsonl"


PLAN = ("--least", "2", "--simulation", "4", "--correction", "3")


def test_a_dataset_is_planned_made_and_looked_at(
    home: Path, ocinterp: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    ended = ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model, "--price", "1,2", *PLAN)
    assert ended.code == 0
    assert ended.out.startswith("30 questions of ")
    assert re.search(r"^simulation +4 +32 +[\d,]+ +[\d,]+ +0\.\d\d ", ended.out, re.MULTILINE)
    assert "at most, with 64 calls of 8 seconds at once: $0." in ended.out
    assert "no --benchmarks: rows may have their tasks in them" in ended.err
    ended = ocinterp("synth", "status", "run")
    assert (ended.code, ended.out.count("not yet")) == (0, 10)
    ended = ocinterp("synth", "export", "run", "--out", "rows.jsonl")
    assert (ended.code, "run has no rows yet" in ended.err) == (2, True)
    ended = ocinterp("synth", "run", "run", "--stage", "judge")
    assert ended.code == 0
    assert "ocinterp: judge (30 rows go in)" in ended.err
    assert ocinterp("synth", "status", "run").out.count("not yet") == 6
    ended = ocinterp("synth", "run", "run", "--concurrency", "4")
    assert ended.code == 0
    assert re.search(r"^assemble +\d+ +\d+  rows of the dataset \(\d+ verified", ended.out, re.MULTILINE)
    assert re.search(r"\d+ settled.*; spent \$0\.\d+", ended.err)
    count = int(re.findall(r"^assemble +(\d+)", ended.out, re.MULTILINE)[0])
    out = ocinterp("synth", "export", "run", "--to", "messages", "--out", "rows.jsonl")
    assert (out.code, out.out) == (0, f"{count} rows: rows.jsonl\n")
    some = ocinterp("synth", "export", "run", "--methods", "correction", "--verified", "--out", "rows.jsonl")
    assert some.out == "3 rows: rows.jsonl\n"
    for wrong in (("--to", "words"), ("--methods", "magic")):
        assert ocinterp("synth", "export", "run", *wrong, "--out", "rows.jsonl").code == 2
    monkeypatch.setenv("COLUMNS", "60")
    seen = ocinterp("synth", "stats", "run")
    assert seen.code == 0
    assert re.search(r"^rows after each stage\n  ingest +█+ +30\n", seen.out, re.MULTILINE)
    assert re.search(r"^  correction +█+ +3 +\d+\.\d%$", seen.out, re.MULTILINE)
    assert max(map(len, seen.out.splitlines())) <= 60
    if importlib.util.find_spec("matplotlib") is not None:
        assert (home / "run" / "stats.png").read_bytes().startswith(b"\x89PNG")
    ended_so = ocinterp("synth", "card", "run", "--out", "handed", "--title", "Questions")
    assert (ended_so.code, ended_so.out) == (0, f"{count} rows, and their card: handed\n")
    told = (home / "handed" / "README.md").read_text()
    assert told.startswith("---\nlicense: apache-2.0\n")
    assert re.search(r"^# Questions\n\n" + rf"{count} dialogues with ", told, re.MULTILINE)
    assert re.search(r"^\| \d+ \| the model `scripted at http\S+` \|$", told, re.MULTILINE)
    assert "| magicoder-evol-instruct | Apache-2.0 | " in told
    assert "the plan names no benchmark" in told
    (part,) = (home / "handed" / "data").iterdir()
    described = json.loads((home / "handed" / "croissant.json").read_text())
    assert described["distribution"][0]["sha256"] == hashlib.sha256(part.read_bytes()).hexdigest()
    columns = {each["name"] for each in described["recordSet"][0]["field"]}
    assert columns == set(importlib.import_module("pyarrow.parquet").read_schema(part).names)
    again = ocinterp("synth", "card", "run", "--out", "handed")
    assert (again.code, "handed is not empty" in again.err) == (2, True)
    cost = ocinterp("synth", "cost", "run").out
    assert re.search(r"^scripted at http\S+ +\d+ +\d+ +\d+ +0\.\d+$", cost, re.MULTILINE)
    each, spent = re.findall(r"^(?:correction|simulation) .* ([\d.]+) +[\d.]+$", cost, re.MULTILINE), ended.err
    rest, total = re.findall(r"\$([\d.]+)", cost.splitlines()[-1])
    assert sum(map(float, each)) + float(rest) == pytest.approx(float(total), abs=2e-4)
    assert float(total) == pytest.approx(float(re.findall(r"spent \$([\d.]+)", spent)[-1]), abs=1e-4)
    if importlib.util.find_spec("duckdb") is not None:
        seen = ocinterp(
            "synth", "view", "run", "--where", "method = 'correction' and executions[1].error = 'NameError'"
        )
        assert seen.code in (0, 1)
        seen = ocinterp("synth", "view", "run", "--where", "method = 'simulation'", "-n", "2")
        assert seen.code == 0
        assert seen.out.count("  simulation  verified (executed), solved in answer ") == 2
        for said in (
            "from magicoder-evol-instruct, asked.jsonl:",
            "scores: simple/1 ",
            "cost: ",
            "── execution",
            "[1.1, python: ",
        ):
            assert said in seen.out
        ended_so = ocinterp("synth", "view", "run", "--where", "method = 'none'")
        assert (ended_so.code, ended_so.out, "no row is like that" in ended_so.err) == (1, "", True)
        wrong = ocinterp("synth", "view", "run", "--where", "colour = 1")
        assert wrong.code == 2
        assert '--where: Binder Error: Referenced column "colour" not found' in wrong.err
        assert "LINE 1" not in wrong.err
    again = ocinterp("synth", "run", "run")
    assert again.out == ended.out
    assert again.err.count("0 settled") == 0


def test_a_run_needs_a_plan_and_keeps_to_it(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    for command in ("run", "status"):
        ended = ocinterp("synth", command, "nothing")
        assert (ended.code, "there is no plan in nothing: make one with" in ended.err) == (2, True)
    model = serve(teacher.answer, repeat_last=True)
    assert ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model, *PLAN).code == 0
    ended = ocinterp("synth", "plan", "asked.jsonl", "--out", "run", "--strong", model, *PLAN)
    assert (ended.code, "has a plan already" in ended.err) == (2, True)
    assert ocinterp("synth", "run", "run", "--stage", "dedup").code == 0
    path = home / "run" / "plan.toml"
    path.write_text(path.read_text().replace("least = 2", "least = 3"))
    ended = ocinterp("synth", "run", "run")
    assert (ended.code, "-least = 2" in ended.err, "+least = 3" in ended.err) == (2, True, True)


def test_a_budget_ends_a_run_with_a_word(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model, *PLAN)
    ended = ocinterp("synth", "run", "run", "--budget", "10calls")
    assert (ended.code, "Traceback" in ended.err) == (3, False)
    assert "budget" in ended.err
    assert ocinterp("synth", "run", "run").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("asked.jsonl",), "name a model as --strong MODEL"),
        (("none.jsonl", "--strong", "m"), "no such file"),
        (("asked.jsonl", "--strong", "m", "--price", "3"), "a price is of prompts and of answers"),
        (("asked.jsonl", "--strong", "m", "--benchmarks", "humaneval"), "humaneval@2021 is not imported"),
        (("empty.jsonl", "--strong", "m"), "no row in it could be taken"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused_and_not_written(
    home: Path, ocinterp: Command, arguments: tuple[str, ...], said: str
) -> None:
    asked(home)
    (home / "empty.jsonl").write_bytes(b"")
    ended = ocinterp("synth", "plan", *arguments, "--out", "run")
    assert ended.code in (2, 3)
    assert said in ended.err
    assert not (home / "run").exists()
