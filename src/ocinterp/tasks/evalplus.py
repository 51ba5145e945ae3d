"""HumanEval+ and MBPP+ (EvalPlus): tests are calls, and what they should give is what the reference gives.

JSON knows no tuples, sets and complex numbers. Which arguments of MBPP+ are meant as such is not in the data but in
EvalPlus's package (0.3.1, evalplus/data/mbpp.py), from which the numbers of the tasks are taken.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, cast

from ocinterp.errors import DataError
from ocinterp.problems import Arguments, Calls, Problem
from ocinterp.tasks import examples, prompts, syntax
from ocinterp.tasks.humaneval import shown
from ocinterp.tasks.rows import Row
from ocinterp.types import Task

Restore = Callable[[Any], Any]
_Values = list[Any]

_MBPP = "Mbpp/"
# Tasks of MBPP+ 0.1.0 whose reference does not pass the assert in their prompt, found by running them; 0.2.0 has none.
_MISTAKEN = frozenset(["83", "117", "229", "249", "295", "396", "400", "442", "461", "574", "582", "640"])


def read(row: Row) -> Problem:
    """A row of HumanEval+, or of MBPP+, which the task's name tells."""
    prompt, name, identity = row.program("prompt"), row.program("entry_point"), row.identity()
    if identity.startswith(_MBPP):
        restore = _RESTORED.get(identity.removeprefix(_MBPP), tuple)
        task = _mbpp_task(identity, prompt, name)
    else:
        restore = tuple
        task = Task(identity, prompts.complete(prompt, name), name, shown(prompt, name))
    return Problem(task, row.program("canonical_solution", prompt), _calls(row, restore), stem=prompt)


def _mbpp_task(identity: str, prompt: str, name: str) -> Task:
    """The prompt of MBPP+ is a docstring that ends in an assert."""
    tree = syntax.tree(prompt)
    words, sign, test = ((ast.get_docstring(tree) if tree is not None else None) or prompt).partition("\nassert ")
    test = f"{sign}{test}".strip()
    claim = examples.of_assert(test, name, ("import math",))
    visible = () if claim is None or identity.removeprefix(_MBPP) in _MISTAKEN else (claim,)
    return Task(identity, prompts.solve(words, name, test), name, visible)


def _calls(row: Row, restore: Restore) -> Calls:
    try:
        base, plus = (tuple(map(restore, row.calls(field))) for field in ("base_input", "plus_input"))
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{row.where}: the inputs are not of the types that this task's have: {error}") from error
    if not base and not plus:
        row.refuse("base_input", "at least one test")
    return Calls(base, plus, row.number("atol"))


# How the arguments of one call are restored.


def _each(restore: Restore) -> Restore:
    return lambda arguments: tuple(map(restore, arguments))


def _first(restore: Restore) -> Restore:
    return lambda arguments: (restore(arguments[0]), *arguments[1:])


def _second(restore: Restore) -> Restore:
    return lambda arguments: (arguments[0], restore(arguments[1]), *arguments[2:])


# How one value is.


def _tuples(values: _Values) -> list[Arguments]:
    return list(map(tuple, values))


def _tuple_of_tuples(values: _Values) -> tuple[Arguments, ...]:
    return tuple(map(tuple, values))


def _tuple_of_some_tuples(values: _Values) -> Arguments:
    return tuple(tuple(cast("_Values", each)) if isinstance(each, list) else each for each in values)


def _tuples_by_name(values: dict[str, Any]) -> dict[str, Arguments]:
    return {name: tuple(value) for name, value in values.items()}


def _sets(values: _Values) -> list[Any]:  # {}: a dict, as EvalPlus has it
    return [set(cast("_Values", each)) if isinstance(each, list) and each else {} for each in values]


def _all_tuples(value: Any) -> Any:
    return tuple(map(_all_tuples, cast("_Values", value))) if isinstance(value, list) else value


def _float_and_complex(arguments: _Values) -> Arguments:
    return float(arguments[0]), complex(arguments[1])


_KINDS: tuple[tuple[Restore, str], ...] = (
    (_each(tuple), "2 116 132 143 222 261 273 394 399 421 424 429 470 560 579 596 616 630 726 740 744 809"),
    (_each(_tuples), "63 64 70 94 120 237 272 299 400 409 417 438 473 614 780"),
    (_first(_tuples), "75 413 444 753"),
    (_second(tuple), "106 750"),
    (_first(_sets), "115"),
    (_float_and_complex, "124"),
    (_first(tuple), "250 307 405 446 617 720 763 808"),
    (_first(complex), "252"),
    (_each(_tuple_of_tuples), "259 401 445"),
    (_each(_tuple_of_some_tuples), "278"),
    (_all_tuples, "580 615 791"),
    (_first(_tuples_by_name), "722"),
)
_RESTORED = {number: restore for restore, numbers in _KINDS for number in numbers.split()}
