"""Wrong attempts at a pocket task, of the kinds that small models make. All of them are run before they are believed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from ocinterp.tasks.pocket.catalogue import taking
from ocinterp.tasks.pocket.programs import ARGUMENTS, Program, Step

Mistake = Literal[
    "other-meaning",
    "other-operation",
    "other-number",
    "step-lost",
    "steps-swapped",
    "off-by-one",
    "wrong-branch",
    "NameError",
    "missing-import",
    "SyntaxError",
    "TypeError",
]

ErrorName = Literal["NameError", "SyntaxError", "TypeError"]

# How often of 100, as far as a program offers the chance.
SHARES: Final[dict[Mistake, int]] = {
    "other-meaning": 24,
    "other-operation": 18,
    "other-number": 10,
    "step-lost": 7,
    "steps-swapped": 7,
    "off-by-one": 6,
    "wrong-branch": 6,
    "NameError": 9,
    "missing-import": 3,
    "SyntaxError": 5,
    "TypeError": 5,
}

# How often what is left open is read as it is usually meant, where that is wrong. Nearly always, as a model does that has
# nothing to go by: where attempts are other than its own, it learns that what is usual may well be the mending.
_USUAL_READING: Final = 0.95


@dataclass(frozen=True, slots=True)
class Attempt:
    """A program that is not the one that was asked for. `steps` are those it has; equal to the right ones where only the code around them is wrong."""

    source: str
    mistake: Mistake
    steps: tuple[Step, ...]


def attempt(program: Program, chance: Random, open_steps: Sequence[int] = (), *, again: bool = False) -> Attempt | None:
    """One that differs from `program`; None where chance finds none. A meaning left open (`open_steps`) is misread first.

    `again`: after one that failed, so that what is left open is read in a way that is not the usual one.
    """
    usual = 0.0 if again else _USUAL_READING
    if any(program.steps[at].meaning for at in open_steps) and chance.random() < usual:
        steps = [each.meaning_as(0) if at in open_steps else each for at, each in enumerate(program.steps)]
        return Attempt(program.with_steps(steps).source(), "other-meaning", tuple(steps))
    mistake = "other-meaning" if again else chance.choices(list(SHARES), list(SHARES.values()))[0]
    if mistake == "other-meaning":
        steps = _other_meaning(program, chance, open_steps, usual=0.0 if again else 0.7)
    elif mistake in _STEPS:
        steps = _STEPS[mistake](program, chance)
    else:
        source = _CODE[mistake](program.source(), program, chance)
        return Attempt(source, mistake, program.steps) if source and source != program.source() else None
    if steps is None:
        return None
    source = program.with_steps(steps).source()
    return Attempt(source, mistake, tuple(steps)) if source != program.source() else None


def with_error(program: Program, chance: Random, error: ErrorName) -> Attempt | None:
    """One whose code raises that, as far as it is run; None where the program offers no chance."""
    source = _CODE[error](program.source(), program, chance)
    return Attempt(source, error, program.steps) if source and source != program.source() else None


def _other_meaning(program: Program, chance: Random, open_steps: Sequence[int], *, usual: float) -> list[Step] | None:
    """`usual`: how often it is the first one, where that is not what is meant."""
    steps = list(program.steps)
    several = [at for at, step in enumerate(steps) if len(step.operation.meanings) > 1]
    choice = [at for at in several if at in open_steps] or several
    if not choice:
        return None
    at = chance.choice(choice)
    others = [number for number in range(len(steps[at].operation.meanings)) if number != steps[at].meaning]
    first = steps[at].meaning != 0 and chance.random() < usual
    steps[at] = steps[at].meaning_as(0 if first else chance.choice(others))
    return steps


def _other_operation(program: Program, chance: Random) -> list[Step] | None:
    steps = list(program.steps)
    at = chance.randrange(len(steps))
    old = steps[at].operation
    fit = [
        each
        for each in taking(old.takes)
        if each.gives == old.gives and each.name != old.name and set(each.parameters) <= set(old.parameters)
    ]
    akin = [each for each in fit if set(each.name.split()) & set(old.name.split())]
    if not fit:
        return None
    new = chance.choice(akin if akin and chance.random() < 0.7 else fit)
    given = {name: steps[at].given[name] for name in new.parameters}
    steps[at] = Step(new, 0, given)
    return steps


def _other_number(program: Program, chance: Random) -> list[Step] | None:
    steps = list(program.steps)
    choice = [at for at, step in enumerate(steps) if isinstance(step.given.get("k"), int)]
    if not choice:
        return None
    at = chance.choice(choice)
    number = steps[at].given["k"]
    assert isinstance(number, int)
    steps[at] = Step(
        steps[at].operation,
        steps[at].meaning,
        {**steps[at].given, "k": max(1, number + chance.choice((-1, 1, 1, 2)))},
    )
    return steps


def _step_lost(program: Program, chance: Random) -> list[Step] | None:
    steps = list(program.steps)
    choice = [at for at, step in enumerate(steps) if step.operation.takes == step.operation.gives]
    if len(steps) == 1 or not choice:
        return None
    del steps[chance.choice(choice)]
    return steps


def _steps_swapped(program: Program, chance: Random) -> list[Step] | None:
    steps = list(program.steps)
    choice = [
        at
        for at, (one, two) in enumerate(itertools.pairwise(steps))
        if one.operation.takes == one.operation.gives == two.operation.takes == two.operation.gives
    ]
    if not choice:
        return None
    at = chance.choice(choice)
    steps[at], steps[at + 1] = steps[at + 1], steps[at]
    return steps


def _off_by_one(source: str, program: Program, chance: Random) -> str | None:
    return _changed(
        source, chance, (r"(?<=range\(1, )(\w+) \+ 1", r"\1"), (r"\[(\d+):\]", _one_more), (r"\[:(\d+)\]", _one_more)
    )


def _one_more(found: re.Match[str]) -> str:
    return found[0].replace(found[1], str(int(found[1]) + 1))


def _wrong_branch(source: str, program: Program, chance: Random) -> str | None:
    pairs = (
        (r" == ", " != "),
        (r" < ", " > "),
        (r" > ", " < "),
        (r"\bmax\(", "min("),
        (r"\bmin\(", "max("),
        (r" if not ", " if "),
    )
    return _changed(source, chance, *pairs)


def _name_error(source: str, program: Program, chance: Random) -> str | None:
    wrong = chance.choice([each for each in ARGUMENTS[program.takes] if each != program.argument])
    *head, last = source.split("\n")
    names = re.findall(rf"\b(?:{program.argument}|result|out|total|parts|counts)\b", last)
    if not names:
        return None
    return "\n".join([*head, re.sub(rf"\b{chance.choice(names)}\b", wrong, last)])


def _missing_import(source: str, program: Program, chance: Random) -> str | None:
    kept = [line for line in source.split("\n") if not line.startswith(("import ", "from "))]
    return "\n".join(kept).lstrip("\n") if len(kept) < len(source.split("\n")) else None


def _syntax_error(source: str, program: Program, chance: Random) -> str | None:
    return chance.choice(
        [
            source[:-1] if source.endswith((")", "]", "}", "'")) else source + ")",
            source.replace("):\n", ")\n", 1),
            source.replace(" for ", " for for ", 1) if " for " in source else source.replace("return ", "retrun ", 1),
        ]
    )


def _type_error(source: str, program: Program, chance: Random) -> str | None:
    pairs = ((r"\bint\(c\)", "c"), (r"\bstr\(v\)", "v"), (r"\.values\(\)", ".values"), (r"\.items\(\)", ""), (r"\blen\((\w+)\)", r"\1"),
             (r"\bsum\((\w+)\)", r"sum(*\1)"), (r"\[(\d|:)", r"(\1"))  # fmt: skip
    return _changed(source, chance, *pairs)


def _changed(source: str, chance: Random, *pairs: tuple[str, str | Callable[[re.Match[str]], str]]) -> str | None:
    """The source with one of the changes that fit."""
    fit = [pair for pair in pairs if re.search(pair[0], source)]
    if not fit:
        return None
    pattern, new = chance.choice(fit)
    return re.sub(pattern, new, source, count=1)


_STEPS: Final[dict[str, Callable[[Program, Random], list[Step] | None]]] = {
    "other-operation": _other_operation,
    "other-number": _other_number,
    "step-lost": _step_lost,
    "steps-swapped": _steps_swapped,
}
_CODE: Final[dict[str, Callable[[str, Program, Random], str | None]]] = {
    "off-by-one": _off_by_one,
    "wrong-branch": _wrong_branch,
    "NameError": _name_error,
    "missing-import": _missing_import,
    "SyntaxError": _syntax_error,
    "TypeError": _type_error,
}
