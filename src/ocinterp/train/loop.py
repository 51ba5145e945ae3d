"""Steps over batches: gradients, changes of the weights, measurements, and checkpoints from which a run goes on exactly."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ocinterp import files
from ocinterp.errors import DataError
from ocinterp.train import losses
from ocinterp.train.batches import Batch, Plan
from ocinterp.train.optimizers import Optimizer, count

CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.jsonl"


@dataclass(frozen=True, slots=True)
class Measured:
    """One step. `loss` is in nats a weighted token; `rate` the share of the peak; `mfu` of the peak that was named, or None."""

    step: int
    tokens: int  # of rows, up to here
    loss: float
    norm: float
    seconds: float  # of processor time, up to here
    mfu: float | None = None


@dataclass
class Trainer:
    """A model on its way through a plan. `identity` says what it is a run of: a checkpoint of another is refused."""

    model: Any
    optimizer: Optimizer
    plan: Plan
    folder: Path
    identity: dict[str, Any]
    every: int = 200  # steps from checkpoint to checkpoint
    packs_at_once: int = 8  # whose activations fit into memory together
    autocast: torch.dtype | None = None
    peak_flops: float | None = None  # of the device, for MFU
    on_step: Callable[[Measured], None] = lambda _: None

    def run(self) -> Iterator[Measured]:
        """All steps that are left, each measured. Goes on from the folder's checkpoint, if there is one."""
        done, tokens, before = self._restored()
        started = time.process_time() - before
        self.model.train()
        total = self.plan.tokens
        for step, packs in enumerate(self.plan.steps(), 1):
            if step <= done:
                continue
            batch = self.plan.batch(packs)
            loss = self._gradients(batch)
            norm = self.optimizer.step(tokens / total)
            tokens += batch.tokens
            seconds = time.process_time() - started
            found = Measured(step, tokens, loss, norm, seconds, self._mfu(tokens, seconds))
            self._note(found)
            if step % self.every == 0 or tokens == total:
                self._keep(step, tokens, seconds)
            yield found

    def _gradients(self, batch: Batch) -> float:
        weight = float(batch.weights[:, 1:].sum())
        total = 0.0
        for start in range(0, len(batch.ids), self.packs_at_once):
            with torch.autocast(batch.ids.device.type, self.autocast, enabled=self.autocast is not None):
                loss, _ = losses.summed(self.model, batch.part(slice(start, start + self.packs_at_once)))
            (loss / weight).backward()
            total += float(loss.detach())
        return total / weight

    def _mfu(self, tokens: int, seconds: float) -> float | None:
        """Model FLOPs a second as a share of the peak: six for each weight and token (Chowdhery et al. 2022)."""
        if not self.peak_flops or not seconds:
            return None
        return 6 * count(self.model.parameters()) * tokens / seconds / self.peak_flops

    def _note(self, found: Measured) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(found)) + "\n")

    def _keep(self, step: int, tokens: int, seconds: float) -> None:
        """Replace the checkpoint, in one step: an end at any time leaves the old one or the new one."""
        content = {
            "identity": self.identity,
            "step": step,
            "tokens": tokens,
            "seconds": seconds,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state(),
            "chance": torch.get_rng_state(),
        }
        path = self.folder / CHECKPOINT
        made = path.with_suffix(".new")
        torch.save(content, made)
        with made.open("rb") as file:
            os.fsync(file.fileno())
        made.replace(path)

    def _restored(self) -> tuple[int, int, float]:
        path = self.folder / CHECKPOINT
        if not path.exists():
            (self.folder / METRICS).unlink(missing_ok=True)
            return 0, 0, 0.0
        found = torch.load(path, weights_only=True)
        if found["identity"] != self.identity:
            raise DataError(f"{path} is of another run: {_difference(found['identity'], self.identity)}")
        self.model.load_state_dict(found["model"])
        self.optimizer.load(found["optimizer"])
        torch.set_rng_state(found["chance"])
        self._cut_metrics(found["step"])
        return found["step"], found["tokens"], found["seconds"]

    def _cut_metrics(self, step: int) -> None:
        """Steps after the checkpoint are made again."""
        path = self.folder / METRICS
        if path.exists():
            kept = [line for line in path.read_bytes().splitlines(keepends=True) if _step(line) <= step]
            files.replace_file(path, [b"".join(kept)])


def _step(line: bytes) -> float:
    """Of a line of measurements; one that was cut off is after all others."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return "; ".join(f"{name} was {theirs.get(name)!r:.60}, is {ours.get(name)!r:.60}" for name in names)
