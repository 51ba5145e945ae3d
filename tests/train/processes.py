"""Runs of two processes, started by torchrun: `processes.py BASE DATA OUT` makes all of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from torch.distributed.tensor import DTensor

from ocinterp.train import loop, parallel, sft
from ocinterp.train.orders import Ended, Order
from ocinterp.train.recipe import find
from ocinterp.train.sources import Source
from train.smallest import Spoken

SMALL = ("context=512", "packs=3", "packs_at_once=2", "rate=3e-3", "epochs=1")
RUNS = {
    "adamw": ("common", ()),
    "muon": ("common", ("optimizer=muon", "matrix_rate=0.01")),
    "lora": ("common+lora", ("lora.rank=4",)),
}


def order(kind: str, base: Path, data: Path, out: Path) -> Order:
    name, changes = RUNS[kind]
    recipe = find(name, [*SMALL, f"base={base}", *changes])
    return Order(recipe, (Source(data),), out, device="cpu", every=2)


def main(base: Path, data: Path, out: Path) -> None:
    """Each kind of run to its end, and one that is stopped after a step."""
    keep = loop.Trainer._keep

    def checked(trainer: loop.Trainer, at: loop.Progress) -> None:
        assert all(isinstance(weight, DTensor) for weight in trainer.learner.parameters())
        assert trainer.world.size == 2
        keep(trainer, at)

    loop.Trainer._keep = checked
    with parallel.joined("cpu"):
        for kind in RUNS:
            assert sft.run(order(kind, base, data, out / kind), Spoken().screen).finished
        cut = order("adamw", base, data, out / "cut")
        assert sft.run(cut, Spoken(steps=3).screen) == Ended(finished=False, step=3)
        assert sft.run(replace(cut, folder=out / "back"), Spoken().screen).finished


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
