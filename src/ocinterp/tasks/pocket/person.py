"""A person who knows what they meant, and says it of a program that does something else.

Two of them: one who names the first step that is not as it should be, and one who has the solution and names all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import Final

from ocinterp.tasks.pocket.programs import Program, Step
from ocinterp.tasks.pocket.wording import phrase

_ONLY: Final = (
    "That is not what I meant: {what}.",
    "No, please {what}.",
    "I meant: {what}.",
    "You should {what}.",
)
_OF_SEVERAL: Final = (
    "Step {n} is wrong: {what}.",
    "In step {n} you should {what}.",
    "For step {n} I meant: {what}.",
    "Please {what} in step {n}.",
)
_ORDER: Final = "The steps are in the wrong order, or one of them is missing: first {what}."
_CODE: Final = (
    "The steps are right, but the code does not run: look at the error.",
    "You have the right idea. There is a slip in the code itself.",
)


def remark(program: Program, wrong: Sequence[int], chance: Random, *, ordered: bool = True) -> str:
    """What is said of a program whose steps `wrong` (from 0) are not those of `program`; of none, it is the code that is wrong.

    Not `ordered`: all its steps may be there, in another order, or without one.
    """
    if not wrong:
        return chance.choice(_CODE)
    return " ".join(_said(program, at, chance, ordered=ordered) for at in wrong)


def _said(program: Program, at: int, chance: Random, *, ordered: bool) -> str:
    if at == 0 and not ordered:
        template = _ORDER
    else:
        template = chance.choice(_OF_SEVERAL if len(program.steps) > 1 else _ONLY)
    return template.format(n=at + 1, what=phrase(program.steps[at], chance, settle=True))


def wrong_steps(program: Program, source: str) -> tuple[int, ...]:
    """The steps, from 0, of `program` whose code is not found in `source`, each after the one before, under any names."""
    wrong: list[int] = []
    at = 0
    for number, step in enumerate(program.steps):
        found = _code(step).search(source, at)
        if found is None:
            wrong.append(number)
        else:
            at = found.end()
    return tuple(wrong)


def _code(step: Step) -> re.Pattern[str]:
    """What a step's code looks like, whatever the value is called that it is done to."""
    code = re.escape(step.text(step.meant.code)).replace(re.escape("{x}"), r"\w+")
    return re.compile(rf"^\s*(?:\w+ = |return )?{code}$", re.MULTILINE)
