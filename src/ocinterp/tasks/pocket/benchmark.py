"""The benchmark `pocket`: tasks with a held-out pair of operations each, the same for everybody.

Four parts of equal size: in `explicit` the words settle every meaning, in `half` each ambiguous step is left open as often
as not, in `open` all are, and `unseen` says everything in phrases that no model was trained on, though on all their parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import count, islice
from random import Random
from typing import Final

from ocinterp.problems import Benchmark, Calls, Problem
from ocinterp.tasks.pocket import asking
from ocinterp.tasks.pocket.examples import Examples, examples
from ocinterp.tasks.pocket.names import renamed
from ocinterp.tasks.pocket.programs import USUAL, Program, Split, sample
from ocinterp.tasks.pocket.wording import Wording, described, request
from ocinterp.types import Message, Task

NAME: Final = "pocket"
VERSION: Final = "1"
EACH: Final = 300  # tasks of a part


@dataclass(frozen=True, slots=True)
class Part:
    """How much is left open, whether phrases are unseen ones, how often a meaning is the usual one, how often a step is chosen
    among the ambiguous ones alone, and how often training asks as people do, mostly without a name for the function.
    """

    open_share: float
    unseen: bool = False
    usual: float = USUAL
    ambiguous: float = 0.0
    natural: float = 0.0


PARTS: Final[Mapping[str, Part]] = {
    "explicit": Part(0.0, usual=0.5),
    "half": Part(0.5, ambiguous=0.6),
    "open": Part(1.0, ambiguous=0.6),
    "unseen": Part(0.0, unseen=True, usual=0.5),
}


@dataclass(frozen=True, slots=True)
class Item:
    """A task before it is one of a benchmark: what is asked, and all that is known about it."""

    program: Program
    wording: Wording
    request: str
    examples: Examples

    @property
    def guessable(self) -> bool:
        """Whether whoever knows which meaning is the usual one, and reads perfectly, gets it right at once."""
        return all(self.program.steps[at].meaning == 0 for at in self.wording.open_steps)

    def problem(self, task_id: str) -> Problem:
        """With its reference and its tests; those that are visible come first."""
        visible = self.examples.visible
        function = self.program.function
        task = Task(
            task_id,
            (Message("user", self.request),),
            function,
            tuple(each.expression(function) for each in visible),
        )
        calls = tuple((each.given,) for each in (*visible, *self.examples.hidden))
        return Problem(task, self.program.source(), Calls(calls))


def items(seed: str, split: Split, part: Part) -> Iterator[Item]:
    """Tasks without end, always the same ones for a seed."""
    return filter(None, (item(seed, split, part, number) for number in count(1)))


def item(seed: str, split: Split, part: Part, number: int) -> Item | None:
    """One of them; None where chance found none that is worth a task. Training has more names and ways to ask."""
    chance = Random(f"{seed} {split} {number}")
    program = sample(chance, split, usual=part.usual, ambiguous=part.ambiguous)
    training = split == "train"
    if training and program.plain in _held_out_programs():  # by other operations that come to the same
        return None
    found = examples(program, chance)
    if found is None:
        return None
    how = asking.naming(chance) if training and part.natural and chance.random() < part.natural else None
    program = renamed(program, chance) if training else program
    program = asking.named(program, how) if how else program
    wording = described(program, chance, open_share=part.open_share, unseen=part.unseen, training=training)
    if how:
        return Item(program, wording, asking.ask(program, wording, chance, how), found)
    return Item(program, wording, request(program, wording, chance, training=training), found)


@cache
def held_out() -> Mapping[str, Item]:
    """All tasks of the benchmark, by id; no program occurs twice."""
    found: dict[str, Item] = {}
    sources: set[str] = set()
    for name, part in PARTS.items():
        fresh = (
            each for each in items(f"{NAME} {VERSION} {name}", "held-out", part) if each.program.plain not in sources
        )
        for number, each in enumerate(islice(fresh, EACH), 1):
            sources.add(each.program.plain)
            found[f"{NAME}/{name}/{number}"] = each
    return found


@cache
def _held_out_programs() -> frozenset[str]:
    return frozenset(item.program.plain for item in held_out().values())


@cache
def text() -> bytes:
    """The benchmark as JSON lines, by which it is known."""
    rows = (
        {
            "task_id": task_id,
            "prompt": item.request,
            "entry_point": item.program.function,
            "reference": item.program.source(),
            "visible": [[each.given, each.answer] for each in item.examples.visible],
            "hidden": [[each.given, each.answer] for each in item.examples.hidden],
        }
        for task_id, item in held_out().items()
    )
    return "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


@cache
def benchmark() -> Benchmark:
    """All of it."""
    problems = {task_id: item.problem(task_id) for task_id, item in held_out().items()}
    return Benchmark(NAME, VERSION, hashlib.md5(text(), usedforsecurity=False).hexdigest(), problems)
