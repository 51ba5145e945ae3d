"""A model's answers to a benchmark, as programs to judge, and what is irregular about them.

Read are the formats of openai/human-eval and EvalPlus (`completion` continues the problem's stem, `solution` is a whole
program; folders), CodeT's (`prompt` and `samples`, each of which continues the stem), and answers of chats (`response`,
`text`, `messages`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import Literal, cast

from ocinterp.bench import rows
from ocinterp.bench.python import parse
from ocinterp.bench.rows import Row
from ocinterp.bench.sanitize import sanitize
from ocinterp.errors import DataError, UsageError
from ocinterp.problems import Problem

PROGRAM_LIMIT = 2_000_000  # characters; the longest answer met has 198,000

_Kind = Literal["program", "continuation", "chat"]
_FIELDS: dict[str, _Kind] = {
    "solution": "program",  # first, as EvalPlus prefers it
    "completion": "continuation",
    "samples": "continuation",
    "response": "chat",
    "text": "chat",
    "messages": "chat",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """A program to judge: the `index`-th answer, from 0, to a task. `origin` says where it was read (path:line).

    An empty program is an answer too; it fails.
    """

    task_id: str
    index: int
    program: str
    origin: str


@dataclass(frozen=True, slots=True)
class Irregularities:
    """What a reader of the numbers must know about the samples; `samples` is how many of them there are.

    `unknown`: rows for tasks that the benchmark does not have, by their id; they are left out. `missing`: tasks without
    a sample; they count as unsolved. `uneven`: tasks with more or fewer samples than most. `repeated`: samples with the
    same program as an earlier one of their task; they count, since pass@k draws from all. `empty`: answers without any
    text; `refused`: programs longer than `PROGRAM_LIMIT` or not valid Unicode, judged as empty ones. `sanitized`:
    programs that are not the answer as it was given. `fenced`: answers with Markdown fences that are no programs, left as
    they are because nobody asked to sanitize.
    """

    samples: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict[str, int])
    missing: tuple[str, ...] = ()
    uneven: tuple[str, ...] = ()
    repeated: int = 0
    empty: int = 0
    refused: int = 0
    sanitized: int = 0
    fenced: int = 0


class Samples:
    """The samples at a path, read as they are iterated over, each time anew.

    `irregularities` counts what the last iteration met, and is whole when it came to its end. Iterating raises DataError
    for a file that cannot be read, with its line, and UsageError where no row is about any of `problems`.
    """

    def __init__(self, path: Path, problems: Mapping[str, Problem], *, sanitize: bool = False) -> None:
        self._path = path
        self._problems = problems
        self._sanitize = sanitize
        self._names = {name.replace("/", "_"): name for name in problems}
        self._stems = {name: _line_set(problem.stem) for name, problem in problems.items() if problem.stem}
        self._begin()

    def _begin(self) -> None:
        self._counts = Counter[str]()  # of Irregularities' numbers, by their field's name
        self._unknown = Counter[str]()
        self._samples = Counter[str]()  # by task id
        self._seen: set[bytes] = set()

    def __iter__(self) -> Iterator[Sample]:
        self._begin()
        for row in rows.read(self._path):
            yield from self._row(row)
        if not self._samples:
            raise self._nothing()

    @property
    def irregularities(self) -> Irregularities:
        usual = Counter(self._samples.values()).most_common(1)
        return Irregularities(
            samples=self._samples.total(),
            unknown=dict(self._unknown),
            missing=tuple(name for name in self._problems if not self._samples[name]),
            uneven=tuple(name for name in self._problems if 0 < self._samples[name] != usual[0][0]),
            **self._counts,
        )

    def _row(self, row: Row) -> Iterator[Sample]:
        asked = self._asked(row)
        name = self._names.get(asked.replace("/", "_"))
        if name is None:
            self._unknown[asked] += 1
            return
        kind, answers = _answers(row)
        for number, answer in enumerate(answers):
            origin = row.origin if len(answers) == 1 else f"{row.origin}[{number}]"
            program = self._program(name, kind, answer)
            self._note(name, program)
            yield Sample(name, self._samples[name] - 1, program, origin)

    def _asked(self, row: Row) -> str:
        """Which task a row says that it is about: by its id, by the name of its file, or by its prompt."""
        match row.fields:
            case {"task_id": str(name)}:
                return name
            case {"task_id": int(number)}:  # MBPP's own files
                return next((each for each in self._problems if each.endswith(f"/{number}")), str(number))
            case {"path": str(path)}:
                inside = PurePath(path)
                return inside.stem if inside.stem.replace("/", "_") in self._names else inside.parent.name
            case {"prompt": str(prompt)}:
                return self._prompted(prompt)
            case _:
                raise DataError(f"{row.origin}: it names no task, expected task_id among its fields {_listed(row)}")

    def _prompted(self, prompt: str) -> str:
        """The task whose stem has all lines of `prompt`, which may have left out examples, as CodeT's do."""
        lines = _line_set(prompt)
        found = [name for name, stem in self._stems.items() if lines and lines <= stem]
        return found[0] if len(found) == 1 else prompt.strip().partition("\n")[0]

    def _program(self, name: str, kind: _Kind, answer: str) -> str:
        problem = self._problems[name]
        given = (problem.stem if kind == "continuation" else "") + answer.replace("\r\n", "\n").replace("\r", "\n")
        self._counts["empty"] += not answer.strip()
        if not _is_acceptable(given):
            self._counts["refused"] += 1
            return ""
        if kind == "chat" or self._sanitize:
            program = sanitize(given, problem.task.entry_point) if answer.strip() else given
            self._counts["sanitized"] += program != given
            return program
        self._counts["fenced"] += "```" in given and not _is_python(given)
        return given

    def _note(self, name: str, program: str) -> None:
        digest = blake2b(f"{name}\0{program}".encode(), digest_size=16).digest()
        self._counts["repeated"] += digest in self._seen
        self._seen.add(digest)
        self._samples[name] += 1

    def _nothing(self) -> UsageError | DataError:
        if not self._unknown:
            return DataError(
                f"{self._path}: no rows in it, expected one a line, with task_id and solution or completion"
            )
        there, here = next(iter(self._unknown)), next(iter(self._problems), "none")
        return UsageError(
            f"{self._path}: no row is for a task of this benchmark: found {there!r}, expected such as {here!r}"
        )


