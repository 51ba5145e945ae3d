"""`ocinterp train`: recipes, plans, exports, and what is refused, without torch; with it, runs that are stopped and go on."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from models.pocket.tiny import write
from ocinterp import records
from ocinterp.cli import steps
from ocinterp.models.engine import Sampling
from ocinterp.models.pocket.model import Pocket
from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.testing.fakes import code
from ocinterp.testing.server import Says
from ocinterp.types import Message

Run = Callable[..., Any]
REPOSITORY = Path(__file__).resolve().parents[2]
TRAINS = all(importlib.util.find_spec(name) for name in ("torch", "transformers", "tokenizers", "safetensors"))
needs_torch = pytest.mark.skipif(not TRAINS, reason="torch is not installed: make test-train")
NANO = [
    *("--set", "shape.hidden=32", "--set", "shape.layers=1", "--set", "shape.intermediate=48"),
    *("--set", "shape.vocabulary=300", "--set", "packs=1", "--set", "epochs=25"),
]


NOBODY = ("--least", "0", "--simulation", "0", "--correction", "0")


@pytest.fixture
def data(home: Path) -> Path:
    path = home / "dialogues.jsonl"
    records.write(path, islice(dialogues("command"), 12))
    return path


def test_the_recipes_are_listed_with_the_gpus_they_take(ocinterp: Run) -> None:
    out = ocinterp("train", "list").out
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert {"ds-1.3b", "ds-6.7b", "ds-33b", "cl-7b", "cl-13b", "cl-34b", "cl-70b", "gm-7b"} <= lines.keys()
    assert {"sc2-3b", "sc2-7b", "sc2-15b", "common", "nano", "small"} <= lines.keys()
    assert "deepseek-ai/deepseek-coder-33b-base" in lines["ds-33b"]
    assert " x " in lines["ds-33b"]
    assert ocinterp("train", "list", "--gpu-memory", "141").out != out


def test_a_plan_says_what_a_recipe_takes_and_stops(ocinterp: Run) -> None:
    done = ocinterp("train", "sft", "ds-6.7b", "--plan", "--set", "epochs=1")
    assert done.code == 0
    assert "1 epoch, adamw at 2e-05 with 5% of warm-up, cosine; 32 packs of 4,096 tokens a step" in done.out
    assert "6,740,512,768 parameters, 6,740,512,768 of them trained" in done.out
    assert "the fewest with 80 GB" in done.out
    assert "torchrun --nproc-per-node 2 --no-python ocinterp train sft ds-6.7b" in done.out
    assert "is not known before it is loaded" in ocinterp("train", "sft", "ds-6.7b", "--plan", "-m", "a/b").out
    assert "it does not fit" in ocinterp("train", "sft", "cl-70b+qlora", "--plan", "--gpu-memory", "40").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sft", "ds-7b"], "no recipe 'ds-7b'"),
        (["sft", "nano"], "is for `ocinterp train pretrain`"),
        (["pretrain", "ds-1.3b"], "is for `ocinterp train sft`"),
        (["sft", "ds-1.3b", "--set", "rate=-1"], "rate is -1; expected a number above 0"),
        (["sft", "ds-1.3b"], "nothing to learn from"),
        (["sft", "ds-1.3b", "--data", "none.jsonl"], "there is no such file"),
        (["sft", "ds-1.3b", "--data", "dialogues.jsonl"], "say where the model goes"),
        (["sft", "ds-1.3b", "--data", "dialogues.jsonl", "--out", "x", "--resume"], "there is no run in x"),
        (["export", "dialogues.jsonl", "--to", "unsloth", "--out", "x"], "choose of trl, axolotl, llamafactory"),
        (["export", "dialogues.jsonl", "--to", "trl", "--out", "x"], "say of which tokenizer"),
    ],
)
def test_what_cannot_be_done_is_said(ocinterp: Run, data: Path, arguments: list[str], said: str) -> None:
    done = ocinterp("train", *arguments)
    assert done.code == 2
    assert said in done.err
    assert not Path("x").exists()


@pytest.mark.skipif(TRAINS, reason="torch is installed")
def test_without_torch_it_is_said_how_to_install_it(ocinterp: Run, data: Path) -> None:
    done = ocinterp("train", "sft", "ds-1.3b", "--data", str(data), "--out", "x")
    assert done.code == 2
    assert "pip install 'ocinterp[train]'" in done.err


def test_dialogues_are_exported_for_another_trainer(ocinterp: Run, data: Path) -> None:
    done = ocinterp("train", "export", str(data), "--to", "axolotl", "--out", "out.jsonl")
    assert done.out == "12 rows: out.jsonl\n"
    assert "message_field_training: train" in done.err
    assert len(Path("out.jsonl").read_text().splitlines()) == 12


def measured(step: int, tokens: int) -> Any:
    class Measured:
        loss, norm, rate, seconds, mfu = 1.5, 1.0, 2e-5, 1.0, 0.4

    found = Measured()
    found.step, found.tokens = step, tokens  # pyright: ignore[reportAttributeAccessIssue]
    return found


def test_without_a_terminal_some_lines_tell_of_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    with steps.shown(1000) as tell:
        for step in range(1, 101):
            tell(measured(step, 10 * step))
    lines = capsys.readouterr().err.splitlines()
    assert 20 <= len(lines) <= 22
    assert lines[-1].startswith("100%  step 100  loss 1.5000  rate 2.00e-05")
    assert "MFU 40.0%" in lines[-1]
    assert lines[-1].endswith("0:00:00 left")
    with steps.shown(1000, quiet=True) as tell:
        tell(measured(1, 10))
    assert capsys.readouterr().err == ""


def written(master: int) -> str:
    """All that was written to a terminal whose other side is closed; a single read may give only its beginning."""
    found = b""
    with contextlib.suppress(OSError):  # EIO: there is no more
        while piece := os.read(master, 1 << 16):
            found += piece
    os.close(master)
    return found.decode()


def test_a_terminal_shows_a_bar_with_speed_loss_and_what_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = os.openpty()
    with os.fdopen(slave, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        patch.setenv("COLUMNS", "120")
        patch.setenv("TERM", "xterm")
        with steps.shown(1000) as tell:
            for step in (1, 2, 10):
                tell(measured(step, 100 * step))
    shown = written(master)
    assert "step 10" in shown
    assert "loss 1.5000" in shown
    assert "tokens/s" in shown
    assert "MFU 40.0%" in shown
    assert "100%" in shown


def test_a_wish_to_stop_is_heard_and_a_second_one_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)  # in the background of a shell it is ignored
    wish = steps.Wish()
    with wish.heard():
        assert not wish()
        os.kill(os.getpid(), signal.SIGTERM)
        assert wish()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert "stopping after this step, with a checkpoint" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) is before


@needs_torch
def test_a_run_that_is_interrupted_goes_on_with_the_same_command(home: Path, data: Path) -> None:
    started = [sys.executable, "-c", "from ocinterp.cli.main import main; main()"]
    command = [*started, "train", "pretrain", "nano", *NANO, "--data", str(data), "--out", "model"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY / "src")}
    with subprocess.Popen(command, env=environment, cwd=home, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "step 1 " in line:
                process.send_signal(signal.SIGINT)
                break
        said = process.stderr.read()
    assert process.returncode == 130, said
    assert "a checkpoint is in model" in said
    assert "the same command goes on from there" in said
    done = subprocess.run(
        [*command, "--resume"], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "model\n"), done.stderr
    found = [json.loads(line)["step"] for line in (home / "model" / "metrics.jsonl").read_text().splitlines()]
    assert found == list(range(1, len(found) + 1))
    assert (home / "model" / "model.safetensors").exists()


@needs_torch
def test_a_chat_that_a_person_rated_becomes_rows_and_a_model_that_has_learnt_the_good_answer(
    home: Path, ocinterp: Run, serve: Run
) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    model = serve(Says(code("print(41)")), Says(code("print(42)")))
    lines = "what is the answer?\n/feedback bad It is one more.\nagain\n/feedback good\n"
    assert ocinterp("chat", "--model", model, stdin=lines).code == 0
    ended = ocinterp("sessions", "export", "all", "rated.jsonl", "--as-dataset")
    assert (ended.code, ended.out) == (0, "1 session: rated.jsonl\n")
    assert ocinterp("synth", "plan", "rated.jsonl", "--out", "run", *NOBODY).code == 0
    assert ocinterp("synth", "run", "run").code == 0
    assert (
        ocinterp("synth", "export", "run", "--to", "trajectories", "--out", "rows.jsonl").out == "1 rows: rows.jsonl\n"
    )
    (row,) = records.read(home / "rows.jsonl")
    assert [turn.right for turn in row.turns] == [False, True]
    assert row.prompt[0].role == "system"  # which a model of this kind sees neither now nor when it is asked
    trained = ocinterp(
        "train",
        "pretrain",
        "nano",
        *NANO,
        "--set",
        "others=0",
        "--set",
        "epochs=400",
        "--data",
        "rows.jsonl",
        "--out",
        "model",
    )
    assert trained.code == 0, trained.err
    messages = list(row.messages())
    answers = [at for at, each in enumerate(messages) if each.role == "assistant"]
    assert "print(42)" in answer_of(home / "model", messages[: answers[1]])
    assert "print(41)" not in answer_of(home / "model", messages[: answers[0]])


def answer_of(folder: Path, messages: Sequence[Message]) -> str:
    """What a model in a folder says to a dialogue, greedily."""

    async def said() -> str:
        sampling = Sampling(max_tokens=60)
        async with Pocket.load(folder).batched(sampling) as model:
            return (await model.voice(sampling).generate(messages)).text

    return asyncio.run(said())


@needs_torch
def test_tokens_are_exported_without_torch(ocinterp: Run, home: Path, data: Path) -> None:
    from train import smallest

    smallest.tokenizer().save_pretrained(home / "tokenizer")
    script = "import sys; sys.modules['torch'] = None\nfrom ocinterp.cli.main import main\nmain()"
    arguments = ["train", "export", str(data), "--to", "trl", "--tokenizer", "tokenizer", "--out", "out.jsonl"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src")},
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (home / "out.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert all(len(row["labels"]) == len(row["input_ids"]) for row in rows)


def test_a_model_is_packed_and_unpacked(home: Path, ocinterp: Run) -> None:
    write(home / "large", small=False)
    ended = ocinterp("train", "pack", "large", "small")
    assert (ended.code, ended.out.splitlines()[0].endswith(" MB: small")) == (0, True)
    assert ocinterp("train", "pack", "--unpack", "small", "back").code == 0
    assert (home / "back" / "model.safetensors").stat().st_size > (home / "small" / "model.safetensors").stat().st_size
    ended = ocinterp("train", "pack", "large", "small")
    assert (ended.code, "not empty" in ended.err) == (2, True)
