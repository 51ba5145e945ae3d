"""A dataset whose maker is killed again and again: what is lost, and what is paid for twice.

    python benchmarks/bench_kills.py [--quick] [--kills N] [--gateway]

A server by rule answers in this process and counts what it is asked. `ocinterp synth run` is started and killed (SIGKILL) after a time
by chance, so often; then it is left alone until it is done. Beside it the same plan is made in one go. The rows of both must be the
same. Calls that were under way when their process died were paid for and are asked again: they are `in doubt`, and no others are. With
a gateway (`--gateway`) those are not asked again either.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random

from _measure import machine

from ocinterp.journal import Reader
from ocinterp.synth.folder import JOURNAL, Stage
from ocinterp.synth.rows import Row
from ocinterp.testing import teacher
from ocinterp.testing.server import Asked, Fixed, ScriptedServer

KILLS = 100
QUESTIONS = 8  # for each kill, so that there is something to kill until the last
PLAN = ("--least", "2", "--simulation", "1000", "--correction", "100", "--timeout", "0.5")


async def slowly(asked: Asked) -> Fixed:
    await asyncio.sleep(0.1)  # so that some are always under way
    return await teacher.answer(asked)


@contextmanager
def serving() -> Generator[ScriptedServer]:
    """The server, in a thread of its own."""
    loop = asyncio.new_event_loop()
    server = ScriptedServer([slowly], repeat_last=True, models=(teacher.WEAK, teacher.STRONG))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


def questions(path: Path, count: int) -> None:
    rows = [
        {"instruction": " ".join([f"Write code for task {at}:", *(f"w{at}x{k}" for k in range(12))]), "response": "```python\n1\n```"}
        for at in range(count)
    ]  # fmt: skip
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from ocinterp.cli.main import main; main()", "synth", *arguments]


def start(folder: Path, *ways: str) -> subprocess.Popen[bytes]:
    """A run in a session of its own, so that all of it can be killed."""
    return subprocess.Popen(
        command("run", str(folder), "--concurrency", "8", *ways),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def killed(folder: Path, kills: int, *ways: str) -> int:
    """How often it was killed before it was done."""
    chance = Random("kills")
    for number in range(kills):
        process = start(folder, *ways)
        try:
            process.wait(chance.uniform(1.0, 5.0))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        else:
            return number
        undo_some(folder, chance)
    return kills


def undo_some(folder: Path, chance: Random) -> None:
    """Let a stage that is done begin anew, so that there is something to kill until the last time; its calls are settled."""
    done = sorted(folder.glob("stages/*/done.json"))
    if done and chance.random() < 0.5:
        chance.choice(done).unlink()


def rows(folder: Path) -> list[str]:
    return [each.id for each in Stage(folder, "assemble").rows(Row)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="ten kills")
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--gateway", action="store_true", help="with a process that holds the connections")
    chosen = parser.parse_args()
    ways = ("--gateway",) if chosen.gateway else ()
    kills = 10 if chosen.quick else chosen.kills
    print(machine())
    with tempfile.TemporaryDirectory() as place, serving() as server:
        questions(Path(place) / "q.jsonl", QUESTIONS * kills)
        one, two = Path(place) / "killed", Path(place) / "whole"
        for folder in (one, two):
            made = command(
                "plan", f"{place}/q.jsonl", "--out", str(folder), "--strong", f"{teacher.STRONG}@{server.url}", *PLAN
            )
            subprocess.run(made, check=True, capture_output=True)
        started = time.perf_counter()
        often = killed(one, kills, *ways)
        start(one, *ways).wait()
        took, asked = time.perf_counter() - started, server.count
        start(two).wait()
        whole = server.count - asked
        if chosen.gateway:
            os.kill(json.loads((one / ".gateway.json").read_text())["process"], signal.SIGTERM)
        with Reader(one / JOURNAL) as journal:
            calls = [each for each in journal.entries() if each.kind == "completion"]
            report = journal.report()
        attempts = sum(each.attempts for each in calls)
        print(
            f"\nkilled {often} times in {took:.0f} s; rows {len(rows(one))}, as made in one go: {rows(one) == rows(two)}"
        )
        print(f"calls: {len(calls):,} settled {sum(each.state == 'settled' for each in calls):,}; {whole:,} in one go")
        print(
            f"attempts {attempts:,}, of which {attempts - len(calls):,} were broken off by a kill; the server was asked {asked:,} times"
        )
        print(
            f"asked again after an answer was settled: {asked - whole - min(asked - whole, attempts - len(calls)):,}; in the journal {report}"
        )


if __name__ == "__main__":
    main()
