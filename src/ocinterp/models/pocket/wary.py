"""A pocket model that knows what it does not know: it says so of a request that is unlike all it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np

from ocinterp.models.batched import Batched
from ocinterp.models.pocket.llama import Cache, Llama, Span
from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message

FOREIGN: Final = 6.5  # nats a token: half-way between requests of its kind and all others (docs/models.md)

_SAID: Final = (
    "this request is unlike anything that the built-in model was trained on, which is small functions on lists, texts, "
    "words, tables and numbers: its answer is a guess"
)


def surprise(llama: Llama, ids: Sequence[int]) -> float:
    """How unlikely a text is to the model, nats a token after the first; 0 for one without."""
    if len(ids) < 2:
        return 0.0
    logits = llama.forward([Span(0, 0, ids[:-1])], Cache(llama.config, 1, len(ids)), last=False)
    shifted = logits - logits.max(axis=1, keepdims=True)
    likely = shifted[np.arange(len(ids) - 1), list(ids[1:])] - np.log(np.exp(shifted).sum(axis=1))
    return float(-likely.mean())


@dataclass(slots=True)
class Wary:
    """The model; `notice` gets a sentence once for each request that is foreign to it, before it answers."""

    model: Batched
    llama: Llama
    notice: Callable[[str], None]
    _seen: set[str] = field(default_factory=set[str])
    _voice: Model | None = None  # who speaks in place of the model as it is

    async def __aenter__(self) -> Self:
        await self.model.__aenter__()
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.model.__aexit__(*ended)

    def others(self) -> list[Wary]:
        """As of Batched."""
        return [replace(self, _voice=each) for each in self.model.others()]

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """As of Batched."""
        request = next((each for each in messages if each.role == "user"), None)
        if request is not None and request.content not in self._seen:
            self._seen.add(request.content)
            self._judge(request)
        return await (self._voice or self.model).generate(messages, on_text=on_text)

    def _judge(self, request: Message) -> None:
        """Say so where it is foreign."""
        ids = self.model.form.prompt([request])[: self.llama.config.max_position_embeddings]
        if surprise(self.llama, ids) > FOREIGN:
            self.notice(_SAID)
