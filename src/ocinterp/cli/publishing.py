"""A run's rows as a dataset to hand on: its files, its card, and its description for machines."""

from __future__ import annotations

import datetime
import importlib.util
import json
import re
import secrets
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import probing
from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, replace_file

if TYPE_CHECKING:
    from ocinterp.synth.card import Contamination, Facts
    from ocinterp.synth.charts import Chart
    from ocinterp.synth.folder import Stage

_BEGUN: Final = ".card.tmp"  # how the name of a folder ends that is not whole yet


def publish(folder: Path, out: Path, title: str, results: Path | None) -> int:
    """Write the folder `out`, and say how many rows it has. UsageError for a run without rows, or a place that is taken."""
    from ocinterp.synth import card, charts, parquet, pipeline, plan
    from ocinterp.synth.folder import SAMPLE, Stage, made
    from ocinterp.synth.rows import Row

    parquet.check()
    chosen = plan.load(folder)
    stage = made(folder)
    if out.exists() and (not out.is_dir() or any(not _passed_over(each) for each in out.iterdir())):
        raise UsageError(f"{out} is not empty: choose another folder, as in --out {out}-2")
    figures = charts.figures(stage.rows(Row))
    if not figures.rows:
        raise UsageError(
            f"{folder} has no rows to hand on: `ocinterp synth status {folder}` says what became of its questions"
        )
    title = title or folder.resolve().name
    facts = card.Facts(
        title,
        chosen,
        figures,
        [(name, done) for name, done in pipeline.funnel(folder) if done is not None],
        _contamination(Stage(folder, "decontaminate")),
        _dollars(folder),
        _text(results),
        _text(folder / probing.TOLD) if (folder / probing.TOLD).exists() else "",
        (folder / SAMPLE).exists(),
    )
    with explained(out):
        _whole(out.resolve(), lambda begun: _write(begun, stage, facts, charts.of_run(folder, figures)))
    return figures.rows


def _passed_over(path: Path) -> bool:
    """Whether nobody put it there: it is what a process that was killed has left, or what a file system has of its own."""
    return path.name == "lost+found" or (path.name.startswith(".") and path.name.endswith(_BEGUN))


def _whole(place: Path, write: Callable[[Path], None]) -> None:
    """Have a folder written beside its place first, or within it where there is one, which may be a mount: what breaks off leaves nothing."""
    name = f".{place.name}.{secrets.token_hex(4)}{_BEGUN}"
    begun = place / name if place.is_dir() else place.with_name(name)
    (begun / "data").mkdir(parents=True)
    left = re.compile(
        rf"\.{'.*' if begun.parent == place else re.escape(place.name) + '[.][0-9a-f]{8}'}{re.escape(_BEGUN)}"
    )
    for each in begun.parent.iterdir():
        if each != begun and left.fullmatch(each.name):
            shutil.rmtree(each, ignore_errors=True)  # of a process that was killed
    try:
        write(begun)
        if begun.parent == place:
            for each in sorted(begun.iterdir(), reverse=True):  # README.md last
                each.replace(place / each.name)
        else:
            begun.replace(place)
    finally:
        shutil.rmtree(begun, ignore_errors=True)


def _write(out: Path, stage: Stage, facts: Facts, drawn: Sequence[Chart]) -> None:
    from ocinterp.synth import card, charts, croissant
    from ocinterp.synth.rows import Row
    from ocinterp.synth.tables import Table

    files = _copied(stage, out / "data")
    about = f"{facts.figures.rows:,} dialogues with code, what came of it when it ran, and what was said of it."
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    described = croissant.write(facts.title, about, card.licence(facts.figures), files, Table(Row).schema, today)
    replace_file(out / "croissant.json", [described.encode()])
    replace_file(out / "contamination.json", [json.dumps(facts.contamination, indent=1).encode()])
    picture = ""
    if importlib.util.find_spec("matplotlib") is not None:
        charts.draw(drawn, out / "stats.png")
        picture = "\n![what its rows are like](stats.png)\n"
    replace_file(out / "README.md", [f"{card.write(facts)}{picture}".encode()])


def _copied(stage: Stage, target: Path) -> list[Path]:
    """Its parts, named as `datasets` names those of a split."""
    parts = stage.parts()
    found: list[Path] = []
    for number, each in enumerate(parts):
        found.append(target / f"train-{number:05}-of-{len(parts):05}.parquet")
        shutil.copyfile(each, found[-1])
    return found


def _contamination(stage: Stage) -> Contamination:
    from ocinterp.synth.sources import CONTAMINATION

    path = stage.place / CONTAMINATION
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
        return {name: {key: dict(of) for key, of in found[name].items()} for name in ("benchmarks", "tasks")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: delete {stage.place}, and the stage is made again") from error


def _dollars(folder: Path) -> float:
    """What all calls cost; of a sample those that it was made with, for the journal is its run's too."""
    from ocinterp.journal import Reader
    from ocinterp.synth import sample
    from ocinterp.synth.folder import JOURNAL

    if sample.is_one(folder):
        return sum(sample.paid(folder).values()) / 1e9
    if not (folder / JOURNAL).exists():
        return 0.0
    with Reader(folder / JOURNAL) as journal:
        report = journal.report()
    return (report.spent.nanodollars + report.possible.nanodollars) / 1e9


def _text(path: Path | None) -> str:
    if path is None:
        return ""
    with explained(path):
        content = path.read_bytes()
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start:,}") from error
