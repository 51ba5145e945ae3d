"""What is said about a wrong attempt: by the model before it mends it, and by a person who knows what they meant."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

from ocinterp.synth.pocket.attempts import Attempt
from ocinterp.tasks.pocket.programs import Program, Step
from ocinterp.tasks.pocket.wording import phrase

_PERSON_ONE: Final = (
    "That is not what I meant: {what}.",
    "No, please {what}.",
    "I meant: {what}.",
    "You should {what}.",
)
_PERSON: Final = (
    "Step {n} is wrong: {what}.",
    "In step {n} you should {what}.",
    "For step {n} I meant: {what}.",
    "Please {what} in step {n}.",
)
_PERSON_CODE: Final = (
    "The steps are right, but the code does not run: look at the error.",
    "You have the right idea. There is a slip in the code itself.",
)
_PERSON_ORDER: Final = ("The steps are in the wrong order, or one of them is missing: first {what}.",)


def wrong_step(program: Program, attempt: Attempt) -> int | None:
    """Where an attempt leaves the program, from 0; None where its steps are right."""
    for at, step in enumerate(program.steps):
        if at >= len(attempt.steps) or not _same(step, attempt.steps[at]):
            return at
    return None


def _same(one: Step, two: Step) -> bool:
    return (one.operation.name, one.meaning, one.given) == (two.operation.name, two.meaning, two.given)


def thought(program: Program, attempt: Attempt, error: str) -> str:
    """One line before the corrected code: what was wrong, and what it should be. `error` is the name of what was raised.

    It names what was done first: whoever has said that does not do it again.
    """
    at = wrong_step(program, attempt)
    if at is None:
        return f"The steps are right; the code is not: {error or 'a slip'}."
    if len(attempt.steps) != len(program.steps):
        return f"Step {at + 1} is missing: {_named(program.steps[at])}."
    if attempt.mistake == "steps-swapped":
        return f"Steps {at + 1} and {at + 2} are in the wrong order."
    pairs = enumerate(zip(attempt.steps, program.steps, strict=True), 1)
    return " ".join(
        _corrected(number if len(program.steps) > 1 else None, was, right)
        for number, (was, right) in pairs
        if not _same(was, right)
    )


def _corrected(number: int | None, was: Step, right: Step) -> str:
    short = was.operation is right.operation and bool(was.meant.said and right.meant.said)
    done, meant = (each.text(each.meant.said) if short else _named(each) for each in (was, right))
    return f"{'It' if number is None else f'Step {number}'} was: {done}. It should be: {meant}."


def _named(step: Step) -> str:
    return step.text(f"{step.operation.phrases[0]} {step.meant.said}".rstrip())


def person(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of a person who sees that it is wrong, and knows what they meant."""
    at = wrong_step(program, attempt)
    if at is None:
        return chance.choice(_PERSON_CODE)
    return _said(_templates(program, attempt, at), program.steps[at], at, chance)


def oracle(program: Program, attempt: Attempt, chance: Random) -> str:
    """The words of one who has the solution: every step that is not as it should be."""
    wrong = [
        at for at, step in enumerate(program.steps) if at >= len(attempt.steps) or not _same(step, attempt.steps[at])
    ]
    if not wrong:
        return chance.choice(_PERSON_CODE)
    return " ".join(_said(_templates(program, attempt, at), program.steps[at], at, chance) for at in wrong)


def _templates(program: Program, attempt: Attempt, at: int) -> Sequence[str]:
    if attempt.mistake in {"step-lost", "steps-swapped"} and at == 0:
        return _PERSON_ORDER
    return _PERSON if len(program.steps) > 1 else _PERSON_ONE


def _said(templates: Sequence[str], step: Step, at: int, chance: Random) -> str:
    return chance.choice(templates).format(n=at + 1, what=phrase(step, chance, settle=True))
