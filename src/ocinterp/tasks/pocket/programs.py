"""Programs: operations one after the other, as Python and in words."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from random import Random
from typing import Any, Final, Literal

from ocinterp.tasks.pocket.catalogue import operations, taking
from ocinterp.tasks.pocket.operations import Kind, Meaning, Operation

Split = Literal["train", "held-out"]

HELD_OUT: Final = 12  # of 100 pairs of operations that could follow each other: in no program of the split `train`
MOST_STEPS: Final = 3
LARGEST: Final = 5000  # of a number on the way, which some operations count up to
LONGEST: Final = 60  # elements, or characters

_STEPS: Final = (30, 50, 20)  # how many programs of 100 have one step, two, three
_KINDS: Final[Mapping[Kind, int]] = {"numbers": 38, "text": 26, "words": 16, "number": 11, "table": 9}
USUAL: Final = 0.8  # how often an operation of several meanings has the first of them

ARGUMENTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "numbers": ("nums", "xs", "values", "items"),
    "text": ("s", "text", "line"),
    "number": ("n", "num", "x"),
    "words": ("words", "names", "tokens"),
    "table": ("d", "table", "scores"),
    "truth": ("flag",),
}
FUNCTIONS: Final = ("solve", "process", "transform", "compute", "convert", "func", "task", "run")
_RESULTS: Final[Mapping[Kind, str]] = {
    "numbers": "result",
    "text": "out",
    "number": "total",
    "words": "parts",
    "table": "counts",
    "truth": "ok",
}


class OutOfBoundsError(Exception):
    """A value on the way is larger than tasks should have."""


@dataclass(frozen=True, slots=True)
class Step:
    """An operation with its parameters, and which of its meanings is meant."""

    operation: Operation
    meaning: int = 0
    given: Mapping[str, int | str] = field(default_factory=dict[str, int | str])

    @property
    def meant(self) -> Meaning:
        return self.operation.meanings[self.meaning]

    def text(self, template: str) -> str:
        """A phrase or code with the parameters put in; `{x}` is left."""
        for name, value in self.given.items():
            template = template.replace(f"{{{name}}}", str(value))
        return template

    def meaning_as(self, number: int) -> Step:
        """The same with another meaning."""
        return Step(self.operation, number, self.given)


@dataclass(frozen=True, slots=True)
class Program:
    """Steps one after the other; the first takes what the function takes."""

    steps: tuple[Step, ...]
    function: str
    argument: str

    @property
    def takes(self) -> Kind:
        return self.steps[0].operation.takes

    @property
    def gives(self) -> Kind:
        return self.steps[-1].operation.gives

    @property
    def names(self) -> tuple[str, ...]:
        """Of its operations."""
        return tuple(step.operation.name for step in self.steps)

    def with_steps(self, steps: Iterable[Step]) -> Program:
        return Program(tuple(steps), self.function, self.argument)

    @property
    def plain(self) -> str:
        """The source under names that mean nothing: programs that differ in names alone are the same."""
        return Program(self.steps, "f", "x").source()

    def source(self) -> str:
        """The function, in Python, after the imports that it needs."""
        imports = list(dict.fromkeys(filter(None, (step.operation.imports for step in self.steps))))
        body: list[str] = []
        name, kind = self.argument, self.takes
        for number, step in enumerate(self.steps, 1):
            value = step.text(step.meant.code).replace("{x}", name)
            if number == len(self.steps):
                body.append(f"return {value}")
            else:
                kind, name = step.operation.gives, _result(kind, step.operation.gives, name)
                body.append(f"{name} = {value}")
        head = [*imports, ""] if imports else []
        return "\n".join([*head, f"def {self.function}({self.argument}):", *(f"    {line}" for line in body)])

    def answer(self, value: Any) -> Any:
        """What it answers. Raises OutOfBoundsError, and what its operations raise."""
        for step in self.steps:
            value = _applied(step.text(step.meant.code))(_bounded(value))
        return _bounded(value)


def _result(before: Kind, after: Kind, name: str) -> str:
    return name if before == after else _RESULTS[after]


def _bounded(value: Any) -> Any:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int) and abs(value) > LARGEST:
        raise OutOfBoundsError
    if isinstance(value, str | list | dict):
        if len(value) > LONGEST:  # pyright: ignore[reportUnknownArgumentType]
            raise OutOfBoundsError
        if isinstance(value, list) and any(isinstance(each, int) and abs(each) > LARGEST for each in value):  # pyright: ignore[reportUnknownVariableType]
            raise OutOfBoundsError
    return value  # pyright: ignore[reportUnknownVariableType]


@cache
def _applied(code: str) -> Any:
    """A function of `{x}`."""
    return eval(f"lambda x: {code.replace('{x}', 'x')}", {"math": math})  # noqa: S307  our own operations, and nothing else


def is_held_out(first: Operation, second: Operation) -> bool:
    """Whether a pair of operations is kept for tasks that no model was trained on.

    By their code: what is the same on a text and on a list is one operation here.
    """
    pair = ">".join(each.meanings[0].code for each in (first, second))
    return zlib.crc32(pair.encode()) % 100 < HELD_OUT


def has_held_out(steps: Iterable[Step]) -> bool:
    """Whether two steps that follow each other are such a pair."""
    return any(is_held_out(*pair) for pair in pairwise(step.operation for step in steps))


def sample(chance: Random, split: Split, *, usual: float = USUAL, ambiguous: float = 0.0) -> Program:
    """A program: of `train` none has a pair that is held out, of `held-out` each has one.

    `usual` is how often a meaning is the first, `ambiguous` how often a step is chosen among those with several alone.
    """
    while True:
        steps = _steps(chance, chance.choices(range(1, MOST_STEPS + 1), _STEPS)[0], usual, ambiguous)
        if steps is None:
            continue
        if has_held_out(steps) == (split == "held-out"):
            takes = steps[0].operation.takes
            return Program(steps, chance.choice(FUNCTIONS), chance.choice(ARGUMENTS[takes]))


def _steps(chance: Random, count: int, usual: float, ambiguous: float) -> tuple[Step, ...] | None:
    kind = chance.choices(list(_KINDS), list(_KINDS.values()))[0]
    steps: list[Step] = []
    while len(steps) < count:
        used = {step.operation.name for step in steps}
        last = len(steps) + 1 == count
        fit = [each for each in taking(kind) if each.name not in used and (last or each.gives != "truth")]
        if not fit:
            return None
        several = [each for each in fit if len(each.meanings) > 1]
        if several and chance.random() < ambiguous:
            fit = several
        steps.append(step(chance, chance.choice(fit), usual))
        kind = steps[-1].operation.gives
    return tuple(steps)


def step(chance: Random, operation: Operation, usual: float = USUAL) -> Step:
    """With parameters and a meaning."""
    given = {name: chance.choice(values) for name, values in operation.parameters.items()}
    count = len(operation.meanings)
    first = count == 1 or chance.random() < usual
    return Step(operation, 0 if first else chance.randrange(1, count), given)


def steps_named(*named: tuple[str, int, Mapping[str, int | str]]) -> tuple[Step, ...]:
    """Steps by the names of their operations, for examples."""
    return tuple(Step(operations()[name], meaning, given) for name, meaning, given in named)
