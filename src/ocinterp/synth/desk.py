"""What the stages that ask models share: who plays which part, where code runs, and what each row was made with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ocinterp.journal import Journaled
from ocinterp.models.refusals import REFUSED_TOGETHER, RequestRefused
from ocinterp.protocols import Model, Sandbox, ignore
from ocinterp.synth import vectors
from ocinterp.synth.folder import Done
from ocinterp.synth.jury import Jury
from ocinterp.synth.plan import Plan
from ocinterp.synth.rows import Call
from ocinterp.synth.vectors import Vectors
from ocinterp.types import Completion, Message

Players = Callable[[str, str], Journaled]  # of a part, within a scope


@dataclass
class Refusals:
    """Requests that a server did not take, row after row: of a few the rows are to blame, of all of them the server, or how it is asked."""

    _error: RequestRefused | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)
    _rows: int = field(default=0, init=False)

    def hear(self, error: RequestRefused | None) -> None:
        """Of the next row; None where all that was asked for it was taken. Raises the last of REFUSED_TOGETHER one after the other."""
        self._rows += 1
        self._error, self._count = error, self._count + 1 if error is not None else 0
        if error is not None and self._count >= REFUSED_TOGETHER:
            raise error

    def end(self) -> None:
        """After the last row: raises the last, if there were several and none was taken."""
        if self._error is not None and self._count == self._rows > 1:
            raise self._error


class Vectorizer(Protocol):
    """Vectors of questions, by which it is seen which are near each other.

    None: somebody wished to stop on the way. `ledger` gets what each cost, as that of a desk.
    """

    async def __call__(self, texts: Sequence[str], ledger: dict[str, int] | None, /) -> Vectors | None: ...


async def by_words(texts: Sequence[str], ledger: dict[str, int] | None = None, /) -> Vectors:
    """Vectors that need no model."""
    return await asyncio.to_thread(vectors.of, texts)


class Watch:
    """Somebody who looks on while stages are made; this one does not."""

    def begin(self, stage: str, rows: int) -> None:
        """A stage begins, with so many rows that go in."""

    def row(self, made: bool) -> None:
        """One of them is done with: something came of it, or it was refused."""

    def end(self, stage: str, done: Done) -> None:
        """A stage is over, or was broken off."""


@dataclass(frozen=True, slots=True)
class Desk:
    """`at_once` rows are under way; after `stop` says so none is begun.

    Where requests can wait for a batch (`patient`), those of the stages that ask but once are for these players, `patient_rows` at once.
    """

    plan: Plan
    players: Players
    sandbox: Sandbox
    jury: Jury
    at_once: int = 16
    stop: Callable[[], bool] = lambda: False
    watch: Watch = field(default_factory=Watch)
    ledger: dict[str, int] | None = None  # billionths of a dollar of each call that was asked for, by its key
    patient: Players | None = None
    patient_rows: int = 20_000
    vectors: Vectorizer = by_words
    refusals: Refusals = field(default_factory=Refusals)  # of all that is asked while rows are checked

    @property
    def rows_that_wait(self) -> int:
        """How many rows are under way at once in a stage that asks but once."""
        return self.patient_rows if self.patient else self.at_once


@dataclass
class Bill:
    """Models of one row, which remember what they were asked: each call by its key in the journal."""

    desk: Desk
    scope: str
    calls: list[Call] = field(default_factory=list[Call])

    def model(self, part: str) -> Model:
        return _Billed(self.desk.players(part, self.scope), self)

    def patient(self, part: str) -> Model:
        """The same for a request whose answer is all that is wanted of it: it may wait for a batch."""
        return _Billed((self.desk.patient or self.desk.players)(part, self.scope), self)

    def name(self, part: str) -> str:
        """Who plays a part, by the name that the journal has."""
        return self.desk.players(part, self.scope).name


@dataclass(frozen=True, slots=True)
class _Billed:
    model: Journaled
    bill: Bill

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        said = await self.model.generate(messages, on_text=on_text)
        call = _call(self.model, messages)
        self.bill.calls.append(call)
        if self.bill.desk.ledger is not None:
            self.bill.desk.ledger[call.key] = call.nanodollars
        return said


def _call(model: Journaled, messages: Sequence[Message]) -> Call:
    """A call with what was paid for it when it was made, at whatever price that was."""
    request = model.request(messages)
    cost = model.journal.cost(request, known=True)
    return Call(request.key.hex(), model.name, cost.prompt_tokens, cost.completion_tokens, cost.nanodollars)
