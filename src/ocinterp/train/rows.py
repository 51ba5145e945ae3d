"""Lessons as token ids with a weight each, cut to a length only between turns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ocinterp.train.lessons import Lesson
from ocinterp.types import Message


class Format(Protocol):
    """How a model's dialogues are written as tokens."""

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """One for each message; put together they are the dialogue as the model sees it."""
        ...


@dataclass(frozen=True, slots=True)
class Piece:
    """The tokens of a message: `said` says which of them the model has to say itself, the end of its turn among them."""

    ids: tuple[int, ...]
    said: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """The ids of a dialogue. `weights[n]` is how much counts that `ids[n]` is predicted; the first is never."""

    ids: tuple[int, ...]
    weights: tuple[float, ...]


@dataclass
class Counts:
    """What became of lessons."""

    rows: int = 0
    cut: int = 0  # of them, at the end of a turn, because they were too long
    too_long: int = 0  # left out: not even the first answer fits
    idle: int = 0  # left out: nothing in them is to be learnt


def rows(lessons: Iterable[Lesson], form: Format, longest: int, counts: Counts) -> Iterator[Row]:
    """A row for each lesson that teaches something within `longest` tokens."""
    for each in lessons:
        if not each.teaches:
            counts.idle += 1
            continue
        row = _row(each, form, longest, counts)
        if row is not None:
            counts.rows += 1
            yield row


def _row(lesson: Lesson, form: Format, longest: int, counts: Counts) -> Row | None:
    ids: list[int] = []
    weights: list[float] = []
    end = taught = 0  # the length with all turns that fit, and up to the last one that teaches
    for message, weight, piece in zip(lesson.messages, lesson.weights, form.pieces(lesson.messages), strict=True):
        if len(ids) + len(piece.ids) > longest:
            break
        ids += piece.ids
        weights += [weight if said or message.role != "assistant" else 0.0 for said in piece.said]
        end = len(ids)
        if message.role == "assistant" and weight:
            taught = end
    if not taught:
        counts.too_long += 1
        return None
    counts.cut += end < sum(len(piece.ids) for piece in form.pieces(lesson.messages))
    return Row(tuple(ids[:taught]), (0.0, *weights[1:taught]))


@dataclass(frozen=True, slots=True)
class RoleTokens:
    """The format of the pocket models: a token for the role, the text, a token for the end.

    The role's token is given, not said: a model says its text and the end of its turn.
    """

    encode: TextEncoder
    roles: dict[str, int]
    end: int

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        return [self._piece(each) for each in messages]

    def _piece(self, message: Message) -> Piece:
        text = self.encode(message.content)
        return Piece((self.roles[message.role], *text, self.end), (False, *[True] * (len(text) + 1)))

    def prompt(self, messages: Sequence[Message]) -> list[int]:
        """The ids after which the model answers."""
        read = [number for piece in self.pieces(messages) for number in piece.ids]
        return [*read, self.roles["assistant"]]


class TextEncoder(Protocol):
    def __call__(self, text: str, /) -> Sequence[int]: ...
