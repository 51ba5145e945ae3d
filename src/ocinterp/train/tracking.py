"""A run's measurements, handed to a service or a program that shows them. Each is imported only when it is asked for."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from ocinterp.errors import UsageError

Log = Callable[[int, dict[str, float]], None]

_PACKAGES: Final = {"trackio": "trackio", "wandb": "wandb", "tensorboard": "tensorboard"}


class Tracker:
    """Where measurements go. Use as a context manager: leaving it ends the record."""

    def __init__(self, log: Log, close: Callable[[], None]) -> None:
        self.log = log
        self._close = close

    def __enter__(self) -> Tracker:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()


def check(name: str) -> None:
    """UsageError for one that is not known or not installed."""
    if name not in _PACKAGES:
        raise UsageError(f"--track {name}: choose of {', '.join(_PACKAGES)}")
    if importlib.util.find_spec(_PACKAGES[name]) is None:
        raise UsageError(f"--track {name} needs a package that is not installed: pip install {_PACKAGES[name]}")


def tracker(name: str, run: str, config: dict[str, Any], folder: Path) -> Tracker:
    """Begin a record in the project `ocinterp`."""
    check(name)
    if name == "tensorboard":
        writer: Any = importlib.import_module("torch.utils.tensorboard").SummaryWriter(str(folder / "tensorboard"))

        def add(step: int, values: dict[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return Tracker(add, writer.close)
    module: Any = importlib.import_module(name)
    begun: Any = module.init(project="ocinterp", name=run, config=config)
    return Tracker(lambda step, values: begun.log(values, step=step), begun.finish)
