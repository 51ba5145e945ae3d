"""Rows that have a benchmark's tasks in them: by runs of eight words, and by functions that are the same but for names.

What is flagged is suspicious, no more: `ocinterp.synth.proof` runs the benchmark's tests on the functions of such a row.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ocinterp.problems import Benchmark, Problem
from ocinterp.synth import normal
from ocinterp.synth.grams import Grammar, Numbers
from ocinterp.synth.queries import Query

WORDS: Final = 8  # of a run: 10 miss two thirds of those of which every ninth word is dropped
MOST_HITS: Final = 3  # tasks that are named for a row
_LEAST: Final = 2  # runs of one task: a single one is often a turn of phrase
_SHORT: Final = 12  # runs of a statement or a solution of which one will do
_OFTEN, _OFTEN_SHARE = 4, 0.001  # in more rows than both of these a run is everybody's
_MANY_SHARE: Final = 0.3  # of the runs of a side: no turn of phrase
_BATCH: Final = 512
_BITS: Final = np.uint64(22)  # of a table that tells most runs apart from those of benchmarks at once

How = Literal["words", "function"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A task that is found in a row: `share` of the runs of its statement or its solution, or its function as a whole."""

    benchmark: str
    task_id: str
    how: How
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Passage:
    """What is looked through: all its words, and the texts that may have functions in them."""

    id: str
    words: str
    programs: tuple[str, ...]


def passage(query: Query) -> Passage:
    """A question with what its source has. Of a problem's programs the functions alone: their runs are those of many programs."""
    said = (query.text, query.answer, *(each.content for each in query.later))
    answers = [each.content for each in query.later if each.role == "assistant"]
    return Passage(
        query.id, "\n".join(said), (query.answer, *answers, *(each.source for each in query.facts.solutions))
    )


_SIDES: Final = 3  # of a task: its statement, what the docstring in it says in words, its solution


@dataclass(frozen=True, slots=True)
class _Side:
    """A side of a task: which runs it has is in the table, here how many."""

    task: int
    runs: int


