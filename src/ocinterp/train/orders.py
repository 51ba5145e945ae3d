"""What a stage of training is asked to do, and what it tells while it does it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ocinterp.train.recipe import Recipe
from ocinterp.train.sources import Source

if TYPE_CHECKING:
    from ocinterp.train.loop import Measured

# Dense bfloat16, in FLOPs a second, by what the driver calls the device: NVIDIA's data sheets.
PEAKS: Final = {"A100": 312e12, "H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12}


@dataclass(frozen=True, slots=True)
class Order:
    """A run to be made. `device` is auto, cpu or cuda; `every` how many steps are between checkpoints."""

    recipe: Recipe
    data: tuple[Source, ...]
    folder: Path
    tokenizer: str = ""  # of a new model: a folder or a hub name; empty: it is made from the data
    device: str = "auto"
    every: int = 200
    peak_flops: float | None = None
    track: str = ""
    licence: str = ""  # of the data
    results: str = ""  # for the card, in Markdown


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a run speaks: `say` a line; `steps` the progress of so many tokens, of which some are done."""

    say: Callable[[str], None]
    steps: Callable[[int], AbstractContextManager[Callable[[Measured], None]]]
    stop: Callable[[], bool] = lambda: False  # whether somebody wants it to end


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended: at its end, or stopped after a step, from which the same order goes on."""

    finished: bool
    step: int = 0


def peak_of(device: str) -> float | None:
    """The peak of a device by its name, None where it is not known."""
    return next((peak for name, peak in PEAKS.items() if all(part in device for part in name.split())), None)


def describe(recipe: Recipe) -> dict[str, Any]:
    """A recipe for a record of measurements."""
    return {name: value for name, value in recipe.plain().items() if isinstance(value, (int, float, str))}
