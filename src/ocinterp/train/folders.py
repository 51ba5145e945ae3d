"""The folder of a run: what it is a run of, whether it is finished, and whether there is room for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, replace_file
from ocinterp.train.recipe import Recipe

RUN: Final = "run.json"
FORMAT: Final = "ocinterp-run/1"

_SAME_RESULT: Final = ("packs_at_once", "checkpointing", "title", "mix")  # what may change between two parts of a run


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run writes. `identity` is what makes it this run and no other."""

    path: Path
    identity: Mapping[str, Any]

    def begin(self) -> bool:
        """Make the folder, or go on in it; whether the run is finished. UsageError where something else is in it."""
        state = self._state()
        if state is None:
            if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
                raise UsageError(f"{self.path} is not empty, and holds no run of this program: choose another --out")
            with explained(self.path):
                self.path.mkdir(parents=True, exist_ok=True)
            self._write(finished=False)
            return False
        if state["identity"] != self.identity and self._untouched():
            self._write(finished=False)
            return False
        if state["identity"] != self.identity:
            what = difference(state["identity"], self.identity)
            raise UsageError(f"{self.path} holds another run ({what}): choose another --out, or remove it")
        return bool(state["finished"])

    def finish(self) -> None:
        self._write(finished=True)

    def _untouched(self) -> bool:
        """Whether no step was ever made: what went wrong before one is no run that could be lost."""
        return [each.name for each in self.path.iterdir()] == [RUN]

    def _write(self, *, finished: bool) -> None:
        state = {"format": FORMAT, "finished": finished, "identity": self.identity}
        replace_file(self.path / RUN, [json.dumps(state, indent=1).encode() + b"\n"])

    def _state(self) -> dict[str, Any] | None:
        path = self.path / RUN
        if not path.is_file():
            return None
        try:
            found: Any = json.loads(path.read_bytes())
            if found["format"] != FORMAT:
                raise DataError(f"{path} is of the format {found['format']!r}: this program knows {FORMAT}")
            return {"identity": found["identity"], "finished": found["finished"]}
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged ({error!r}): remove the folder to begin anew") from error


def identity(recipe: Recipe, **more: Any) -> dict[str, Any]:
    """What a run is: its recipe as far as it decides the result, and its data. As JSON gives it back."""
    told = {name: value for name, value in recipe.plain().items() if name not in _SAME_RESULT}
    return json.loads(json.dumps({**told, **more}))


def ensure_room(folder: Path, needed: int) -> None:
    """DataError where the disk has less room than a run may need, beside what is there of it."""
    needed -= sum(each.stat().st_size for each in folder.glob("checkpoint.*"))
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    if free < needed:
        raise DataError(
            f"{folder}: checkpoints and the model need {_gigabytes(needed)}, and {_gigabytes(free)} are free: choose another --out"
        )


def describe(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of a local model's weights and settings, by which a run knows that it is the same one."""
    kinds = {".safetensors", ".bin", ".json"}
    return [(each.name, each.stat().st_size) for each in sorted(folder.iterdir()) if each.suffix in kinds]


def of_model(name: str) -> list[tuple[str, int]]:
    """The files of a model that is a folder here; none of one on the hub."""
    folder = Path(name)
    return describe(folder) if folder.is_dir() else []


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:,.1f} GB" if number >= 1e8 else f"{number / 1e6:,.1f} MB"


def difference(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    """What differs between the identities of two runs."""
    names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name)]
    return "; ".join(f"{name} was {theirs.get(name)!r:.60}, is {ours.get(name)!r:.60}" for name in names)
