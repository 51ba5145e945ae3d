"""What acts cost, what a person allows, and an account that is never overdrawn.

Money is counted in whole billionths of a dollar, so that sums are exact and a budget is a comparison of integers.
"""

from __future__ import annotations

import asyncio
import math
import operator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

from ocinterp.errors import BudgetExhausted, UsageError

NANO = 1_000_000_000
Number = Decimal | float | str


@cache
def _amount(value: Number, name: str) -> Decimal:
    """The number as it is written: 0.1 is a tenth, not the binary fraction next to it."""
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"{name} is a number of at least 0, not {value!r}")
    return amount


@dataclass(frozen=True, slots=True)
class Cost:
    """What an act costs. `cached_tokens` are those among `prompt_tokens` that the provider had read before."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    nanodollars: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def dollars(self) -> Decimal:
        return Decimal(self.nanodollars) / NANO

    @property
    def row(self) -> tuple[int, int, int, int, int]:
        """Its numbers in the order of their fields; `astuple` takes ten times as long."""
        return self.calls, self.prompt_tokens, self.cached_tokens, self.completion_tokens, self.nanodollars

    def __add__(self, other: Cost) -> Cost:
        return Cost(*map(operator.add, self.row, other.row))

    def __sub__(self, other: Cost) -> Cost:
        return Cost(*map(operator.sub, self.row, other.row))


NOTHING = Cost()


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for a million tokens. `cached` is for prompt tokens that the provider had read before; None: no rebate."""

    prompt: Number = 0
    completion: Number = 0
    cached: Number | None = None

    def __post_init__(self) -> None:
        for each in (self.prompt, self.completion, self.cached):
            if each is not None:
                _amount(each, "a price")

    def __bool__(self) -> bool:
        return any(_amount(each, "a price") for each in (self.prompt, self.completion, self.cached) if each is not None)

    def of(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Cost:
        """The cost of one call, rounded up to a billionth of a dollar."""
        cached = self.prompt if self.cached is None else self.cached
        parts = (
            (prompt_tokens - cached_tokens, self.prompt),
            (cached_tokens, cached),
            (completion_tokens, self.completion),
        )
        total = sum((count * _amount(each, "a price") for count, each in parts if count and each), start=Decimal(0))
        return Cost(1, prompt_tokens, cached_tokens, completion_tokens, math.ceil(total * (NANO // 1_000_000)))


FREE = Price()


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that may be spent; None is no limit. `tokens` counts those of prompts and of completions alike."""

    dollars: Number | None = None
    tokens: int | None = None
    calls: int | None = None

    def __post_init__(self) -> None:
        for each, name in ((self.dollars, "dollars"), (self.tokens, "tokens"), (self.calls, "calls")):
            if each is not None:
                _amount(each, f"a budget of {name}")

    @property
    def limited(self) -> bool:
        return not self.dollars is self.tokens is self.calls is None

    def complaint(self, total: Cost) -> str:
        """Which limit a total goes beyond, in words; empty if none."""
        if self.dollars is not None and total.nanodollars > _amount(self.dollars, "a budget") * NANO:
            return f"${total.dollars.normalize():f} of ${self.dollars}"
        if self.tokens is not None and total.tokens > self.tokens:
            return f"{total.tokens} of {self.tokens} tokens"
        if self.calls is not None and total.calls > self.calls:
            return f"{total.calls} of {self.calls} calls"
        return ""


UNLIMITED = Budget()


class Account:
    """What is used of a budget, and what is held for acts that are under way: together never beyond the limit.

    That is so as long as no act costs more than was reserved for it; one that does is counted as what it cost.
    """

    def __init__(self, budget: Budget, used: Cost = NOTHING) -> None:
        self.budget = budget
        self.used = used
        self.held = NOTHING
        self._turn = asyncio.Lock()  # first come, first served
        self._freed = asyncio.Event()

    async def reserve(self, cost: Cost, *, wait: bool = True) -> None:
        """Hold `cost`. Waits for acts under way, as they mostly cost less than what is held for them.

        BudgetExhausted when the budget could not cover it even if they cost nothing; at once when `wait` is False.
        """
        if not self.budget.limited:
            self.held += cost
            return
        if not wait:
            self._refuse(self.used + self.held + cost, cost)
            self.held += cost
            return
        async with self._turn:
            self._refuse(self.used + cost, cost)
            while self.budget.complaint(self.used + self.held + cost):
                self._freed.clear()
                await self._freed.wait()
                self._refuse(self.used + cost, cost)
            self.held += cost

    def settle(self, reserved: Cost, cost: Cost) -> None:
        """Count `cost` in place of what was reserved for it."""
        self.held -= reserved
        self.used += cost
        self._freed.set()

    def take_back(self, cost: Cost) -> None:
        """Count no more what was possibly spent, and was not."""
        self.used -= cost
        self._freed.set()

    def _refuse(self, total: Cost, cost: Cost) -> None:
        if found := self.budget.complaint(total):
            raise BudgetExhausted(
                f"the budget is exhausted: with up to {describe(cost)} more it would be {found}; "
                "what was paid for is kept, so raise the budget and run it again to go on"
            )


def describe(cost: Cost) -> str:
    """A cost for a reader: dollars where there are any, calls and tokens."""
    money = f"${cost.dollars.normalize():f}, " if cost.nanodollars else ""
    return f"{money}{cost.tokens:,} tokens in {cost.calls:,} call{'s' if cost.calls != 1 else ''}"
