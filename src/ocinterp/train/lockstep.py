"""Answers that are made together, when all who take part have asked.

`models.batched` answers whoever asks as soon as it can, so that what is in a batch together depends on how fast programs
run; and sums of floating-point numbers depend in their last digit on what is in a batch. Here a round begins when nobody is
running a program any more: the same seeds give the same answers to the last digit, and on one processor nothing is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from ocinterp.models.batched import Form
from ocinterp.models.engine import Engine, Limits, Sampling, Strand, complete
from ocinterp.models.refusals import ContextOverflow
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message

Carry = Callable[[Engine, Sequence[Strand], Limits], None]


@dataclass(eq=False)
class Seat:
    """A model for one dialogue, with draws of its own; who has no more to ask must leave."""

    rounds: Rounds
    draw: Callable[[], float]

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow."""
        strand = await self.rounds.answer(self, self.rounds.form.prompt(messages))
        stream = self.rounds.form.stream()
        text = "".join([*map(stream.add, strand.said), stream.end()])
        on_text(text)
        return strand.completion(text)

    def leave(self) -> None:
        self.rounds.leave(self)


@dataclass(eq=False)
class _Asked:
    strand: Strand
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Rounds:
    """Who takes part, and what they have asked. `serve` answers them, for as long as somebody takes part.

    Prompt and answer may have `most` tokens together. `carry` carries strands on to their ends, in a thread.
    """

    def __init__(
        self,
        engine: Engine,
        form: Form,
        sampling: Sampling,
        *,
        seeds: Sequence[str],
        most: int,
        carry: Carry = complete,
    ) -> None:
        self.form = form
        self.most = min(most, engine.positions)
        self.seats = [Seat(self, Random(seed).random) for seed in seeds]
        self._engine = engine
        self._sampling = sampling
        self._carry = carry
        self._playing = dict.fromkeys(self.seats)
        self._asked: dict[Seat, _Asked] = {}
        self._changed = asyncio.Event()

    async def answer(self, seat: Seat, prompt: Sequence[int]) -> Strand:
        """Wait for the round, and for the end of the answer. Raises ContextOverflow."""
        if len(prompt) >= self.most:
            raise ContextOverflow(f"the dialogue has {len(prompt):,} tokens, of {self.most:,}", self.most)
        longest = min(self._sampling.max_tokens, self.most - len(prompt))
        sampling = Sampling(self._sampling.temperature, longest)
        asked = _Asked(Strand([*prompt], sampling, self.form.ends, seat.draw))
        self._asked[seat] = asked
        self._changed.set()
        await asked.done.wait()
        return asked.strand

    def leave(self, seat: Seat) -> None:
        self._playing.pop(seat, None)
        self._asked.pop(seat, None)
        self._changed.set()

    async def serve(self) -> None:
        """Round after round; what the engine raises is raised."""
        while self._playing:
            await self._changed.wait()
            self._changed.clear()
            if not self._playing or len(self._asked) < len(self._playing):
                continue
            asked = [self._asked[seat] for seat in self._playing]  # in the order of their seats, whoever came first
            self._asked.clear()
            strands = [each.strand for each in asked]
            longest = max(len(each.ids) + each.sampling.max_tokens for each in strands)
            await asyncio.to_thread(self._carry, self._engine, strands, Limits(len(strands), len(strands) * longest))
            for each in asked:
                each.done.set()
