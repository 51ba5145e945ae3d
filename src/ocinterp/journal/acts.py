"""The journal at work: intent before an act, settlement before its answer is handed out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ocinterp.errors import DataError, OcinterpError, UsageError
from ocinterp.journal.contents import Entry, Report, State
from ocinterp.journal.costs import NOTHING, UNLIMITED, Account, Budget, Cost
from ocinterp.journal.file import PATIENCE_SECONDS, Reader, alone, digest_of, open_to_write
from ocinterp.journal.request import Request
from ocinterp.journal.writer import Statement, Writer

_ENTER = """
INSERT INTO entries (key, kind, model, scope, sample, state) VALUES (?, ?, ?, ?, ?, 'begun')
ON CONFLICT (key) DO UPDATE SET state = 'begun' WHERE state != 'settled'
"""
_BEGIN = """
INSERT INTO attempts (calls, prompt_tokens, cached_tokens, completion_tokens, nanodollars, id, entry, state, begun, known, way)
VALUES (?, ?, ?, ?, ?, ?, (SELECT id FROM entries WHERE key = ?), 'begun', ?, 0, ?)
"""
_END = """
UPDATE attempts SET calls = ?, prompt_tokens = ?, cached_tokens = ?, completion_tokens = ?, nanodollars = ?, known = ?,
    state = ?, ended = ?, error = ? WHERE id = ?
"""
_DROP = "DELETE FROM attempts WHERE id = ?"
_MARK = "UPDATE entries SET state = ? WHERE key = ? AND state != 'settled'"
_SETTLE = "UPDATE entries SET state = 'settled', answer = ?, digest = ? WHERE key = ? AND state != 'settled'"


@dataclass(frozen=True, slots=True)
class Done:
    """What an act gave, as text, and what it cost; None when nobody counted, and then its reserve is taken for it."""

    answer: str
    cost: Cost | None = NOTHING


Act = Callable[[], Awaitable[Done]]
Forget = Callable[["_Shared"], None]

_around: ContextVar[tuple[_Shared, ...]] = ContextVar("around", default=())  # the acts that this one is a part of


class Ticket:
    """What the journal knows an act by, for whoever carries it out: where acts outlive this process, they are found by it."""

    def __init__(self, key: bytes) -> None:
        self.key: Final = key.hex()
        self.asked = 0

    def go_on(self, asked: int = 1) -> None:
        """Say how often the act was really begun in all by this way, this time included where it was.

        Attempts of which nobody knew the end are then put together with this one: there are as many as that.
        """
        self.asked = asked


def ticket() -> Ticket | None:
    """That of the act that this is a part of; None outside of any."""
    around = _around.get()
    return around[-1].ticket if around else None


class Journal:
    """The journal in the file `path`, which is made if there is none. Use as an async context manager.

    One process has it open at a time: UsageError names the one that does. UsageError also when the file cannot be
    written or is no journal, DataError when it is damaged or newer than this program. What earlier runs spent counts
    against `budget`. Once a write has failed (a full disk) no act is begun any more; open it again to go on.
    """

    def __init__(self, path: Path, *, budget: Budget = UNLIMITED, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.path: Final = path
        self.budget: Final = budget
        self._patience_seconds = patience_seconds
        self._stack = AsyncExitStack()
        self._running: dict[bytes, _Shared] = {}
        self._tasks: set[asyncio.Task[str]] = set()
        self._hits = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.enter_context(alone(self.path))
            writer = Writer(await asyncio.to_thread(open_to_write, self.path, self._patience_seconds), self.path)
            stack.push_async_callback(writer.close)
            reader = stack.enter_context(Reader(self.path, patience_seconds=self._patience_seconds))
            report = reader.report()
            self._account = Account(self.budget, report.spent + report.possible)
            self._last = reader.last_attempt()
            self._writer, self._reader = writer, reader
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Acts under way are broken off, but not while their answers are written."""
        try:
            for shared in list(self._running.values()):
                shared.break_off()
            while self._tasks:
                await asyncio.wait(self._tasks)
        finally:
            await self._stack.aclose()

    async def once(
        self,
        request: Request,
        act: Act,
        *,
        reserve: Cost = NOTHING,
        free: tuple[type[OcinterpError], ...] = (),
        way: str = "",
    ) -> str:
        """The settled answer to `request`; or else that of `act`, settled on the disk before it is handed out.

        Those who ask for the same at the same time share one act. `reserve` is the most it can cost: BudgetExhausted
        when that is not left. What the act raises is passed on and nothing is settled, so the next ask tries again;
        its reserve counts as possibly spent, unless the error is one of `free`, those that no provider charges for.
        `way` is by whom it is carried out, where that outlives this process (`Ticket.go_on`).
        An act is broken off when all who asked for it are cancelled: it is in doubt, and counts in the same way.
        """
        key = request.key
        shared = self._running.get(key)
        if shared is None:
            if (answer := self._reader.answer(key)) is not None:
                self._hits += 1
                return answer
            shared = self._running[key] = _Shared(request, act, reserve, free, way, self._forget)
            shared.start(self._perform(shared))
            self._tasks.add(shared.task)
            shared.task.add_done_callback(self._tasks.discard)
        elif shared in _around.get():
            raise UsageError("an act asks for its own answer: is a model journaled twice under one name?")
        else:
            self._hits += 1
        return await shared.join()

    def cost(self, request: Request, *, known: bool = False) -> Cost:
        """What an act has cost so far, by whatever process, and may have cost besides unless only what is `known` counts."""
        return self._reader.cost(request.key, known=known)

    def unfinished(self, way: str) -> int:
        """How many acts an earlier process began by this way, and nobody has an answer of."""
        return self._reader.unfinished(way)

    def doubts(self, request: Request) -> int:
        """How often an act was broken off that may have been done all the same."""
        return len(self._reader.doubts(request.key, ""))

    @property
    def spent(self) -> Cost:
        """What is used of the budget, by earlier runs too: `report` without a look into the file."""
        return self._account.used

    def report(self) -> Report:
        """The whole file in numbers, and the hits since it was opened."""
        return self._reader.report(hits=self._hits)

    def entries(self) -> Iterator[Entry]:
        """All entries in the order in which they were first asked for; those that are added meanwhile come last."""
        return self._reader.entries()

    async def _perform(self, shared: _Shared) -> str:
        """Carry out a shared act, from its reservation to its settlement."""
        nested = any(each.reserve != NOTHING for each in _around.get())
        await self._account.reserve(shared.reserve, wait=not nested)
        try:
            attempt = await self._begin(shared)
            return await self._attempt(shared, attempt)
        finally:
            self._account.settle(shared.reserve, shared.cost)

    async def _begin(self, shared: _Shared) -> int:
        """Write down the intent; the number of the attempt."""
        self._last = attempt = self._last + 1
        request = shared.request
        entry = (request.key, request.kind, request.model, request.scope, request.sample)
        values = (*shared.reserve.row, attempt, request.key, _now(), shared.way)
        try:
            await self._writer.write((_ENTER, entry), (_BEGIN, values))
        except asyncio.CancelledError:  # the intent is written all the same, so say that nothing came of it
            await self._writer.write(
                *_ended(request.key, attempt, "failed", NOTHING, "cancelled before it began", known=True)
            )
            raise
        return attempt

    async def _attempt(self, shared: _Shared, attempt: int) -> str:
        key, shared.cost = shared.request.key, shared.reserve
        _around.set((*_around.get(), shared))
        try:
            done = await shared.act()
            _check_text(done.answer)
        except OcinterpError as error:
            shared.over = True
            nothing = isinstance(error, shared.free)
            shared.cost = NOTHING if nothing else shared.reserve
            await self._writer.write(*_ended(key, attempt, "failed", shared.cost, str(error), known=nothing))
            raise
        except BaseException as error:  # cancelled, or a mistake of the caller's: nobody knows what was paid
            shared.over = True
            why = str(error) or type(error).__name__
            await self._writer.write(*_ended(key, attempt, "doubt", shared.cost, why, known=False))
            raise
        shared.over = True
        shared.cost = shared.reserve if done.cost is None else done.cost
        attempt, drop = self._as_it_was(shared, attempt)
        await self._writer.write(*drop, *_settled(key, attempt, done.answer, shared.cost, known=done.cost is not None))
        return done.answer

    def _as_it_was(self, shared: _Shared, attempt: int) -> tuple[int, list[Statement]]:
        """The attempt that an answer belongs to, and the statements that remove those that were none."""
        asked = shared.ticket.asked
        none = self._reader.doubts(shared.request.key, shared.way)[asked - 1 :] if asked else []
        if not none:
            return attempt, []
        for _, cost in none:
            self._account.take_back(cost)
        (own, _), *others = none
        return own, [(_DROP, (each,)) for each in (attempt, *(number for number, _ in others))]

    def _forget(self, shared: _Shared) -> None:
        """Whoever asks from now on begins anew, or finds the answer in the file."""
        if self._running.get(shared.request.key) is shared:
            del self._running[shared.request.key]


