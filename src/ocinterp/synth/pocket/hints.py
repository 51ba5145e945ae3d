"""What is said about a wrong attempt: by the model before it mends it, and by a person who knows what they meant."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import zip_longest
from random import Random
from typing import Any, Final

from ocinterp.synth.pocket.attempts import Attempt
from ocinterp.tasks.pocket.person import remark
from ocinterp.tasks.pocket.programs import Program, Step

_MOST_CHARACTERS: Final = 60  # of what is shown of an answer


def thought(program: Program, said: Sequence[str], attempt: Attempt, error: str, told: tuple[str, str] | None) -> str:
    """What stands before the corrected code: where answers differ, and what the steps should be that were wrong.

    `said` are the words for each step of `program`; `error` is the name of what was raised; `told`, what came and what should
    have, as Python writes them, where the model was told.
    """
    corrected = _correction(program, said, attempt, error)
    found = difference(*told) if told and wrong_steps(program, attempt) else None
    return f"{found[0]} should be {found[1]}.\n{corrected}" if found else corrected


def difference(got: str, expected: str) -> tuple[str, str] | None:
    """Where two answers part, in Python: of lists the first elements that differ, of texts the characters, of tables the values.

    None where they cannot be read, or are too long to be said.
    """
    try:
        one, two = ast.literal_eval(got), ast.literal_eval(expected)
    except (ValueError, SyntaxError):
        return None
    parts = _parted(one, two)
    return parts if max(map(len, parts)) <= _MOST_CHARACTERS else None


def _parted(one: Any, two: Any) -> tuple[str, str]:
    if type(one) is type(two) and type(one) in {list, str, dict}:
        for pair in zip_longest(_elements(one), _elements(two), fillvalue="nothing"):
            if pair[0] != pair[1]:
                return pair
    return repr(one), repr(two)


def _elements(value: list[Any] | str | dict[Any, Any]) -> list[str]:
    """As they stand in what Python writes."""
    if isinstance(value, dict):
        return [f"{key!r}: {each!r}" for key, each in value.items()]
    return [repr(each) for each in value]


def _correction(program: Program, said: Sequence[str], attempt: Attempt, error: str) -> str:
    wrong = wrong_steps(program, attempt)
    if not wrong:
        return f"The steps are right; the code is not: {error or 'a slip'}."
    at = wrong[0]
    if len(attempt.steps) != len(program.steps):
        return f"Step {at + 1} is missing: {said[at]}."
    if attempt.mistake == "steps-swapped":
        return f"Steps {at + 1} and {at + 2} are in the wrong order."
    return " ".join(f"Step {at + 1}: {_settling(attempt.steps[at], program.steps[at]) or said[at]}." for at in wrong)


def _settling(was: Step, right: Step) -> str:
    """The words that settle what a step means, where nothing else of it was wrong."""
    return right.text(right.meant.said) if was.operation is right.operation and was.given == right.given else ""


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
