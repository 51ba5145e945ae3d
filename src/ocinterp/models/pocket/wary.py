"""A pocket model that knows what it does not know: it says so of a request that is unlike all it was trained on.

All requests that it was trained on name the function. One that names none is asked with a name put to it, and that is said too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np

from ocinterp.models.batched import Batched
from ocinterp.models.pocket.llama import Cache, Llama, Span
from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message

FOREIGN: Final = 7.5  # nats a token: half-way between requests of its kind and all others (docs/models.md)

_SAID: Final = (
    "this request is unlike anything that the built-in model was trained on, which is small functions on lists, texts, "
    "words, tables and numbers: its answer is a guess"
)
_NAMED: Final = re.compile(r"\b[A-Za-z_]\w*\((?!s?\))")  # with an argument; "item(s)" and "sorted()" are none
_NAME: Final = " Call the function solve(values)."
_UNNAMED: Final = (
    "the request names no function, as all do that the built-in model was trained on: it is asked for solve(values). "
    "It reads best what is like: Write a function total(values) that takes a list of numbers: ..."
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
        first = next((at for at, each in enumerate(messages) if each.role == "user"), None)
        if first is not None:
            request = messages[first]
            named = _NAMED.search(request.content) is not None
            asked = request if named else replace(request, content=f"{request.content.rstrip()}{_NAME}")
            if request.content not in self._seen:
                self._seen.add(request.content)
                self._judge(asked, named=named)
            messages = [*messages[:first], asked, *messages[first + 1 :]]
        return await (self._voice or self.model).generate(messages, on_text=on_text)

    def _judge(self, asked: Message, *, named: bool) -> None:
        """Say what is to be said of a request, as the model is asked it."""
        ids = self.model.form.prompt([asked])[: self.llama.config.max_position_embeddings]
        if surprise(self.llama, ids) > FOREIGN:
            self.notice(_SAID)
        if not named:
            self.notice(_UNNAMED)
