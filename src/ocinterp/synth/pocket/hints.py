"""What is said about a wrong attempt: by the model before it mends it, and by a person who knows what they meant."""

from __future__ import annotations

from random import Random
from typing import Any

from ocinterp.synth.pocket.attempts import Attempt
from ocinterp.tasks.pocket.examples import Example
from ocinterp.tasks.pocket.person import remark
from ocinterp.tasks.pocket.programs import OutOfBoundsError, Program, Step


def _same(one: Step, two: Step) -> bool:
    return (one.operation.name, one.meaning, one.given) == (two.operation.name, two.meaning, two.given)


_MOST_CHARACTERS = 120  # of the values on the way


def thought(program: Program, attempt: Attempt, error: str, failed: Example | None = None) -> str:
    """What stands before the corrected code: what was wrong, and what it should be. `error` is the name of what was raised.

    Where a test `failed` of which the model was told, the values on the way come first, from its input to the answer that
    should have been another: where the values go wrong can be read there, and nowhere in the report. What was done is named
    before what should be: whoever has said that does not do it again.
    """
    said = _correction(program, attempt, error)
    on_the_way = (
        values(program.with_steps(attempt.steps), failed.given) if failed and wrong_steps(program, attempt) else ""
    )
    if not failed or not on_the_way or len(on_the_way) > _MOST_CHARACTERS:
        return said
    return f"{on_the_way}, not {failed.answer!r}.\n{said}"


def values(program: Program, given: Any) -> str:
    """What comes of an input step by step: `[3, 1] -> [1, 3] -> 1`; the last may be the name of an exception."""
    found = [repr(given)]
    for at in range(1, len(program.steps) + 1):
        try:
            found.append(repr(program.with_steps(program.steps[:at]).answer(_copied(given))))
        except (ArithmeticError, AttributeError, ValueError, TypeError, LookupError) as error:
            found.append(type(error).__name__)
            break
        except OutOfBoundsError:
            return ""
    return " -> ".join(found)


def _copied(given: Any) -> Any:
    return given.copy() if isinstance(given, list | dict) else given  # pyright: ignore[reportUnknownVariableType]


def _correction(program: Program, attempt: Attempt, error: str) -> str:
    wrong = wrong_steps(program, attempt)
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
    subject = "It" if number is None else f"Step {number}"
    if was.operation is right.operation and was.meant.said and right.meant.said:
        return f"{subject} is not {was.text(was.meant.said)}, but {right.text(right.meant.said)}."
    return f"{subject} is not to {_named(was)}, but to {_named(right)}."


def _named(step: Step) -> str:
    return step.text(f"{step.operation.phrases[0]} {step.meant.said}".rstrip())


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


def _ordered(attempt: Attempt) -> bool:
    return attempt.mistake not in {"step-lost", "steps-swapped"}
