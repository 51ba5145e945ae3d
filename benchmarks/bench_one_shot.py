"""One program with its tests, from nothing to its verdict: what isolation adds to the cheapest way there is.

    python benchmarks/bench_one_shot.py [--quick] [--programs HumanEval.jsonl.gz]

Every program is the canonical solution of a HumanEval task and the task's own check (the file of openai/human-eval;
without it, programs of this file's own). Each is run once a round in every way, and the ways take turns, so that a
busy machine slows all of them. "bare fork" is the floor: fork, exit, wait. "plain fork" forks a warm interpreter that has
imported what a zygote has, and runs the program in it, with no wall at all and no output read. CPU is that of all
processes together, less the host's own, which stands beside it; the median of the rounds.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from _measure import MS, cpu_seconds, machine

from ocinterp.errors import SandboxError
from ocinterp.jobs import Job, sealed
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.ns.zygote import COMMON
from ocinterp.sandboxes.probe import probe
from ocinterp.sandboxes.profiles import DATA, STDLIB, Profile
from ocinterp.sandboxes.zygotes import BubblewrapSandbox, LandlockSandbox, NamespaceSandbox
from ocinterp.types import Cell, Outcome

Way = Callable[[list[str]], Awaitable[None]]  # runs every program once; raises SystemExit where one fails

_OWN = [
    f"def task(n):\n    return sum(i * i for i in range(n) if i % {k})\n\n"
    f"def check(candidate):\n    for n in range(50):\n        assert candidate(n) == sum(i * i for i in range(n) if i % {k})\n\n"
    "check(task)\n"
    for k in range(2, 42)
]

# A warm interpreter that forks for each program of a file, in order; its output is one line for those that failed.
_FORKS = """
import gc, importlib, json, os, sys
programs = json.load(open(sys.argv[1]))
for name in json.loads(sys.argv[2]):
    try: importlib.import_module(name)
    except ImportError: pass
gc.collect(); gc.freeze()
print("warm", flush=True)
for line in sys.stdin:
    failed = 0
    for program in programs:
        pid = os.fork()
        if pid == 0:
            status = 0
            try:
                if line == "run\\n":
                    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
            except BaseException:
                status = 1
            os._exit(status)
        failed += os.waitpid(pid, 0)[1] != 0
    print(failed, flush=True)
"""


# The same as a job's entry.
_ONCE = """
import os
def main(answers, inputs, order):
    program = os.pread(inputs[0], 1 << 24, 0)
    exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})
