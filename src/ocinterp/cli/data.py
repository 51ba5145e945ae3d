"""`ocinterp data`: the benchmarks that evaluation reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import DataError, OcinterpError, UsageError

if TYPE_CHECKING:
    from ocinterp.tasks.catalogue import Dataset

app = typer.Typer(help="Import, list or verify benchmarks.", no_args_is_help=True, rich_markup_mode=None)

_MOST_NAMES = 5  # of files that are passed over, in one line


@app.command("import")
def import_(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files; or folders, to be searched.", metavar="PATH...")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--as", help="What the one file is: NAME@VERSION, or a name of your own.", metavar="NAME"),
    ] = None,
    from_web: Annotated[
        list[str] | None, typer.Option(help="Fetch a dataset from its official address.", metavar="NAME")
    ] = None,
) -> None:
    """Import benchmarks: known files by their hash, your own in any of their formats (docs/evaluation.md)."""
    chosen = paths or []
    if not chosen and not from_web:
        raise UsageError("nothing to import: name files or folders, or --from-web NAME")
    if name is not None and (from_web or len(chosen) != 1 or chosen[0].is_dir()):
        raise UsageError("--as NAME says what one file is: give it one file")
    for path in chosen:
        if path.is_dir():
            _import_folder(path)
        else:
            _import_file(path, name)
    for each in from_web or []:
        _fetch(each)


@app.command("list")
def list_() -> None:
    """List all datasets that are known, and whether they are imported."""
    from ocinterp.tasks import store

    rows = [("name", "version", "tasks", "tests", "md5", "imported")]
    for entry in store.entries(folder()):
        each = entry.dataset
        here = "yes" if entry.md5 is not None else "no"
        md5 = entry.md5 or each.texts[0].md5
        rows.append((each.name, each.version, f"{each.tasks:,}", f"{each.tests:,}", md5, here))
    print("\n".join(_aligned(rows)))


@app.command()
def verify() -> None:
    """Read all that is imported again: hashes, counts, and that references parse and define their functions."""
    from ocinterp.tasks import store

    wrong = number = 0
    for dataset, faults in store.verify(folder()):
        number += 1
        wrong += bool(faults)
        print(f"{dataset.full_name}: {'; '.join(faults[:_MOST_NAMES]) or 'sound'}{_more(len(faults))}")
    if not number:
        print("nothing is imported yet: ocinterp data import PATH")
    if wrong:
        raise DataError(f"{wrong} of {number} datasets are not as they should be: import them again")


def folder() -> Path:
    """Where imported datasets are kept."""
    from ocinterp.cli import settings

    return settings.load().datasets_folder


def _import_file(path: Path, name: str | None) -> None:
    from ocinterp.tasks import store

    _report(store.add_file(path, folder(), name), str(path))


def _import_folder(path: Path) -> None:
    """Take the datasets that are known, and say what else there is."""
    from ocinterp.tasks import store, texts

    taken, others = 0, list[str]()
    for file in store.candidates(path):
        try:
            text = texts.load(file)
            if not store.is_known(text):
                others.append(str(file.relative_to(path)))
                continue
            _report(store.add(text, str(file), folder()), str(file))
            taken += 1
        except OcinterpError as error:  # of one file: the others are still looked at
            print(f"ocinterp: {error}", file=sys.stderr)
    if others:
        names = ", ".join(others[:_MOST_NAMES])
        print(f"not known, so not taken: {names}{_more(len(others))} (name a file of your own to import it)")
    if not taken:
        raise UsageError(
            f"there is no known dataset among the files of {path}: `ocinterp data list` shows what is known"
        )


def _fetch(name: str) -> None:
    import asyncio

    from ocinterp.tasks import catalogue, store, web

    dataset = catalogue.find(name)
    if dataset is None:
        raise catalogue.unknown(name)
    text = asyncio.run(web.fetch(dataset))
    _report(store.add(text, dataset.address, folder(), dataset.full_name), dataset.address)


def _report(datasets: list[Dataset], source: str) -> None:
    for each in datasets:
        print(f"imported {each.full_name}  {each.tasks:,} tasks, {each.tests:,} tests  from {source}")
        if not each.known:
            print(
                f"ocinterp: {each.name} is no published dataset (md5 {each.texts[0].md5}): reports will say so",
                file=sys.stderr,
            )


def _more(number: int) -> str:
    return f", and {number - _MOST_NAMES} more" if number > _MOST_NAMES else ""


def _aligned(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """Columns; counts stand at the right of theirs."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (
            cell.rjust(width) if place in {2, 3} else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
