"""A model in this process: whatever is asked at the same time is answered together.

The engine runs in a thread of its own, so that the event loop stays free. Callers may be in several event loops.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from random import Random
from threading import Lock
from typing import Final, Protocol, Self

from ocinterp.errors import ModelError
from ocinterp.models.engine import Engine, Limits, Sampling, Schedule, Strand
from ocinterp.models.refusals import ContextOverflow
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message

OTHERS: Final = 3  # answers that are drawn at most in place of one that will not do
_WARM: Final = 0.5


class Decoder(Protocol):
    """Text as its tokens come."""

    def add(self, number: int, /) -> str:
        """The characters that are certain now and were not before."""
        ...

    def end(self) -> str:
        """What is left, when no token follows."""
        ...


class Form(Protocol):
    """How a model's dialogues are written as tokens, and its answers read."""

    @property
    def ends(self) -> frozenset[int]:
        """The ids that end an answer."""
        ...

    def prompt(self, messages: Sequence[Message], /) -> list[int]:
        """The ids after which the model answers. ModelError for a dialogue that it cannot be asked to continue."""
        ...

    def stream(self) -> Decoder:
        """A decoder for one answer."""
        ...


@dataclass(slots=True, eq=False)
class _Asked:
    """A strand, who waits for it, and whether they want to see it grow."""

    strand: Strand
    loop: asyncio.AbstractEventLoop
    listens: bool
    news: asyncio.Event = field(default_factory=asyncio.Event)
    failure: ModelError | None = None


