"""How near an evaluation comes to the latency of its server, and what a loop of one task after the other takes.

    python benchmarks/bench_eval.py [--quick] [--latency S] [--concurrency N] [--tasks N]

A server in a process of its own answers each request after so long, with a program that is right; tasks have two tests each,
so that what is left beside the latency is the cost of asking, of the sandbox (a session and a cell for each task) and of
the judge. The bound is the latency times the rounds that so many requests at once need. One after the other is measured on
a part of the tasks, and given for one task. Journal and trajectories are written as `ocinterp eval` writes them; sandboxes
are warm, and references' answers computed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from _measure import cpu_seconds, machine

from ocinterp.bench import attempts
from ocinterp.bench.attempts import Attempt
from ocinterp.bench.run import Desk, Ended
from ocinterp.bench.settings import Setting, chosen
from ocinterp.journal import Journal, Journaled
from ocinterp.models.http import HttpModel
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.tasks import store
from ocinterp.types import Cell
from ocinterp.verifiers import court

WORKERS = 2
SERVER = """
import asyncio, sys
from aiohttp import web
TEXT = "```python\\ndef f(n):\\n    return n + 1\\n```"
ANSWER = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120},
}

async def answer(request):
    await request.read()
    await asyncio.sleep(float(sys.argv[1]))
    return web.json_response(ANSWER)

async def main():
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def write_tasks(folder: Path, count: int) -> Path:
    """A benchmark of small tasks, in EvalPlus's format."""
    rows = (
        {
            "task_id": f"small/{number}",
            "prompt": f'def f(n):\n    """Add one, number {number}."""\n',
            "entry_point": "f",
            "canonical_solution": "    return n + 1\n",
            "base_input": [[number]],
            "plus_input": [[-number]],
            "atol": 0,
        }
        for number in range(count)
    )
    path = folder / "small.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


async def measured(desk: Desk, task_ids: list[str], file: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one run of `single` over the tasks."""

    def keep(ended: Ended) -> None:
        assert isinstance(ended, Attempt), ended
        assert ended.scored.status("plus") == "pass"
        attempts.append(file, ended)

    wall, cpu = time.perf_counter(), cpu_seconds()
    await desk.evaluate(chosen(["single"], suites=("base", "plus")), task_ids, on_end=keep)
    return time.perf_counter() - wall, cpu_seconds() - cpu


async def compare(port: int, folder: Path, options: argparse.Namespace) -> None:
    """Run both ways and print them."""
    store.add_file(write_tasks(folder, options.tasks), folder)
    benchmark = store.load("small", folder)
    task_ids = list(benchmark.problems)
    limits = Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES)
    async with AsyncExitStack() as stack:
        service = Service(zygotes=WORKERS)
        jobs = await stack.enter_async_context(
            NamespaceSandbox(limits, profile=Profile(guests=(court.GUEST,)), service=service)
        )
        cells = await stack.enter_async_context(
            NamespaceSandbox(service=Service(zygotes=WORKERS, spares=options.concurrency))
        )
        async with cells.open() as session:
            await session.run(Cell("warm", "1"))
        bench = await court.convene(jobs, benchmark, folder, workers=WORKERS)
        client = await stack.enter_async_context(HttpModel(f"http://127.0.0.1:{port}/v1", "m", max_tokens=100))

        async def timed(name: str, ids: list[str], at_once: int) -> tuple[float, float]:
            async with Journal(folder / f"{name}.journal") as journal:

                def model(setting: Setting, task_id: str, sample: int) -> Journaled:
                    return Journaled(client, journal, "m", scope=task_id, sample=sample, max_tokens=100)

                desk = Desk(bench, cells, model, concurrency=at_once)
                return await measured(desk, ids, folder / f"{name}.jsonl")

        few = task_ids[: options.alone]
        alone, alone_cpu = await timed("alone", few, 1)
        together, cpu = await timed("together", task_ids, options.concurrency)
    show(options, alone / len(few), alone_cpu / len(few), together, cpu)


def show(options: argparse.Namespace, alone: float, alone_cpu: float, together: float, cpu: float) -> None:
    bound = options.latency * -(-options.tasks // options.concurrency)
    print(machine())
    print(f"{options.tasks} tasks, {options.concurrency} at once, {options.latency:g} s a request, {WORKERS} workers")
    print(
        f"one after the other   {alone:8.3f} s a task   {1000 * alone_cpu:6.1f} ms CPU a task   ({options.alone} tasks)"
    )
    print(f"together              {together:8.3f} s         {1000 * cpu / options.tasks:6.1f} ms CPU a task")
    print(f"latency bound         {bound:8.3f} s         together is {together / bound:.2f} times that")
    print(f"one after the other would take {alone * options.tasks / together:.0f} times as long")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer tasks, to see that it works")
    parser.add_argument("--latency", type=float, default=1.0)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--tasks", type=int, default=164)
    parser.add_argument("--alone", type=int, default=8, help="tasks that are done one after the other")
    options = parser.parse_args()
    if options.quick:
        options.tasks, options.alone, options.latency = 32, 2, 0.5
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(options.latency)], stdout=subprocess.PIPE, text=True
        )
        try:
            assert server.stdout
            asyncio.run(compare(int(server.stdout.readline()), Path(folder), options))
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    main()
