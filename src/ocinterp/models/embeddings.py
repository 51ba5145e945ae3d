"""Texts as vectors by a model: behind a server that speaks OpenAI's protocol, or of sentence-transformers in this process.

Both are asked for many texts at once; `Together` lets those who ask for one share such requests.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate, pairwise
from typing import Any, Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ocinterp.errors import ModelError, UsageError
from ocinterp.journal import FREE, Done, Journal, Price, Request
from ocinterp.models.refusals import ContextOverflow, MissingModelError
from ocinterp.models.replies import at, decode_object, well_formed
from ocinterp.models.wire import Wire

Vectors = NDArray[np.float32]
_One = tuple[Vectors, int | None]  # a text's vector, and what was read for it

LOCAL: Final = "st:"  # before the name of a model of sentence-transformers
_TRIES: Final = 4
_UNDER_WAY: Final = 4_096  # texts
_CHARACTERS: Final = 8_000  # of a text: models read the first few hundred tokens


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors of length 1 [text, width], and how many tokens were read for all of them; None where nobody counted."""

    vectors: Vectors
    tokens: int | None


class Embedder(Protocol):
    """Whoever makes vectors of texts."""

    async def embed(self, texts: Sequence[str], /) -> Embedded: ...


@dataclass
class ServedEmbedder:
    """A model with /embeddings at the other end of `wire`."""

    wire: Wire

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        """ModelError with one line that says what to do. What may pass is tried again, and of texts that are too long less is sent."""
        longest = _CHARACTERS
        while True:
            sent = [well_formed(each[:longest]) or " " for each in texts]
            body = {"json": {"model": self.wire.asked.model, "input": sent}}
            try:
                said = await self.wire.ask(_TRIES, "no embeddings", "POST", "/embeddings", lambda body=body: body)
            except ContextOverflow:
                longest = max(map(len, sent)) // 2
                if not longest:
                    raise
            except MissingModelError as error:
                raise ModelError(
                    f"{self.wire.asked.place} has no embeddings of {self.wire.asked.model}: {error}"
                ) from error
            else:
                return self._read(decode_object(said.decode("utf-8", "replace")), len(texts))

    def _read(self, document: object, count: int) -> Embedded:
        rows: list[object] = [None] * count
        for each in cast("list[object]", at(document, "data") or []):
            index = at(each, "index")
            if isinstance(index, int) and 0 <= index < count:
                rows[index] = at(each, "embedding")
        try:
            vectors = np.array(rows, np.float32)
        except (TypeError, ValueError):
            vectors = np.empty(0, np.float32)
        if vectors.ndim != 2 or not np.isfinite(vectors).all():
            raise ModelError(
                f"{self.wire.asked.place} gave no vectors for {self.wire.asked.model}: does it serve embeddings?"
            )
        tokens = at(document, "usage", "prompt_tokens")
        return Embedded(_unit(vectors), tokens if isinstance(tokens, int) else None)


class SentenceEmbedder:
    """A model of sentence-transformers by its name on the hub, or its folder, in this process."""

    def __init__(self, name: str) -> None:
        """UsageError where the package, or the model, is not there. Blocks for as long as the weights take."""
        if find_spec("sentence_transformers") is None:
            raise UsageError(f"{LOCAL}{name} needs sentence-transformers: pip install 'ocinterp[embed]'")
        package: Any = import_module("sentence_transformers")
        try:
            self._model = package.SentenceTransformer(name)
        except (OSError, ValueError) as error:
            raise UsageError(f"{LOCAL}{name} cannot be loaded: {str(error).splitlines()[0]}") from error
        self._turn = asyncio.Lock()  # it uses all cores by itself

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        async with self._turn:
            found = await asyncio.to_thread(
                self._model.encode, [each[:_CHARACTERS] for each in texts], show_progress_bar=False
            )
        return Embedded(_unit(np.asarray(found, np.float32)), None)


