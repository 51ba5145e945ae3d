"""`ocinterp report`: an evaluation that was kept, as a table, a page and a sheet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import UsageError

if TYPE_CHECKING:
    from ocinterp.bench.evaluation import Evaluation
    from ocinterp.cli.settings import Settings

RUN = (
    "A run's .json, the folder it is in, or the name of one that `eval` kept by itself; also what `score --json` wrote."
)


def command(
    run: Annotated[str, typer.Argument(help=RUN, metavar="RUN")],
    html: Annotated[Path | None, typer.Option(help="Write a page with everything there.", metavar="FILE")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row for each attempt there.", metavar="FILE")] = None,
) -> None:
    """Show an evaluation again, finished or not (docs/evaluation.md). Exits 1 while attempts are without a verdict."""
    from ocinterp.bench import board, runs
    from ocinterp.cli import settings, setup

    check(html, csv)
    evaluation = runs.read(find(run, settings.load()))
    setup.console().print(board.render(evaluation))
    finish(evaluation, html, csv)


def check(*files: Path | None) -> None:
    """UsageError where a file could not be written in the end, before anything is paid for."""
    for each in files:
        if each is not None and not each.parent.is_dir():
            raise UsageError(f"{each} cannot be written: there is no folder {each.parent}")
        if each is not None and each.is_dir():
            raise UsageError(f"{each} is a folder: give the name of a file in it")


def finish(evaluation: Evaluation, html: Path | None, csv: Path | None) -> None:
    """Write what was asked for, say so, and exit with 1 where attempts are without a verdict."""
    from ocinterp.bench import page, report, sheet

    if html is not None:
        page.write(html, report.of_evaluation(evaluation))
        told("page", html)
    if csv is not None:
        sheet.write(csv, sheet.rows(evaluation))
        told("attempts", csv)
    if evaluation.crashed:
        raise typer.Exit(1)


def told(what: str, path: Path) -> None:
    """Say where something was written."""
    print(f"ocinterp: {what} in {path}", file=sys.stderr)


def find(run: str, settings: Settings) -> Path:
    """The file of numbers that somebody means. UsageError where there is none, or more than one."""
    folder = settings.data_folder / "evaluations"
    path = Path(run)
    if path.is_dir():
        return _only(path)
    if path.is_file():
        return path.with_suffix(".json") if path.suffix in {".jsonl", ".journal"} else path
    if (kept := folder / f"{run.removesuffix('.json')}.json").is_file():
        return kept
    known = ", ".join(sorted(each.stem for each in folder.glob("*.json"))) or "none"
    raise UsageError(f"there is no run {run}: expected a file, a folder, or one of those in {folder} ({known})")


def _only(folder: Path) -> Path:
    found = sorted(folder.glob("*.json"))
    if len(found) != 1:
        names = ", ".join(each.name for each in found) or "none"
        raise UsageError(f"{folder} does not hold one run (a .json), but {names}: name the file")
    return found[0]
