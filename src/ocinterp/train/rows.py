"""Lessons as token ids with a weight each, cut to a length only between turns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ocinterp.models.pocket.roles import Piece as Piece
from ocinterp.models.pocket.roles import RoleTokens as RoleTokens
from ocinterp.train.lessons import Lesson
from ocinterp.types import Message


class Format(Protocol):
    """How a model's dialogues are written as tokens."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """One for each message; put together they are the dialogue as the model sees it. Raises Unwritable."""
        ...

    def document(self, text: str) -> list[int]:
        """The ids of a text that is no dialogue, and of its end. Raises Unwritable."""
        ...


class Unwritable(Exception):  # noqa: N818  what it is, not what went wrong
    """A dialogue that a format has no way to write, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """The ids of a dialogue. `weights[n]` is how much counts that `ids[n]` is predicted; the first is never."""

    ids: Sequence[int]  # both are arrays: there are hundreds of millions
    weights: Sequence[float]


@dataclass
class Counts:
    """What became of lessons."""

    rows: int = 0
    tokens: int = field(default=0, compare=False)  # in them
    learnt: int = field(default=0, compare=False)  # of those, the ones that count
    cut: int = 0  # of them, at the end of a turn, because they were too long
    too_long: int = 0  # left out: not even the first answer fits
    idle: int = 0  # left out: nothing in them is to be learnt
    unwritable: int = 0  # left out: the format cannot write them
    reason: str = ""  # of the first of those

    @property
    def lessons(self) -> int:
        """How many there were: of a text that fills several rows each row is one."""
        return self.rows + self.too_long + self.idle + self.unwritable

    def add(self, more: Counts) -> None:
        """What became of lessons after these."""
        self.rows += more.rows
        self.tokens += more.tokens
        self.learnt += more.learnt
        self.cut += more.cut
        self.too_long += more.too_long
        self.idle += more.idle
        self.unwritable += more.unwritable
        self.reason = self.reason or more.reason


def rows(
    lessons: Iterable[Lesson], form: Format, longest: int, counts: Counts, *, texts: bool = False
) -> Iterator[Row]:
    """A row for each lesson that teaches something within `longest` tokens.

    With `texts`, what is said by the model alone is no dialogue, and makes as many rows as it fills.
    """
    for each in lessons:
        if not each.teaches:
            counts.idle += 1
            continue
        try:
            found = _parts(each, form, longest) if texts and each.is_text else _row(each, form, longest, counts)
        except Unwritable as error:
            counts.unwritable += 1
            counts.reason = counts.reason or str(error)
            continue
        for row in found:
            counts.rows += 1
            counts.tokens += len(row.ids)
            counts.learnt += sum(map(bool, row.weights))
            yield row


def _parts(lesson: Lesson, form: Format, longest: int) -> list[Row]:
    """A text in pieces that fit; one token alone would teach nothing."""
    ids = form.document(lesson.messages[0].content)
    cuts = [ids[start : start + longest] for start in range(0, len(ids), longest)]
    return [
        Row(array("i", part), array("d", [0.0, *[lesson.weights[0]] * (len(part) - 1)]))
        for part in cuts
        if len(part) > 1
    ]


def _row(lesson: Lesson, form: Format, longest: int, counts: Counts) -> list[Row]:
    """One row, or none."""
    pieces = form.pieces(lesson.messages)
    ids: list[int] = []
    weights: list[float] = []
    end = taught = 0  # the length with all turns that fit, and up to the last one that teaches
    for message, weight, piece in zip(lesson.messages, lesson.weights, pieces, strict=True):
        if len(ids) + len(piece.ids) > longest:
            break
        ids += piece.ids
        weights += [weight if said or message.role != "assistant" else 0.0 for said in piece.said]
        end = len(ids)
        if message.role == "assistant" and weight:
            taught = end
    if not taught:
        counts.too_long += 1
        return []
    counts.cut += end < sum(len(piece.ids) for piece in pieces)
    return [Row(array("i", ids[:taught]), array("d", [0.0, *weights[1:taught]]))]
