"""Inputs and answers of a program: what is shown of it, and what it is judged by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, TypeVar

from ocinterp.tasks.pocket.operations import Kind
from ocinterp.tasks.pocket.programs import OutOfBoundsError, Program

_T = TypeVar("_T")

VISIBLE: Final = 3
_INPUTS, _FEWEST, _DISTINCT = 16, 8, 3
_CHARACTERS: Final = 60  # of an input or an answer, written out
_WORDS: Final = (
    "apple", "bat", "tea", "Ant", "bee", "table", "eat", "a", "Bob", "egg", "cat", "art", "tab",
    "beta", "the", "Echo", "tree", "at", "be", "Anna", "noon", "level", "Tom", "Eve", "bob", "ant", "tot", "atlas",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """A call and its answer."""

    given: Any
    answer: Any

    def expression(self, function: str) -> str:
        """As a test in Python."""
        return f"{function}({self.given!r}) == {self.answer!r}"


@dataclass(frozen=True, slots=True)
class Examples:
    """Visible ones, and others."""

    visible: tuple[Example, ...]
    hidden: tuple[Example, ...]


def examples(program: Program, chance: Random) -> Examples | None:
    """Examples that tell the meanings of each step apart where inputs can; None for a program that is not worth a task."""
    found: list[Example] = []
    seen: set[str] = set()
    for _ in range(3 * _INPUTS):
        given = value(chance, program.takes)
        if repr(given) in seen or len(found) == _INPUTS:
            continue
        seen.add(repr(given))
        answer = answered(program, given)
        if answer is not None:
            found.append(answer)
    answers = {repr(each.answer) for each in found}
    if len(found) < _FEWEST or len(answers) < (2 if program.gives == "truth" else _DISTINCT):
        return None
    if any(_idle(program, at, found) for at in range(len(program.steps))):
        return None
    telling = _telling(program, found)
    rest = [each for each in found if each not in telling]
    shown = (telling + rest)[:VISIBLE]
    return Examples(tuple(shown), tuple(each for each in found if each not in shown))


def answered(program: Program, given: Any) -> Example | None:
    """A call with its answer; None where there is none, or one that is too long to show."""
    try:
        answer = program.answer(_copy(given))
    except (ArithmeticError, AttributeError, ValueError, TypeError, LookupError, OutOfBoundsError):
        return None
    return Example(given, answer) if max(len(repr(given)), len(repr(answer))) <= _CHARACTERS else None


def _telling(program: Program, found: Sequence[Example]) -> list[Example]:
    """For each other meaning of a step the first example that it answers otherwise."""
    telling: list[Example] = []
    for at, step in enumerate(program.steps):
        for meaning in range(len(step.operation.meanings)):
            if meaning == step.meaning:
                continue
            steps = [*program.steps[:at], step.meaning_as(meaning), *program.steps[at + 1 :]]
            other = program.with_steps(steps)
            first = next((each for each in found if _differs(answered(other, each.given), each)), None)
            if first is not None and first not in telling:
                telling.append(first)
    return telling


def _idle(program: Program, at: int, found: Sequence[Example]) -> bool:
    """Whether all answers are the same without a step."""
    operation = program.steps[at].operation
    if operation.takes != operation.gives or len(program.steps) == 1:
        return False
    without = program.with_steps([*program.steps[:at], *program.steps[at + 1 :]])
    return not any(_differs(answered(without, each.given), each) for each in found)


def _differs(other: Example | None, example: Example) -> bool:
    return other is None or repr(other.answer) != repr(example.answer)


def _copy(given: Any) -> Any:
    return given.copy() if isinstance(given, list | dict) else given  # pyright: ignore[reportUnknownVariableType]


def value(chance: Random, kind: Kind) -> Any:
    """Something to call a function with."""
    if kind == "numbers":
        return [_number(chance) for _ in range(_one_of(chance, (0, 3, 4, 5, 5, 6)))]
    if kind == "number":
        return _between(chance, *_one_of(chance, ((0, 9), (0, 99), (-20, 200))))
    if kind == "words":
        return [_one_of(chance, _WORDS) for _ in range(_one_of(chance, (0, 2, 3, 3, 4, 5)))]
    if kind == "table":
        return {_one_of(chance, _WORDS): _between(chance, -2, 12) for _ in range(_one_of(chance, (0, 2, 3, 3, 4)))}
    return _text(chance)


def _number(chance: Random) -> int:
    return _between(chance, *_one_of(chance, ((-9, 9), (0, 9), (0, 15))))


def _text(chance: Random) -> str:
    form = chance.random()
    if 0.75 <= form < 0.9:
        return "".join(_one_of(chance, "abeTA12 ") for _ in range(_between(chance, 3, 7)))
    words = [_one_of(chance, _WORDS) for _ in range(_between(chance, 1, 3))]
    if form < 0.6:
        return " ".join(words)
    if form < 0.75:
        return _one_of(chance, ",-").join(words)
    return "".join(words[:2]) + str(_between(chance, 0, 99))


def _one_of(chance: Random, values: Sequence[_T]) -> _T:
    """As `chance.choice`, in a third of the time: inputs are most of what making a task costs."""
    return values[int(chance.random() * len(values))]


def _between(chance: Random, low: int, high: int) -> int:
    """As `chance.randint`."""
    return low + int(chance.random() * (high - low + 1))
