"""Rows of several files, in the proportion that was asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

from ocinterp.errors import DataError, UsageError
from ocinterp.train import sources
from ocinterp.train.crews import Crew
from ocinterp.train.lessons import Lesson
from ocinterp.train.rows import Counts, Format, Row
from ocinterp.train.sources import Source


@dataclass(frozen=True, slots=True)
class Used:
    """A file, what became of its lessons, and how many of its rows are in the mix."""

    path: str
    sha256: str
    counts: Counts
    rows: int

    def lines(self) -> Iterator[str]:
        """What a person should know: nothing that is left out is left out in silence."""
        yield f"{self.path}: {self.rows:,} of {self.counts.rows:,} rows, {self.counts.tokens:,} tokens, {self.counts.learnt:,} of them learnt"
        for number, what in left_out(self.counts):
            yield f"  {number:,} {what}"


def left_out(counts: Counts) -> Iterator[tuple[int, str]]:
    """How many rows are shortened or not used, and why."""
    found = (
        (counts.cut, "cut at the end of a turn, because they are longer than the context"),
        (counts.too_long, "left out: not even the first answer fits into the context"),
        (counts.idle, "left out: no answer in them is to be learnt"),
        (counts.unwritable, f"left out: {counts.reason}"),
    )
    yield from ((number, what) for number, what in found if number)


def check(chosen: Sequence[Source]) -> None:
    """UsageError for files and shares that make no mix; before any file is read."""
    if not chosen:
        raise UsageError("nothing to learn from: name a file, as in --data dialogues.jsonl")
    for each in chosen:
        if not each.path.is_file():
            raise UsageError(f"--data {each.path}: there is no such file")
    shares = [each.share for each in chosen]
    if None in shares and any(share is not None for share in shares):
        raise UsageError("--data: give each file a share (FILE:2), or none of them")
    if None not in shares and not sum(share or 0 for share in shares):
        raise UsageError("--data: all shares are 0")


def collect(
    chosen: Sequence[Source],
    form: Format,
    longest: int,
    seed: str,
    *,
    others: float = 0.0,
    texts: bool = False,
    workers: int = 1,
) -> tuple[list[Row], list[Used]]:
    """The mix, and what it is made of. DataError for a file of which nothing can be learnt.

    With shares it is the largest mix in that proportion in which no row comes twice; chance picks among a file's rows,
    always the same for a seed. So many processes read it, where it is long.
    """
    check(chosen)
    read: list[tuple[Source, list[Row], Counts]] = []
    with Crew(form, longest, texts, workers) as crew:
        for each in chosen:
            counts = Counts()
            lessons: Iterable[Lesson] = () if each.share == 0 else sources.read(each.path, others, texts=texts)
            found = list(crew.rows(lessons, counts))
            if not found and each.share != 0:
                why = "; ".join(f"{number:,} {what}" for number, what in left_out(counts))
                raise DataError(f"{each.path}: nothing can be learnt from it: {why}")
            read.append((each, found, counts))
    mixed: list[Row] = []
    used: list[Used] = []
    for (each, found, counts), number in zip(read, _numbers(read), strict=True):
        chance = Random(f"{seed} {len(used)}")
        kept = found if number == len(found) else [found[at] for at in sorted(chance.sample(range(len(found)), number))]
        mixed += kept
        used.append(Used(str(each.path), sources.digest(each.path), counts, len(kept)))
    return mixed, used


def _numbers(read: Sequence[tuple[Source, list[Row], Counts]]) -> list[int]:
    """How many rows of each file."""
    if any(each.share is None for each, _, _ in read):
        return [len(found) for _, found, _ in read]
    unit = min(len(found) / each.share for each, found, _ in read if each.share)
    return [min(len(found), round(unit * (each.share or 0))) for each, found, _ in read]
