"""What is said about a wrong attempt: by the model before it mends it, and by a person who knows what they meant."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ocinterp.synth.pocket.attempts import Attempt
from ocinterp.tasks.pocket.person import remark
from ocinterp.tasks.pocket.programs import Program, Step


def thought(program: Program, said: Sequence[str], attempt: Attempt, error: str) -> str:
    """What stands before the corrected code: what has to be done that was not, in the words that stand above its line.

    `said` are the words for each step of `program`; `error` is the name of what was raised.
    """
    wrong = wrong_steps(program, attempt)
    if not wrong:
        return f"The steps are right; the code is not: {error or 'a slip'}."
    if len(attempt.steps) != len(program.steps):
        return f"Missing: {_step(said, wrong[0])}"
    if attempt.mistake == "steps-swapped":
        return "The order of the steps is wrong."
    return " ".join(_step(said, at) for at in wrong)


def _step(said: Sequence[str], at: int) -> str:
    return f"Step {at + 1}: {said[at]}."


def person(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of a person who sees that it is wrong, and knows what they meant."""
    return remark(program, wrong_steps(program, attempt)[:1], chance, ordered=_ordered(attempt))


def oracle(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of one who has the solution: every step that is not as it should be."""
    return remark(program, wrong_steps(program, attempt), chance, ordered=_ordered(attempt))


def wrong_steps(program: Program, attempt: Attempt) -> list[int]:
    """The steps, from 0, that an attempt does not have as they should be."""
    return [
        at for at, step in enumerate(program.steps) if at >= len(attempt.steps) or not _same(step, attempt.steps[at])
    ]


def _same(one: Step, two: Step) -> bool:
    return (one.operation.name, one.meaning, one.given) == (two.operation.name, two.meaning, two.given)


def _ordered(attempt: Attempt) -> bool:
    return attempt.mistake not in {"step-lost", "steps-swapped"}
