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


def draw_practice(metrics: Sequence[dict[str, Any]], path: Path) -> None:
    """A PNG of what came of a model's practice: each step as a dot, and the mean of the twenty around it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(8, 6), layout="constrained")
    FigureCanvasAgg(figure)
    shares, distance = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    for name, words in (
        ("first", "right at once"),
        ("solved", "right in the end"),
        ("mended", "right after a failure"),
        ("repeated", "repeats after a failure"),
    ):
        found = [(each["step"], each[name]) for each in metrics if each[name] is not None]
        if found:
            steps, values = zip(*found, strict=True)
            (line,) = shares.plot(steps, _smooth(values), label=words)
            shares.plot(steps, values, ".", color=line.get_color(), markersize=2)
    shares.set_ylim(0, 1)
    shares.legend()
    distance.plot([each["step"] for each in metrics], [each["learnt"]["kl"] for each in metrics], linewidth=1)
    distance.set_ylabel("KL, nats a token")
    distance.set_xlabel("steps")
    figure.savefig(path, dpi=120)


def _smooth(values: Sequence[float], around: int = 10) -> list[float]:
    parts = [values[max(0, at - around) : at + around + 1] for at in range(len(values))]
    return [sum(part) / len(part) for part in parts]
