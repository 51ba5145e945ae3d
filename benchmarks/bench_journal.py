"""What a journal costs: commits that are shared against one each, and a call with a journal against one without.

    python benchmarks/bench_journal.py [--quick] [--folder DIR]

The ways take turns, round by round, in the same folder of the same disk, so that a busy machine slows all of them; medians
of the rounds. "a commit each" writes the same statements with one connection, one transaction after another. Calls are
answered at once, by a function or by a server in a process of its own, so that what is left is the cost of asking; CPU is
that of this process, its writer's thread included. Where the package `openai` is installed, its client asks the same server in
the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _measure import MS, machine

from ocinterp.journal import Budget, Cost, Done, Journal, Journaled, Price, Request
from ocinterp.journal.file import open_to_write
from ocinterp.models.http import HttpModel
from ocinterp.protocols import Model, ignore
from ocinterp.types import Completion, Message, Usage

US = 1e6
ANSWER = "Here is a solution.\n```python\ndef add(a, b):\n    return a + b\n```\n" + "It adds two numbers. " * 90
TASK = "Write a function. " + "It must be fast and simple. " * 30
AT_ONCE = (1, 64, 512)
_serial = itertools.count()


@dataclass(frozen=True)
class Row:
    """What one way took for each act, by rounds."""

    name: str
    wall_us: list[float] = field(default_factory=list[float])
    cpu_us: list[float] = field(default_factory=list[float])

    def cells(self) -> tuple[float, float]:
        return statistics.median(self.wall_us), statistics.median(self.cpu_us)


class Instant:
    """A model that answers at once."""

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        on_text(ANSWER)
        return Completion(ANSWER, usage=Usage(300, 420))


async def spread(count: int, at_once: int, act: Callable[[int], Awaitable[object]]) -> None:
    """Do `act` for every number, so many at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for number in numbers:
            await act(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())


async def measured(row: Row, count: int, work: Awaitable[None]) -> None:
    cpu, wall = time.process_time(), time.perf_counter()
    await work
    row.wall_us.append((time.perf_counter() - wall) * US / count)
    row.cpu_us.append((time.process_time() - cpu) * US / count)


def new(folder: Path) -> Path:
    return folder / f"{next(_serial)}.sqlite"


async def settle(folder: Path, count: int, at_once: int, row: Row) -> None:
    """`count` acts that cost nothing but their two records, through the journal."""

    async def act() -> Done:
        return Done(ANSWER, Cost(1, 300, 0, 420, 5))

    async with Journal(new(folder), budget=Budget(calls=count)) as journal:
        ask = spread(
            count, at_once, lambda number: journal.once(Request("k", "m", number), act, reserve=Cost(1, 300, 0, 500, 9))
        )
        await measured(row, count, ask)


async def commit_each(folder: Path, count: int, row: Row) -> None:
    """The same two records for each of `count` acts, each in a transaction of its own."""
    database = open_to_write(new(folder), 30)
    enter = "INSERT INTO entries (key, kind, model, scope, sample, state) VALUES (?, 'k', 'm', '', 0, 'begun')"
    begin = (
        "INSERT INTO attempts (entry, state, begun, known, calls, prompt_tokens, cached_tokens, completion_tokens, "
        "nanodollars) VALUES (?, 'begun', 0, 0, 1, 300, 0, 500, 9)"
    )

    async def work() -> None:
        for number in range(count):
            database.execute("BEGIN IMMEDIATE")
            entry = database.execute(enter, (Request("k", "m", number).key,)).lastrowid
            attempt = database.execute(begin, (entry,)).lastrowid
            database.execute("COMMIT")
            database.execute("BEGIN IMMEDIATE")
            database.execute(
                "UPDATE attempts SET state = 'settled', known = 1, nanodollars = 5 WHERE id = ?", (attempt,)
            )
            database.execute("UPDATE entries SET state = 'settled', answer = ? WHERE id = ?", (ANSWER, entry))
            database.execute("COMMIT")

    await measured(row, count, work())
    database.close()


def messages_of(number: int) -> list[Message]:
    return [Message("user", f"{number}: {TASK}")]


async def call(model: Model, count: int, at_once: int, row: Row) -> None:
    await measured(row, count, spread(count, at_once, lambda number: model.generate(messages_of(number))))


