"""The refinement loop: generate -> run cells -> feedback -> refine.

Written once. Chat, evaluation, data synthesis and RL differ only in what they pass in. Its rules are numbered in
tests/test_loop.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ocinterp.errors import ModelError
from ocinterp.parse import extract_cells, meaning
from ocinterp.protocols import FeedbackProvider, Model, Sandbox, Session, ignore
from ocinterp.types import (
    AgainEvent,
    AskEvent,
    CellEvent,
    Completion,
    DoneEvent,
    Event,
    FeedbackEvent,
    ResultEvent,
    Run,
    StopReason,
    Task,
    TextEvent,
    Trajectory,
    Turn,
    TurnEvent,
    Usage,
)

Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a loop may go on. `max_turns` None: as long as somebody has something to say."""

    max_turns: int | None = None


async def rollout(
    task: Task,
    *,
    model: Model,
    sandbox: Sandbox,
    feedback: FeedbackProvider,
    limits: Limits = Limits(),
    again: Sequence[Model] = (),
    start: Trajectory | None = None,
    listen: Listener = ignore,
) -> Trajectory:
    """Let `model` work on `task` until nobody has anything to add, or a limit is reached.

    Where it says a program that has failed before, the models in `again` are asked instead, one after the other until one says
    another program: the same model drawing by chance, as a rule. What all of them read and said is in the usage of the answer.
    `start` continues an earlier trajectory of the same task; its last turn is answered first if nobody has yet.
    Raises ModelError and SandboxError; what was finished before has reached `listen`.
    """
    trajectory = start or Trajectory(task.id, task.prompt)
    unanswered = bool(trajectory.turns) and not trajectory.turns[-1].feedback
    async with sandbox.open() as session:
        while True:
            if not unanswered:
                if _reached(limits, trajectory):
                    return _stop(trajectory, StopReason.MAX_TURNS, listen)
                turn = await _take_turn(trajectory, (model, *again), session, listen)
                trajectory = trajectory.plus(turn)
            listen(AskEvent())
            before, turn = _split(trajectory)
            said = await feedback(task, before, turn)
            unanswered = False
            trajectory = trajectory.answered(said)
            if not said:
                cut = turn.completion.finish_reason == "length"
                return _stop(trajectory, StopReason.LENGTH if cut else StopReason.DONE, listen)
            listen(FeedbackEvent(said))


def followed(trajectory: Trajectory, event: Event) -> Trajectory:
    """The trajectory that a loop has after an event, from the one that it had before: for who listens."""
    match event:
        case TurnEvent(turn):
            return trajectory.plus(turn)
        case FeedbackEvent(feedback):
            return trajectory.answered(feedback)
        case _:
            return trajectory


async def _take_turn(trajectory: Trajectory, models: Sequence[Model], session: Session, listen: Listener) -> Turn:
    completion = await _answer(trajectory, models, listen)
    runs: list[Run] = []
    for cell in extract_cells(completion.text, prefix=f"{len(trajectory.turns) + 1}."):
        listen(CellEvent(cell))
        result = await session.run(cell, on_output=listen)
        listen(ResultEvent(result))
        runs.append(Run(cell, result))
    turn = Turn(completion, tuple(runs))
    listen(TurnEvent(turn))
    return turn


async def _answer(trajectory: Trajectory, models: Sequence[Model], listen: Listener) -> Completion:
    """What the first of the models says whose program has not failed before; the last one's words where all of them repeat.

    Of the models after the first, one that has no answer ends the search: what was said before stands.
    """
    messages = tuple(trajectory.messages())

    async def said(model: Model) -> Completion:
        return await model.generate(messages, on_text=lambda text: listen(TextEvent(text)))

    first, *others = models
    found = await said(first)
    failed = [_program(each.completion) for each in trajectory.turns if not each.right]
    for model in others if any(failed) else ():
        program = _program(found)
        if not program or program not in failed:
            break
        listen(AgainEvent())
        try:
            drawn = await said(model)
        except ModelError:
            break
        found = replace(drawn, usage=_sum(found.usage, drawn.usage))
    return found


def _program(completion: Completion) -> tuple[str, ...]:
    """What an answer runs, by what it means; nothing where it runs nothing."""
    return tuple(meaning(each.source) for each in extract_cells(completion.text))


def _sum(one: Usage | None, two: Usage | None) -> Usage | None:
    if one is None or two is None:
        return None
    return Usage(one.prompt_tokens + two.prompt_tokens, one.completion_tokens + two.completion_tokens)


def _reached(limits: Limits, trajectory: Trajectory) -> bool:
    return limits.max_turns is not None and len(trajectory.turns) >= limits.max_turns


def _split(trajectory: Trajectory) -> tuple[Trajectory, Turn]:
    return replace(trajectory, turns=trajectory.turns[:-1]), trajectory.turns[-1]


def _stop(trajectory: Trajectory, reason: StopReason, listen: Listener) -> Trajectory:
    listen(DoneEvent(reason))
    return trajectory.stopped(reason)
