"""Datasets that were imported: copies of their texts in one folder, checked at every use.

    FOLDER/MD5.gz       a text, under the md5 it has uncompressed
    FOLDER/NAME.json    what an unpublished dataset is (FORMAT), and which text it has

A published dataset is imported when a text that it is known by is there.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ocinterp import files
from ocinterp.errors import DataError, UsageError
from ocinterp.problems import Benchmark
from ocinterp.tasks import catalogue, formats, texts
from ocinterp.tasks.catalogue import Dataset, Text
from ocinterp.tasks.pocket import benchmark as pocket

FORMAT: Final = "ocinterp-dataset/1"
OWN: Final = "own"  # the version of what nobody has published
ENDINGS: Final = (".jsonl", ".json", ".jsonl.gz", ".json.gz")


@dataclass(frozen=True, slots=True)
class Entry:
    """A dataset, and the md5 of its text here; None where it is not imported."""

    dataset: Dataset
    md5: str | None


def entries(folder: Path) -> list[Entry]:
    """All published datasets, all others that were imported, and those that are built in, in the catalogue's order."""
    own = [each for each in map(_own, sorted(folder.glob("*.json"))) if each is not None]
    known = [Entry(each, _imported(each, folder)) for each in (*catalogue.PUBLISHED, *own)]
    return [*known, *(Entry(each, each.texts[0].md5) for each in catalogue.BUILT_IN)]


def load(name: str, folder: Path) -> Benchmark:
    """The benchmark of that name. UsageError where there is none, where it is not imported, or where its copy is damaged."""
    entry = _entry(name, folder)
    if entry.dataset in catalogue.BUILT_IN:
        return pocket.benchmark()
    if entry.md5 is None:
        raise UsageError(_missing(entry.dataset, folder))
    return _open(entry.dataset, entry.md5, folder)


def add(text: bytes, source: str, folder: Path, name: str | None = None) -> list[Dataset]:
    """Import a text, as what it is known to be; or, under `name`, as what it must be; or as somebody's own dataset.

    Raises UsageError where it is not what `name` says, and DataError where it is nothing that can be read.
    """
    found = catalogue.find(name) if name is not None else None
    if found in catalogue.BUILT_IN:
        raise UsageError(f"{name} is built in: there is nothing to import")
    text, matching = _recognised(text)
    if found is not None and found not in matching:
        raise UsageError(_mistaken(found, matching, text, source))
    if name is None and (reason := catalogue.REFUSED.get(texts.md5(text))) is not None:
        raise UsageError(f"{source} is not taken: it is {reason}")
    if not matching:
        return [_add_own(text, source, folder, name)]
    if found is None and name is not None:
        raise UsageError(f"{source} is {matching[0].full_name}: it keeps that name")
    chosen = [found] if found is not None else list(matching)
    _write(_path(texts.md5(text), folder), texts.pack(text))
    return chosen


def add_file(path: Path, folder: Path, name: str | None = None) -> list[Dataset]:
    """Import a file, as `add` does."""
    return add(texts.load(path), str(path), folder, name)


