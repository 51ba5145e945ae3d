"""How many requests a server takes at once, learnt from its refusals, for runs that nobody watches.

Additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP finds out what a network carries: after a refusal half
as many requests are under way as were, and none begins until the server may take some again; each answer lets a little more of one in.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from ocinterp.protocols import ignore


@dataclass
class Pace:
    """Shared by all who ask one server. Waits are `first_seconds`, doubled with each refusal in a row, to `longest_seconds`, or what
    the server asks for. After `patience_seconds` without a single answer, or where a server asks for longer, there is no more waiting.
    """

    most: int
    first_seconds: float = 1.0
    longest_seconds: float = 60.0
    patience_seconds: float = 4 * 3600.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    notice: Callable[[str], None] = ignore
    limit: float = field(init=False)
    _running: int = field(default=0, init=False)
    _wait: float = field(init=False)
    _open_at: float = field(init=False)  # by the clock: before that nobody begins
    _answered_at: float = field(init=False)  # the last time, or the first refusal
    _refused: bool = field(default=False, init=False)  # since the last answer
    _told_at: float = field(default=float("-inf"), init=False)
    _free: asyncio.Condition = field(default_factory=asyncio.Condition, init=False)

    def __post_init__(self) -> None:
        self.limit, self._wait = float(self.most), self.first_seconds
        self._open_at = self._answered_at = self.clock()

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """One of the requests that may be under way, as soon as there is room."""
        while True:
            async with self._free:
                await self._free.wait_for(lambda: self._running < int(self.limit))
                wait = self._open_at - self.clock()
                if wait <= 0:
                    self._running += 1
                    break
            await self.sleep(wait)
        try:
            yield
        finally:
            self._running -= 1
            async with self._free:
                self._free.notify_all()

    def answered(self) -> None:
        """A request was taken."""
        self.limit = min(float(self.most), self.limit + 1 / self.limit)
        self._answered_at, self._wait, self._refused = self.clock(), self.first_seconds, False

    def refused(self, place: str, asked_seconds: float | None) -> bool:
        """A request was refused for now. Whether it is worth to ask again.

        Those that were under way together are refused together, and count as one refusal.
        """
        now = self.clock()
        if not self._refused:
            self._refused, self._answered_at = True, now
        if now - self._answered_at + (asked_seconds or 0.0) > self.patience_seconds:
            return False
        if now >= self._open_at:
            wait = max(self._wait, asked_seconds or 0.0)
            self._wait = min(2 * self._wait, self.longest_seconds)
            self._open_at = now + wait
            self.limit = max(1.0, min(self.limit, self._running + 1) / 2)  # with the one that was refused
            if now - self._told_at >= self.longest_seconds:
                self._told_at = now
                self.notice(f"{place} takes no more for now; {int(self.limit)} at once from now on, after {wait:.0f} s")
        else:
            self._open_at = max(self._open_at, now + (asked_seconds or 0.0))
        return True
