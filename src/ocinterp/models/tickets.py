"""What an act is known by to those who go on with it when the process that began it is gone (docs/journal.md)."""

from __future__ import annotations

from typing import Protocol


class Ticket(Protocol):
    """An act of a journal, to whoever carries it out."""

    @property
    def key(self) -> str: ...

    def go_on(self, asked: int = 1) -> None:
        """The act was begun before, and reached its server so often; this is its end."""
        ...
