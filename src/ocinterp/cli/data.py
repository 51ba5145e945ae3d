"""`ocinterp data`: the benchmarks that evaluation reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import DataError, OcinterpError, SandboxError, UsageError

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
    answers: Annotated[
        bool, typer.Option(help="Have the references answer the tests now; else the first score does.")
    ] = True,
) -> None:
    """Import benchmarks: known files by their hash, your own in any of their formats (docs/evaluation.md)."""
    chosen = paths or []
    if not chosen and not from_web:
        raise UsageError("nothing to import: name files or folders, or --from-web NAME")
    if name is not None and (from_web or len(chosen) != 1 or chosen[0].is_dir()):
        raise UsageError("--as NAME says what one file is: give it one file")
    taken: list[Dataset] = []
    for path in chosen:
        taken += _import_folder(path) if path.is_dir() else _import_file(path, name)
    for each in from_web or []:
        taken += _fetch(each)
    if answers:
        _answer(taken)


@app.command("list")
def list_() -> None:
    """List all datasets that are known, and whether they are imported."""
    from ocinterp.tasks import catalogue, store

    rows = [("name", "version", "tasks", "tests", "md5", "imported")]
    for entry in store.entries(folder()):
        each = entry.dataset
        here = "built in" if each in catalogue.BUILT_IN else "yes" if entry.md5 is not None else "no"
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


def _answer(datasets: list[Dataset]) -> None:
    """Have the references answer the tests of those that compare answers; what is kept already is not asked again."""
    from ocinterp.cli import settings, setup
    from ocinterp.cli.progress import shown
    from ocinterp.tasks import store
    from ocinterp.verifiers import expected

    loaded = settings.load()
    benchmarks = [store.load(each.full_name, loaded.datasets_folder) for each in datasets]
    asked = [each for each in benchmarks if expected.is_needed(loaded.expected_folder, each)]
    if not asked:
        return

    async def work() -> None:
        count = setup.workers_of(None)
        async with setup.judging_sandbox(loaded, None, count) as jobs:
            for each in asked:
                try:
                    with shown(f"answers of {each.name}", len(each.problems)) as tick:
                        await expected.kept_or_computed(
                            loaded.expected_folder, jobs, each, workers=count, on_task=lambda _, tick=tick: tick()
                        )
                    print(f"the references of {each.name}@{each.version} have answered its tests")
                except UsageError as error:  # of one dataset: it is imported, and what is wrong is for its owner to see
                    print(f"ocinterp: {error}", file=sys.stderr)

    try:
        setup.run_to_end(work(), saved=False, hint="what is imported stays, and the first score computes the answers")
    except (SandboxError, UsageError) as error:  # a machine, or a setting, that judges nothing
        print(
            f"ocinterp: the references' answers are not computed yet: {error}; the first score computes them",
            file=sys.stderr,
        )


def _import_file(path: Path, name: str | None) -> list[Dataset]:
    from ocinterp.tasks import store

    return _report(store.add_file(path, folder(), name), str(path))


def _import_folder(path: Path) -> list[Dataset]:
    """Take the datasets that are known, and say what else there is."""
    from ocinterp.tasks import store, texts

    taken: list[Dataset] = []
    others: list[str] = []
    for file in store.candidates(path):
        try:
            text = texts.load(file)
            if not store.is_known(text):
                others.append(str(file.relative_to(path)))
                continue
            taken += _report(store.add(text, str(file), folder()), str(file))
        except OcinterpError as error:  # of one file: the others are still looked at
            print(f"ocinterp: {error}", file=sys.stderr)
    if others:
        names = ", ".join(others[:_MOST_NAMES])
        print(f"not known, so not taken: {names}{_more(len(others))} (name a file of your own to import it)")
    if not taken:
        raise UsageError(
            f"there is no known dataset among the files of {path}: `ocinterp data list` shows what is known"
        )
    return taken


def _fetch(name: str) -> list[Dataset]:
    import asyncio

    from ocinterp.tasks import catalogue, store, web

    dataset = catalogue.find(name)
    if dataset is None:
        raise catalogue.unknown(name)
    if dataset in catalogue.BUILT_IN:
        raise UsageError(f"{dataset.full_name} is built in: there is nothing to import")
    text = asyncio.run(web.fetch(dataset))
    return _report(store.add(text, dataset.address, folder(), dataset.full_name), dataset.address)


def _report(datasets: list[Dataset], source: str) -> list[Dataset]:
    for each in datasets:
        print(f"imported {each.full_name}  {each.tasks:,} tasks, {each.tests:,} tests  from {source}")
        if not each.known:
            print(
                f"ocinterp: {each.name} is no published dataset (md5 {each.texts[0].md5}): reports will say so",
                file=sys.stderr,
            )
    return datasets


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
