"""Many sessions: what is left of them, and whether memory stays where it was.

    python benchmarks/bench_soak.py [--quick]

First 10,000 sessions, eight at a time, each with a file and a cell; every tenth leaves a daemon behind, every hundredth
ends its interpreter. Then 200 sessions that are open at once, each of which keeps a variable over two cells. Memory
is private memory (see _measure.py) of the host process, and of the processes that stay: launcher and zygote.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

from _measure import MS, cpu_seconds, machine, private_mib

from ocinterp.sandboxes.limits import Service
from ocinterp.sandboxes.profiles import STDLIB
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants
from ocinterp.types import Cell, Outcome

_AT_ONCE = 8
_FINE = "open('made', 'w').write('x' * 100)\nprint({number} * 2)"
_DAEMON = "import os\nif os.fork() == 0:\n    os.setsid()\n    while True: pass\n" + _FINE
_DEADLY = "import os\nos._exit(7)"


async def one(sandbox: NamespaceSandbox, number: int) -> None:
    async with sandbox.open() as session:
        if number % 100 == 99:
            result = await session.run(Cell("c", _DEADLY))
            as_expected = result.outcome is Outcome.KILLED
        else:
            source = _DAEMON if number % 10 == 9 else _FINE
            result = await session.run(Cell("c", source.replace("{number}", str(number))))
            as_expected = result.outcome is Outcome.OK and result.stdout == f"{number * 2}\n"
    if not as_expected:
        raise RuntimeError(f"session {number}: {result}")


def here() -> dict[str, float]:
    """What may not grow."""
    gc.collect()
    staying = descendants()
    mounts = len(Path(f"/proc/{staying[-1]}/mountinfo").read_text().splitlines())
    return {
        "host, MiB": private_mib([os.getpid()]),
        "launcher and zygote, MiB": private_mib(staying),
        "processes": len(staying),
        "descriptors of the host process": len(list(Path("/proc/self/fd").iterdir())),
        "mounts of the zygote": mounts,
    }


async def soak(count: int) -> None:
    shown: list[tuple[int, dict[str, float]]] = []
    # One zygote for all of them: a replacement would hide what leaks.
    async with NamespaceSandbox(profile=STDLIB, service=Service(turnover=count + 1)) as sandbox:
        done = 0
        cpu, start = cpu_seconds(), time.perf_counter()
        for share in (count // 10, count // 2, count):
            async with asyncio.TaskGroup() as group:
                numbers = iter(range(done, share))
                for _ in range(_AT_ONCE):
                    group.create_task(some(sandbox, numbers))
            done = share
            shown.append((done, here()))
        seconds, spent = time.perf_counter() - start, cpu_seconds() - cpu
    print(
        f"\n{count} sessions, {_AT_ONCE} at a time, one zygote: {count / seconds:.0f} a second, {spent / count * MS:.1f} CPU ms each"
    )
    print("| after | " + " | ".join(f"{number} sessions" for number, _ in shown) + " |")
    print("|---|" + "---:|" * len(shown))
    for name in shown[0][1]:
        print(f"| {name} | " + " | ".join(f"{values[name]:.4g}" for _, values in shown) + " |")
    print(f"processes after the sandbox was left: {len(descendants())}")


async def some(sandbox: NamespaceSandbox, numbers: Iterator[int]) -> None:
    for number in numbers:
        await one(sandbox, number)


async def at_once(count: int) -> None:
    async with NamespaceSandbox(profile=STDLIB, service=Service(sessions=count)) as sandbox:
        everybody = asyncio.Barrier(count)

        async def talk(number: int) -> None:
            async with sandbox.open() as session:
                await session.run(Cell("1", f"x = {number}"))
                await everybody.wait()  # all are open now
                result = await session.run(Cell("2", "print(x)"))
            if result.stdout != f"{number}\n":
                raise RuntimeError(f"session {number}: {result}")

        start = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(count):
                group.create_task(talk(number))
        seconds = time.perf_counter() - start
    print(f"\n{count} sessions open at once, two cells each: {seconds:.2f} s, no error")


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    part = 10 if parser.parse_args().quick else 1
    print(machine())
    await soak(10_000 // part)
    await at_once(200 // part)


if __name__ == "__main__":
    asyncio.run(main())
