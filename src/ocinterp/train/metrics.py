"""What was measured at each step, a line of JSON a step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ocinterp import files

NAME: Final = "metrics.jsonl"


def note(folder: Path, found: Mapping[str, Any]) -> None:
    """Add a step to the folder's file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    with files.explained(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(found) + "\n")


def cut(folder: Path, step: int) -> None:
    """Leave out the steps after one, which are made again."""
    path = folder / NAME
    if path.exists():
        kept = [line for line in path.read_bytes().splitlines(keepends=True) if _step(line) <= step]
        files.replace_file(path, [b"".join(kept)])


def _step(line: bytes) -> float:
    """Of a line; one that was cut off is after all others."""
    try:
        return json.loads(line)["step"]
    except ValueError:
        return float("inf")
