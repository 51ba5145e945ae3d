"""The state of a run as one file, from which it goes on exactly; with any number of processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ocinterp.errors import DataError
from ocinterp.train.folders import difference
from ocinterp.train.optimizers import Optimizer
from ocinterp.train.parallel import World, like, whole

NAME = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come. `seconds` are those of its clock."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0


def keep(path: Path, model: Any, optimizer: Optimizer, at: Progress, identity: dict[str, Any], world: World) -> None:
    """Replace the checkpoint in one step: an end at any time leaves the old one or the new one. All processes call it.

    Only what is trained is in it. DataError where it cannot be written; the old one is still there then.
    """
    content = {
        "identity": identity,
        "step": at.step,
        "tokens": at.tokens,
        "seconds": at.seconds,
        "model": {name: _kept(weight, world) for name, weight in trained(model)},
        "optimizer": [_gathered(part, world) for part in optimizer.state()],
    }
    if world.first:
        _write(path, content)
    world.wait()


def restore(path: Path, model: Any, optimizer: Optimizer, identity: dict[str, Any]) -> Progress:
    """Where the run of the checkpoint was. DataError for one of another run, or that cannot be read."""
    try:
        found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, ValueError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}; remove it to begin anew") from error
    if found["identity"] != identity:
        raise DataError(f"{path} is of another run: {difference(found['identity'], identity)}")
    with torch.no_grad():
        for name, weight in trained(model):
            weight.copy_(like(found["model"][name], weight))
    optimizer.load([_spread(each, part) for each, part in zip(found["optimizer"], optimizer.parts, strict=True)])
    return Progress(found["step"], found["tokens"], found["seconds"])


def trained(model: Any) -> Iterator[tuple[str, torch.nn.Parameter]]:
    """The weights that change, by their names; one that is used in two places once."""
    return ((name, weight) for name, weight in model.named_parameters() if weight.requires_grad)


def _write(path: Path, content: dict[str, Any]) -> None:
    made = path.with_suffix(".new")
    try:
        with made.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        made.replace(path)
    except (OSError, RuntimeError) as error:  # torch's own writer hides what the system said
        made.unlink(missing_ok=True)
        raise DataError(
            f"{path} cannot be written: {_said(error)}: free some space, and the same command goes on from the one before"
        ) from error


def _said(error: BaseException) -> str:
    """What the system said first, which torch's own complaint hides."""
    found = error
    while (before := found.__context__) is not None:
        found = before
    return str(found.strerror if isinstance(found, OSError) else error).lower()


def _kept(value: torch.Tensor, world: World) -> torch.Tensor | None:
    """The whole of it, in the memory of the first process."""
    found = whole(value.detach())
    return found.cpu() if world.first else None


def _gathered(state: dict[str, Any], world: World) -> dict[str, Any]:
    each: dict[int, dict[str, Any]] = state["state"]
    moments = {
        number: {name: _kept(value, world) if torch.is_tensor(value) else value for name, value in kept.items()}
        for number, kept in each.items()
    }
    return {**state, "state": moments}


def _spread(state: dict[str, Any], part: torch.optim.Optimizer) -> dict[str, Any]:
    """Moments of a weight, spread as it is. Counts of steps are numbers, and stay whole."""
    weights = [weight for group in part.param_groups for weight in group["params"]]
    each: dict[int, dict[str, Any]] = state["state"]
    moments = {
        number: {
            name: like(value, weights[number]) if torch.is_tensor(value) and value.dim() else value
            for name, value in kept.items()
        }
        for number, kept in each.items()
    }
    return {**state, "state": moments}
