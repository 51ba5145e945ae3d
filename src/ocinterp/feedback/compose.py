"""Ways to put feedback providers together. Each composition is a provider again."""

from __future__ import annotations

from ocinterp.protocols import FeedbackProvider
from ocinterp.types import Feedback, Task, Trajectory, Turn


async def silent(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
    """Never says anything: the single-turn setting."""
    return ()


def first_of(*providers: FeedbackProvider) -> FeedbackProvider:
    """The first that has something to say speaks; the rest are not asked."""

    async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        for provider in providers:
            if said := await provider(task, before, turn):
                return said
        return ()

    return provide


def all_of(*providers: FeedbackProvider) -> FeedbackProvider:
    """Everybody speaks, in order."""

    async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        return tuple([each for provider in providers for each in await provider(task, before, turn)])

    return provide
