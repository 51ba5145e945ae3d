"""Killed at any point, a run goes on: nothing that was handed out is lost, nothing that was settled is paid again."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import ocinterp
from ocinterp.journal import Reader
from ocinterp.testing import Asked, Says, ScriptedServer

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__path__[0]).parent)}
ACTS, AT_ONCE = 120, 12

# Each act leaves a line in a file, as a provider does on its bill, and answers what no other act would answer. A run is
# to be killed before it has done all: more new acts than it may do wait for that, however late it comes.
PAYING = """
import asyncio, os, random, secrets, sys
from pathlib import Path
from ocinterp.journal import Cost, Done, Journal, Request

bill = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
allowed = int(sys.argv[3])

async def ask(journal, number):
    async def act():
        global allowed
        allowed -= 1
        if allowed < 0:
            await asyncio.Event().wait()
        os.write(bill, b"%d\\n" % number)
        for _ in range(random.randrange(5)):
            await asyncio.sleep(0)
        return Done(secrets.token_hex(8), Cost(1))
    answer = await journal.once(Request("test", "m", number, scope=str(number)), act, reserve=Cost(1))
    os.write(1, f"{number} {answer}\\n".encode())

async def main():
    limit = asyncio.Semaphore(AT_ONCE)
    async def one(journal, number):
        async with limit:
            await ask(journal, number)
    async with Journal(Path(sys.argv[1])) as journal, asyncio.TaskGroup() as group:
        for number in range(ACTS):
            group.create_task(one(journal, number))

asyncio.run(main())
""".replace("AT_ONCE", str(AT_ONCE)).replace("ACTS", str(ACTS))


def settled_in(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with Reader(path) as reader:
        return {each.scope: each.answer for each in reader.entries() if each.answer is not None}


@dataclass
class Bill:
    """What was paid for, by number of the act."""

    path: Path

    def lines(self) -> Counter[str]:
        return Counter(self.path.read_text().split()) if self.path.exists() else Counter()


def run_and_kill(
    journal: Path, bill: Path, kept: int, after_lines: int, chance: random.Random
) -> tuple[dict[str, str], bool]:
    """What a run handed out until it was killed, some time after so many lines; and whether it came to its end."""
    allowed = ACTS if after_lines == ACTS else after_lines - kept + AT_ONCE
    with subprocess.Popen(
        [sys.executable, "-c", PAYING, str(journal), str(bill), str(allowed)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(after_lines)]
        for _ in range(chance.randrange(2000)):  # so that not every kill comes right after a line was read
            pass
        if after_lines < ACTS:
            process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    assert process.returncode in {0, -signal.SIGKILL}
    whole = [each.split() for each in said if each.endswith("\n")]
    return {each[0]: each[1] for each in whole}, process.returncode == 0


@pytest.mark.parametrize("seed", range(3))
def test_whatever_was_handed_out_stays_and_whatever_was_settled_is_not_paid_again(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    journal, bill = tmp_path / "journal.sqlite", Bill(tmp_path / "bill")
    handed_out: dict[str, str] = {}
    kept: dict[str, tuple[str, int]] = {}
    ended, kills = False, 0
    while not ended:
        replayed = len(kept)
        said, ended = run_and_kill(journal, bill.path, replayed, min(ACTS, replayed + chance.randrange(14)), chance)
        kills += not ended
        assert all(handed_out.get(number, answer) == answer for number, answer in said.items())
        handed_out |= said
        settled, paid = settled_in(journal), bill.lines()
        assert handed_out.items() <= settled.items()
        for number, (answer, times) in kept.items():
            assert (settled[number], paid[number]) == (answer, times)
        kept = {number: (answer, paid[number]) for number, answer in settled.items()}
    assert kills >= 5
    assert set(bill.lines()) == set(handed_out) == {str(number) for number in range(ACTS)}
    assert bill.lines().total() - ACTS <= kills * AT_ONCE
    with Reader(journal) as reader:
        report, attempts = reader.report(), sum(each.attempts for each in reader.entries())
    assert report.settled == ACTS == report.spent.calls
    assert report.possible.calls == report.doubts
    assert attempts == ACTS + report.doubts  # every payment is an attempt; an intent may have died before it was one
    assert ACTS <= bill.lines().total() <= attempts


ASKING = """
import asyncio, sys
from dataclasses import replace
from pathlib import Path
from ocinterp.journal import Budget, Journal, Journaled, Price
from ocinterp.models.http import HttpModel
from ocinterp.types import Message

async def main():
    async with HttpModel(sys.argv[1], "scripted", max_tokens=5) as http, Journal(Path(sys.argv[2])) as journal:
        model = Journaled(http, journal, "scripted", max_tokens=5, price=Price(1, 1))
        async def dialogue(number):
            messages = [Message("user", str(number))]
            for turn in range(3):
                said = await replace(model, scope=f"{number}.{turn}").generate(messages)
                messages += [Message("assistant", said.text), Message("user", "go on")]
        async with asyncio.TaskGroup() as group:
            for number in range(10):
                group.create_task(dialogue(number))
    print("end")

asyncio.run(main())
"""


@dataclass
class Killer:
    """Answers each dialogue, and kills who asks when so many more calls have arrived: with calls under way."""

    seen: Counter[str] = field(default_factory=Counter[str])
    left: int = 0
    process: asyncio.subprocess.Process | None = None

    async def __call__(self, asked: Asked) -> Says:
        messages = asked.body["messages"]
        assert isinstance(messages, list)
        self.seen[f"{messages[0]['content']}.{len(messages) // 2}"] += 1  # pyright: ignore[reportUnknownArgumentType]
        self.left -= 1
        if self.left == 0 and self.process:
            self.process.kill()
        return Says(f"answer {self.seen.total()}")


async def test_dialogues_with_a_server_go_on_after_kills_and_every_call_is_accounted_for(tmp_path: Path) -> None:
    chance, killer, journal = random.Random(4), Killer(), tmp_path / "journal.sqlite"
    kills, output = 0, b""
    async with ScriptedServer([killer], repeat_last=True) as server:
        while b"end" not in output:
            before = {scope: killer.seen[scope] for scope in settled_in(journal)}
            killer.left = chance.randrange(1, 9) if kills < 6 else 0
            killer.process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", ASKING, server.url, str(journal), env=ENVIRONMENT, stdout=subprocess.PIPE
            )
            output, _ = await killer.process.communicate()
            kills += killer.process.returncode == -signal.SIGKILL
            assert {scope: killer.seen[scope] for scope in before} == before
    assert kills >= 4
    assert len(killer.seen) == 30
    with Reader(journal) as reader:
        report, attempts = reader.report(), sum(each.attempts for each in reader.entries())
    assert (report.settled, report.spent.calls) == (30, 30)
    assert killer.seen.total() <= attempts == 30 + report.doubts
    assert killer.seen.total() - 30 <= kills * 10
