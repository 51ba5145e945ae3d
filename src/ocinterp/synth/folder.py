"""The folder of a run: its plan, its journal, what each stage has made, and what each has refused.

    plan.toml            what is to be made (plan.py)
    journal.sqlite       every call of a model and every execution, done once (docs/journal.md)
    stages/NAME/         part-00000.parquet, ...; done.json when there are all
    rejected/NAME.parquet  rows that did not pass the stage, and why

A stage that is done is not made again. One that was stopped begins anew, but for the parts it has: what they cost is in the
journal, and rows come in the same order.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, replace_file
from ocinterp.synth.queries import Rejected
from ocinterp.synth.tables import Table

_T = TypeVar("_T")
JOURNAL: Final = "journal.sqlite"
IDENTITY: Final = ".run"
STOPPED: Final = "stopped"  # among the numbers of a stage that was not made to its end
SAMPLE: Final = ".sample"  # marks the folder of a sample, which its run makes
PART_ROWS: Final = 20_000  # of a part, where nobody has to be waited for


@dataclass(frozen=True, slots=True)
class Done:
    """What a stage came to: rows, rows that it refused, and numbers of its own."""

    rows: int
    rejected: int
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage has made."""

    folder: Path  # of the run
    name: str

    @property
    def place(self) -> Path:
        return self.folder / "stages" / self.name

    @property
    def refused(self) -> Path:
        return self.folder / "rejected" / f"{self.name}.parquet"

    @property
    def done(self) -> Done | None:
        """None while it is not. DataError for a mark that is damaged."""
        path = self.place / "done.json"
        if not path.exists():
            return None
        try:
            found = cast("dict[str, Any]", json.loads(path.read_text("utf-8")))
            return Done(int(found["rows"]), int(found["rejected"]), dict(found["numbers"]))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is damaged: delete {self.place}, and the stage is made again") from error

    def parts(self) -> list[Path]:
        return sorted(self.place.glob("part-*.parquet"))

    def rows(self, kind: type[_T]) -> Iterator[_T]:
        """What it has made, in order. DataError where a part of it is damaged, or gone."""
        table, count = Table(kind), 0
        for part in self.parts():
            for each in table.read(part):
                count += 1
                yield each
        if (done := self.done) is not None and count != done.rows:
            raise DataError(
                f"{self.place} has {count:,} rows of {done.rows:,}: delete {self.place}, and the stage is made again"
            )

    def rejected(self) -> Iterator[Rejected]:
        return Table(Rejected).read(self.refused) if self.refused.exists() else iter(())

    def begin(self) -> None:
        """An empty place for it. Parts of an attempt that was broken off go."""
        with explained(self.place):
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir(parents=True)
            self.refused.parent.mkdir(exist_ok=True)

    def write(self, kind: type[_T], rows: Iterable[_T], number: int = 0) -> int:
        """One part. How many rows it has."""
        return Table(kind).write(self.place / f"part-{number:05}.parquet", rows)

    def fill(self, kind: type[_T], rows: Iterable[_T]) -> int:
        """All of its parts. How many rows they have; none where there are none."""
        rest, count = iter(rows), 0
        while part := list(islice(rest, PART_ROWS)):
            count += self.write(kind, part, count // PART_ROWS)
        return count

    def sift(self, before: Stage, kind: type[_T], keep: Iterable[bool]) -> Iterator[_T]:
        """Its parts, of those rows of a stage before it that are to be kept, as they are; gives the others, in order.

        They are there when all were taken. `keep` has one for each row.
        """
        rest, table = iter(keep), Table(kind)
        for each in before.parts():
            yield from table.sift(each, self.place / each.name, rest)

    def finish(self, rows: int, rejected: Iterable[Rejected], **numbers: int) -> Done:
        """Say that all is there."""
        count = Table(Rejected).write(self.refused, rejected)
        done = Done(rows, count, numbers)
        text = json.dumps({"rows": rows, "rejected": count, "numbers": dict(numbers)})
        replace_file(self.place / "done.json", [text.encode()])
        return done


def identity(folder: Path) -> str:
    """What tells this run from all others, for servers that remember what it has sent them."""
    path = folder / IDENTITY
    if not path.exists():
        replace_file(path, [secrets.token_hex(8).encode()])
    with explained(path):
        return path.read_text("ascii")


def share_identity(folder: Path, other: Path) -> None:
    """Let another run, which has this one's journal, find what this one has sent, if it has."""
    if (folder / IDENTITY).exists():
        replace_file(other / IDENTITY, [identity(folder).encode()])


def made(folder: Path) -> Stage:
    """The stage of a run that has its rows. UsageError while it has none."""
    stage = Stage(folder, "assemble")
    if stage.done is None:
        whole = f"{folder.parent} --sample N" if (folder / SAMPLE).exists() else f"{folder}"
        raise UsageError(f"{folder} has no rows yet: `ocinterp synth run {whole}` makes them")
    return stage
