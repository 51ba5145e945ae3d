"""How weights are changed, and how fast: by tokens read, never by the clock."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from ocinterp.train.parallel import like, whole

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # Jordan et al. 2024: steepest at zero, where most singular values are


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate over a run, as a share of its peak: a rise over `warmup` of it, and a fall to `final`.

    `cosine` falls from the end of the rise on (the paper's), `trapezoid` in a straight line over the second half.
    """

    form: Literal["cosine", "trapezoid"] = "cosine"
    warmup: float = 0.05
    final: float = 0.0

    def share(self, done: float) -> float:
        """At a part of the run, from 0 to 1."""
        if done < self.warmup:
            return done / self.warmup
        if self.form == "trapezoid":
            fallen = max(0.0, done - 0.5) / 0.5
        else:
            fallen = (1 - math.cos(math.pi * (done - self.warmup) / (1 - self.warmup))) / 2
        return 1 - (1 - self.final) * min(1.0, fallen)


class Optimizer:
    """AdamW, or Muon for the matrices of layers and AdamW for the rest (Jordan et al. 2024), under one schedule."""

    def __init__(
        self,
        model: torch.nn.Module,
        name: Literal["adamw", "muon"],
        rate: float,
        *,
        schedule: Schedule,
        decay: float = 0.0,
        clip: float = 1.0,
        matrix_rate: float = 0.02,
    ) -> None:
        """`rate` is AdamW's peak, `matrix_rate` Muon's. `clip` is the largest norm of a gradient."""
        self._clip = clip
        self._schedule = schedule
        named = [(each, weight) for each, weight in model.named_parameters() if weight.requires_grad]
        matrices = [weight for each, weight in named if name == "muon" and _is_matrix(each, weight)]
        others = [weight for each, weight in named if not (name == "muon" and _is_matrix(each, weight))]
        self._weights = [weight for _, weight in named]
        self.parts: list[torch.optim.Optimizer] = []
        if matrices:
            self.parts.append(Muon(matrices, matrix_rate, decay=decay))
        self.parts.append(torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.95), weight_decay=decay))
        self._peaks = [[group["lr"] for group in part.param_groups] for part in self.parts]

    def step(self, done: float) -> float:
        """Change the weights by their gradients, and drop those; `done` is the part of the run so far. The norm before clipping."""
        share = self._schedule.share(done)
        for part, peaks in zip(self.parts, self._peaks, strict=True):
            for group, peak in zip(part.param_groups, peaks, strict=True):
                group["lr"] = peak * share
        norm = torch.nn.utils.clip_grad_norm_(self._weights, self._clip)
        for part in self.parts:
            part.step()
            part.zero_grad(set_to_none=True)
        return float(whole(norm))

    @property
    def rate(self) -> float:
        """AdamW's, at the last step."""
        return self.parts[-1].param_groups[0]["lr"]

    def state(self) -> list[dict[str, Any]]:
        """All that is needed to go on."""
        return [part.state_dict() for part in self.parts]

    def load(self, state: Sequence[dict[str, Any]]) -> None:
        for part, each in zip(self.parts, state, strict=True):
            part.load_state_dict(each)


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are made nearly orthogonal before each step (Jordan et al. 2024), in the weights' own type.

    torch's is in bfloat16, which is many times slower on a processor without instructions for it.
    """

    def __init__(
        self, weights: Iterable[torch.nn.Parameter], rate: float, *, momentum: float = 0.95, decay: float = 0.0
    ) -> None:
        super().__init__(weights, {"lr": rate, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                kept = self.state[weight]
                if "momentum" not in kept:
                    kept["momentum"] = torch.zeros_like(weight)
                mean = kept["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                change = orthogonal(whole(weight.grad.lerp(mean, group["momentum"])))
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(like(change, weight), alpha=-group["lr"] * max(1.0, weight.size(0) / weight.size(1)) ** 0.5)


def orthogonal(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Nearly the orthogonal matrix next to it: singular values between about 0.7 and 1.2, by Newton-Schulz steps."""
    linear, cubic, quintic = _NEWTON_SCHULZ
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.T if tall else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.T
        x = linear * x + (cubic * square + quintic * square @ square) @ x
    return x.T if tall else x


def _is_matrix(name: str, weight: torch.nn.Parameter) -> bool:
    return weight.dim() == 2 and not any(each in name for each in ("embed", "lm_head"))


def count(weights: Iterable[torch.nn.Parameter]) -> int:
    """How many numbers there are in them."""
    return sum(weight.numel() for weight in weights)
