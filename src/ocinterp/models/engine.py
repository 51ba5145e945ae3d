"""Many answers at once in this process: an engine that carries all of them on by one token, and who is in it when.

Continuous batching: who has ended leaves after each step and who waits takes the place, so that nobody waits for the longest
answer of a batch. A greedy answer is what it would be alone, and so is a drawn one: each has its own draws.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from ocinterp.types import Completion, FinishReason, Tokens, Usage

_MARGIN: Final = 32  # tokens that one who comes in should be able to say before somebody has to make room


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are chosen. Temperature 0 takes the likeliest; `seed` makes draws repeatable."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0


@dataclass(slots=True, eq=False)
class Strand:
    """An answer in the making: `ids` are those of its prompt and of what was said so far, the end of the turn included.

    `logprobs` are those of what was said, at the temperature (at 0: of the model itself). `finish` is None while it goes on.
    """

    ids: list[int]
    sampling: Sampling = field(default_factory=Sampling)
    ends: frozenset[int] = frozenset()
    draw: Callable[[], float] = field(default_factory=lambda: Random(0).random)  # uniform in [0, 1)
    logprobs: list[float] = field(default_factory=list[float])
    finish: FinishReason | None = None
    dropped: bool = False  # nobody waits for it any more

    @property
    def said(self) -> list[int]:
        """The ids of the answer."""
        return self.ids[len(self.ids) - len(self.logprobs) :]

    def completion(self, text: str) -> Completion:
        """The answer, once it is over; `text` is what its ids say."""
        said = self.said
        prompt = self.ids[: len(self.ids) - len(said)]
        tokens = Tokens(tuple(prompt), tuple(said), tuple(self.logprobs))
        return Completion(text, self.finish or "stop", tokens, Usage(len(prompt), len(said)))

    def add(self, number: int, logprob: float, most: int) -> None:
        """One token more; `most` is how long prompt and answer may be together."""
        self.ids.append(number)
        self.logprobs.append(logprob)
        if number in self.ends:
            self.finish = "stop"
        elif len(self.logprobs) >= self.sampling.max_tokens or len(self.ids) >= most:
            self.finish = "length"


@dataclass(frozen=True, slots=True)
class Token:
    """What an engine chose to be said next."""

    strand: Strand
    number: int
    logprob: float


class Engine(Protocol):
    """Runs a model. It is called by one thread at a time."""

    @property
    def positions(self) -> int:
        """How long prompt and answer may be together."""
        ...

    def join(self, strand: Strand, /) -> None:
        """From the next step on it is carried on, from whatever its `ids` are then: all of them are read first."""
        ...

    def leave(self, strand: Strand, /) -> None:
        """It is carried on no longer, and what was kept of it is freed."""
        ...

    def step(self) -> Sequence[Token]:
        """The next token of each strand that has joined; it is for the caller to add it to the strand's `ids`."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds an engine's memory: strands at once, and positions that their caches may take together.

    Caches are rectangles: as many rows as there are strands, each as long as the longest.
    """

    strands: int = 64
    positions: int = 1 << 16


class Schedule:
    """Who is in the engine and who waits, first come, first served.

    Where the caches of those within grow beyond the limit, the one who came last waits again; what it said is kept, and read
    again later.
    """

    def __init__(self, engine: Engine, limits: Limits = Limits()) -> None:
        self._engine = engine
        self._limits = limits
        self._waiting = deque[Strand]()
        self._within: list[Strand] = []

    @property
    def most(self) -> int:
        """How long prompt and answer may be together. A prompt must be shorter."""
        return min(self._engine.positions, self._limits.positions)

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._within

    def add(self, strands: Iterable[Strand]) -> None:
        self._waiting.extend(strands)

    def step(self) -> list[Strand]:
        """One token more for each strand that has room; those are given back."""
        self._sweep()
        self._admit()
        if not self._within:
            return []
        heard, most = self._engine.step(), self.most
        for token in heard:
            token.strand.add(token.number, token.logprob, most)
        return [token.strand for token in heard]

    def clear(self) -> None:
        """Everybody leaves."""
        self._waiting.clear()
        while self._within:
            self._engine.leave(self._within.pop())

    def _sweep(self) -> None:
        """Who has ended, and whom nobody waits for, leaves; and who came last, where there is no room for all."""
        for strand in [each for each in self._within if each.finish or each.dropped]:
            self._leave(strand)
        while len(self._within) > 1 and self._size(0, 1) > self._limits.positions:
            self._waiting.appendleft(last := self._within[-1])
            self._leave(last)

    def _admit(self) -> None:
        while self._waiting and len(self._within) < self._limits.strands:
            strand = self._waiting[0]
            if strand.dropped:
                self._waiting.popleft()
                continue
            if self._within and self._size(1, _MARGIN, len(strand.ids)) > self._limits.positions:
                return
            self._within.append(self._waiting.popleft())
            self._engine.join(strand)

    def _leave(self, strand: Strand) -> None:
        self._within.remove(strand)
        self._engine.leave(strand)

    def _size(self, more: int, longer: int, length: int = 0) -> int:
        """Positions of the caches, with so many strands more, and all longer by so much."""
        longest = max([length, *(len(each.ids) for each in self._within)])
        return (len(self._within) + more) * (longest + longer)


def complete(engine: Engine, strands: Sequence[Strand], limits: Limits = Limits()) -> None:
    """Carry all of them on to their ends, here and now."""
    schedule = Schedule(engine, limits)
    schedule.add(strands)
    while not schedule.idle:
        schedule.step()
