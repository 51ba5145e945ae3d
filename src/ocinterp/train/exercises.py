"""Tasks to practise on: those that are built in, without end, or those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Protocol

from ocinterp.errors import DataError, UsageError
from ocinterp.problems import Problem, Script
from ocinterp.tasks import catalogue, formats, texts
from ocinterp.tasks.pocket.benchmark import Part, items
from ocinterp.train.recipe import Practice


class Exercises(Protocol):
    """Where tasks come from. `identity` is what makes them these, in JSON."""

    @property
    def identity(self) -> str: ...

    @property
    def title(self) -> str:
        """For people."""
        ...

    def drawn(self, seed: str, count: int, *, hard: bool = False) -> Sequence[Problem]:
        """So many, always the same for a seed. `hard`: those on which a first answer is likely to fail, as far as there are any."""
        ...


@dataclass(frozen=True, slots=True)
class PocketExercises:
    """The built-in tasks of the split `train`: none has a pair of operations, or a phrase, of the benchmark `pocket`.

    In hard ones `open` of the steps are left open, meant as they usually are in `usual` of the cases, and `ambiguous` of them
    chosen among those that can be left open, so that who guesses is often wrong, and only what comes of it tells what is meant.
    """

    open: float = 1.0
    usual: float = 0.4
    ambiguous: float = 0.6

    @staticmethod
    def of(practice: Practice) -> PocketExercises:
        return PocketExercises(practice.open, practice.usual)

    @property
    def identity(self) -> str:
        return "pocket"

    @property
    def title(self) -> str:
        return "tasks of the built-in kind `pocket`, none of which is in the benchmark"

    def drawn(self, seed: str, count: int, *, hard: bool = False) -> Sequence[Problem]:
        part = Part(self.open, usual=self.usual, ambiguous=self.ambiguous) if hard else Part(0.5)
        made = islice(items(f"practice {seed}", "train", part), count)
        return [item.problem(f"practice/{seed}/{number}") for number, item in enumerate(made, 1)]


@dataclass(frozen=True, slots=True)
class FileExercises:
    """Tasks of a file in any form that `ocinterp data import` takes. All are as hard as they are."""

    path: Path
    md5: str
    problems: Sequence[Problem]
    published: str = ""  # the benchmark that they are, if they are one

    @staticmethod
    def read(path: Path) -> FileExercises:
        """Raises DataError for what cannot be read, and for tests whose verdict a program could forge."""
        text = texts.load(path)
        _, found = formats.problems(text, str(path))
        if (fault := next(formats.faults(found), None)) is not None:
            raise DataError(f"{path}: {fault}")
        for problem in found.values():
            if isinstance(problem.tests, Script) and problem.tests.kind == "unittest":
                raise DataError(
                    f"{path}: {problem.task.id} has a TestCase, which runs beside the program and could be deceived by it: "
                    "a reward needs tests as asserts"
                )
        known = catalogue.having(texts.md5(text))
        return FileExercises(path, texts.md5(text), list(found.values()), known[0].full_name if known else "")

    @property
    def identity(self) -> str:
        return self.md5

    @property
    def title(self) -> str:
        return f"{len(self.problems):,} tasks of {self.path}"

    def drawn(self, seed: str, count: int, *, hard: bool = False) -> Sequence[Problem]:
        if count > len(self.problems):
            raise UsageError(f"a step takes {count} tasks, and {self.path} has {len(self.problems)}")
        return Random(f"{seed} {hard}").sample(self.problems, count)
