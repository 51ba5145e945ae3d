"""A model whose every answer goes through a journal: asked for once, paid for once, within the budget."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ocinterp import records
from ocinterp.errors import ModelError, UsageError
from ocinterp.journal.acts import Done, Journal
from ocinterp.journal.costs import FREE, Cost, Price
from ocinterp.journal.request import Request
from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message

_PER_MESSAGE: Final = 16  # tokens that a chat template puts around a message: 3 to 10 in those in use
_PER_PROMPT: Final = 128  # and before them all: its system prompt where the request has none, a date


def most_tokens(messages: Sequence[Message]) -> int:
    """No tokenizer makes more of a prompt: a byte is the smallest token there is. Real prompts have about a quarter."""
    said = sum(len(each.content.encode("utf-8", "surrogatepass")) for each in messages)
    return said + _PER_MESSAGE * len(messages) + _PER_PROMPT


@dataclass(frozen=True)
class Journaled:
    """`model`, each of whose answers is asked for once and then found in `journal`.

    `name` and `settings` say what the answers depend on besides the messages: the model's name and where it is, the
    temperature and so on; `sample` and `scope` are those of Request. What a call may cost at most is `count` of its
    messages and `max_tokens`, which must be what the model is really held to; UsageError when a budget in dollars or
    tokens needs it and it is None. `free` are the errors that the provider does not charge for. An answer out of the
    journal reaches `on_text` in one piece.
    """

    model: Model
    journal: Journal
    name: str
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    max_tokens: int | None = None
    price: Price = FREE
    sample: int = 0
    scope: str = ""
    kind: str = "completion"
    count: Callable[[Sequence[Message]], int] = most_tokens
    free: tuple[type[ModelError], ...] = ()
    way: str = ""  # by whom it is asked, where that outlives this process

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises what the model raises, and BudgetExhausted."""
        ear = _Ear(on_text)

        async def act() -> Done:
            ear.used = True
            return self._done(await self.model.generate(messages, on_text=ear))

        request = self.request(messages)
        try:
            answer = await self.journal.once(request, act, reserve=self._most(messages), free=self.free, way=self.way)
        finally:
            ear.open = False
        completion = records.completion_from_json(answer)
        if completion.text and not ear.used:
            on_text(completion.text)
        return completion

    def request(self, messages: Sequence[Message]) -> Request:
        """What the journal knows the answer to some messages by."""
        settings = {**self.settings, "max_tokens": self.max_tokens}
        return Request(self.kind, self.name, messages, settings, self.sample, self.scope)

    def _done(self, completion: Completion) -> Done:
        usage = completion.usage
        cost = self.price.of(usage.prompt_tokens, usage.completion_tokens) if usage else None
        return Done(records.completion_to_json(completion), cost)

    def _most(self, messages: Sequence[Message]) -> Cost:
        budget = self.journal.budget
        if self.max_tokens is None and (budget.tokens is not None or (budget.dollars is not None and self.price)):
            raise UsageError(
                f"a budget in dollars or tokens needs max_tokens: else one answer of {self.name} may exceed it"
            )
        return self.price.of(self.count(messages), self.max_tokens or 0)


@dataclass
class _Ear:
    """Passes text on while somebody listens: an act may go on for others after the one who began it has left."""

    listener: Callable[[str], None]
    open: bool = True
    used: bool = False

    def __call__(self, text: str, /) -> None:
        if self.open:
            self.listener(text)
