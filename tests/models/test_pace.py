"""A server that takes fewer requests than it is asked, or none for a long time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ocinterp.models.http import HttpModel
from ocinterp.models.pace import Pace
from ocinterp.models.refusals import RefusedError
from ocinterp.testing.server import Asked, Fixed, Refuses, Says, ScriptedServer
from ocinterp.types import Message

ASK = (Message("user", "Hi"),)


@dataclass
class Time:
    """A clock that only sleeping moves: to when the first sleeper wakes, as soon as all others wait."""

    now: float = 0.0
    wakes: list[float] = field(default_factory=list[float])

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        wake = self.now + seconds
        self.wakes.append(wake)
        while self.now < wake:
            await asyncio.sleep(0.01)
            if wake == min(self.wakes):
                self.now = max(self.now, wake)
        self.wakes.remove(wake)


async def answers(server: ScriptedServer, pace: Pace, count: int) -> list[str]:
    async with HttpModel(server.url, "m", pace=pace) as model, asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.generate(ASK)) for _ in range(count)]
    return [each.result().text for each in tasks]


async def test_an_hour_of_refusals_is_waited_for_and_nothing_is_lost() -> None:
    time, lines = Time(), list[str]()

    async def busy(asked: Asked) -> Fixed:
        return Says("Hello.") if time.now > 3600 else Refuses.because(429, "slow down")

    pace = Pace(8, clock=time, sleep=time.sleep, notice=lines.append)
    async with ScriptedServer([busy], repeat_last=True) as server:
        assert await answers(server, pace, 20) == ["Hello."] * 20
        assert server.count < 20 + 8 + 3600 / 60 + 10
    assert 3600 < time.now < 3700
    assert len(lines) < 70
    assert lines[0].endswith("takes no more for now; 4 at once from now on, after 1 s")
    assert pace.limit > 2


async def test_there_are_no_more_under_way_than_a_server_takes() -> None:
    time, under_way, most = Time(), 0, 0

    async def small(asked: Asked) -> Fixed:
        nonlocal under_way, most
        if under_way >= 3:
            return Refuses.because(429, "slow down", Retry_After="2")
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return Says("Hello.")

    pace = Pace(32, clock=time, sleep=time.sleep)
    async with ScriptedServer([small], repeat_last=True) as server:
        assert await answers(server, pace, 120) == ["Hello."] * 120
        refused = server.count - 120
    assert most == 3
    assert refused < 100  # the first 29, then now and then one, as it tries whether there is more room
    assert pace.limit < 8


async def test_as_many_as_before_are_asked_again_when_all_is_well() -> None:
    pace = Pace(16)
    pace.limit = 1.0
    for _ in range(200):
        pace.answered()
    assert pace.limit == 16.0


async def test_what_a_server_asks_for_is_waited_for() -> None:
    time = Time()
    script = [Refuses.because(429, "come back", Retry_After="1800"), "Hello."]
    pace = Pace(1, clock=time, sleep=time.sleep)
    async with ScriptedServer(script) as server:
        assert await answers(server, pace, 1) == ["Hello."]
    assert time.now == pytest.approx(1800)


async def test_after_hours_without_an_answer_the_run_ends_and_says_so() -> None:
    time = Time()
    pace = Pace(4, clock=time, sleep=time.sleep, patience_seconds=7200)
    async with ScriptedServer([Refuses.because(429, "slow down")], repeat_last=True) as server:
        with pytest.raises(ExceptionGroup) as ended:
            await answers(server, pace, 4)
    assert "that is not waited for longer than 2 hours" in str(ended.value.exceptions[0])
    assert isinstance(ended.value.exceptions[0], RefusedError)
    assert time.now > 7200


async def test_who_is_asked_to_wait_for_days_does_not() -> None:
    time = Time()
    pace = Pace(4, clock=time, sleep=time.sleep)
    async with ScriptedServer([Refuses.because(429, "quota", Retry_After="604800")], repeat_last=True) as server:
        async with HttpModel(server.url, "m", pace=pace) as model:
            with pytest.raises(RefusedError, match=r"longer than 4 hours \(it asks for 604800 s\)"):
                await model.generate(ASK)
        assert server.count == 1
    assert time.now == 0
