"""Data is made from the command line."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from cli.conftest import Command, Serve
from ocinterp import records
from ocinterp.cli import gateway
from ocinterp.errors import UsageError
from ocinterp.journal import Entry, Reader, holder
from ocinterp.models.pocket import card
from ocinterp.synth.folder import JOURNAL, Stage
from ocinterp.synth.rows import Row
from ocinterp.testing import teacher
from ocinterp.testing.batches import Batches
from ocinterp.testing.server import Asked, Fixed

BUILT_IN = card.BUILT_IN  # as it is outside of these tests


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
            "response": f"```python\n{at}\n```",
        }
        for at in range(count)
    ]
    (home / "asked.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return home / "asked.jsonl"


QUICK = ("--timeout", "1")  # among the mistakes are loops without end
PLAN = ("--least", "2", "--simulation", "4", "--correction", "3", *QUICK)


def interrupted(facts: object) -> str:
    raise KeyboardInterrupt


def test_a_dataset_is_planned_made_and_looked_at(
    home: Path, ocinterp: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    ended = ocinterp(
        "synth",
        "plan",
        asked(home),
        "--out",
        "run",
        "--strong",
        model,
        "--price",
        "1,2",
        "--licence",
        "Apache-2.0",
        *PLAN,
    )
    assert ended.code == 0
    assert ended.out.startswith("30 questions of ")
    assert re.search(r"^simulation +4 +32 +[\d,]+ +[\d,]+ +0\.\d\d ", ended.out, re.MULTILINE)
    assert "at most, of answers of usual length, with 64 calls of 8 seconds at once: $0." in ended.out
    assert "no --benchmarks: rows may have their tasks in them" in ended.err
    ended = ocinterp("synth", "status", "run")
    assert (ended.code, ended.out.count("not yet")) == (0, 13)
    ended = ocinterp("synth", "export", "run", "--out", "rows.jsonl")
    assert (ended.code, "run has no rows yet" in ended.err) == (2, True)
    ended = ocinterp("synth", "run", "run", "--stage", "judge")
    assert ended.code == 0
    assert "ocinterp: judge (30 rows go in)" in ended.err
    assert re.search(r"^ocinterp: judge: \d+ rows(, \d+ refused)?; \d+\.\d s, \$0\.\d{4}$", ended.err, re.MULTILINE)
    assert ocinterp("synth", "status", "run").out.count("not yet") == 9
    ended = ocinterp("synth", "run", "run", "--concurrency", "4")
    assert ended.code == 0
    assert re.search(r"^assemble +\d+ +\d+  rows of the dataset \(\d+ verified", ended.out, re.MULTILINE)
    assert re.search(r"\d+ settled.*; spent \$0\.\d+", ended.err)
    count = int(re.findall(r"^assemble +(\d+)", ended.out, re.MULTILINE)[0])
    out = ocinterp("synth", "export", "run", "--to", "messages", "--out", "rows.jsonl")
    some_to_learn = sum(any(each.train for each in row.turns) for row in Stage(home / "run", "assemble").rows(Row))
    assert (out.code, out.out) == (0, f"{some_to_learn} rows: rows.jsonl\n")
    piped = ocinterp("synth", "export", "run", "--to", "messages", "--out", "-")
    assert (piped.code, piped.out) == (0, (home / "rows.jsonl").read_text())
    assert piped.err == f"{some_to_learn} rows: -\n"
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
    stop = ocinterp("synth", "stats", "nowhere")
    assert (stop.code, "there is no plan in nowhere" in stop.err) == (2, True)
    damaged = home / "run" / "stages" / "decontaminate" / "contamination.json"
    whole = damaged.read_text()
    damaged.write_text("[1]")
    broken = ocinterp("synth", "card", "run", "--out", "half")
    assert (broken.code, "contamination.json is damaged: delete" in broken.err) == (3, True)
    damaged.write_text(whole)
    with monkeypatch.context() as patch:
        patch.setattr("ocinterp.synth.card.write", interrupted)
        assert ocinterp("synth", "card", "run", "--out", "half").code == 130
    left = [home / f".{each}.0123abcd.card.tmp" for each in ("half", "half.2")]  # of one that was killed, and another's
    for each in left:
        each.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("ocinterp.synth.card.write", interrupted)
        assert ocinterp("synth", "card", "run", "--out", "half").code == 130
    assert [each for each in home.iterdir() if "half" in each.name] == left[1:]
    (home / "half" / ".whole.0123abcd.card.tmp" / "data").mkdir(parents=True)  # of one that was killed
    there = (home / "half").stat().st_ino  # which may be a mount, that nothing can be put in place of
    with monkeypatch.context() as patch:
        patch.setattr("ocinterp.synth.card.write", interrupted)
        assert ocinterp("synth", "card", "run", "--out", "half").code == 130
    assert list((home / "half").iterdir()) == []
    (home / "half" / "lost+found").mkdir()
    assert ocinterp("synth", "card", "run", "--out", "half").code == 0
    assert (home / "half").stat().st_ino == there
    inside = {each.name for each in (home / "handed").iterdir()}
    assert {each.name for each in (home / "half").iterdir()} == {*inside, "lost+found"}
    seen = ocinterp("synth", "verify", "run")
    assert seen.code == 0
    assert re.fullmatch(rf"{count} rows: {count} as they were\n", seen.out)
    seen = ocinterp("synth", "gc", "run")
    assert re.fullmatch(r"journal\.sqlite: [\d,]+ bytes before, [\d,]+ now\n", seen.out)
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
        # one who does not do what they are asked for has no verified row
        assert (
            len(
                re.findall(
                    r"  simulation  (?:not verified|verified \(executed\)), solved in answer \d$",
                    seen.out,
                    re.MULTILINE,
                )
            )
            == 2
        )
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
        assert "LINE" not in wrong.err
        seen = ocinterp("synth", "view", "run", "--where", "method = 'simulation' --", "-n", "1")
        assert (seen.code, seen.out.count("  simulation  ")) == (0, 1)
        seen = ocinterp("synth", "view", "run", "--where", "true ORDER BY method", "-n", "1")
        assert (seen.code, seen.out.count("  correction  ")) == (0, 1)
    probed = ocinterp("synth", "probe", "run", "-n", "4")
    assert probed.code == 0
    assert re.search(r"^\| the same program \| \d+ \| 0\.0 % \| 0\.0 to \d+\.\d \| 0 \|$", probed.out, re.MULTILINE)
    assert re.search(r"^Of \d+ planted answers with another program it finds \d+\.\d % \(\d", probed.out, re.MULTILINE)
    ocinterp("synth", "card", "run", "--out", "probed")
    assert "## Whether feedback was followed, and who says so" in (home / "probed" / "README.md").read_text()
    again = ocinterp("synth", "run", "run")
    assert again.out == ended.out
    assert not re.search(r"\b0 settled", again.err)


def test_what_can_wait_goes_to_the_batch_api_for_half_the_price(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    batches = Batches(teacher.told)
    model = serve(teacher.answer, repeat_last=True, more=batches.serve)
    for out in ("at-once", "later"):
        ocinterp("synth", "plan", asked(home), "--out", out, "--strong", model, "--price", "1000,2000", *PLAN)
    one = ocinterp("synth", "run", "at-once")
    two = ocinterp("synth", "run", "later", "--batch")
    assert (one.code, two.code, one.out == two.out) == (0, 0, True)
    assert re.search(r"30 requests are at 127\.0\.0\.1:\d+ as batch-1", two.err)
    assert len(batches.batches) == 2  # by the first prompt, and by the second
    rows = [list(Stage(home / each, "assemble").rows(Row)) for each in ("at-once", "later")]
    assert [each.messages for each in rows[0]] == [each.messages for each in rows[1]]
    entries: list[dict[str, Entry]] = []
    for each in ("at-once", "later"):
        with Reader(home / each / JOURNAL) as journal:
            entries.append({entry.key: entry for entry in journal.entries() if entry.kind == "completion"})
    assert entries[0].keys() == entries[1].keys()
    judged = [key for key, entry in entries[0].items() if not entry.scope]
    assert len(judged) == len(batches.asked) > 30
    for key, entry in entries[0].items():
        share = 2 if key in judged else 1
        assert entry.spent.nanodollars == share * entries[1][key].spent.nanodollars > 0
    assert ocinterp("synth", "run", "later", "--batch").out == two.out


def test_who_stops_a_run_does_not_wait_for_its_batch_and_collects_it_later(
    home: Path, ocinterp: Command, serve: Serve
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    batches = Batches(teacher.told, looks=1_000_000)
    model = serve(teacher.answer, repeat_last=True, more=batches.serve)
    ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model, *PLAN)
    command = [sys.executable, "-c", "from ocinterp.cli.main import main; main()", "synth", "run", "run", "--batch"]
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "30 requests are at" in line:
                break
        assert ocinterp("synth", "stop", "run").code == 0
        assert "stopped; `ocinterp synth run run --batch` goes on" in process.stderr.read()
    assert process.returncode == 130
    assert (len(batches.batches), batches.asked) == (1, [])
    with Reader(home / "run" / JOURNAL) as journal:
        assert journal.unfinished("batch") == 30
    told = ocinterp("synth", "run", "run", "--stage", "dedup")
    assert "30 requests are in batches of an earlier process" in told.err
    more = asked(home, 31).read_text().splitlines(keepends=True)
    asked(home)
    (home / "more.jsonl").write_text(more[-1])
    told = ocinterp("synth", "extend", "run", "more.jsonl", "--out", "new")
    assert "30 in doubt" in told.err
    assert "what is not settled may be asked again" in told.err
    batches.looks = 0
    ended = ocinterp("synth", "run", "run", "--batch")
    assert ended.code == 0, ended.err
    assert "an earlier process" not in ocinterp("synth", "run", "run").err
    assert len(batches.batches) == 2  # by the first prompt, and by the second
    for runs in (1, 2):
        names = [json.loads(each)["custom_id"] for file in batches.files.values() for each in file.splitlines() if b'"body": {"model"' in each]  # fmt: skip
        assert len(names) == len(set(names)) == len(batches.asked) > 29 + runs  # also by a run that has its journal
        assert ocinterp("synth", "run", "new", "--batch").code == 0


def test_batches_are_of_servers(home: Path, ocinterp: Command, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", serve(teacher.answer, repeat_last=True), *PLAN)
    ended = ocinterp("synth", "run", "run", "--batch")
    assert (ended.code, "has no Batch API: run it without --batch" in ended.err) == (3, True)
    monkeypatch.setattr(card, "BUILT_IN", BUILT_IN)
    ocinterp("synth", "plan", asked(home), "--out", "own", "--strong", "pocket", *PLAN)
    ended = ocinterp("synth", "run", "own", "--batch")
    assert (ended.code, "--batch is for models behind a server" in ended.err) == (2, True)


def test_a_run_with_a_gateway_asks_nothing_twice_whenever_it_is_killed(
    home: Path, ocinterp: Command, serve: Serve
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    asked_for: list[Asked] = []

    async def slowly(given: Asked) -> Fixed:
        asked_for.append(given)
        await asyncio.sleep(0.3)
        return await teacher.answer(given)

    ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", serve(slowly, repeat_last=True), *PLAN)
    started = [sys.executable, "-c", "from ocinterp.cli.main import main; main()", "synth", "run", "run", "--gateway"]
    for count in (5, 40, 60):
        process = subprocess.Popen(started, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while len(asked_for) < count and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        process.kill()
        process.wait()
    ended = ocinterp("synth", "run", "run", "--gateway")
    assert (ended.code, "verified" in ended.out) == (0, True)
    with Reader(home / "run" / JOURNAL) as journal:
        calls = [each for each in journal.entries() if each.kind == "completion"]
    assert len(asked_for) == len(calls) == sum(each.attempts for each in calls)
    assert {(each.state, each.possible.calls) for each in calls} == {("settled", 0)}
    where = json.loads((home / "run" / ".gateway.json").read_text())
    with pytest.raises(UsageError, match="has a gateway: process"):
        gateway.check(home / "run")
    os.kill(where["process"], signal.SIGTERM)
    while (home / "run" / ".gateway.json").exists() or holder(home / "run" / gateway.STORE) is not None:
        time.sleep(0.02)
    assert not Path(where["socket"]).exists()
    assert "gateway.sqlite: " in ocinterp("synth", "gc", "run").out
    assert not (home / "run" / gateway.STORE).exists()


def test_a_sample_is_looked_at_first_and_not_asked_again(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    plan = ("--least", "2", "--simulation", "100", "--correction", "0", "--price", "1,2")
    ocinterp("synth", "plan", asked(home, 60), "--out", "run", "--strong", model, *plan)
    first = ocinterp("synth", "run", "run", "--sample", "12")
    assert first.code == 0
    assert re.search(r"^ingest +60 ", first.out, re.MULTILINE)
    assert re.search(r"^decontaminate +12 ", first.out, re.MULTILINE)
    cost, whole = re.findall(r"12 questions cost \$([\d.]+); all 60 at that price: about \$([\d.]+)", first.err)[0]
    assert float(whole) == pytest.approx(5 * float(cost), abs=0.01)
    again = ocinterp("synth", "run", "run", "--sample", "12")
    assert (again.out, f"12 questions cost ${cost}; all 60" in again.err) == (first.out, True)
    some = {each.id: each.messages for each in Stage(home / "run" / "sample", "assemble").rows(Row)}
    assert some
    for command in ("status", "cost", "stats"):
        assert ocinterp("synth", command, "run/sample").code == 0
    ocinterp("synth", "card", "run/sample", "--out", "some")
    carded = (home / "some" / "README.md").read_text()
    assert "\nIt is a sample: of questions drawn by lot " in carded
    refused = ocinterp("synth", "run", "run/sample")
    assert (refused.code, "run/sample is a sample" in refused.err) == (2, True)
    with Reader(home / "run" / JOURNAL) as journal:
        paid = {each.key for each in journal.entries()}
    assert ocinterp("synth", "run", "run").code == 0
    rows = {each.id: each for each in Stage(home / "run", "assemble").rows(Row)}
    assert len(rows) > len(some)
    ocinterp("synth", "card", "run/sample", "--out", "later")
    assert (home / "later" / "README.md").read_text() == carded.replace("# some", "# later")
    assert some.items() <= {name: each.messages for name, each in rows.items()}.items()
    with Reader(home / "run" / JOURNAL) as journal:
        assert paid <= {each.key for each in journal.entries()}
        assert {each.attempts for each in journal.entries()} == {1}
    larger = ocinterp("synth", "run", "run", "--sample", "500")
    assert re.search(r"60 questions cost \$[\d.]+; all 60 at that price", larger.err)
    assert {each.id for each in Stage(home / "run" / "sample", "assemble").rows(Row)} == rows.keys()


def test_tests_that_programs_agree_on_prove_rows_or_refuse_them(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    plan = ("--least", "0", "--simulation", "20", "--correction", "10", "--cross-check", "3", *QUICK)
    planned = ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model, *plan)
    assert re.search(r"^verify +30 +120 ", planned.out, re.MULTILINE)
    ended = ocinterp("synth", "run", "run")
    assert ended.code == 0
    kinds = Counter(each.verify_kind for each in Stage(home / "run", "assemble").rows(Row))
    assert kinds["cross-checked"] > 10
    assert set(kinds) <= {"cross-checked", "executed"}
    assert re.fullmatch(r"\d+ rows: \d+ as they were\n", ocinterp("synth", "verify", "run").out)


def test_a_server_can_say_which_questions_are_near(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    seen: list[str] = []

    async def embed(request: web.Request) -> web.Response:
        texts = (await request.json())["input"]
        seen.extend(texts)
        rows = [
            {"index": at, "embedding": [float(int(re.findall(r"task (\d+)", text)[0]) % 3 == k) for k in range(3)]}
            for at, text in enumerate(texts)
        ]
        return web.json_response({"data": rows, "usage": {"prompt_tokens": 10 * len(texts)}})

    def add(app: web.Application) -> None:
        app.router.add_post("/v1/embeddings", embed)

    model = serve(teacher.answer, more=add, repeat_last=True)
    none = ("--least", "0", "--simulation", "0", "--correction", "0")
    ocinterp("synth", "plan", asked(home), "--out", "run", "--embedder", model, "--embedder-price", "100,0", *none)
    assert "10 questions cost $0.0100; all 30 at that price: about $0.03" in ocinterp("synth", "run", "run", "--sample", "10").err  # fmt: skip
    assert len(seen) == 10
    assert "20 questions cost $0.0200; all 30" in ocinterp("synth", "run", "run", "--sample", "20").err
    assert len(seen) == 20
    ended = ocinterp("synth", "run", "run")
    assert ended.code == 0
    assert "spent $0.03, 300 tokens in 30 calls" in ended.err
    rows = list(Stage(home / "run", "packing").rows(Row))
    assert len(rows) >= 6
    for each in rows:
        tasks = {int(re.findall(r"task (\d+)", said.content)[0]) % 3 for said in each.messages if said.role == "user"}
        assert len(tasks) == 1
    assert len(seen) == 30
    wrong = ocinterp("synth", "plan", asked(home), "--out", "other", "--embedder", "st:/nowhere", *none)
    assert wrong.code == 0
    assert ocinterp("synth", "run", "other").code == 2


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


def test_a_budget_in_dollars_needs_a_price_of_all_that_cost_some(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    other = model.replace("scripted", "other")
    plan = ("--strong", model, "--price", "1,2", "--judge", other, *PLAN)
    ended = ocinterp("synth", "plan", asked(home), "--out", "run", *plan)
    assert (ended.code, "without a price, and so not counted: judge\n" in ended.err) == (0, True)
    ended = ocinterp("synth", "run", "run", "--budget", "5")
    assert (ended.code, f"a budget in dollars needs a price for {other}" in ended.err) == (2, True)
    assert "--judge-price IN,OUT" in ended.err
    priced = (*plan, "--judge-price", "0.1,0.2", "--weak", model)
    assert ocinterp("synth", "plan", asked(home), "--out", "priced", *priced).code == 0
    said = (home / "priced" / "plan.toml").read_text()
    assert re.findall(r"price_in = ([\d.]+)", said) == ["1.0", "1.0", "0.1"]  # the weak one is the strong one
    assert ocinterp("synth", "run", "priced", "--stage", "judge", "--budget", "5").code == 0


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
        (("asked.jsonl", "--strong", "m", "--judge-price", "1,2"), "a price for judge, and no model: name it as --judge MODEL"),
        (("asked.jsonl", "--strong", "m", "--benchmarks", "humaneval"), "humaneval@2021 is not imported"),
        (("empty.jsonl", "--strong", "m"), "no row in it could be taken"),
        (("asked.jsonl", "--tester", "m"), "the plan has no model for the part judge: give one, as in --strong MODEL"),
        (("asked.jsonl", "--weak", "m", "--cross-check", "3"), "--cross-check has programs written: name a model"),
        (("asked.jsonl", "--strong", "m", "--cross-check", "1"), "cross_check: 2 to 9 programs have to agree"),
        (("asked.jsonl", "--embedder", "m"), "name a model as --strong MODEL"),
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


def made(home: Path, ocinterp: Command, model: str, *more: str, out: str = "run") -> Path:
    """A run that has its rows."""
    plan = ("--strong", model, "--least", "0", "--simulation", "4", "--correction", "3", *QUICK, *more)
    assert ocinterp("synth", "plan", asked(home), "--out", out, *plan).code == 0
    assert ocinterp("synth", "run", out).code == 0
    return home / out


def test_a_run_of_more_questions_pays_for_those(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    calls: list[Asked] = []

    async def answer(asked: Asked) -> Fixed:
        calls.append(asked)
        return await teacher.answer(asked)

    model, run = serve(answer, repeat_last=True), home / "run"
    assert ocinterp("synth", "plan", asked(home), "--out", run, "--strong", model, *PLAN).code == 0
    assert ocinterp("synth", "run", run).code == 0
    first = len(calls)
    one = {
        "instruction": " ".join(["Weigh an elephant:", *(f"e{at}" for at in range(12))]),
        "response": "```python\n1\n```",
    }
    (home / "more.jsonl").write_text(json.dumps(one) + "\n")
    ended = ocinterp("synth", "extend", run, "more.jsonl", home / "asked.jsonl", "--out", "new")
    assert ended.code == 0
    assert ended.out.startswith("31 questions of ")
    assert f"of {run} it has the journal: " in ended.err
    assert ocinterp("synth", "extend", run, "--out", "new").code == 2
    assert ocinterp("synth", "extend", "nothing", "--out", "other").code == 2
    ended = ocinterp("synth", "run", "new")
    assert ended.code == 0
    assert len(calls) - first <= 2 + 8 * 2  # it, and who has its place in another method
    assert re.search(r"^judge +31 ", ended.out, re.MULTILINE)
    before = len(calls)
    assert ocinterp("synth", "extend", "new", "--out", "easier").code == 0
    plan = home / "easier" / "plan.toml"
    plan.write_text(plan.read_text().replace("least = 2", "least = 1"))
    ended = ocinterp("synth", "run", "easier", "--stage", "hard")
    assert (ended.code, len(calls)) == (0, before)
    assert re.search(r"^hard +31 +0 ", ended.out, re.MULTILINE)


def test_two_runs_are_compared_in_their_plans_and_in_their_rows(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(teacher.answer, repeat_last=True)
    made(home, ocinterp, model)
    made(home, ocinterp, model, "--seed", "2", out="other")
    same = ocinterp("synth", "diff", "run", "run")
    assert same.out.startswith("the plans are the same\n")
    assert re.search(r"^correction +3 +3 +3$", same.out, re.MULTILINE)
    assert " only in " not in same.out
    seen = ocinterp("synth", "diff", "run", "other")
    assert seen.code == 0
    assert '-seed = "1"\n' in seen.out
    assert '+seed = "2"\n' in seen.out
    assert re.search(r"^\d+ only in other: [0-9a-f]{24}", seen.out, re.MULTILINE)
    plan = ("--strong", model)
    ocinterp("synth", "plan", asked(home), "--out", "new", *plan)
    assert "new has no rows yet" in ocinterp("synth", "diff", "run", "new").err


def test_a_row_that_is_not_as_it_says_is_found(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    run = made(home, ocinterp, serve(teacher.answer, repeat_last=True))
    stage = Stage(run, "assemble")
    rows = list(stage.rows(Row))
    last = rows[0].executions[-1]
    wrong = replace(rows[0], executions=(*rows[0].executions[:-1], replace(last, code="1 / 0")))
    stage.write(Row, [wrong, *rows[1:]])
    seen = ocinterp("synth", "verify", "run")
    assert seen.code == 1
    assert f"{len(rows)} rows: {len(rows) - 1} as they were, 1 otherwise\n" in seen.out
    assert f"  {wrong.id} ({wrong.method}): ok before, now ZeroDivisionError\n" in seen.out
    assert ocinterp("synth", "verify", "run", "-n", "1").out.startswith("1 rows: 1 otherwise\n")
    if importlib.util.find_spec("duckdb") is not None:
        none = ocinterp("synth", "verify", "run", "--where", "method = 'simulations'")
        assert (none.code, "no row is like that" in none.err) == (1, True)


def test_what_a_process_left_that_died_goes_and_nothing_else(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    run = made(home, ocinterp, serve(teacher.answer, repeat_last=True))
    (run / "stages" / "packing" / "done.json").unlink()
    (run / "rejected" / ".judge.parquet.0123.tmp").write_bytes(b"half")
    before = set(run.rglob("*"))
    seen = ocinterp("synth", "gc", "run").out
    assert "rejected/.judge.parquet.0123.tmp: 4 bytes (was being written)\n" in seen
    assert re.search(r"^stages/packing: [\d,]+ bytes \(is not done, and begins anew\)$", seen, re.MULTILINE)
    gone = {each.relative_to(run).as_posix() for each in before - set(run.rglob("*"))}
    assert {each for each in gone if not each.startswith("journal.")} - {"stages/packing/part-00000.parquet"} == {
        "rejected/.judge.parquet.0123.tmp",
        "stages/packing",
    }
    assert ocinterp("synth", "run", "run").code == 0


def test_a_run_in_another_process_can_be_stopped(home: Path, ocinterp: Command, serve: Serve) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")

    seconds, under_way = 0.3, threading.Event()

    async def slowly(asked: Asked) -> Fixed:
        under_way.set()
        await asyncio.sleep(seconds)
        return await teacher.answer(asked)

    model = serve(slowly, repeat_last=True)
    planned = ocinterp("synth", "plan", asked(home), "--out", "run", "--strong", model)
    assert planned.code == 0, planned.err
    nobody = ocinterp("synth", "stop", "run")
    assert (nobody.code, nobody.err) == (2, "ocinterp: nobody makes run now: there is nothing to stop\n")
    command = [
        sys.executable,
        "-c",
        "from ocinterp.cli.main import main; main()",
        "synth",
        "run",
        "run",
        "--concurrency",
        "1",
    ]
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "judge (30 rows go in)" in line:
                break
        second = ocinterp("synth", "run", "run")
        assert (second.code, f"in use by process {process.pid}" in second.err) == (2, True)
        seen = ocinterp("synth", "stop", "run")
        assert seen.code == 0
        assert f"process {process.pid} ends when what is under way is done" in seen.err
        assert "stopped; `ocinterp synth run run` goes on" in process.stderr.read()
    assert process.returncode == 130
    seconds = 600.0
    under_way.clear()
    with subprocess.Popen(command, cwd=home, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert under_way.wait(60)
        assert ocinterp("synth", "stop", "run", "--now").code == 0
        assert "interrupted" in process.stderr.read()
    assert process.returncode == 130
    assert ocinterp("synth", "status", "run").out.count("not yet") == 10


OCINTERP = f"{sys.executable} -c 'from ocinterp.cli.main import main; main()'"
ON_A_SMALL_DISK = """
mount -t tmpfs -o size={size} tmpfs small || exit 77
{ocinterp} synth plan asked.jsonl --out small/run --strong {model} --least 2 --simulation 40 --correction 10 || exit 78
{ocinterp} synth run small/run --concurrency 8
echo "code $?"
cp -a small/run moved
"""


@pytest.mark.parametrize("size", ["150k", "400k"])
def test_a_full_disk_ends_a_run_with_a_word_and_elsewhere_it_goes_on(
    home: Path, ocinterp: Command, serve: Serve, size: str
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    count = 0

    async def counted(given: Asked) -> Fixed:
        nonlocal count
        count += 1
        return await teacher.answer(given)

    asked(home, 60)
    (home / "small").mkdir()
    script = ON_A_SMALL_DISK.format(size=size, ocinterp=OCINTERP, model=serve(counted, repeat_last=True))
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    try:
        ended = subprocess.run(alone, cwd=home, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    if ended.returncode == 77 or "unshare" in ended.stderr:
        pytest.skip(f"no small disk can be mounted here: {ended.stderr}")
    assert "Traceback" not in ended.stderr
    assert "code 3" in ended.stdout, ended.stdout + ended.stderr
    assert re.search(r"(free some space|is full)", ended.stderr)
    before = count
    with Reader(home / "moved" / JOURNAL) as journal:
        paid = sum(each.state == "settled" and each.kind == "completion" for each in journal.entries())
    assert paid > 0 or size == "150k"
    assert ocinterp("synth", "run", "moved").code == 0
    with Reader(home / "moved" / JOURNAL) as journal:
        calls = [each for each in journal.entries() if each.kind == "completion"]
    assert count - before == len(calls) - paid  # what was settled is not asked again


def test_a_row_of_fifty_megabytes_is_refused_and_the_others_are_taken(home: Path, ocinterp: Command) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    with asked(home).open("a") as file:
        file.write(json.dumps({"instruction": "x" * 50_000_000, "response": "y"}) + "\n")
    none = ("--least", "0", "--simulation", "0", "--correction", "0")
    assert ocinterp("synth", "plan", "asked.jsonl", "--out", "run", *none).code == 0
    ended = ocinterp("synth", "run", "run", "--stage", "ingest")
    assert re.search(r"^ingest +30 +1 ", ended.out, re.MULTILINE)
    (refused,) = Stage(home / "run", "ingest").rejected()
    assert (refused.row, "4 MiB" in refused.reason or "4,194,304" in refused.reason) == (31, True)
