"""A session that is open already, in the place of a sandbox."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ocinterp.protocols import Session


@dataclass(frozen=True, slots=True)
class Held:
    """A sandbox whose one session is open already and stays open: loops come and go, its variables stay."""

    session: Session

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Session]:
        yield self.session
