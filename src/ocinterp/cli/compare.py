"""`ocinterp compare`: several models side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocinterp.cli.report import RUN, check, find, told


def command(
    runs: Annotated[list[str], typer.Argument(help=RUN, metavar="RUN RUN...")],
    json: Annotated[Path | None, typer.Option(help="Write all numbers there.", metavar="FILE")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with everything there.", metavar="FILE")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row for each attempt there.", metavar="FILE")] = None,
) -> None:
    """Put the models of several runs side by side, task by task (docs/evaluation.md).

    Exits 1 while attempts are without a verdict.
    """
    from ocinterp.bench import comparison, page, report, sheet, versus
    from ocinterp.bench.runs import read
    from ocinterp.cli import settings, setup

    check(json, html, csv)
    loaded = settings.load()
    paths = [find(each, loaded) for each in runs]
    found = comparison.compare([(each.stem, read(each)) for each in paths])
    setup.console().print(versus.render(found))
    if json is not None:
        comparison.write(json, found)
        told("numbers", json)
    if html is not None:
        page.write(html, report.of_comparison(found))
        told("page", html)
    if csv is not None:
        sheet.write(csv, sheet.of_comparison(found))
        told("attempts", csv)
    if any(each.crashed for each in found.models.values()):
        raise typer.Exit(1)