def _answers(row: Row) -> tuple[_Kind, list[str]]:
    for name, kind in _FIELDS.items():
        if name in row.fields:
            value = row.fields[name]
            value = _said(value, row) if name == "messages" else value
            found = cast("list[object]", value) if isinstance(value, list) else [value]
            for each in found:
                if not isinstance(each, str):
                    raise DataError(f"{row.origin}: {name} is {_shown(each)}, expected a text")
            return kind, cast("list[str]", found)
    raise DataError(f"{row.origin}: it has no answer, expected {', '.join(_FIELDS)} among its fields {_listed(row)}")


def _said(messages: object, row: Row) -> object:
    """What the assistant said last, in the form of any chat API: text, or a list of parts."""
    for message in reversed(_objects(messages)):
        if message.get("role") == "assistant":
            content = message.get("content")
            return (
                content
                if isinstance(content, str)
                else "".join(str(each.get("text", "")) for each in _objects(content))
            )
    raise DataError(f"{row.origin}: no assistant speaks in messages, expected one with role and content")


def _objects(value: object) -> list[dict[str, object]]:
    found = cast("list[object]", value) if isinstance(value, list) else []
    return [cast("dict[str, object]", each) for each in found if isinstance(each, dict)]


def _is_acceptable(program: str) -> bool:
    if len(program) > PROGRAM_LIMIT:
        return False
    try:
        program.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_python(text: str) -> bool:
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def _line_set(text: str) -> frozenset[str]:
    return frozenset(filter(None, map(str.strip, text.splitlines())))


def _listed(row: Row) -> str:
    return "(" + ", ".join(list(row.fields)[:8]) + ")"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
