"""Measurements are handed to a service by its own module, which is loaded only then; and curves are drawn."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path

import pytest

from ocinterp.errors import UsageError
from ocinterp.train import card, curves, tracking
from ocinterp.train.mixing import Used
from ocinterp.train.recipe import find
from ocinterp.train.rows import Counts

# As much of wandb and trackio as is used of them; what is done with it is written to a file.
SERVICE = """
import json
class Run:
    def log(self, values, step): print(json.dumps({"step": step, **values}), file=SEEN)
    def finish(self): SEEN.close()
def init(project, name, config):
    global SEEN
    SEEN = open(name + ".log", "w")
    print(json.dumps({"project": project, "config": config}), file=SEEN)
    return Run()
"""
LINES = [
    {"step": n, "tokens": 100 * n, "loss": 5 / n, "norm": 1.0, "rate": 1e-3, "seconds": 2.0 * n} for n in (1, 2, 3)
]


def test_a_tracker_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="--track mlflow: choose of trackio, wandb, tensorboard"):
        tracking.check("mlflow")
    monkeypatch.setattr(sys, "path", [])
    importlib.invalidate_caches()
    if importlib.util.find_spec("trackio") is None:
        with pytest.raises(UsageError, match="not installed: pip install trackio"):
            tracking.check("trackio")


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_tracker_is_given_each_step_and_ended(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / f"{name}.py").write_text(SERVICE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    with tracking.tracker(name, "run", {"rate": 0.1}, tmp_path) as log:
        log.log(1, {"loss": 2.5})
        log.log(2, {"loss": 2.0})
    monkeypatch.delitem(sys.modules, name)
    lines = [json.loads(line) for line in (tmp_path / "run.log").read_text().splitlines()]
    assert lines == [
        {"project": "ocinterp", "config": {"rate": 0.1}},
        {"step": 1, "loss": 2.5},
        {"step": 2, "loss": 2.0},
    ]


def test_a_card_says_what_was_trained_on_what() -> None:
    counts = Counts(rows=9, tokens=90, learnt=40, cut=2, idle=1)
    facts = card.Facts(
        [Used("d.jsonl", "ab" * 32, counts, 8)], LINES, 1_346_000_000, "2 x H100", 2, "CC-BY-4.0", "| x |"
    )
    text = card.write(find("ds-1.3b"), facts)
    for said in (
        "base_model: deepseek-ai/deepseek-coder-1.3b-base",
        "# OpenCodeInterpreter-DS-1.3B",
        f"| d.jsonl | 8 | 9 | 90 | 40 | `{'ab' * 32}` |",
        "2 rows of d.jsonl cut at the end of a turn",
        "300 tokens in 3 steps, 6 seconds on 2 x H100",
        "loss 5.0000 at the first step",
        "1.6667 at the last",
        "Licence of the data: CC-BY-4.0.",
        '"rate": 2e-05',
        "| x |",
    ):
        assert said in text
    assert text.count("---\n") == 2


@pytest.mark.skipif(not curves.available(), reason="matplotlib is not installed")
def test_curves_are_a_picture(tmp_path: Path) -> None:
    curves.draw(LINES, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
