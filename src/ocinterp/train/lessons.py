"""What a model is to learn from a dialogue: a weight for each message, derived from what came of it.

No assistant turn is a target that was wrong: its code failed when it ran, a test did not hold, somebody said that it is not
right, or it was cut off. Such a turn is context for the one that mends it. Nobody has to mark them: the record has the
execution.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from ocinterp.types import Message, Trajectory


@dataclass(frozen=True, slots=True)
class Lesson:
    """A dialogue, and for each message how much of it is to be learnt: 0 is context."""

    messages: tuple[Message, ...]
    weights: tuple[float, ...]

    @property
    def teaches(self) -> bool:
        """Whether anything is to be learnt from it."""
        return any(self.weights)

    @property
    def is_text(self) -> bool:
        """Whether it is a text that nobody asked for: no dialogue."""
        return [each.role for each in self.messages] == ["assistant"]


def lesson(trajectory: Trajectory, *, others: float = 0.0, wrong: Container[int] = ()) -> Lesson:
    """1 for each answer that was right as far as anybody knows, 0 for the rest. `others` is for what the model did not say.

    `wrong` are turns, counted from 0, that somebody else knows to be wrong: tests that the model was not shown.
    """
    messages = tuple(trajectory.messages())
    rights = iter(number not in wrong and turn.right for number, turn in enumerate(trajectory.turns))
    spoken = len(trajectory.prompt)
    weights = [
        float(next(rights)) if number >= spoken and message.role == "assistant" else others
        for number, message in enumerate(messages)
    ]
    return Lesson(messages, tuple(weights))


def plain(messages: Sequence[Message]) -> Lesson:
    """A dialogue of which nothing but its messages is known: all that the assistant says is learnt."""
    return Lesson(tuple(messages), tuple(float(each.role == "assistant") for each in messages))
