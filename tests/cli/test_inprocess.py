"""Commands with a model in this process: a tiny one that babbles, so that what is tested is everything but its answers."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from cli.conftest import Command
from evaluations import write_benchmark
from models.pocket.tiny import write
from ocinterp.models.pocket import card

pytestmark = pytest.mark.usefixtures("namespaces")


@pytest.fixture
def folder(home: Path) -> Path:
    return write(home / "model", positions=2048)


@pytest.fixture
def own(home: Path, ocinterp: Command) -> str:
    """The name of the tiny benchmark, imported."""
    assert ocinterp("data", "import", write_benchmark(home)).code == 0
    return "own"


def test_the_model_that_came_with_the_package_answers_where_there_is_no_other(
    home: Path, ocinterp: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "BUILT_IN", folder)
    monkeypatch.setattr("ocinterp.models.resolve.LOCAL_SERVERS", ())
    monkeypatch.setattr("ocinterp.models.inprocess._MOST_TOKENS", 20)
    ended = ocinterp("run", "add one", "--rounds", "1")
    assert f"Model: {card.read(folder).name}, which came with the package" in ended.err
    shown = ocinterp("doctor").out
    assert "→ built-in model: Model: pocket@" in shown
    (kept,) = ocinterp("sessions", "list").out.splitlines()[-1:]
    assert "add one" in kept


def test_a_benchmark_is_answered_in_this_process(home: Path, ocinterp: Command, folder: Path, own: str) -> None:
    run = ("eval", own, "-m", f"pocket:{folder}", "--max-tokens", "20", "--json", "run.json")
    ended = ocinterp(*run, "--setting", "single,execution,resample")
    assert ended.code == 0, ended.err
    content = json.loads((home / "run.json").read_text())
    assert content["model"] == card.read(folder).name
    assert {name: each["n"] for name, each in content["settings"].items() if "plus" not in name} == {
        "single": 2,
        "execution-base": 2,
        "resample": 2,
    }
    assert 0 < content["settings"]["single"]["tokens"]["completion_tokens"] <= 40
    lines = [json.loads(line) for line in (home / "run.jsonl").read_text().splitlines()]
    drawn = [each["turns"][0]["completion"] for each in lines if each["provenance"]["setting"] == "resample"]
    assert len({each["text"] for each in drawn}) == len(drawn)
    assert all(0 < len(each["tokens"]["completion_ids"]) <= 20 for each in drawn)
    again = ocinterp(*run, "--resume", "--setting", "single,execution,resample")
    assert again.code == 0, again.err


def test_a_person_by_rule_speaks_of_the_benchmark_pocket_and_of_no_other(
    home: Path, ocinterp: Command, folder: Path, own: str
) -> None:
    run = ("-m", f"pocket:{folder}", "--max-tokens", "5", "--limit", "3", "--json", "run.json")
    names = ("single,execution,blank,mismatched,human,oracle", "--critic", "rule")
    ended = ocinterp("eval", "pocket", *run, "--setting", *names)
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in (home / "run.jsonl").read_text().splitlines()]
    words = {
        (each["provenance"]["setting"], each["turns"][0]["feedback"][0]["source"])
        for each in lines
        if each["turns"][0]["feedback"]
    }
    assert {("human-base", "simulated-human"), ("oracle-base", "oracle")} <= words
    assert {each["provenance"]["critic"] for each in lines} == {"rule"}
    refused = ocinterp("eval", own, *run, "--setting", "human", "--critic", "rule")
    assert (refused.code, "knows what is meant in pocket alone" in refused.err) == (2, True)


def test_a_run_of_other_weights_is_not_gone_on_with(home: Path, ocinterp: Command, folder: Path, own: str) -> None:
    run = ("eval", own, "-m", f"pocket:{folder}", "--max-tokens", "5", "--limit", "1", "--json", "run.json")
    assert ocinterp(*run).code == 0
    write(folder, small=False, positions=2048)
    ended = ocinterp(*run, "--resume")
    assert (ended.code, "of another run: its model is pocket@" in ended.err) == (2, True)


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is installed")
def test_without_torch_it_is_said_how_to_have_it(ocinterp: Command) -> None:
    ended = ocinterp("run", "add one", "--model", "hf:Qwen/Qwen3-0.6B")
    assert (ended.code, "pip install 'ocinterp[train]'" in ended.err) == (2, True)
    assert ended.err.count("\n") == 2
