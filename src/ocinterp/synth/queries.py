"""What a dataset is made from: questions with what their sources say of them, and where each of them stands."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from ocinterp.types import Message

UNKNOWN: Final = "unknown"  # a licence that nobody has named


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a row was read: which dataset, in which file, its number there from 1, the SHA-256 of its bytes, its licence.

    `licence` is an SPDX identifier where there is one.
    """

    dataset: str
    file: str
    row: int
    sha256: str
    licence: str = UNKNOWN

    @property
    def id(self) -> str:
        """The name of the row, the same wherever it stands: of two that are the same the second goes in `dedup`."""
        said = f"{self.dataset}\n{self.sha256}"
        return hashlib.blake2b(said.encode(), digest_size=10).hexdigest()

    @property
    def where(self) -> str:
        return f"{self.file}:{self.row}"


@dataclass(frozen=True, slots=True)
class Solution:
    """A program that its source says solves a problem, and what the source says of it in words."""

    language: str
    source: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the source of a problem knows beside its text, for whoever verifies answers to it.

    `name` is what the problem is called wherever it is found, such as `two-sum`. `tests` are Python code that calls `entry_point`, which is
    `cases.PRINTED` for a program that reads and prints; `setup` runs before the program.
    """

    name: str = ""
    entry_point: str = ""
    setup: str = ""
    tests: str = ""
    solutions: tuple[Solution, ...] = ()
    tags: tuple[str, ...] = ()
    difficulty: str = ""


NO_FACTS: Final = Facts()


@dataclass(frozen=True, slots=True)
class Query:
    """What somebody asked, and what the source has as an answer. `later` is what was said after that, if anything was.

    `record` is the whole dialogue with what was run in it, where the source has that: a line of `ocinterp.records`.
    """

    text: str
    origin: Origin
    answer: str = ""
    language: str = ""
    later: tuple[Message, ...] = ()
    facts: Facts = NO_FACTS
    record: str = ""

    @property
    def id(self) -> str:
        return self.origin.id


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not taken, why, and how it begins."""

    file: str
    row: int
    reason: str
    head: str = ""


def refused(query: Query, reason: str) -> Rejected:
    """Why a question is left out, with its head."""
    return Rejected(query.origin.file, query.origin.row, reason, query.text[:200])
