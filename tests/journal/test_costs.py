"""Sums of money are exact, and a budget is never overdrawn."""

from __future__ import annotations

import asyncio
import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import BudgetExhausted, UsageError
from ocinterp.journal import FREE, NOTHING, UNLIMITED, Budget, Cost, Price
from ocinterp.journal.costs import Account, describe

tokens = st.integers(0, 10**9)
dollars = st.decimals(0, 10_000, places=6)


def test_the_price_of_a_call_is_exact() -> None:
    price = Price(prompt=0.15, completion="0.6", cached=Decimal("0.075"))
    assert price.of(1_000_000, 0).dollars == Decimal("0.15")
    assert price.of(0, 1_000_000).dollars == Decimal("0.6")
    assert price.of(1_000_000, 0, cached_tokens=1_000_000).dollars == Decimal("0.075")
    assert price.of(300, 420).nanodollars == 300 * 150 + 420 * 600
    assert Price(prompt=2).of(10, 5, cached_tokens=10) == Cost(1, 10, 10, 5, 20_000)
    assert sum((price.of(7, 3) for _ in range(10)), NOTHING) == Cost(10, 70, 0, 30, 10 * (7 * 150 + 3 * 600))


@given(dollars, dollars, tokens, tokens)
def test_a_cost_is_rounded_up_by_less_than_a_billionth(prompt: Decimal, completion: Decimal, a: int, b: int) -> None:
    exact = (Fraction(prompt) * a + Fraction(completion) * b) * 1000
    assert Price(prompt, completion).of(a, b).nanodollars == math.ceil(exact)


def test_a_price_of_nothing_is_free() -> None:
    assert not FREE
    assert not Price(0, "0.00", 0.0)
    assert Price(cached=0.1)
    assert FREE.of(5, 5) == Cost(1, 5, 0, 5)


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, "much", "1,5"])
def test_what_is_no_amount_is_refused(bad: float | str) -> None:
    with pytest.raises(UsageError, match="a price is a number of at least 0, not"):
        Price(bad)
    with pytest.raises(UsageError, match="a budget of dollars is a number of at least 0, not"):
        Budget(bad)
    with pytest.raises(UsageError, match="a budget of calls"):
        Budget(calls=-1)


def test_a_cost_is_told_to_people() -> None:
    assert describe(Cost(1, 10, 0, 5, 1_500_000)) == "$0.0015, 15 tokens in 1 call"
    assert describe(Cost(3)) == "0 tokens in 3 calls"
    assert describe(Cost(2, nanodollars=100 * 10**9)) == "$100, 0 tokens in 2 calls"
    assert describe(Cost(1_200, 47_284)) == "47,284 tokens in 1,200 calls"


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        (Budget(dollars=0.1), r"with up to \$0.02, 20 tokens in 1 call more it would be \$0.11 of \$0.1;"),
        (Budget(tokens=100), r"it would be 110 of 100 tokens; what was paid for is kept"),
        (Budget(calls=9), r"it would be 10 of 9 calls; .* raise the budget and run it again"),
    ],
)
async def test_what_cannot_be_covered_is_refused_in_the_unit_that_is_short(budget: Budget, said: str) -> None:
    account = Account(budget, Cost(9, 50, 0, 40, 90_000_000))
    with pytest.raises(BudgetExhausted, match=said):
        await account.reserve(Cost(1, 10, 0, 10, 20_000_000))
    assert account.held == NOTHING


async def test_the_last_billionth_can_be_spent() -> None:
    account = Account(Budget(dollars="0.3"), Cost(nanodollars=100_000_000))
    await account.reserve(Cost(nanodollars=200_000_000))
    with pytest.raises(BudgetExhausted):
        await account.reserve(Cost(nanodollars=1), wait=False)


async def test_what_is_held_for_others_is_waited_for_and_not_refused() -> None:
    account = Account(Budget(calls=10))
    await account.reserve(Cost(8))
    waiting = [asyncio.create_task(account.reserve(Cost(each))) for each in (5, 1)]
    await asyncio.wait(waiting, timeout=0)
    assert not any(each.done() for each in waiting)  # 1 would fit, but its turn is after that of 5
    account.settle(Cost(8), Cost(2))
    await asyncio.wait(waiting)
    assert (account.used, account.held) == (Cost(2), Cost(6))


async def test_those_who_wait_are_refused_once_it_cannot_be_covered() -> None:
    account = Account(Budget(calls=10))
    await account.reserve(Cost(8))
    waiting = asyncio.create_task(account.reserve(Cost(3)))
    await asyncio.wait([waiting], timeout=0)
    account.settle(Cost(8), Cost(8))
    with pytest.raises(BudgetExhausted, match="it would be 11 of 10 calls"):
        await waiting


async def test_one_who_gives_up_waiting_lets_the_next_one_through() -> None:
    account = Account(Budget(calls=10))
    await account.reserve(Cost(8))
    large, small = (asyncio.create_task(account.reserve(Cost(each))) for each in (9, 2))
    await asyncio.wait([large, small], timeout=0)
    large.cancel()
    await small
    assert large.cancelled()
    assert account.held == Cost(10)


async def test_without_a_limit_nothing_waits() -> None:
    account = Account(UNLIMITED)
    for _ in range(100):
        await account.reserve(Cost(10**6, 10**6))
    assert not UNLIMITED.limited
    assert all(each.limited for each in (Budget(1), Budget(tokens=0), Budget(calls=0)))