"""


@dataclass(frozen=True)
class Row:
    """What one way took, by rounds, for each program."""

    name: str
    cpu_ms: list[float]
    host_ms: list[float]
    wall_ms: list[float]


def programs_of(path: Path | None) -> list[str]:
    if path is None:
        return _OWN
    with gzip.open(path, "rt", encoding="utf-8") as file:
        tasks = [json.loads(line) for line in file]
    return [
        f"{each['prompt']}{each['canonical_solution']}\n{each['test']}\ncheck({each['entry_point']})\n"
        for each in tasks
    ]


@asynccontextmanager
async def forking(programs: list[str], word: str, preload: Sequence[str]) -> AsyncGenerator[Way]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(programs, file)
        file.flush()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-I", "-B", "-c", _FORKS, file.name, json.dumps([*preload]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdout.readline()

        async def way(_: list[str]) -> None:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(word.encode() + b"\n")
            if (said := await process.stdout.readline()) != b"0\n":
                raise SystemExit(f"{said.decode().strip()} programs failed in a plain fork")

        yield way
        process.stdin.close()
        await process.wait()


@asynccontextmanager
async def isolated(tier: type[NamespaceSandbox], profile: Profile, service: Service = Service()) -> AsyncGenerator[Way]:
    async with tier(Resources(timeout_seconds=30), profile=profile, service=service) as sandbox:
        await sandbox.ready()

        async def way(programs: list[str]) -> None:
            for number, program in enumerate(programs):
                async with sandbox.open() as session:
                    result = await session.run(Cell(str(number), program))
                if result.outcome is not Outcome.OK:
                    raise SystemExit(f"a program ended as {result} in the sandbox {tier.name}")

        yield way


@asynccontextmanager
async def judged(tier: type[NamespaceSandbox], profile: Profile) -> AsyncGenerator[Way]:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "once.py").write_text(_ONCE)
        async with tier(profile=replace(profile, guests=(("bench", Path(folder)),))) as sandbox:
            await sandbox.ready()

            async def way(programs: list[str]) -> None:
                for program in programs:
                    with sealed(program.encode()) as source:
                        end = await sandbox.perform(Job("bench.once", inputs=(source,)), on_bytes=lambda _: None)
                    if end.outcome is not Outcome.OK:
                        raise SystemExit(f"a program ended as {end} as a job of the sandbox {tier.name}")

            yield way


async def interpreter(programs: list[str]) -> None:
    for program in programs:
        process = await asyncio.create_subprocess_exec(sys.executable, "-I", "-B", "-c", program)
        if await process.wait():
            raise SystemExit("a program failed in an interpreter of its own")


async def ways_of(stack: AsyncExitStack, programs: list[str]) -> dict[str, Way]:
    """All that this machine can do."""

    entered = stack.enter_async_context
    ways = {
        "bare fork and wait": await entered(forking(programs, "fork", ())),
        "plain fork, standard library": await entered(forking(programs, "run", COMMON.split())),
        "ns, as a job": await entered(judged(NamespaceSandbox, STDLIB)),
        "ns, profile stdlib": await entered(isolated(NamespaceSandbox, STDLIB)),
        "ns, profile stdlib, 1 spare": await entered(isolated(NamespaceSandbox, STDLIB, Service(spares=1))),
        "plain fork, numpy pandas matplotlib": await entered(
            forking(programs, "run", [*COMMON.split(), *DATA.preload])
        ),
        "ns, profile data": await entered(isolated(NamespaceSandbox, DATA)),
    }
    for tier in (LandlockSandbox, BubblewrapSandbox):
        if (await probe(tier.name)).works:
            ways[f"{tier.name}, profile stdlib"] = await entered(isolated(tier, STDLIB))
    return ways | {"a fresh interpreter, no isolation": interpreter}


async def measured(way: Way, programs: list[str], row: Row) -> None:
    if row.name.startswith(BubblewrapSandbox.name):
        programs = programs[::10]  # it takes so long that the others would wait
    cpu, host, wall = cpu_seconds(), time.process_time(), time.perf_counter()
    await way(programs)
    spent = time.process_time() - host
    row.host_ms.append(spent * MS / len(programs))
    row.cpu_ms.append((cpu_seconds() - cpu - spent) * MS / len(programs))
    row.wall_ms.append((time.perf_counter() - wall) * MS / len(programs))


def report(rows: list[Row], programs: int) -> None:
    base = statistics.median(rows[1].cpu_ms)
    print(f"\n{programs} programs with their tests; median of {len(rows[0].cpu_ms)} rounds; each program:")
    print("| way | CPU ms | host CPU ms | wall ms | of plain fork | a second and core |")
    print("|---|---:|---:|---:|---:|---:|")
    for row in rows:
        cpu, host, wall = (statistics.median(each) for each in (row.cpu_ms, row.host_ms, row.wall_ms))
        print(f"| {row.name} | {cpu:.2f} | {host:.2f} | {wall:.2f} | {cpu / base:.2f} | {MS / (cpu + host):.0f} |")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round over a few programs")
    parser.add_argument("--programs", type=Path, default=_found(), help="HumanEval.jsonl.gz")
    arguments = parser.parse_args()
    programs = programs_of(arguments.programs)
    rounds = 1 if arguments.quick else 7
    if arguments.quick:
        programs = programs[:40]
    print(machine())
    print(
        "programs:",
        "HumanEval" if arguments.programs else "this file's own (--programs HumanEval.jsonl.gz for the real ones)",
    )
    async with AsyncExitStack() as stack:
        ways = await ways_of(stack, programs)
        rows = [Row(name, [], [], []) for name in ways]
        for way in ways.values():
            await way(programs[:5])  # warm
        for _ in range(rounds):
            for way, row in zip(ways.values(), rows, strict=True):
                await measured(way, programs, row)
    report(rows, len(programs))


def _found() -> Path | None:
    path = Path(os.environ.get("OCINTERP_TEST_DATA", "")) / "benchmarks" / "HumanEval.jsonl.gz"
    return path if path.is_file() else None


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SandboxError as error:
        raise SystemExit(str(error)) from None