def candidates(folder: Path) -> Iterator[Path]:
    """The files below a folder that may be datasets, by their names; what is hidden is left out."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        yield from (Path(place, each) for each in sorted(names) if each.endswith(ENDINGS) and not each.startswith("."))


def is_known(text: bytes) -> bool:
    """Whether `add` knows the text, to take it or to refuse it."""
    return bool(_recognised(text)[1]) or texts.md5(text) in catalogue.REFUSED


def verify(folder: Path) -> Iterator[tuple[Dataset, list[str]]]:
    """All that is imported, read again, and what is wrong with each: damage, counts, references."""
    for entry in entries(folder):
        if entry.md5 is not None and entry.dataset not in catalogue.BUILT_IN:
            yield entry.dataset, list(_faults(entry.dataset, entry.md5, folder))


def _faults(dataset: Dataset, md5: str, folder: Path) -> Iterator[str]:
    try:
        problems = _open(dataset, md5, folder).problems
    except (UsageError, DataError) as error:
        yield str(error)
        return
    tests = sum(map(formats.count_tests, problems.values()))
    if (len(problems), tests) != (dataset.tasks, dataset.tests):
        yield f"{len(problems)} tasks with {tests} tests, expected {dataset.tasks} with {dataset.tests}"
    yield from formats.faults(problems)


def _open(dataset: Dataset, md5: str, folder: Path) -> Benchmark:
    path = _path(md5, folder)
    try:
        text = texts.load(path)
    except DataError as error:
        raise UsageError(f"the copy of {dataset.full_name} is damaged: import it again ({error})") from error
    if (found := texts.md5(text)) != md5:
        raise UsageError(f"the copy of {dataset.full_name} is damaged: import it again ({path} has the md5 {found})")
    _, problems = formats.problems(text, str(path), dataset.form)
    return Benchmark(dataset.name, dataset.version, md5, problems, known=dataset.known)


def _entry(name: str, folder: Path) -> Entry:
    found = catalogue.find(name)
    if found is None:
        plain, version = catalogue.split(name)
        found = _own(folder / f"{plain}.json")
        if found is None or version not in {"", OWN}:
            raise catalogue.unknown(name, tuple(each.dataset.name for each in entries(folder)))
    return Entry(found, _imported(found, folder))


def _missing(dataset: Dataset, folder: Path) -> str:
    there = [
        each.dataset.full_name for each in entries(folder) if each.dataset.name == dataset.name and each.md5 is not None
    ]
    instead = f"; imported is {', '.join(there)}" if there else ""
    return (
        f"{dataset.full_name} is not imported{instead}: `ocinterp data import FILE` takes it from a file, "
        f"`ocinterp data import --from-web {dataset.full_name}` from {dataset.address}"
    )


def _recognised(text: bytes) -> tuple[bytes, tuple[Dataset, ...]]:
    """The text as it was published and the datasets it belongs to; as it is, where it belongs to none."""
    for each in dict.fromkeys((text, texts.mended(text))):
        if found := catalogue.having(texts.md5(each)):
            digest = texts.sha256(each)  # one md5 can be given to two texts
            return each, tuple(one for one in found if any(known.sha256 == digest for known in one.texts))
    return text, ()


def _mistaken(wanted: Dataset, matching: tuple[Dataset, ...], text: bytes, source: str) -> str:
    what = f"it is {matching[0].full_name}" if matching else f"its text has the md5 {texts.md5(text)}"
    return (
        f"{source} is not {wanted.full_name}: {what}; expected {wanted.texts[0].md5}, "
        f"{wanted.tasks} tasks, as from {wanted.address}"
    )


def _add_own(text: bytes, source: str, folder: Path, name: str | None) -> Dataset:
    """Import what nobody has published, in whichever format it is."""
    plain, version = catalogue.split(name if name is not None else _stem(source))
    if version not in {"", OWN} or catalogue.find(plain) is not None:
        raise UsageError(
            f"{source} is no published dataset (its md5 is {texts.md5(text)}), so it cannot be called {name or plain}: "
            "give it a name of its own with --as NAME"
        )
    form, problems = formats.problems(text, source)
    if (fault := next(formats.faults(problems), None)) is not None:
        raise DataError(f"{source}: {fault}")
    md5, tests = texts.md5(text), sum(map(formats.count_tests, problems.values()))
    _write(_path(md5, folder), texts.pack(text))
    about = {"format": FORMAT, "form": form, "tasks": len(problems), "tests": tests, "md5": md5}
    _write(folder / f"{plain}.json", json.dumps(about).encode())
    return Dataset(plain, OWN, form, len(problems), tests, (Text(md5, texts.sha256(text)),))


def _stem(source: str) -> str:
    """The name that a file gives its dataset: `my tasks.jsonl.gz` -> `my-tasks`."""
    name = Path(source).name
    for ending in sorted(ENDINGS, key=len, reverse=True):
        name = name.removesuffix(ending)
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", name).strip("-.") or "dataset"


def _own(path: Path) -> Dataset | None:
    """An unpublished dataset; None where there is none, or nothing that can be read."""
    try:
        about: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if about["format"] != FORMAT or about["form"] not in formats.READERS:
            return None
        return Dataset(path.stem, OWN, about["form"], about["tasks"], about["tests"], (Text(about["md5"], ""),))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _imported(dataset: Dataset, folder: Path) -> str | None:
    return next((each.md5 for each in dataset.texts if _path(each.md5, folder).is_file()), None)


def _path(md5: str, folder: Path) -> Path:
    return folder / f"{md5}.gz"


def _write(path: Path, content: bytes) -> None:
    """Write a file in one step, and its folder before. UsageError where it cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_in_one_step(path, [content], mode=0o600)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}") from error
