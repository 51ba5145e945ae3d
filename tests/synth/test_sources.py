"""Stages over a run's folder: what goes in comes out or says why it does not, and what is done is not done again."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from ocinterp.errors import DataError, UsageError
from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.synth import folder, sources
from ocinterp.synth.folder import Stage
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Plan, Player
from ocinterp.synth.queries import Query
from ocinterp.tasks import store
from ocinterp.types import Message, Task
from ocinterp.verifiers.court import GUEST

pytestmark = pytest.mark.asyncio(loop_scope="module")

STEM = 'def spread_of(values, floor):\n    """Return how far apart the largest and the smallest of the values above the floor are."""\n'
BODY = "    kept = [each for each in values if each > floor]\n    return max(kept) - min(kept) if kept else 0\n"
MADE = Benchmark("made", "1", "", {"Made/1": Problem(
    Task("Made/1", (Message("user", STEM),), "spread_of"), STEM + BODY, Calls((([1, 5, 9], 2), ([], 0))), STEM,
)})  # fmt: skip
WORDS = [f"word{number}" for number in range(60)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jobs(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with NamespaceSandbox(profile=replace(STDLIB, guests=(GUEST,))) as sandbox:
        yield sandbox


def files(place: Path) -> Plan:
    """Six rows: two good ones, a copy, a near copy, one of another licence, one that is none; and one with a benchmark's task."""
    text = " ".join(WORDS)
    rows = [
        {"query": text},
        {"query": "Something else altogether."},
        {"query": text.upper()},
        {"query": text.replace("word30", "new")},
        {"query": ""},
    ]
    (place / "one.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    copied = {"instruction": "Do it.", "output": f"```python\ndef far(values, floor):\n{BODY}```"}
    asked = {"instruction": STEM, "output": "I cannot."}
    (place / "two.json").write_text(json.dumps([copied, asked]))
    inputs = (
        sources.input_of(place / "one.jsonl", licence="MIT"),
        sources.input_of(place / "two.json", dataset="mine"),
    )
    return Plan(inputs, {"strong": Player("m")}, benchmarks=("made",))


async def test_rows_pass_or_say_why_they_do_not(tmp_path: Path, jobs: NamespaceSandbox) -> None:
    plan = files(tmp_path)
    stages = [Stage(tmp_path / "run", name) for name in ("ingest", "dedup", "decontaminate")]
    done = [
        sources.ingest(plan, stages[0]),
        sources.dedup(plan, stages[0], stages[1]),
        await sources.decontaminate(stages[1], stages[2], [MADE], Jury(jobs)),
    ]
    assert [(each.rows, each.rejected) for each in done] == [(6, 1), (4, 2), (2, 2)]
    assert [each.done for each in stages] == done
    assert [each.origin.dataset for each in stages[0].rows(Query)] == ["query"] * 4 + ["mine"] * 2
    assert [each.reason for each in stages[1].rejected()] == ["the same words as one.jsonl:1", "near to one.jsonl:1"]
    reasons = [each.reason for each in stages[2].rejected()]
    assert reasons[0] == "it passes the tests of Made/1"
    assert reasons[1].startswith("it may have Made/1 (")
    counts = json.loads((stages[2].place / sources.CONTAMINATION).read_text())
    assert counts == {
        "benchmarks": {"made@1": {"tasks": 1, "rows": 2, "solved": 1}},
        "tasks": {"made@1 Made/1": {"words": 2, "function": 1, "solved": 1}},
    }
    assert sources.reasons(stages[2]) == {"it passes the tests of Made/1": 1, "it may have Made/1": 1}


async def test_only_licences_that_the_plan_has(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "run", "ingest")
    done = sources.ingest(replace(files(tmp_path), licences=("mit",)), stage)
    assert (done.rows, done.rejected) == (4, 3)
    assert {each.origin.licence for each in stage.rows(Query)} == {"MIT"}
    assert sources.reasons(stage)["its licence is unknown, which the plan does not have"] == 2


async def test_a_file_that_was_changed_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    plan = files(tmp_path)
    (tmp_path / "one.jsonl").write_text('{"query": "x"}\n')
    stage = Stage(tmp_path / "run", "ingest")
    with pytest.raises(UsageError, match="is not what it was when the plan was made"):
        sources.ingest(plan, stage)
    assert not stage.place.exists()


async def test_a_stage_that_is_begun_again_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, stage = files(tmp_path), Stage(tmp_path / "run", "ingest")
    monkeypatch.setattr(folder, "PART_ROWS", 2)
    sources.ingest(plan, stage)
    assert len(stage.parts()) == 3
    assert stage.done is not None
    stage.begin()
    assert stage.parts() == []
    assert stage.done is None
    (stage.place / "done.json").write_text("{")
    with pytest.raises(DataError, match="is damaged: delete"):
        assert stage.done


async def test_parts_are_read_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "many.jsonl").write_text("".join(json.dumps({"query": f"q{at}"}) + "\n" for at in range(120)))
    monkeypatch.setattr(folder, "PART_ROWS", 9)
    stage = Stage(tmp_path / "run", "ingest")
    sources.ingest(Plan((sources.input_of(tmp_path / "many.jsonl"),), {}), stage)
    assert [each.text for each in stage.rows(Query)] == [f"q{at}" for at in range(120)]
    assert len(stage.parts()) == 14


