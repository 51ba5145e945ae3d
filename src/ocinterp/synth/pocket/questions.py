"""Pocket tasks as questions of a dataset: with programs, tests and tags, as the source of a problem has them.

Nothing in them is from anybody: words and programs are put together by rule, and every program was run. None is about a task
of the benchmark `pocket`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from itertools import count
from random import Random
from typing import Any, Final

from ocinterp.synth.forms import QUESTION
from ocinterp.synth.pocket import comments
from ocinterp.tasks.pocket.benchmark import Item, Part, item

DATASET, LICENCE = "pocket", "Apache-2.0"
_UNUSUAL: Final = Part(0.8, usual=0.6, ambiguous=0.6)  # leave something open that is seldom meant
_PARTS: Final = (Part(0.0, usual=0.3), Part(0.6, usual=0.5, ambiguous=0.5), _UNUSUAL, _UNUSUAL)
_HARD: Final = ("easy", "easy", "medium", "hard")  # by the number of steps


def rows(seed: str) -> Iterator[dict[str, Any]]:
    """Without end, and always the same for a seed; as a file of questions has them (docs/dataset.md)."""
    for number in count(1):
        name = f"{DATASET}/{seed}/{number}"
        found = item_of(name)
        if found is not None:
            yield _row(name, found)


@cache
def item_of(name: str) -> Item | None:
    """The task behind a question; None where chance found none, or one that leaves open only what is usual, where it should not."""
    seed, _, number = name.removeprefix(f"{DATASET}/").rpartition("/")
    if not name.startswith(f"{DATASET}/") or not number.isdecimal():
        return None
    part = Random(name).choice(_PARTS)
    found = item(f"questions {seed}", "train", part, int(number))
    return None if part is _UNUSUAL and found is not None and found.guessable else found


def _row(name: str, found: Item) -> dict[str, Any]:
    source, function = found.program.source(), found.program.function
    words = comments.right(found)
    plain = comments.commented(source, words)
    solutions = [{"language": "python", "source": plain, "words": _told(len(words))}]
    if (other := with_loops(source)) is not None:
        solutions.append({"language": "python", "source": other, "words": "The same with plain loops, value by value:"})
    shown = [*found.examples.visible, *found.examples.hidden]
    return {
        "format": QUESTION,
        "dataset": DATASET,
        "licence": LICENCE,
        "name": name,
        "question": found.request,
        "answer": f"{_told(len(words))}\n\n```python\n{plain}\n```",
        "language": "python",
        "entry_point": function,
        "tests": "".join(f"assert {each.expression(function)}\n" for each in shown),
        "solutions": solutions,
        "tags": sorted({tag for step in found.program.steps for tag in _tags(step.operation.name)}),
        "difficulty": _HARD[min(len(words), 3)],
    }


def _told(steps: int) -> str:
    return "It takes one step:" if steps == 1 else f"It takes {steps} steps, one after the other:"


def _tags(name: str) -> Iterator[str]:
    """An operation's name, and what it is about."""
    yield name
    what, _, of = name.partition(" of ")
    yield from filter(None, (what, of))


def with_loops(source: str) -> str | None:
    """A program with loops in place of the list comprehensions that its lines are; None where none is."""
    tree = ast.parse(source)
    function = next(each for each in tree.body if isinstance(each, ast.FunctionDef))
    body: list[ast.stmt] = []
    for line in function.body:
        body += _looped(line) or [line]
    if len(body) == len(function.body):
        return None
    function.body = body
    return ast.unparse(ast.fix_missing_locations(tree))


def _looped(line: ast.stmt) -> list[ast.stmt] | None:
    """`x = [E for T in S if C]`, or a return of such a list, as a loop."""
    found, ends = ast.Name("found", ast.Load()), list[ast.stmt]()
    if isinstance(line, ast.Assign):
        value, ends = line.value, [ast.Assign(line.targets, found)]
    elif isinstance(line, ast.Return):
        value, ends = line.value, [ast.Return(found)]
    else:
        return None
    if not isinstance(value, ast.ListComp) or len(value.generators) != 1:
        return None
    (loop,) = value.generators
    inner: list[ast.stmt] = [ast.Expr(ast.Call(ast.Attribute(found, "append", ast.Load()), [value.elt], []))]
    for condition in reversed(loop.ifs):
        inner = [ast.If(condition, inner, [])]
    return [*ast.parse("found = []").body, ast.For(loop.target, loop.iter, inner, []), *ends]
