"""Two processes with FSDP2 are one: the same losses, and checkpoints that either goes on from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test-train")
pytest.importorskip("transformers", reason="transformers is not installed: make test-train")
pytest.importorskip("peft", reason="peft is not installed: make test-train")

import torch
import transformers

from ocinterp.train import card, sft
from ocinterp.train.loop import METRICS
from ocinterp.train.orders import Ended
from train import smallest
from train.processes import RUNS, order
from train.smallest import Spoken

HERE = Path(__file__).resolve().parents[1]


def losses(folder: Path) -> list[float]:
    return [each["loss"] for each in card.metrics((folder / METRICS).read_text())]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, data, runs of one process in `one`, and the same of two in `two`."""
    folder = tmp_path_factory.mktemp("processes")
    data, base = smallest.data(folder, 40), smallest.base(folder / "base")
    for kind in RUNS:
        assert sft.run(order(kind, base, data, folder / "one" / kind), Spoken().screen).finished
    assert sft.run(order("adamw", base, data, folder / "two" / "back"), Spoken(steps=2).screen) == Ended(False, 2)
    launched = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launched, str(HERE / "train" / "processes.py"), str(base), str(data), str(folder / "two")],
        env={"PYTHONPATH": f"{HERE}:{HERE.parent / 'src'}", "OMP_NUM_THREADS": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("kind", RUNS)
def test_two_processes_have_the_losses_of_one(kind: str, place: Path) -> None:
    one, two = losses(place / "one" / kind), losses(place / "two" / kind)
    assert len(one) > 3
    assert two == pytest.approx(one, abs=5e-5)


@pytest.mark.parametrize("kind", RUNS)
def test_two_processes_save_the_model_of_one(kind: str, place: Path) -> None:
    found = [
        dict(transformers.AutoModelForCausalLM.from_pretrained(place / each / kind).named_parameters())
        for each in ("one", "two")
    ]
    assert found[0].keys() == found[1].keys()
    assert all(torch.allclose(weight, found[1][name], atol=1e-3) for name, weight in found[0].items())


def test_one_process_goes_on_from_the_checkpoint_of_two(place: Path) -> None:
    cut = order("adamw", place / "base", place / "dialogues.jsonl", place / "two" / "cut")
    assert sft.run(cut, Spoken().screen).finished
    assert losses(cut.folder) == pytest.approx(losses(place / "one" / "adamw"), abs=5e-5)


def test_two_processes_go_on_from_the_checkpoint_of_one(place: Path) -> None:
    assert losses(place / "two" / "back") == pytest.approx(losses(place / "one" / "adamw"), abs=5e-5)