@dataclass
class Detector:
    """Knows benchmarks, and tells of rows which of their tasks are in them."""

    benchmarks: Sequence[Benchmark]
    _tasks: list[tuple[str, str]] = field(init=False)
    _sides: list[_Side] = field(init=False)
    _runs: Numbers = field(init=False)  # sorted
    _side_of: NDArray[np.int64] = field(init=False)
    _table: NDArray[np.bool_] = field(init=False)
    _functions: dict[str, int] = field(init=False)
    _sketches: set[str] = field(init=False)
    common: set[int] = field(
        default_factory=set[int], init=False
    )  # runs that are everybody's, of all that was looked through

    def __post_init__(self) -> None:
        self._grammar = Grammar(WORDS)
        problems = [(bench, each) for bench in self.benchmarks for each in bench.problems.values()]
        self._tasks = [(f"{bench.name}@{bench.version}", problem.task.id) for bench, problem in problems]
        self._learn_runs([problem for _, problem in problems])
        self._functions, self._sketches = {}, set()
        for task, (_, problem) in enumerate(problems):
            for each in normal.hashes(problem.reference):
                self._functions.setdefault(each, task)
            self._sketches |= normal.sketches(problem.reference)

    def _learn_runs(self, problems: Sequence[Problem]) -> None:
        texts = [text for each in problems for text in (_statement(each), _prose(each), each.reference)]
        grams = self._grammar.grams(texts)
        side = np.repeat(np.arange(len(texts)), np.diff(grams.starts))
        runs, inverse = np.unique(grams.numbers, return_inverse=True)
        owners = [set[str]() for _ in range(len(runs))]
        for at, run in zip(_plain(side), _plain(inverse), strict=True):
            owners[run].add(problems[at // _SIDES].task.entry_point)
        own = np.array([len(each) == 1 for each in owners], np.bool_)  # what several tasks say is everybody's
        kept = own[inverse]
        order = np.argsort(grams.numbers[kept], kind="stable")
        self._runs, self._side_of = grams.numbers[kept][order], side[kept][order]
        counts = np.bincount(self._side_of, minlength=len(texts))
        self._sides = [_Side(at // _SIDES, int(count)) for at, count in enumerate(counts)]
        self._table = np.zeros(1 << int(_BITS), np.bool_)
        self._table[self._runs >> (np.uint64(64) - _BITS)] = True

    def scan(self, queries: Iterable[Query]) -> dict[str, tuple[Hit, ...]]:
        """The questions that have tasks in them, by their ids, in their order."""
        return self.look(map(passage, queries))

    def look(
        self, passages: Iterable[Passage], traces: dict[str, tuple[Hit, ...]] | None = None
    ) -> dict[str, tuple[Hit, ...]]:
        """Those that have tasks in them, by their ids, in their order. Reads each once, and holds those that may be meant.

        A run that occurs in many of them is a turn of phrase, and tells nothing, unless one has many of the same task. `traces` gets,
        of the others, the tasks that they have a run of.
        """
        runs: dict[str, set[int]] = {}
        functions: dict[str, list[Hit]] = {}
        rows, rest = 0, iter(passages)
        while batch := list(islice(rest, _BATCH)):
            rows += len(batch)
            for each, found in zip(batch, self._known_runs([each.words for each in batch]), strict=True):
                hits = self._by_function(each.programs)
                if found or hits:
                    runs[each.id], functions[each.id] = found, hits
        often = Counter(each for found in runs.values() for each in found)
        most = max(_OFTEN, _OFTEN_SHARE * rows)
        self.common |= {each for each, count in often.items() if count > most}
        told: dict[str, tuple[Hit, ...]] = {}
        for name, found in runs.items():
            sure, faint = self._by_words(found, self.common)
            if hits := (*sure, *functions[name]):
                told[name] = hits
            elif faint and traces is not None:
                traces[name] = tuple(faint)
        return told

    def _known_runs(self, texts: Sequence[str]) -> list[set[int]]:
        """Of each text the runs that benchmarks have."""
        grams = self._grammar.grams(texts)
        maybe = np.nonzero(self._table[grams.numbers >> (np.uint64(64) - _BITS)])[0]
        at = np.searchsorted(self._runs, grams.numbers[maybe])
        sure = at < len(self._runs)
        sure[sure] = self._runs[at[sure]] == grams.numbers[maybe[sure]]
        found = [set[int]() for _ in texts]
        rows = np.searchsorted(grams.starts, maybe[sure], "right") - 1
        for row, number in zip(_plain(rows), _plain(grams.numbers[maybe[sure]]), strict=True):
            found[row].add(number)
        return found

    def _by_words(self, numbers: Set[int], common: Set[int]) -> tuple[list[Hit], list[Hit]]:
        """The tasks of some runs, the likeliest first, and those of which there are too few; those that are `common` count where they are many."""
        all_of, own = Counter[int](), Counter[int]()
        for number in numbers:
            first, last = (int(np.searchsorted(self._runs, np.uint64(number), side)) for side in ("left", "right"))
            sides = set(_plain(self._side_of[first:last]))
            all_of.update(sides)
            own.update(sides if number not in common else ())
        sure, faint = dict[int, float](), dict[int, float]()
        for side, count in all_of.items():
            task, runs = self._sides[side].task, self._sides[side].runs
            enough = own[side] >= (1 if runs <= _SHORT else _LEAST) or count >= _MANY_SHARE * runs
            if enough or own[side]:
                shares = sure if enough else faint
                shares[task] = max(shares.get(task, 0.0), count / runs)
        return self._named(sure), self._named(faint)

    def _named(self, shares: Mapping[int, float]) -> list[Hit]:
        best = sorted(shares.items(), key=lambda each: (-each[1], each[0]))[:MOST_HITS]
        return [Hit(*self._tasks[task], "words", round(share, 4)) for task, share in best]

    def _by_function(self, programs: Sequence[str]) -> list[Hit]:
        found: dict[int, None] = {}
        for block in (block for each in programs for block in normal.blocks(each)):
            if not self._sketches.isdisjoint(normal.sketches(block)):
                found |= {self._functions[each]: None for each in normal.hashes(block) if each in self._functions}
        return [Hit(*self._tasks[task], "function") for task in found]


def table(found: Mapping[str, Sequence[Hit]]) -> Mapping[tuple[str, str], Counter[How]]:
    """How many rows have each task in them, and how it was found."""
    counts: dict[tuple[str, str], Counter[How]] = {}
    for hits in found.values():
        for each in hits:
            counts.setdefault((each.benchmark, each.task_id), Counter())[each.how] += 1
    return counts


def _plain(numbers: NDArray[Any]) -> list[int]:
    return numbers.tolist()


def _statement(problem: Problem) -> str:
    """Its words as the benchmark has them; as it is put to a model, where there are none but those."""
    return problem.stem or "\n".join(each.content for each in problem.task.prompt)


def _prose(problem: Problem) -> str:
    """The words of the docstring that the benchmark has for the function, without examples; empty where there is none."""
    for each in normal.functions(problem.reference if problem.stem else ""):
        if each.name == problem.task.entry_point:
            return (ast.get_docstring(each) or "").partition(">>>")[0]
    return ""