@dataclass
class Together:
    """Lets many who ask for one text each share requests of up to `most`, of which `at_once` are under way."""

    embedder: Embedder
    most: int = 64
    at_once: int = 4
    _waiting: list[tuple[str, asyncio.Future[_One]]] = field(
        default_factory=list["tuple[str, asyncio.Future[_One]]"], init=False
    )
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"], init=False)

    def __post_init__(self) -> None:
        self._places = asyncio.Semaphore(self.at_once)

    async def one(self, text: str) -> _One:
        """The vector of a text, and its part of the tokens."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_One] = loop.create_future()
        self._waiting.append((text, future))
        if len(self._waiting) >= self.most:
            self._send()
        elif len(self._waiting) == 1:
            loop.call_later(0.02, self._send)
        return await future

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        if waiting:
            task = asyncio.create_task(self._carry(waiting))
            self._tasks.add(task)
            task.add_done_callback(lambda task: self._ended(task, waiting))

    def _ended(self, task: asyncio.Task[None], waiting: Sequence[tuple[str, asyncio.Future[_One]]]) -> None:
        """What a request fails with, all fail with who share it."""
        self._tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        for _, future in waiting:
            if error is not None and not future.done():
                future.set_exception(error)

    async def _carry(self, waiting: Sequence[tuple[str, asyncio.Future[_One]]]) -> None:
        async with self._places:
            found = await self.embedder.embed([text for text, _ in waiting])
        shares = _shares(found.tokens, [len(text) + 1 for text, _ in waiting])
        for (_, future), vector, tokens in zip(waiting, found.vectors, shares, strict=True):
            if not future.done():
                future.set_result((vector, tokens))


def _shares(tokens: int | None, sizes: Sequence[int]) -> list[int | None]:
    """What was read for each of some texts, by their sizes: whole numbers, whose sum is `tokens`."""
    if tokens is None:
        return [None] * len(sizes)
    ends = list(accumulate(sizes))
    until = [tokens * each // ends[-1] for each in ends]
    return [two - one for one, two in pairwise([0, *until])]


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths, lengths, 1)).astype(np.float32)


@dataclass(frozen=True)
class KeptEmbedder:
    """An embedder whose every vector is asked for once, and is then in `journal`, in halves of the precision.

    A text is an act, and requests are shared by many: a text that is added costs itself. `name` says what vectors depend on.
    """

    embedder: Embedder
    journal: Journal
    name: str
    price: Price = FREE

    async def vectors(
        self,
        texts: Sequence[str],
        stop: Callable[[], bool] = lambda: False,
        ledger: dict[str, int] | None = None,
    ) -> Vectors | None:
        """Of length 1 [text, width]. Raises what the embedder raises, and BudgetExhausted.

        None if `stop` says so before the last were asked for: those that are there need not be asked for again. `ledger` gets what
        each text cost, now or before, in billionths of a dollar, by its key in the journal.
        """
        together = Together(self.embedder)
        found: list[Vectors] = []
        for start in range(0, len(texts), _UNDER_WAY):
            if stop():
                return None
            try:
                async with asyncio.TaskGroup() as group:
                    some = texts[start : start + _UNDER_WAY]
                    tasks = [group.create_task(self._one(each, together, ledger)) for each in some]
            except ExceptionGroup as several:
                raise several.exceptions[0] from None  # they fail for one reason
            found.append(_unit(np.stack([each.result() for each in tasks]).astype(np.float32)))
        return np.concatenate(found) if found else np.empty((0, 1), np.float32)

    async def _one(self, text: str, together: Together, ledger: dict[str, int] | None) -> NDArray[np.float16]:
        request = Request("embedding", self.name, text)

        async def act() -> Done:
            vector, tokens = await together.one(text)
            cost = None if tokens is None else replace(self.price.of(tokens, 0), calls=1)
            return Done(base64.b64encode(vector.astype(np.float16).tobytes()).decode(), cost)

        most = self.price.of(len(text[:_CHARACTERS].encode(errors="replace")) + 8, 0)
        said = await self.journal.once(request, act, reserve=most)
        if ledger is not None:
            ledger[request.key.hex()] = self.journal.cost(request).nanodollars
        return np.frombuffer(base64.b64decode(said), np.float16)
