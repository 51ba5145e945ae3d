"""What a session costs, beside what a Jupyter kernel costs on the same machine in the same minute.

    python benchmarks/bench_sandbox.py [--quick]

Wall time is the host's clock. CPU time is that of the host process and of all it has started: the ticks of every
process below it in /proc (with those of the children they have waited for), before and after. Memory is private:
Private_Clean + Private_Dirty of /proc/PID/smaps_rollup, summed over the processes of a session. All figures of time
are medians.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import importlib.util
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from _measure import MS, cpu_seconds, machine, private_mib

from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.profiles import DATA, Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants
from ocinterp.types import Cell, Outcome

FIRST = "import numpy, pandas\nprint(int(pandas.Series(numpy.arange(3)).sum()))"
DEAF = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each thing is measured."""

    starts: int
    sessions: int
    cells: int
    kills: int
    live: int
    leftovers: int
    kernels: int


FULL = Counts(starts=7, sessions=25, cells=500, kills=10, live=20, leftovers=1000, kernels=5)
QUICK = Counts(starts=3, sessions=5, cells=50, kills=3, live=5, leftovers=100, kernels=2)


async def measure(what: str, times: int, act: Callable[[], Awaitable[Any]], *, less_ms: float = 0.0) -> None:
    """Print the median wall time of `act`, less what was to be expected, and its mean CPU time."""
    walls: list[float] = []
    before = cpu_seconds()
    for _ in range(times):
        start = time.perf_counter()
        await act()
        walls.append((time.perf_counter() - start) * MS - less_ms)
    cpu = (cpu_seconds() - before) * MS / times
    print(f"| {what:<58} | {statistics.median(walls):9.2f} ms | {cpu:9.2f} ms | {times:4} |")


def heading(text: str) -> None:
    print(f"\n{text}\n| {'':<58} | {'wall, median':>12} | {'CPU, mean':>12} | {'n':>4} |")
    print(f"|{'-' * 60}|{'-' * 13}:|{'-' * 13}:|{'-' * 5}:|")


def memory_row(what: str, mib: float, count: int) -> None:
    print(f"| {what:<58} | {mib:8.2f} MiB | {'':>12} | {count:4} |")


async def first_result(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as session:
        await expect(session, FIRST, "3\n")


async def expect(session: Session, source: str, printed: str) -> None:
    result = await session.run(Cell("c", source))
    if result.stdout != printed:
        raise SystemExit(f"a cell did not do what it should: {result}")


async def start(profile: Profile) -> None:
    async with NamespaceSandbox(profile=profile) as sandbox:
        await sandbox.ready()


async def bench_ours(counts: Counts) -> None:
    heading("ocinterp, tier ns")
    await measure("zygote start and end, nothing imported ahead", counts.starts, lambda: start(Profile()))
    await measure("zygote start and end, numpy pandas matplotlib", counts.starts, lambda: start(DATA))
    async with NamespaceSandbox(profile=DATA) as sandbox:
        await sandbox.ready()
        await measure("session: open, first result of pandas, close", counts.sessions, lambda: first_result(sandbox))
        async with sandbox.open() as session:
            await expect(session, FIRST, "3\n")
            await measure("warm cell print(1)", counts.cells, lambda: expect(session, "print(1)", "1\n"))
        await bench_memory(sandbox, counts)
        await bench_leftovers(sandbox, counts)
    await bench_kill(counts)


async def bench_memory(sandbox: NamespaceSandbox, counts: Counts) -> None:
    before = set(descendants())
    async with AsyncExitStack() as stack:
        for _ in range(counts.live):
            await expect(await stack.enter_async_context(sandbox.open()), FIRST, "3\n")
        workers = [pid for pid in descendants() if pid not in before]
        memory_row("private memory of a live session after that", private_mib(workers) / counts.live, counts.live)
    memory_row("private memory of launcher and zygote, once", private_mib(list(descendants())), 1)


async def bench_leftovers(sandbox: NamespaceSandbox, counts: Counts) -> None:
    before = set(descendants())
    start = time.perf_counter()
    for _ in range(counts.leftovers):
        async with sandbox.open() as session:
            await expect(session, "print(1)", "1\n")
    seconds = time.perf_counter() - start
    left = len(set(descendants()) - before)
    print(
        f"{counts.leftovers} sessions one after another: {counts.leftovers / seconds:.0f} a second, {left} processes left over"
    )


async def bench_kill(counts: Counts) -> None:
    limit = 0.5
    async with NamespaceSandbox(Resources(timeout_seconds=limit)) as sandbox, sandbox.open() as session:

        async def overrun() -> None:
            await session.run(Cell("c", "pass"))  # a new interpreter: starting it is no part of the kill
            result = await session.run(Cell("c", DEAF))
            if result.outcome is not Outcome.TIMEOUT:
                raise SystemExit(f"a deaf cell ended as {result.outcome}")
            over.append((result.wall_seconds - limit) * MS)

        over: list[float] = []
        for _ in range(counts.kills):
            await overrun()
    what = "killing a cell that ignores SIGINT: time beyond the limit"
    print(f"| {what:<58} | {statistics.median(over):9.2f} ms | {'':>12} | {counts.kills:4} |")


@asynccontextmanager
async def jupyter_kernel() -> AsyncGenerator[Callable[[str], Awaitable[str]]]:
    """A started kernel, as a function from source to what it printed."""
    library: Any = importlib.import_module("jupyter_client.manager")
    manager = library.AsyncKernelManager()
    await manager.start_kernel()
    client: Any = manager.client()
    client.start_channels()
    try:
        await client.wait_for_ready(timeout=60)

        async def execute(source: str) -> str:
            texts: list[str] = []

            def hear(message: dict[str, Any]) -> None:
                if message["msg_type"] == "stream":
                    texts.append(message["content"]["text"])

            await client.execute_interactive(source, output_hook=hear, timeout=60)
            return "".join(texts)

        yield execute
    finally:
        client.stop_channels()
        await manager.shutdown_kernel(now=True)


async def bench_jupyter(counts: Counts) -> None:
    if not all(importlib.util.find_spec(name) for name in ("jupyter_client", "ipykernel")):
        print("\njupyter_client and ipykernel, to compare with, are not installed: pip install 'ocinterp[jupyter]'")
        return
    heading("jupyter_client + ipykernel (no isolation)")

    async def cold() -> None:
        async with jupyter_kernel() as execute:
            same(await execute(FIRST), "3\n")

    await measure("kernel: start, first result of pandas, end", counts.kernels, cold)
    before = set(descendants())
    async with AsyncExitStack() as stack:
        kernels = [await stack.enter_async_context(jupyter_kernel()) for _ in range(counts.kernels)]
        for execute in kernels:
            same(await execute(FIRST), "3\n")

        async def warm() -> None:
            same(await kernels[0]("print(1)"), "1\n")

        await measure("warm cell print(1)", counts.cells, warm)
        running = [pid for pid in descendants() if pid not in before]
        memory_row("private memory of a live kernel after that", private_mib(running) / counts.kernels, counts.kernels)


def same(printed: str, expected: str) -> None:
    if printed != expected:
        raise SystemExit(f"the kernel printed {printed!r}")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: about 10 s")
    counts = QUICK if parser.parse_args().quick else FULL
    print(machine())
    await bench_ours(counts)
    await bench_jupyter(counts)


if __name__ == "__main__":
    asyncio.run(main())