async def call_twice(folder: Path, model: Model, count: int, at_once: int, first: Row, again: Row | None) -> None:
    """`count` calls through a new journal; and then, where it is asked for, the same in a second run."""
    path = new(folder)
    for row in (first, again):
        if row is not None:
            async with Journal(path, budget=Budget(dollars=1000)) as journal:
                paying = Journaled(model, journal, "m", {"temperature": 0.2}, max_tokens=500, price=Price(2.5, 10))
                await call(paying, count, at_once, row)


async def openai_sdk(url: str, count: int, at_once: int, row: Row, *, streamed: bool) -> None:
    """The same calls by the client that OpenAI has for Python."""
    module: Any = import_module("openai")  # not among the development tools
    async with module.AsyncOpenAI(base_url=url, api_key="none") as client:

        async def ask(number: int) -> None:
            said = [{"role": "user", "content": f"{number}: {TASK}"}]
            answer = await client.chat.completions.create(model="scripted", messages=said, stream=streamed)
            if streamed:
                async for _ in answer:
                    pass

        await spread(at_once, at_once, ask)
        await measured(row, count, spread(count, at_once, ask))


@contextlib.asynccontextmanager
async def server(folder: Path, *options: str) -> AsyncGenerator[str]:
    """The base URL of a server that gives the same answer for ever."""
    reply = folder / "answer.md"
    reply.write_text(ANSWER)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ocinterp.testing.server",
        "--repeat-last",
        *options,
        str(reply),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().split()[2].rstrip(",")
    finally:
        process.terminate()
        await process.wait()


def report(title: str, rows: Sequence[Row]) -> None:
    print(f"\n{title}; each act, median of {len(rows[0].wall_us)} rounds:")
    print("| way | wall µs | CPU µs | acts a second | wall, of the first row |")
    print("|---|---:|---:|---:|---:|")
    base = rows[0].cells()[0]
    for row in rows:
        wall, cpu = row.cells()
        print(f"| {row.name} | {wall:.0f} | {cpu:.0f} | {US / wall:.0f} | {wall / base:.3f} |")


async def commits(folder: Path, rounds: int, count: int) -> None:
    each = Row("a commit each, no journal")
    grouped = {at_once: Row(f"journal, {at_once} at once") for at_once in AT_ONCE}
    for _ in range(rounds):
        await commit_each(folder, count // 4, each)
        for at_once, row in grouped.items():
            await settle(folder, count // 4 if at_once == 1 else count, at_once, row)
    report(f"intent and settlement of an answer of {len(ANSWER)} characters", [each, *grouped.values()])


async def calls(folder: Path, rounds: int, count: int) -> None:
    bare, kept, replayed = Row("answered at once"), Row("the same, journaled"), Row("replayed from the journal")
    for _ in range(rounds):
        await call(Instant(), count, 64, bare)
        await call_twice(folder, Instant(), count, 64, kept, replayed)
    report("calls of a model, 64 at once", [bare, kept, replayed])
    for way, options in {"whole": ("--whole",), f"in {len(ANSWER) // 5} pieces": ()}.items():
        await served(folder, rounds, count // 4 if options else count // 16, way, *options)


async def served(folder: Path, rounds: int, count: int, way: str, *options: str) -> None:
    """Calls of a server, bare and journaled, and by another's client."""
    rows = [Row("ours"), Row("ours, journaled"), Row("openai")]
    async with server(folder, *options) as url, HttpModel(url, "scripted", live=False) as http:
        await call(http, 64, 64, Row("warm"))
        for _ in range(rounds):
            await call(http, count, 64, rows[0])
            await call_twice(folder, http, count, 64, rows[1], None)
            if find_spec("openai") is not None:
                await openai_sdk(url, count, 64, rows[2], streamed=not options)
    report(f"calls of a model behind HTTP whose answers come {way}, 64 at once", [each for each in rows if each.cpu_us])


def fsync_ms(folder: Path) -> float:
    """What one wait for this disk takes."""
    took: list[float] = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            before = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - before)
    return statistics.median(took) * MS


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of a few acts")
    parser.add_argument("--folder", type=Path, help="on the disk to measure; else where temporary files go")
    arguments = parser.parse_args()
    rounds, count = (1, 1024) if arguments.quick else (5, 4096)
    print(machine())
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        print(f"fsync: {fsync_ms(folder):.2f} ms")
        await commits(folder, rounds, count)
        await calls(folder, rounds, count)


if __name__ == "__main__":
    asyncio.run(main())
