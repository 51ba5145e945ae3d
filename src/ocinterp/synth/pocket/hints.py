"""What is said about a wrong attempt: by the model before it mends it, and by a person who knows what they meant."""

from __future__ import annotations

from random import Random

from ocinterp.synth.pocket.attempts import Attempt
from ocinterp.tasks.pocket.person import remark
from ocinterp.tasks.pocket.programs import Program, Step


def _same(one: Step, two: Step) -> bool:
    return (one.operation.name, one.meaning, one.given) == (two.operation.name, two.meaning, two.given)


def thought(program: Program, attempt: Attempt, error: str) -> str:
    """One line before the corrected code: what was wrong, and what it should be. `error` is the name of what was raised.

    It names what was done first: whoever has said that does not do it again.
    """
    wrong = _wrong(program, attempt)
    if not wrong:
        return f"The steps are right; the code is not: {error or 'a slip'}."
    at = wrong[0]
    if len(attempt.steps) != len(program.steps):
        return f"Step {at + 1} is missing: {_named(program.steps[at])}."
    if attempt.mistake == "steps-swapped":
        return f"Steps {at + 1} and {at + 2} are in the wrong order."
    return " ".join(
        _corrected(at + 1 if len(program.steps) > 1 else None, attempt.steps[at], program.steps[at]) for at in wrong
    )


def _corrected(number: int | None, was: Step, right: Step) -> str:
    short = was.operation is right.operation and bool(was.meant.said and right.meant.said)
    done, meant = (each.text(each.meant.said) if short else _named(each) for each in (was, right))
    return f"{'It' if number is None else f'Step {number}'} was: {done}. It should be: {meant}."


def _named(step: Step) -> str:
    return step.text(f"{step.operation.phrases[0]} {step.meant.said}".rstrip())


def person(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of a person who sees that it is wrong, and knows what they meant."""
    return remark(program, _wrong(program, attempt)[:1], chance, ordered=_ordered(attempt))


def oracle(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of one who has the solution: every step that is not as it should be."""
    return remark(program, _wrong(program, attempt), chance, ordered=_ordered(attempt))


def _wrong(program: Program, attempt: Attempt) -> list[int]:
    return [
        at for at, step in enumerate(program.steps) if at >= len(attempt.steps) or not _same(step, attempt.steps[at])
    ]


def _ordered(attempt: Attempt) -> bool:
    return attempt.mistake not in {"step-lost", "steps-swapped"}
