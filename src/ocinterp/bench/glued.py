"""A dialogue as one prompt: how the paper's evaluation asked for a refinement, where others send chat messages.

From the code that came with the paper (2402.14658): the first answer and what was said of it stand behind the request,
each after a marker. No marker follows the last instruction. Their words around the request itself are not used here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message

_MARKERS = {"user": "@@ Instruction", "assistant": "@@ Response"}


def glued(messages: Sequence[Message]) -> tuple[Message, ...]:
    """One message of the user that says them all, after those of the system; a lone request stays as it is."""
    said = [each for each in messages if each.role in _MARKERS]
    if len(said) < 2:
        return tuple(messages)
    parts = [f"{_MARKERS[each.role]}\n{each.content}" for each in said]
    return (*(each for each in messages if each.role not in _MARKERS), Message("user", "\n\n".join(parts) + "\n"))


@dataclass(frozen=True, slots=True)
class Glued:
    """A model that is asked so."""

    model: Model

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        return await self.model.generate(glued(messages), on_text=on_text)
