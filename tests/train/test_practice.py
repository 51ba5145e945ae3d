"""A model practises: what it says is learnt by what it was worth, and a run that was stopped goes on exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed: make test-train")
pytest.importorskip("transformers", reason="transformers is not installed: make test-train")

import torch
import transformers

from ocinterp.errors import UsageError
from ocinterp.models.pocket.model import Pocket
from ocinterp.problems import Problem, Script
from ocinterp.testing import code
from ocinterp.train import card, checkpoints, curves, grpo, metrics, models, rl
from ocinterp.train.chats import ChatFormat
from ocinterp.train.episodes import Episode, Row
from ocinterp.train.exercises import FileExercises
from ocinterp.train.orders import Ended, Order
from ocinterp.train.parallel import World
from ocinterp.train.recipe import Practice, find
from ocinterp.train.rollouts import Group
from ocinterp.types import Completion, Message, Task, Tokens, Trajectory, Turn
from train import smallest
from train.places import Only, grounds
from train.smallest import Spoken

TASK = Task("one", (Message("user", "f() is?"),), "f", ("f() == 1",))
PROBLEM = Problem(TASK, "def f(): return 1", Script("assert f() == 1\nassert type(f()) is int\n"))
LARGE = ("practice.dialogues=16", "practice.second=0", "practice.passes=4", "practice.kl=0.01", "rate=1e-3")
SHORT = ("practice.answer=48", "practice.groups=2", "practice.dialogues=6", "rate=1e-2", "context=256")


def taught(folder: Path, architecture: str = "llama") -> Path:
    """A model that has learnt to answer with one of four programs, by chance; one of them is right."""
    made = smallest.tokenizer()
    form = ChatFormat(made)
    model = models.make(models.config_of(smallest.SHAPES[architecture], len(made)), "1")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    asked = form.prompt(TASK.prompt)
    answers = [[*made(code(f"def f(): return {n}"))["input_ids"], form.end] for n in range(4)]
    ids = torch.tensor([asked + answer for answer in answers])
    labels = ids.clone()
    labels[:, : len(asked)] = -100
    for _ in range(60):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    models.save(model, made, form.end, folder, World())
    return folder


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return taught(tmp_path_factory.mktemp("base") / "base")


def order(base: Path, out: Path, *changes: str, name: str = "practice") -> Order:
    return Order(find(name, [*SHORT, f"base={base}", *changes]), (), out, device="cpu", every=2)


async def practise(order: Order, steps: int = 1 << 30) -> Spoken:
    spoken = Spoken(steps)
    async with grounds(1) as there:
        ended = await rl.run(order, Only(PROBLEM), there, spoken.screen)
    assert ended.finished == (steps == 1 << 30)
    return spoken


def measured(folder: Path) -> list[dict[str, Any]]:
    """All but the times."""
    lines = card.metrics((folder / metrics.NAME).read_text())
    return [{name: value for name, value in each.items() if name not in {"seconds", "spent"}} for each in lines]


def weights(folder: Path) -> dict[str, Any]:
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()


async def test_practice_raises_the_reward(namespaces: None, base: Path, tmp_path: Path) -> None:
    done = order(base, tmp_path / "out", *LARGE, "practice.steps=10")
    spoken = await practise(done)
    found = measured(done.folder)
    assert spoken.lines[0].startswith("10 steps of 2 groups of 16 dialogues on one task")
    assert "the numpy engine" in spoken.lines[0]
    early, late = (fmean(each["first"] for each in part) for part in (found[:3], found[-3:]))
    assert early < 0.35
    assert late > early + 0.2
    assert found[0]["learnt"]["furthest"] < 1e-4  # the sampler's log-probabilities are the trainer's: all ratios are 1
    assert found[0]["learnt"]["kl"] < 1e-9
    assert found[5]["learnt"]["kl"] > 1e-4
    assert found[-2]["tokens"] < found[-1]["tokens"]
    assert Pocket.load(done.folder).name.startswith("pocket@")
    names = {each.name for each in done.folder.iterdir()}
    assert names >= {"model.safetensors", "tokenizer.json", "README.md", metrics.NAME}
    assert ("curves.png" in names) == curves.available()
    assert checkpoints.NAME not in names
    text = (done.folder / "README.md").read_text()
    assert f"| right at once | {100 * found[0]['first']:.1f} % | {100 * found[-1]['first']:.1f} % |" in text
    async with grounds(1) as there:
        again = Spoken()
        assert await rl.run(done, Only(PROBLEM), there, again.screen) == Ended(finished=True)
    assert again.lines == [f"{done.folder} holds this run, finished: there is nothing to do"]


async def test_a_run_that_was_stopped_goes_on_exactly(namespaces: None, base: Path, tmp_path: Path) -> None:
    changes = ("practice.steps=5", "rate=2e-3", "practice.passes=2", "optimizer=muon")
    whole = order(base, tmp_path / "whole", *changes)
    await practise(whole)
    cut = replace(whole, folder=tmp_path / "cut")
    await practise(cut, steps=3)
    assert (cut.folder / checkpoints.NAME).exists()
    assert len(measured(cut.folder)) == 3
    with (cut.folder / metrics.NAME).open("a") as file:
        file.write('{"step": 4, "rew')  # as it was when the power went
    await practise(cut)
    assert measured(cut.folder) == measured(whole.folder)
    assert len(measured(cut.folder)) == 5
    ours, theirs = weights(cut.folder), weights(whole.folder)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    with pytest.raises(UsageError, match="holds another run"):
        await practise(order(base, cut.folder, *changes, "practice.kl=0.5"))


async def test_groups_in_which_all_did_alike_change_nothing(namespaces: None, base: Path, tmp_path: Path) -> None:
    changes = ("practice.steps=2", "practice.second=0", "practice.temperature=0.001", "practice.turns=1")
    done = order(base, tmp_path / "out", *changes)
    await practise(done)
    found = measured(done.folder)
    assert [each["learnt"]["used"] for each in found] == [0, 0]
    assert [each["dialogues"] for each in found] == [12, 12]
    before, after = weights(base), weights(done.folder)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("name", ["practice", "practice+lora"])
async def test_the_model_itself_can_answer(name: str, namespaces: None, tmp_path: Path, base: Path) -> None:
    if "lora" in name:
        pytest.importorskip("peft", reason="peft is not installed: make test-train")
    begun = base if "lora" in name else taught(tmp_path / "gemma", "gemma")
    done = order(begun, tmp_path / "out", *LARGE, "practice.steps=2", name=name)
    spoken = await practise(done)
    found = measured(done.folder)
    assert "answers by transformers" in spoken.lines[0]
    assert found[0]["learnt"]["used"] > 0
    assert found[0]["learnt"]["furthest"] < 1e-4
    assert found[0]["learnt"]["kl"] < 1e-9
    assert found[1]["learnt"]["kl"] > 0 or not found[1]["learnt"]["used"]
    assert (done.folder / "adapter").exists() == ("lora" in name)


async def test_what_cannot_practise_is_refused_before_the_first_step(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    wrong = {
        "does not say how to practise": replace(order(base, out), recipe=find("common", [f"base={base}"])),
        "no model to begin with": order(base, out, "base="),
        "practice.dialogues is 1": order(base, out, "practice.dialogues=1"),
        "are at most 1": order(base, out, "practice.second=2"),
        "weights in 4 bits cannot practise": order(base, out, name="practice+qlora"),
        "reads 4,096 tokens, the recipe's context is 9,999": order(base, out, "context=9999"),
    }
    nowhere: Any = None
    for said, each in wrong.items():
        with pytest.raises(UsageError, match=said):
            await rl.run(each, Only(PROBLEM), nowhere, Spoken().screen)
    with pytest.raises(UsageError, match=r"a server loads adapters .* \+lora"):
        await rl.run(order(base, out), Only(PROBLEM), nowhere, Spoken().screen, "http://127.0.0.1:1")
    warm = order(base, out, "practice.temperature=0.5", name="practice+lora")
    with pytest.raises(UsageError, match="at temperature 1"):
        await rl.run(warm, Only(PROBLEM), nowhere, Spoken().screen, "http://127.0.0.1:1")
    few = FileExercises.read(tasks(tmp_path, 1))
    with pytest.raises(UsageError, match="a step takes 3 tasks, and"):
        await rl.run(order(base, out), few, nowhere, Spoken().screen)
    assert not out.exists()


def command(base: Path, out: Path, tasks: Path, *more: str) -> list[str]:
    changes = [*SHORT, "practice.steps=12", "practice.second=0"]
    given = [part for each in changes for part in ("--set", each)]
    start = [sys.executable, "-c", "from ocinterp.cli.main import main; main()", "train", "rl"]
    return [*start, "--model", str(base), "--out", str(out), "--tasks", str(tasks), *given, *more]


def tasks(folder: Path, count: int = 3) -> Path:
    row = {"prompt": "f() is?", "entry_point": "f", "tests": ["assert f() == 1"], "visible_tests": ["f() == 1"]}
    path = folder / "tasks.jsonl"
    path.write_text("".join(json.dumps({"task_id": f"{number}", **row}) + "\n" for number in range(count)))
    return path


def test_ctrl_c_stops_after_the_step_and_the_same_command_goes_on(namespaces: None, base: Path, tmp_path: Path) -> None:
    source = str(Path(__file__).resolve().parents[2] / "src")
    environment = {**os.environ, "PYTHONPATH": source, "OCINTERP_DATA": str(tmp_path / "kept")}
    arguments = command(base, tmp_path / "out", tasks(tmp_path))
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        said = next(line for line in running.stderr if line.startswith("step 1/12"))
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
    assert running.returncode == 130, rest
    assert "reward" in said
    assert "stopping after this step, with a checkpoint" in rest
    assert "the same command goes on from there" in rest
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == str(tmp_path / "out")
    assert [each["step"] for each in measured(tmp_path / "out")] == [*range(1, 13)]


ROWS = [
    Row([5, 6, 7, 8, 9, 10], (False, False, True, True, False, True), (0, 0, -1.0, -2.0, 0, -0.5), (0, 0, 1, 1, 0, -1)),
    Row([5, 11, 12], (False, True, True), (0, -1.5, -1.0), (0, 0.5, 0.5)),
    Row([9, 8], (False, True), (0, -3.0), (0, -2.0)),
]


def by_hand(model: Any, rows: Sequence[Row], temperature: float) -> list[Any]:
    """The log-probabilities of what was said, row by row."""
    found: list[Any] = []
    for row in rows:
        logs = (model(input_ids=torch.tensor([row.ids])).logits[0] / temperature).log_softmax(-1)
        found += [logs[at - 1, row.ids[at]] for at, own in enumerate(row.said) if own]
    return found


def test_the_objective_is_grpos_and_only_of_what_was_said() -> None:
    model = models.make(models.config_of(smallest.SHAPES["llama"], 300), "1")
    practice = Practice(low=0.2, high=0.3, kl=0.1)
    sums, total, expected = grpo.Sums(), torch.zeros(()), 0.0
    said = [
        (n, row.logprobs[at], row.advantages[at])
        for n, row in enumerate(ROWS)
        for at in range(len(row.ids))
        if row.said[at]
    ]
    now = by_hand(model, ROWS, 2.0)
    for value, (_, old, advantage) in zip(now, said, strict=True):
        ratio = (value - old).exp().item()
        away = -1.0 - value.item()
        gain = min(ratio * advantage, min(max(ratio, 0.8), 1.3) * advantage)
        expected += -gain + 0.1 * (torch.tensor(away).exp().item() - away - 1)
    for batch in grpo.batches([ROWS], 8, 1, padding=0):
        values = grpo.logprobs(model, batch, 2.0)
        total = total + grpo.objective(values, batch, practice, torch.full_like(values, -1.0), sums)
    assert total.item() == pytest.approx(expected, rel=1e-4)
    assert sums.tokens == len(said) == 6
    assert sums.loss == pytest.approx(expected, rel=1e-4)
    assert 0 < sums.clipped <= 6


def test_what_was_only_read_has_no_gradient_of_its_own() -> None:
    model = models.make(models.config_of(smallest.SHAPES["llama"], 300), "1")

    def gradient(rows: Sequence[Row]) -> Any:
        (batch,) = grpo.batches([rows], 64, 8, padding=0)
        model.zero_grad()
        values = grpo.logprobs(model, batch, 1.0)
        grpo.objective(values, batch, Practice(kl=0.0), None, grpo.Sums()).backward()
        return torch.cat([each.grad.flatten() for each in model.parameters()])

    heard = Row([5, 6, 7], (False, False, False), (0, 0, 0), (0, 0, 0))
    assert torch.allclose(gradient([ROWS[0], heard]), gradient([ROWS[0]]), atol=1e-7)
    nothing = replace(ROWS[0], advantages=(0,) * 6)
    assert not gradient([nothing]).any()


def test_at_a_ratio_of_one_the_gradient_is_that_of_plain_policy_gradient() -> None:
    model = models.make(models.config_of(smallest.SHAPES["llama"], 300), "1")
    with torch.no_grad():
        exact = iter([value.item() for value in by_hand(model, ROWS, 1.0)])
    rows = [replace(row, logprobs=[next(exact) if own else 0.0 for own in row.said]) for row in ROWS]
    (batch,) = grpo.batches([rows], 64, 8, padding=0)
    values = grpo.logprobs(model, batch, 1.0)
    sums = grpo.Sums()
    loss = grpo.objective(values, batch, Practice(kl=0.0), None, sums)
    plain = -(values * batch.of_said(batch.advantages)).sum()
    ours = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
    theirs = torch.autograd.grad(plain, list(model.parameters()))
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(ours, theirs, strict=True))
    assert sums.furthest < 1e-5
    assert sums.clipped == 0


def test_a_group_is_used_only_where_its_dialogues_differ() -> None:
    def episode(*, solved: bool) -> Episode:
        turn = Turn(Completion(code("def f(): return 1"), tokens=Tokens((1, 2), (3,), (-0.5,))))
        return Episode(Trajectory("one", TASK.prompt, (turn,)), "f", solved)

    mixed = Group(PROBLEM, None, (episode(solved=True), episode(solved=False)))
    alike = Group(PROBLEM, None, (episode(solved=True), episode(solved=True)))
    empty = Group(PROBLEM, None, (), 2)
    (found,) = rl.taught([mixed, alike, empty], Practice())
    assert [row.advantages for row in found] == [(0, 0, 0.5), (0, 0, -0.5)]


def test_what_dialogues_have_in_common_is_computed_once_and_changes_nothing() -> None:
    model = models.make(models.config_of(smallest.SHAPES["llama"], 300), "1")
    begun = [5, 6, 7, 8, 9, 10, 11, 12]
    group = [
        Row([*begun, 20, 21], (*[False] * 8, True, True), (0,) * 10, (0,) * 10),
        Row([*begun, 20, 22, 23], (*[False] * 8, True, False, True), (0,) * 11, (0,) * 11),
        Row([*begun, 30], (*[False] * 8, True), (0,) * 9, (0,) * 9),
    ]
    assert [tree.stem for tree in grpo.trees(group, 64)] == [7]
    (batch,) = grpo.batches([group, ROWS], 64, 1, padding=0)
    assert batch.ids.shape == (1, 7 + 3 + 4 + 2 + 6 + 3 + 2)
    found = grpo.logprobs(model, batch, 1.0)
    expected = torch.stack(by_hand(model, [*group, *ROWS], 1.0))
    assert torch.allclose(found, expected, atol=1e-5)
    narrow = grpo.batches([group], 14, 1, padding=0)
    assert [each.ids.shape[1] for each in narrow] == [14, 9]
    parts = torch.cat([grpo.logprobs(model, each, 1.0) for each in narrow])
    assert torch.allclose(parts.sort()[0], torch.stack(by_hand(model, group, 1.0)).sort()[0], atol=1e-5)