class Batched:
    """A model whose answers are made together. Use as a context manager: it owns a thread.

    `generate` answers with `sampling`; `voice` gives the same model with another one. What is sampled is in
    `Completion.tokens`, the token that ends the turn included. An answer without a word is an answer.
    """

    def __init__(
        self,
        engine: Engine,
        form: Form,
        sampling: Sampling = Sampling(),
        *,
        name: str = "the model",
        limits: Limits = Limits(),
    ) -> None:
        self.name = name
        self.form = form
        self._voice = Voice(self, sampling)
        self._schedule = Schedule(engine, limits)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="ocinterp-model")
        self._lock = Lock()  # of the four below
        self._arrived: list[_Asked] = []
        self._open: dict[Strand, _Asked] = {}
        self._busy = False
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with self._lock:
            self._closed = True
            left = [*self._open.values(), *self._arrived]
        for each in left:
            each.strand.dropped = True
            _fail(each, "put away while it answered")
        await asyncio.to_thread(self._pool.shutdown)

    @property
    def most(self) -> int:
        """How many tokens prompt and answer may have together."""
        return self._schedule.most

    def voice(self, sampling: Sampling) -> Voice:
        """The same model, answered for in the same batch, with other settings."""
        return Voice(self, sampling)

    def others(self) -> tuple[Voice, ...]:
        """The same model, drawing by chance: each time something else."""
        usual = self._voice.sampling
        other = replace(usual, temperature=max(_WARM, usual.temperature), seed=usual.seed + 1)
        return (self.voice(other),) * OTHERS

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow, or ModelError where the engine failed."""
        return await self._voice.generate(messages, on_text=on_text)

    async def answer(self, strand: Strand, on_text: Callable[[str], None] = ignore) -> str:
        """Carry a strand on to its end; its text, without what is no text. What is left when nobody waits is dropped."""
        if len(strand.ids) >= self.most:
            line = f"the dialogue has {len(strand.ids):,} tokens; {self.name} can take in fewer than {self.most:,}"
            raise ContextOverflow(line, self.most)
        asked = _Asked(strand, asyncio.get_running_loop(), on_text is not ignore)
        self._submit(asked)
        try:
            return await _heard(asked, self.form.stream(), on_text, len(strand.ids))
        finally:
            strand.dropped = True

    def _submit(self, asked: _Asked) -> None:
        with self._lock:
            if self._closed:
                raise ModelError(f"{self.name} was asked after it had been put away")
            self._arrived.append(asked)
            if not self._busy:
                self._busy = True
                self._pool.submit(self._work).add_done_callback(self._ended)

    def _work(self) -> None:
        """In the thread: steps, as long as somebody waits."""
        self._schedule.clear()  # of what a failure has left
        while True:
            with self._lock:
                self._schedule.add([each.strand for each in self._arrived])
                self._open.update((each.strand, each) for each in self._arrived)
                self._arrived.clear()
                for strand in [each for each in self._open if each.dropped]:
                    del self._open[strand]
                self._busy = bool(self._open)
                if not self._busy:
                    self._schedule.clear()
                    return
            self._tell(self._schedule.step())

    def _tell(self, strands: Sequence[Strand]) -> None:
        """Wake those who listen, and those whose answer is whole."""
        woken = defaultdict[asyncio.AbstractEventLoop, list[_Asked]](list)
        for strand in strands:
            asked = self._open[strand]
            if asked.listens or strand.finish:
                woken[asked.loop].append(asked)
            if strand.finish:
                with self._lock:
                    del self._open[strand]
        for loop, those in woken.items():
            _wake(loop, those)

    def _ended(self, future: Future[None]) -> None:
        """Where the engine failed, so has everybody who waits for it; who asks next begins anew."""
        failure = future.exception()
        if failure is None:
            return
        with self._lock:
            failed = [*self._open.values(), *self._arrived]
            self._open.clear()
            self._arrived.clear()
            self._busy = False
        for each in failed:
            _fail(each, f"its engine failed: {failure!r}", failure)


@dataclass
class Voice:
    """A model with settings of its own, which answers in the batch of another.

    What it draws for a prompt depends on its seed, on the prompt, and on how often it was asked for that before: never on
    what else it is asked.
    """

    batched: Batched
    sampling: Sampling
    _times: Counter[bytes] = field(default_factory=Counter[bytes], init=False, repr=False)

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """As of Batched."""
        prompt = self.batched.form.prompt(messages)
        strand = Strand([*prompt], self.sampling, self.batched.form.ends, self._draws(prompt))
        return strand.completion(await self.batched.answer(strand, on_text))

    def _draws(self, prompt: Sequence[int]) -> Callable[[], float]:
        if not self.sampling.temperature:
            return _never
        digest = hashlib.blake2b(repr(prompt).encode(), digest_size=16).digest()
        self._times[digest] += 1
        return Random(b"%d %d " % (self.sampling.seed, self._times[digest]) + digest).random


def _never() -> float:
    """Who takes the likeliest draws nothing."""
    return 0.0


async def _heard(asked: _Asked, decoder: Decoder, on_text: Callable[[str], None], start: int) -> str:
    """The text of an answer, told as it comes."""
    strand, pieces, at = asked.strand, list[str](), start

    def say(piece: str) -> None:
        if piece:
            pieces.append(piece)
            on_text(piece)

    while True:
        await asked.news.wait()
        asked.news.clear()
        if asked.failure is not None:
            raise asked.failure
        finish = strand.finish  # before the ids are looked at: the thread goes on meanwhile
        while at < len(strand.ids):
            say(decoder.add(strand.ids[at]))
            at += 1
        if finish:
            say(decoder.end())
            return "".join(pieces)


def _fail(asked: _Asked, reason: str, cause: BaseException | None = None) -> None:
    asked.failure = ModelError(f"the model in this process gave no answer: {reason}")
    asked.failure.__cause__ = cause
    _wake(asked.loop, [asked])


def _wake(loop: asyncio.AbstractEventLoop, those: Sequence[_Asked]) -> None:
    try:
        loop.call_soon_threadsafe(_ring, those)
    except RuntimeError:  # the loop is closed: nobody waits there any more
        for each in those:
            each.strand.dropped = True


def _ring(those: Sequence[_Asked]) -> None:
    for each in those:
        each.news.set()
