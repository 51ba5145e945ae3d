"""What is known of the weights in a folder before they are loaded: standard library only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

from ocinterp.errors import UsageError

CONFIG: Final = "config.json"
TOKENIZER: Final = "tokenizer.json"
WEIGHTS: Final = "model.safetensors"
FILES: Final = (CONFIG, TOKENIZER, WEIGHTS)
EVALUATION: Final = "evaluation.json"  # what `ocinterp eval pocket --model pocket:DIR --json` wrote
BUILT_IN: Final = Path(__file__).parent / "nano"
_TOLD: Final = ("single", "visible", "human-base")  # in a line


@dataclass(frozen=True, slots=True)
class Card:
    """A model's `name`, which holds a hash of its files, its size, and what was measured of these very files.

    `solved` are shares of `tasks` tasks of `benchmark`, by the setting's name; empty where nobody has measured them.
    """

    name: str
    size_bytes: int
    benchmark: str = ""
    tasks: int = 0
    solved: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def measured(self) -> str:
        """What it is worth, in words."""
        if not self.solved:
            return "how much it solves has not been measured"
        told = [name for name in _TOLD if name in self.solved] or self.solved
        shares = ", ".join(f"{100 * self.solved[name]:.1f} % ({name})" for name in told)
        return f"of {self.tasks:,} tasks of `ocinterp eval {self.benchmark}` it solves {shares}"


def there(folder: Path) -> bool:
    """Whether a folder holds a model."""
    return all((folder / name).is_file() for name in FILES)


def read(folder: Path) -> Card:
    """UsageError where there is no model."""
    digest, size = hashlib.sha256(), 0
    for name in FILES:
        content = content_of(folder, name)
        digest.update(b"%d " % len(content) + content)
        size += len(content)
    return _measured(folder, Card(f"pocket@{digest.hexdigest()[:8]}", size))


def stamped(folder: Path) -> str:
    """A name for whatever is in a folder of weights that are too large to be read for it: files of other times are others."""
    digest = hashlib.sha256()
    for path in sorted(each for each in folder.iterdir() if each.is_file()):
        about = path.stat()
        digest.update(f"{path.name} {about.st_size} {about.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return f"{folder.resolve().name}@{digest.hexdigest()[:8]}"


def content_of(folder: Path, name: str) -> bytes:
    """A file of a model. UsageError where it cannot be read."""
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        there = ", ".join(FILES)
        raise UsageError(f"{folder} holds no pocket model ({there}): {name}: {error.strerror or error}") from error


def _measured(folder: Path, card: Card) -> Card:
    """With the numbers of the evaluation beside it, if it is one of this model."""
    try:
        found = cast("dict[str, Any]", json.loads((folder / EVALUATION).read_bytes()))
        settings = {name: each for name, each in found["settings"].items() if each["pass@1"] is not None}
        if found["model"] != card.name or not settings:
            return card
        solved = {name: float(each["pass@1"]) for name, each in settings.items()}
        tasks = min(int(each["n"]) for each in settings.values())
        return Card(card.name, card.size_bytes, str(found["dataset"]["name"]), tasks, solved)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return card  # no numbers are better than wrong ones
