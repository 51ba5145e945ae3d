"""Steps over batches: gradients, changes of the weights, measurements, and checkpoints from which a run goes on exactly."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from ocinterp.errors import UsageError
from ocinterp.train import checkpoints, metrics
from ocinterp.train.batches import Plan
from ocinterp.train.checkpoints import Progress
from ocinterp.train.losses import Learner
from ocinterp.train.optimizers import Optimizer, count
from ocinterp.train.parallel import World

CHECKPOINT = checkpoints.NAME
METRICS = metrics.NAME


@dataclass(frozen=True, slots=True)
class Measured:
    """One step. `loss` is in nats a weighted token; `mfu` the share of the peak that was named, or None."""

    step: int
    tokens: int  # of rows, up to here
    loss: float
    norm: float
    rate: float
    seconds: float  # of the run's clock, up to here
    mfu: float | None = None


@dataclass
class Trainer:
    """A model on its way through a plan. `identity` says what it is a run of: a checkpoint of another is refused."""

    learner: Learner
    optimizer: Optimizer
    plan: Plan
    folder: Path
    identity: dict[str, Any]
    world: World = field(default_factory=World)
    every: int = 200  # steps from checkpoint to checkpoint
    packs_at_once: int = 8  # whose activations fit into the memory of a device together
    autocast: torch.dtype | None = None
    peak_flops: float | None = None  # of a device, for MFU
    clock: Callable[[], float] = time.process_time  # seconds; what else runs on a shared processor does not count
    stop: Callable[[], bool] = lambda: False  # whether to end after this step, with a checkpoint

    def run(self) -> Iterator[Measured]:
        """All steps that are left, each measured. Goes on from the folder's checkpoint, if there is one."""
        done = self._restored()
        tokens, total = done.tokens, self.plan.tokens
        started = self.clock() - done.seconds
        self.learner.train()
        for step, packs in enumerate(self.plan.steps(), 1):
            if step <= done.step:
                continue
            torch.manual_seed(zlib.crc32(f"{self.plan.seed} {step} {self.world.rank}".encode()))
            loss = self._gradients(packs)
            if not math.isfinite(loss):
                raise UsageError(f"the loss is {loss} at step {step}: choose a lower rate, and another --out")
            norm = self.optimizer.step(tokens / total)
            tokens += self.plan.size(packs)
            seconds = self.clock() - started
            found = Measured(step, tokens, loss, norm, self.optimizer.rate, seconds, self._mfu(tokens, seconds))
            self._note(found)
            (stopped,) = self.world.summed(self.stop())
            if step % self.every == 0 or tokens == total or stopped:
                self._keep(Progress(step, tokens, seconds))
            yield found
            if stopped:
                return

    def _gradients(self, packs: list[list[int]]) -> float:
        """Of a step, on all processes; its loss. Every process makes as many passes, for FSDP's sake."""
        weight = self.plan.weight(packs)
        most = self.world.most(len(packs))
        mine = self.world.part(packs)
        mine += [list[int]() for _ in range(most - len(mine))]
        total = torch.zeros((), dtype=torch.float64, device=self.world.device)
        for start in range(0, most, self.packs_at_once):
            batch = self.plan.batch(mine[start : start + self.packs_at_once]).to(self.world.device)
            with torch.autocast(self.world.device.type, self.autocast, enabled=self.autocast is not None):
                loss = self.learner(batch)
            (loss * (self.world.size / weight)).backward()  # FSDP divides by the number of processes
            total += loss.detach()
        return self.world.summed(float(total))[0] / weight

    def _mfu(self, tokens: int, seconds: float) -> float | None:
        """Model FLOPs a second as a share of the peak: six for each weight and token (Chowdhery et al. 2022).

        A weight that is not trained has four: it needs no gradient of its own.
        """
        if not self.peak_flops or not seconds:
            return None
        model = self.learner.model
        flops = 4 * count(model.parameters()) + 2 * count(weight for _, weight in checkpoints.trained(model))
        return flops * tokens / seconds / (self.peak_flops * self.world.size)

    def _note(self, found: Measured) -> None:
        if self.world.first:
            metrics.note(self.folder, asdict(found))

    def _keep(self, at: Progress) -> None:
        path = self.folder / CHECKPOINT
        checkpoints.keep(path, self.learner.model, self.optimizer, at, self.identity, self.world)

    def _restored(self) -> Progress:
        path = self.folder / CHECKPOINT
        found = Progress()
        if path.exists():
            found = checkpoints.restore(path, self.learner.model, self.optimizer, self.identity)
        if self.world.first:
            metrics.cut(self.folder, found.step)
        return found
