"""A few questions of a run before all of them: a run of its own inside it, which is paid for out of the same journal."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Final, cast

from ocinterp.errors import UsageError
from ocinterp.files import explained, replace_file
from ocinterp.synth import plan as plans
from ocinterp.synth.chance import by_lot
from ocinterp.synth.folder import JOURNAL, SAMPLE, Stage
from ocinterp.synth.plan import Plan, Sizes
from ocinterp.synth.queries import Query

FOLDER: Final = "sample"
_LEDGER: Final = "calls.json"  # what each call cost, by its key
_WHOLE: Final = ("ingest", "dedup")  # stages of which it has no more than what they came to
LAST: Final = "decontaminate"  # the stage that questions are drawn from


def is_one(folder: Path) -> bool:
    """Whether a folder is a sample of another run."""
    return (folder / SAMPLE).exists()


def refuse(folder: Path) -> None:
    """UsageError for the folder of a sample, which is made by its run."""
    if is_one(folder):
        raise UsageError(f"{folder} is a sample: `ocinterp synth run {folder.parent} --sample N` makes it")


def draw(folder: Path, plan: Plan, count: int) -> tuple[Plan, float]:
    """Draw `count` questions of a run by lot, always the same ones; the plan for them, and which share of all they are.

    Each method gets its share of them. A sample that is there already stays, if it is the same.
    """
    place, before = folder / FOLDER, Stage(folder, LAST)
    total = before.done.rows if before.done else 0
    count = min(count, total)
    share = count / max(1, total)
    drawn = replace(plan, sizes=_scaled(plan.sizes, share))
    if place.exists() and not _same(place, drawn, count):
        with explained(place):
            shutil.rmtree(place)
    if not place.exists():
        plans.save(drawn, place)
        (place / SAMPLE).touch()
        (place / JOURNAL).symlink_to(Path("..") / JOURNAL)
        for name in _WHOLE:
            _copy(Stage(folder, name), Stage(place, name))
        _draw(before, Stage(place, LAST), plan.seed, count)
    return drawn, share


def _scaled(sizes: Sizes, share: float) -> Sizes:
    names = [each.name for each in fields(sizes)]
    return Sizes(**{each: round(getattr(sizes, each) * share) for each in names})


def price(folder: Path, ledger: Mapping[str, int]) -> int:
    """What a sample cost in all, in billionths of a dollar: with what earlier processes asked for it."""
    both = {**paid(folder / FOLDER), **ledger}
    replace_file(folder / FOLDER / _LEDGER, [json.dumps(both).encode()])
    return sum(both.values())


def paid(place: Path) -> dict[str, int]:
    """What each call of a sample cost, in billionths of a dollar, by its key."""
    path = place / _LEDGER
    with explained(path):
        return cast("dict[str, int]", json.loads(path.read_text("utf-8"))) if path.exists() else {}


def _same(place: Path, drawn: Plan, count: int) -> bool:
    done = Stage(place, LAST).done
    return done is not None and done.rows == count and plans.load(place) == drawn


def _copy(whole: Stage, stage: Stage) -> None:
    stage.begin()
    if whole.done is not None:
        stage.finish(whole.done.rows, whole.rejected(), **whole.done.numbers)


def _draw(before: Stage, stage: Stage, seed: str, count: int) -> None:
    """Twice through all of them, so that they are never in memory together."""
    chosen = set(by_lot((each.id for each in before.rows(Query)), f"sample {seed}")[:count])
    stage.begin()
    for each in before.place.glob("*.json"):
        if each.name != "done.json":
            shutil.copy(each, stage.place / each.name)
    rows = stage.fill(Query, (each for each in before.rows(Query) if each.id in chosen))
    stage.finish(rows, before.rejected(), **(before.done.numbers if before.done else {}))
