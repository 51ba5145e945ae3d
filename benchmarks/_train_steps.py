"""A training step beside a bare forward and backward pass of the same shapes: CPU seconds, one thread.

Needs torch: `.venv-train/bin/python benchmarks/_train_steps.py`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import torch
from torch.nn import functional

from ocinterp.synth.pocket.dialogues import dialogues
from ocinterp.train import models, tokenizers
from ocinterp.train.batches import Plan
from ocinterp.train.chats import ChatFormat
from ocinterp.train.lessons import lesson
from ocinterp.train.loop import Trainer
from ocinterp.train.losses import Learner
from ocinterp.train.optimizers import Optimizer, Schedule
from ocinterp.train.recipe import find
from ocinterp.train.rows import Counts, rows

ROUNDS, PACKS = 9, 8


def cpu_seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Take turns: a step by AdamW, one by Muon, and the bare passes of the same packs."""
    models.prepare(1)
    recipe = find("nano")
    assert recipe.shape is not None
    made = list(islice(dialogues("steps"), 1500))
    tokenizer = tokenizers.learn((m.content for each in made for m in each.messages()), recipe.shape.vocabulary)
    form = ChatFormat(tokenizer)
    found = list(rows(map(lesson, made), form, recipe.context, Counts()))
    plan = Plan(found, recipe.context, PACKS, 99, "seed", 0)
    print(f"{len(found)} rows of {len(made)}; {plan.efficiency:.1%} of what is computed is no padding")
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            name: _run(Path(folder) / name, plan, models.make(models.config_of(recipe.shape, 1024), "1"), name)
            for name in ("adamw", "muon")
        }
        bare = models.make(models.config_of(recipe.shape, 1024), "1")
        for packs in islice(plan.steps(), ROUNDS):
            batch = plan.batch(packs)
            for name, run in runs.items():
                seconds.setdefault(name, []).append(cpu_seconds(lambda run=run: next(run)))
            seconds.setdefault("bare", []).append(cpu_seconds(lambda batch=batch: _bare(bare, batch)))
    floor = statistics.median(seconds["bare"])
    for name, each in seconds.items():
        middle = statistics.median(each)
        print(f"{name:6} {middle:.3f} CPU s a step, {middle / floor:.2f} of bare, {PACKS * 512 / middle:,.0f} tokens/s")


def _run(folder: Path, plan: Plan, model: torch.nn.Module, name: str):
    optimizer = Optimizer(model, name, 4e-3, schedule=Schedule())
    return Trainer(Learner(model), optimizer, plan, folder, {}).run()


def _bare(model: torch.nn.Module, batch) -> None:
    """As anybody would write it: all logits, and the gradient."""
    logits = model(input_ids=batch.ids, position_ids=batch.places, use_cache=False).logits[:, :-1]
    functional.cross_entropy(logits.flatten(0, 1), batch.ids[:, 1:].flatten()).backward()
    model.zero_grad(set_to_none=True)


if __name__ == "__main__":
    main()
