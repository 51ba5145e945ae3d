"""An act is done once, its answer is on the disk before anybody has it, and its cost is counted whatever happens."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import BudgetExhausted, DataError, ModelError, OcinterpError
from ocinterp.journal import NOTHING, Budget, Cost, Done, Journal, Reader, Request, ticket


def request(name: object) -> Request:
    return Request("test", "m", name)


@dataclass
class Counter:
    """An act that counts how often it is done, and can be held up."""

    answer: str = "42"
    cost: Cost | None = NOTHING
    error: BaseException | None = None
    calls: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.go.set()

    async def __call__(self) -> Done:
        self.calls += 1
        self.begun.set()
        await self.go.wait()
        if self.error:
            raise self.error
        return Done(self.answer, self.cost)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def test_an_act_is_done_once(path: Path) -> None:
    act = Counter()
    async with Journal(path) as journal:
        assert [await journal.once(request(1), act) for _ in range(3)] == ["42"] * 3
        assert act.calls == 1
        assert journal.report().hits == 2
    async with Journal(path) as journal:
        assert await journal.once(request(1), Counter("another")) == "42"
        assert await journal.once(request(2), Counter("another")) == "another"
        assert str(journal.report()) == "2 settled, 1 from the journal; spent 0 tokens in 0 calls"


async def test_the_intent_is_on_the_disk_before_the_act_and_the_answer_before_it_is_handed_out(path: Path) -> None:
    def seen() -> list[tuple[str, str | None]]:
        with closing(sqlite3.connect(path)) as other:
            return other.execute("SELECT state, answer FROM entries").fetchall()

    async def act() -> Done:
        assert seen() == [("begun", None)]
        return Done("42")

    async with Journal(path) as journal:
        await journal.once(request(1), act)
        assert seen() == [("settled", "42")]


async def test_those_who_ask_at_the_same_time_share_one_act(path: Path) -> None:
    act = Counter()
    async with Journal(path) as journal, asyncio.TaskGroup() as group:
        asked = [group.create_task(journal.once(request(1), act)) for _ in range(50)]
    assert {each.result() for each in asked} == {"42"}
    assert act.calls == 1


async def test_thousands_of_asks_at_once_are_each_done_once(path: Path) -> None:
    done: list[int] = []

    async def ask(journal: Journal, number: int) -> str:
        async def act() -> Done:
            done.append(number)
            return Done(f"answer {number}", Cost(1, number, 0, 1, 5))

        return await journal.once(request(number), act, reserve=Cost(1, 3000, 0, 1, 5))

    async with Journal(path, budget=Budget(calls=3000)) as journal:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(ask(journal, number % 3000)) for number in range(6000)]
        assert [each.result() for each in asked] == [f"answer {number % 3000}" for number in range(6000)]
        assert sorted(done) == list(range(3000))
        report = journal.report()
    assert (report.settled, report.hits, report.held) == (3000, 3000, NOTHING)
    assert report.spent == Cost(3000, sum(range(3000)), 0, 3000, 15_000)


async def test_a_failed_act_is_an_attempt_and_the_next_ask_tries_again(path: Path) -> None:
    failing, reserve = Counter(error=ModelError("no answer\ud800")), Cost(1, nanodollars=7)
    async with Journal(path) as journal:
        for _ in range(2):
            with pytest.raises(ModelError, match="no answer"):
                await journal.once(request(1), failing, reserve=reserve)
        assert failing.calls == 2
        (entry,) = journal.entries()
        assert (entry.state, entry.attempts, entry.error, entry.answer) == ("failed", 2, "no answer?", None)
        assert entry.possible == reserve + reserve
        assert await journal.once(request(1), Counter(cost=Cost(1, nanodollars=3)), reserve=reserve) == "42"
        (entry,) = journal.entries()
    assert (entry.state, entry.attempts, entry.answer) == ("settled", 3, "42")
    assert (entry.spent, entry.possible) == (Cost(1, nanodollars=3), reserve + reserve)


async def test_an_error_that_costs_nothing_counts_as_nothing(path: Path) -> None:
    class RefusedError(ModelError):
        pass

    async with Journal(path, budget=Budget(calls=1)) as journal:
        for _ in range(3):
            with pytest.raises(RefusedError):
                await journal.once(request(1), Counter(error=RefusedError("no")), reserve=Cost(1), free=(RefusedError,))
        assert journal.report().possible == NOTHING
        assert await journal.once(request(1), Counter(cost=Cost(1)), reserve=Cost(1)) == "42"


async def test_sharers_of_a_failed_act_all_hear_why(path: Path) -> None:
    act = Counter(error=ModelError("down"))
    act.go.clear()

    async def ask(journal: Journal) -> str:
        try:
            return await journal.once(request(1), act)
        except ModelError as error:
            return str(error)

    async with Journal(path) as journal, asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(journal)) for _ in range(5)]
        await act.begun.wait()
        act.go.set()
    assert [each.result() for each in asked] == ["down"] * 5
    assert act.calls == 1


async def test_a_cancelled_act_is_in_doubt_and_tried_again(path: Path) -> None:
    act, reserve = Counter(), Cost(1, 10, nanodollars=7)
    act.go.clear()
    async with Journal(path) as journal:
        asking = asyncio.create_task(journal.once(request(1), act, reserve=reserve))
        await act.begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        report = journal.report()
        assert (report.in_doubt, report.doubts, report.possible, report.held) == (1, 1, reserve, NOTHING)
        act.go.set()
        assert await journal.once(request(1), act, reserve=reserve) == "42"
        report = journal.report()
    assert act.calls == 2
    assert (report.settled, report.in_doubt, report.doubts, report.possible) == (1, 0, 1, reserve)
    assert str(report) == (
        "1 settled; spent 0 tokens in 0 calls, and possibly $0.000000007, 10 tokens in 1 call (1 broken off)"
    )


async def test_a_shared_act_goes_on_while_anybody_waits_for_it(path: Path) -> None:
    act = Counter()
    act.go.clear()
    async with Journal(path) as journal:
        first, second = (asyncio.create_task(journal.once(request(1), act)) for _ in range(2))
        await act.begun.wait()
        first.cancel()
        await asyncio.wait([first])
        act.go.set()
        assert await second == "42"
        assert first.cancelled()
        assert journal.report().doubts == 0
    assert act.calls == 1


async def test_whoever_asks_while_an_act_is_being_broken_off_gets_one_of_their_own(path: Path) -> None:
    begun, clinging, let_go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow_to_end() -> Done:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            clinging.set()
            await let_go.wait()
        raise AssertionError("unreachable")

    async with Journal(path) as journal:
        first = asyncio.create_task(journal.once(request(1), slow_to_end))
        await begun.wait()
        first.cancel()
        await clinging.wait()
        assert await journal.once(request(1), Counter()) == "42"
        let_go.set()
        await asyncio.wait([first])
        (entry,) = journal.entries()
    assert (entry.state, entry.attempts, entry.answer) == ("settled", 2, "42")


async def test_cancelling_does_not_lose_an_answer_that_has_been_given(path: Path) -> None:
    given_out = asyncio.Event()

    async def act() -> Done:
        given_out.set()
        return Done("paid", Cost(1))

    async with Journal(path) as journal:
        asking = asyncio.create_task(journal.once(request(1), act, reserve=Cost(1)))
        await given_out.wait()
        asking.cancel()
        await asyncio.wait([asking])
        assert journal.report().settled == 1
        assert await journal.once(request(1), Counter()) == "paid"


async def test_a_mistake_in_an_act_is_passed_on_and_leaves_doubt(path: Path) -> None:
    async with Journal(path) as journal:
        with pytest.raises(ZeroDivisionError):
            await journal.once(request(1), Counter(error=ZeroDivisionError("division")), reserve=Cost(1))
        (entry,) = journal.entries()
    assert (entry.state, entry.error, entry.possible) == ("doubt", "division", Cost(1))


async def test_an_answer_that_cannot_be_kept_is_refused_and_breaks_nothing(path: Path) -> None:
    async with Journal(path) as journal:
        with pytest.raises(DataError, match="not valid Unicode and cannot be kept"):
            await journal.once(request(1), Counter("half \ud83d"))
        for number, text in enumerate(["", "nul \0 inside", "𝒳\u2028", "x" * 3_000_000]):
            assert await journal.once(request(f"t{number}"), Counter(text)) == text
            assert await journal.once(request(f"t{number}"), Counter()) == text


async def test_when_nobody_counted_the_reserve_is_taken_for_the_cost(path: Path) -> None:
    async with Journal(path, budget=Budget(calls=1)) as journal:
        await journal.once(request(1), Counter(cost=None), reserve=Cost(1))
        report = journal.report()
        assert (report.spent, report.possible, report.settled) == (NOTHING, Cost(1), 1)
        with pytest.raises(BudgetExhausted):
            await journal.once(request(2), Counter(), reserve=Cost(1))


async def test_what_earlier_runs_spent_counts_and_their_answers_are_free(path: Path) -> None:
    async with Journal(path, budget=Budget(calls=2)) as journal:
        for number in (1, 2):
            await journal.once(request(number), Counter(cost=Cost(1)), reserve=Cost(1))
    async with Journal(path, budget=Budget(calls=2)) as journal:
        unpaid = Counter()
        assert await journal.once(request(1), unpaid, reserve=Cost(1)) == "42"
        with pytest.raises(BudgetExhausted, match="3 of 2 calls"):
            await journal.once(request(3), unpaid, reserve=Cost(1))
        assert unpaid.calls == 0
        assert await journal.once(request("free"), Counter()) == "42"
        assert [each.state for each in journal.entries()] == ["settled"] * 3  # what was refused left no trace
    async with Journal(path, budget=Budget(calls=3)) as journal:
        assert await journal.once(request(3), unpaid, reserve=Cost(1)) == "42"


async def test_what_earlier_runs_may_have_spent_counts_too(path: Path) -> None:
    held_up = Counter()
    held_up.go.clear()
    async with Journal(path) as journal:
        asking = asyncio.create_task(journal.once(request(1), held_up, reserve=Cost(2)))
        await held_up.begun.wait()
        asking.cancel()
        await asyncio.wait([asking])
    async with Journal(path, budget=Budget(calls=3)) as journal:
        with pytest.raises(BudgetExhausted, match="4 of 3 calls"):
            await journal.once(request(1), Counter(), reserve=Cost(2))
        assert await journal.once(request(1), Counter(cost=Cost(1)), reserve=Cost(1)) == "42"


async def test_an_act_within_an_act_is_refused_and_does_not_wait_for_what_its_own_holds(path: Path) -> None:
    async with Journal(path, budget=Budget(calls=10)) as journal:

        async def outer() -> Done:
            await journal.once(request("inner"), Counter(cost=Cost(1)), reserve=Cost(3))
            await journal.once(request("other"), Counter(cost=Cost(1)), reserve=Cost(4))
            raise AssertionError("unreachable")

        with pytest.raises(BudgetExhausted, match="11 of 10 calls"):
            await journal.once(request("outer"), outer, reserve=Cost(6))


async def test_leaving_the_journal_breaks_off_what_is_under_way(path: Path) -> None:
    act = Counter()
    act.go.clear()
    async with Journal(path) as journal:
        asking = asyncio.create_task(journal.once(request(1), act, reserve=Cost(1)))
        await act.begun.wait()
    with pytest.raises(asyncio.CancelledError):
        await asking
    with Reader(path) as reader:
        assert reader.report().in_doubt == 1


Ending = Literal["paid", "uncounted", "failed", "refused", "mistaken", "cancelled", "cancelled at once"]


class _RefusedError(ModelError):
    pass


@dataclass(frozen=True)
class Plan:
    reserve: int
    share: float
    ending: Ending
    laps: int

    @property
    def cost(self) -> int:
        return int(self.reserve * self.share)


plans = st.builds(
    Plan,
    reserve=st.integers(0, 10),
    share=st.floats(0, 1),
    ending=st.sampled_from(
        ["paid", "paid", "uncounted", "failed", "refused", "mistaken", "cancelled", "cancelled at once"]
    ),
    laps=st.integers(0, 5),
)


@dataclass
class Provider:
    """Counts what it is truly paid, and what it might be asked for by those who are there now."""

    limit: int
    paid: int = 0
    due: int = 0

    def act(self, plan: Plan, hold: asyncio.Event) -> Callable[[], Awaitable[Done]]:
        async def act() -> Done:
            self.due += plan.reserve
            try:
                assert self.paid + self.due <= self.limit
                for _ in range(plan.laps):
                    await asyncio.sleep(0)
                if plan.ending == "cancelled":
                    hold.set()
                    await asyncio.Event().wait()
                if plan.ending == "refused":
                    raise _RefusedError("no")
                self.paid += plan.cost
                if plan.ending == "failed":
                    raise ModelError("broke off")
                if plan.ending == "mistaken":
                    raise ZeroDivisionError
            finally:
                self.due -= plan.reserve
            return Done("42", None if plan.ending == "uncounted" else Cost(plan.cost))

        return act


async def carry_out(journal: Journal, provider: Provider, number: int, plan: Plan) -> None:
    hold = asyncio.Event()
    asked = journal.once(request(number), provider.act(plan, hold), reserve=Cost(plan.reserve), free=(_RefusedError,))
    asking = asyncio.create_task(asked)
    if plan.ending.startswith("cancelled"):
        holding = asyncio.create_task(hold.wait())
        soon = plan.ending == "cancelled at once"
        if soon:
            for _ in range(plan.laps):
                await asyncio.sleep(0)
        else:
            await asyncio.wait([holding, asking], return_when=asyncio.FIRST_COMPLETED)
        asking.cancel()
        holding.cancel()
    await asyncio.wait([asking])
    if not asking.cancelled():
        error = asking.exception()
        assert error is None or isinstance(error, (OcinterpError, ZeroDivisionError)), error


@given(st.lists(plans, max_size=12), st.integers(0, 40))
def test_a_budget_is_never_exceeded_and_no_reservation_is_lost(every: list[Plan], limit: int) -> None:
    async def scenario(path: Path) -> None:
        provider = Provider(limit)
        async with Journal(path, budget=Budget(calls=limit)) as journal:
            async with asyncio.TaskGroup() as group:
                for number, plan in enumerate(every):
                    group.create_task(carry_out(journal, provider, number, plan))
            report = journal.report()
            counted = report.spent + report.possible
            assert provider.paid <= counted.calls <= limit
            assert (report.held, report.begun) == (NOTHING, 0)
            left = limit - counted.calls
            with pytest.raises(BudgetExhausted):
                await journal.once(request("too much"), Counter(), reserve=Cost(left + 1))
            assert await journal.once(request("the rest"), Counter(cost=Cost(left)), reserve=Cost(left)) == "42"
        with Reader(path) as reader:
            assert (reader.report().spent + reader.report().possible).calls == limit

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(scenario(Path(folder, "journal.sqlite")))


async def broken_off(path: Path, most: Cost) -> None:
    """An attempt at request 1 of which nobody knows the end."""
    held = Counter()
    held.go.clear()
    async with Journal(path) as journal:
        before = journal.spent
        task = asyncio.create_task(journal.once(request(1), held, reserve=most))
        await held.begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert journal.spent == before + most


async def test_an_act_that_outlived_its_attempt_is_counted_once(path: Path) -> None:
    """Somebody else goes on with it when this process is gone: the attempts that were broken off are the same act."""
    cost, most = Cost(1, 10, 0, 5, 700), Cost(1, 100, 0, 50, 9_000)
    for _ in range(2):
        await broken_off(path, most)

    async def found() -> Done:
        under_way = ticket()
        assert under_way is not None
        assert under_way.key == request(1).key.hex()
        under_way.go_on()
        return Done("42", cost)

    async with Journal(path, budget=Budget(calls=3)) as journal:
        assert await journal.once(request(1), found, reserve=most) == "42"
        assert journal.spent == cost
        assert journal.report().doubts == 0
        (entry,) = journal.entries()
        assert (entry.attempts, entry.spent, entry.possible) == (1, cost, NOTHING)
    assert ticket() is None


async def test_what_was_really_asked_before_stays_in_doubt(path: Path) -> None:
    most = Cost(1, 100, 0, 50, 9_000)
    for _ in range(3):
        await broken_off(path, most)

    async def found() -> Done:
        under_way = ticket()
        assert under_way is not None
        under_way.go_on(asked=2)
        return Done("42", Cost(1))

    async with Journal(path) as journal:
        await journal.once(request(1), found, reserve=most)
        (entry,) = journal.entries()
        assert (entry.attempts, entry.spent, entry.possible) == (2, Cost(1), most)
        assert journal.spent == Cost(1) + most
