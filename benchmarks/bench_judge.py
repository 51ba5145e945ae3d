"""The references of a benchmark judged behind all walls, beside what they take in one process without any.

    python benchmarks/bench_judge.py [--quick] [--bench humaneval+@0.1.10] [--workers 2]

The floor: one process loads each reference, makes each call and compares the answer with one kept from before by `==`,
nothing isolated, nothing copied. Judged: as `ocinterp score` does, under `evalplus-0.3` and `strict`. Where EvalPlus is
installed beside (--evalplus PYTHON names an interpreter that has it), its check of the same samples stands below, its
expected answers cached. CPU is that of all processes; memory the largest sum of what the tree holds (PSS).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import marshal
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _measure import cpu_seconds, machine, proportional_mib

from ocinterp.problems import Benchmark, Calls
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.types import Status
from ocinterp.verifiers import court
from ocinterp.verifiers.running import side_by_side

_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Row:
    """What one way took for the whole benchmark."""

    name: str
    cpu: float
    wall: float
    peak_mib: float
    said: str


def floor(benchmark: Benchmark, connection: object) -> None:
    """In a process of its own: answers first, unmeasured; then load, call and compare."""
    sys.set_int_max_str_digits(0)
    expected: dict[str, list[object]] = {}
    for name, problem in benchmark.problems.items():
        function = _load(problem.reference, problem.task.entry_point)
        assert isinstance(problem.tests, Calls)
        expected[name] = [function(*_copied(each)) for each in problem.tests]
    cpu, wall, agreed = time.process_time(), time.perf_counter(), 0
    for name, problem in benchmark.problems.items():
        function = _load(problem.reference, problem.task.entry_point)
        assert isinstance(problem.tests, Calls)
        for arguments, wanted in zip(problem.tests, expected[name], strict=True):
            agreed += bool(function(*arguments) == wanted)
    connection.send((time.process_time() - cpu, time.perf_counter() - wall, agreed))  # type: ignore[attr-defined]


def _load(program: str, name: str) -> Callable[..., object]:
    module: dict[str, object] = {}
    exec(program, module)
    function = module[name]
    assert callable(function)
    return function


def _copied(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    return marshal.loads(marshal.dumps(arguments))


def measured_floor(benchmark: Benchmark) -> Row:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=floor, args=(benchmark, theirs))
    process.start()
    cpu, wall, agreed = ours.recv()
    process.join()
    return Row("floor: one process, no wall", cpu, wall, 0.0, f"{agreed:,} answers agree")


async def watched(name: str, act: Callable[[], Awaitable[str]]) -> Row:
    """CPU, wall clock, and the peak of memory meanwhile."""
    peak = 0.0

    async def look() -> None:
        nonlocal peak
        while True:
            peak = max(peak, await asyncio.to_thread(proportional_mib))
            await asyncio.sleep(_LOOK_SECONDS)

    looking = asyncio.create_task(look())
    cpu, wall = cpu_seconds(), time.perf_counter()
    said = await act()
    row = Row(name, cpu_seconds() - cpu, time.perf_counter() - wall, peak, said)
    looking.cancel()
    return row


async def judged(benchmark: Benchmark, folder: Path, workers: int) -> list[Row]:
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    profile = Profile(guests=(court.GUEST,))
    rows: list[Row] = []
    async with NamespaceSandbox(limits, profile=profile, service=Service(zygotes=workers)) as sandbox:
        await sandbox.ready()
        found: list[court.Court] = []

        async def answer() -> str:
            found.append(await court.convene(sandbox, benchmark, folder, ("evalplus-0.3", "strict"), workers=workers))
            size = sum(path.stat().st_size for path in folder.iterdir())
            return f"{size / 1e6:.2f} MB kept"

        rows.append(await watched("references answer, once", answer))
        judges = found[0]

        async def judge() -> str:
            passed: list[str] = []
            room = asyncio.Semaphore(workers + 1)

            async def one(name: str) -> None:
                async with room:
                    verdicts = await judges.judge(name, benchmark.problems[name].reference)
                if all(tally.status is Status.PASS for each in verdicts.values() for tally in each.sets):
                    passed.append(name)

            await side_by_side(one(name) for name in sorted(benchmark.problems, key=judges.seconds, reverse=True))
            return f"{len(passed)} of {len(benchmark.problems)} pass"

        rows.append(await watched(f"ocinterp, {workers} workers, two profiles", judge))
    return rows


_EVALPLUS = """
import json, os, resource, sys, time
os.environ["HUMANEVAL_OVERRIDE_PATH" if sys.argv[1] == "humaneval" else "MBPP_OVERRIDE_PATH"] = sys.argv[2]
from evalplus.evaluate import evaluate
evaluate(dataset=sys.argv[1], samples=sys.argv[3], parallel=int(sys.argv[4]), i_just_wanna_run=True)
"""


async def evalplus(python: str, benchmark: Benchmark, text: Path, workers: int) -> Row:
    family = "humaneval" if benchmark.name.startswith("humaneval") else "mbpp"
    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder, "samples.jsonl")
        lines = [json.dumps({"task_id": name, "solution": each.reference}) for name, each in benchmark.problems.items()]
        samples.write_text("\n".join(lines) + "\n", "utf-8")

        async def run() -> str:
            process = await asyncio.create_subprocess_exec(
                python, "-c", _EVALPLUS, family, str(text), str(samples), str(workers),
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )  # fmt: skip
            out, _ = await process.communicate()
            numbers = [line.strip() for line in out.decode().splitlines() if "pass@1" in line]
            return "; ".join(numbers) or out.decode()[-200:]

        await run()  # computes and caches what it expects
        return await watched(f"EvalPlus, {workers} workers, cached", run)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first 40 tasks only")
    parser.add_argument("--bench", default="humaneval+@0.1.10")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--evalplus", metavar="PYTHON", help="an interpreter that has evalplus 0.3.1")
    arguments = parser.parse_args()
    data = Path(os.environ.get("OCINTERP_TEST_DATA", "")) / "benchmarks"
    if not (data / "HumanEvalPlus-v0.1.10.jsonl.gz").is_file():
        print("left out: OCINTERP_TEST_DATA names no folder that has benchmarks/HumanEvalPlus-v0.1.10.jsonl.gz")
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for path in store.candidates(data):
            if "Plus" in path.name:
                store.add_file(path, Path(folder))
        benchmark = store.load(arguments.bench, Path(folder))
        text = Path(folder, f"{benchmark.md5}.gz")
        if arguments.quick:
            some = dict(list(benchmark.problems.items())[:40])
            benchmark = Benchmark(benchmark.name, benchmark.version, benchmark.md5, some)
        rows = [measured_floor(benchmark)]
        kept = Path(folder, "expected")
        kept.mkdir()
        rows += await judged(benchmark, kept, arguments.workers)
        if arguments.evalplus:
            rows.append(await evalplus(arguments.evalplus, benchmark, text, arguments.workers))
    print(f"\n{benchmark.name} {benchmark.version}, {len(benchmark.problems)} references:")
    print("| way | CPU s | of the floor | wall s | peak memory MiB | |")
    print("|---|---:|---:|---:|---:|---|")
    for row in rows:
        print(
            f"| {row.name} | {row.cpu:.1f} | {row.cpu / rows[0].cpu:.2f} | {row.wall:.1f} | {row.peak_mib:.0f} | {row.said} |"
        )


if __name__ == "__main__":
    asyncio.run(main())