class _Shared:
    """An act under way, and how many wait for it. `forget` is called once, when nobody may join any more."""

    task: asyncio.Task[str]

    def __init__(
        self, request: Request, act: Act, reserve: Cost, free: tuple[type[OcinterpError], ...], way: str, forget: Forget
    ) -> None:
        self.request, self.act, self.reserve, self.free, self.way = request, act, reserve, free, way
        self.ticket = Ticket(request.key)
        self.cost = NOTHING  # as far as it is known: nothing, what is reserved, what it was
        self.over = False  # what came of the act will be written, whoever still wants it
        self._forget = forget
        self._waiting = 0

    def start(self, work: Coroutine[None, None, str]) -> None:
        self.task = asyncio.create_task(work)
        self.task.add_done_callback(self._end)

    async def join(self) -> str:
        """The answer. When the last who waits is cancelled, the act is broken off, and its end waited for."""
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if not self._waiting and not self.task.done():
                self.break_off()
                await asyncio.wait([self.task])

    def break_off(self) -> None:
        if not self.over:
            self._forget(self)
            self.task.cancel()

    def _end(self, task: asyncio.Task[str]) -> None:
        self._forget(self)
        if not task.cancelled():
            task.exception()  # so that it counts as seen when nobody waits any more


def _settled(key: bytes, attempt: int, answer: str, cost: Cost, *, known: bool) -> list[Statement]:
    return [
        (_END, (*cost.row, known, "settled", _now(), None, attempt)),
        (_SETTLE, (answer, digest_of(key, answer), key)),
    ]


def _ended(key: bytes, attempt: int, state: State, cost: Cost, why: str, *, known: bool) -> list[Statement]:
    why = why.encode(errors="replace").decode()
    return [(_END, (*cost.row, known, state, _now(), why, attempt)), (_MARK, (state, key))]


def _check_text(answer: str) -> None:
    try:
        answer.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"an answer is not valid Unicode and cannot be kept: {error.object[error.start :][:20]!a}"
        ) from error


def _now() -> float:
    return datetime.now(UTC).timestamp()