async def test_a_question_whose_tests_are_no_python_is_refused_where_it_is_read(tmp_path: Path) -> None:
    """And no run of thousands ends for it once they are paid for."""
    tests = (
        "assert f(1) = 2",
        "return 1",
        "await f(1)",
        "nonlocal f",
        "\ufeffassert f(1)",
        "(" * 400,
        "if f(1):\n\tpass\n        pass",
    )
    rows = [
        {"format": "ocinterp-question/1", "question": f"Go {at}.", "entry_point": "f", "tests": each}
        for at, each in enumerate(tests)
    ]
    rows.append({**rows[0], "tests": "assert f(1) == '\\d'", "setup": "import math"})
    rows.append({**rows[0], "tests": "assert f(1) == 2", "setup": "import"})
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    stage = Stage(tmp_path / "run", "ingest")
    done = sources.ingest(Plan((sources.input_of(tmp_path / "q.jsonl"),), {}), stage)
    assert (done.rows, done.rejected) == (1, len(tests) + 1)
    assert sources.reasons(stage) == {"its tests are no Python": len(tests) + 1}


async def test_tests_that_say_nothing_are_none_from_the_beginning(tmp_path: Path) -> None:
    """So that a question goes where those without tests go."""
    rows = [
        {"format": "ocinterp-question/1", "question": f"Go {at}.", "entry_point": "f", "tests": each}
        for at, each in enumerate(("assert f(1) == 2", "pass", "def check(candidate):\n    pass"))
    ]
    rows.append({**rows[2], "entry_point": "my f"})
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
    stage = Stage(tmp_path / "run", "ingest")
    done = sources.ingest(Plan((sources.input_of(tmp_path / "q.jsonl"),), {}), stage)
    assert done.numbers == {sources.SILENT: 2}
    assert [each.facts.tests for each in stage.rows(Query)] == ["assert f(1) == 2", "", ""]
    assert sources.reasons(stage) == {"its entry point is no Python": 1}


async def test_a_part_that_is_gone_is_missed(tmp_path: Path) -> None:
    plan, stage = files(tmp_path), Stage(tmp_path / "run", "ingest")
    sources.ingest(plan, stage)
    (part,) = stage.parts()
    part.unlink()
    with pytest.raises(DataError, match=r"ingest has 0 rows of 6: delete .*ingest, and the stage is made again"):
        list(stage.rows(Query))


async def test_real_rows_go_through(tmp_path: Path, data: Path, jobs: NamespaceSandbox) -> None:
    for name in ("HumanEval.jsonl.gz", "mbpp.jsonl.gz"):
        store.add_file(data / "benchmarks" / name, tmp_path / "datasets")
    found = [each for each in sorted((data / "synth").glob("*.json*")) if "doocs" not in each.name]
    plan = Plan(tuple(sources.input_of(each) for each in found), {})
    stages = [Stage(tmp_path / "run", name) for name in ("ingest", "dedup", "decontaminate")]
    assert sources.ingest(plan, stages[0]).rows == 4117
    deduplicated = sources.dedup(plan, stages[0], stages[1])
    assert 3000 < deduplicated.rows < 3500  # one of the files is mostly the same few dialogues
    benchmarks = [store.load(name, tmp_path / "datasets") for name in ("humaneval", "mbpp")]
    done = await sources.decontaminate(stages[1], stages[2], benchmarks, Jury(jobs, 2))
    assert 0 < done.rejected < 0.02 * deduplicated.rows
