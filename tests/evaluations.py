"""A tiny benchmark of our own, and what it takes to evaluate a scripted model on it in a real sandbox."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ocinterp.bench.attempts import Attempt
from ocinterp.bench.run import Crash, Desk, Ended
from ocinterp.bench.settings import Setting
from ocinterp.problems import Benchmark
from ocinterp.protocols import Model, Sandbox
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.testing import ScriptedModel
from ocinterp.types import Completion
from ocinterp.verifiers import court

ADD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
ONLY_SHOWN = "def add(a, b):\n    return 3\n"  # what the docstring shows, and nothing else
ALL_BUT_SHOWN = "def add(a, b):\n    return 0 if (a, b) == (1, 2) else a + b\n"
BASE_ONLY = "def add(a, b):\n    return a + b if abs(a) < 1000 else 0\n"
TWICE = "def twice(text):\n    return text + text\n"
HIDDEN = ("5", "7", "41371", "86213")  # the arguments of add that no visible test has

ROWS = (
    {
        "task_id": "own/add",
        "prompt": 'def add(a, b):\n    """Add two numbers.\n    >>> add(1, 2)\n    3\n    """\n',
        "entry_point": "add",
        "canonical_solution": "    total = a\n    for number in (b,):\n        total = total + number\n    return total\n",
        "base_input": [[1, 2], [5, 7]],
        "plus_input": [[41371, 86213]],
        "atol": 0,
    },
    {
        "task_id": "own/twice",
        "prompt": 'def twice(text):\n    """Repeat a text.\n    >>> twice("ab")\n    \'abab\'\n    """\n',
        "entry_point": "twice",
        "canonical_solution": "    return text * 2\n",
        "base_input": [["ab"], [""]],
        "plus_input": [["hidden"]],
        "atol": 0,
    },
)

Scripts = Mapping[str, Sequence[str | Completion]]


def write_benchmark(folder: Path, base: Sequence[Sequence[int]] = ()) -> Path:
    """The file of the benchmark, in EvalPlus's format; `base` are other base tests of add."""
    path = folder / "own.jsonl"
    rows = [{**row, "base_input": base} if base and row["task_id"] == "own/add" else row for row in ROWS]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def benchmark(folder: Path, base: Sequence[Sequence[int]] = ()) -> Benchmark:
    store.add_file(write_benchmark(folder, base), folder / "datasets")
    return store.load("own", folder / "datasets")


@asynccontextmanager
async def open_desk(
    folder: Path,
    model: Callable[[Setting, str, int], Model],
    *,
    critic: Callable[[str], Model] | None = None,
    cells: Sandbox | None = None,
    concurrency: int = 8,
    base: Sequence[Sequence[int]] = (),
) -> AsyncGenerator[Desk]:
    """A desk with a real court; programs run in `cells`, or in the court's own sandbox."""
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,))) as jobs:
        bench = await court.convene(jobs, benchmark(folder, base), folder)
        yield Desk(bench, cells or jobs, model, critic, {"model": "scripted"}, concurrency)


def scripted(scripts: Scripts) -> Callable[[Setting, str, int], ScriptedModel]:
    """For each task a model that gives its answers in order; for each sample the one of its number first."""
    return lambda setting, task_id, sample: ScriptedModel(scripts[task_id][sample:])


async def attempts_of(desk: Desk, settings: Sequence[Setting], task_ids: Sequence[str] = ("own/add",)) -> list[Attempt]:
    """All attempts; none may crash."""
    ended: list[Ended] = []
    await desk.evaluate(settings, task_ids, on_end=ended.append)
    assert not [each for each in ended if isinstance(each, Crash)]
    return [each for each in ended if isinstance(each, Attempt)]
