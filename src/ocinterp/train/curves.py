"""Loss and learning rate over a run, as a picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def available() -> bool:
    """Whether pictures can be made here: matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """A PNG of the losses and rates of a run's steps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    loss, rate = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    tokens = [each["tokens"] for each in metrics]
    loss.plot(tokens, [each["loss"] for each in metrics], linewidth=1)
    loss.set_ylabel("loss, nats a token")
    rate.plot(tokens, [each["rate"] for each in metrics], linewidth=1)
    rate.set_ylabel("learning rate")
    rate.set_xlabel("tokens")
    figure.savefig(path, dpi=120)
