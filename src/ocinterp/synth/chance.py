"""Chance that does not depend on what else there is: a question that is added changes the lot of no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable


def by_lot(names: Iterable[str], seed: str) -> list[str]:
    """In an order by chance: of two names the same one always comes first."""
    return sorted(names, key=lambda name: lot(name, seed))


def lot(name: str, seed: str) -> bytes:
    """What a name has drawn."""
    return hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
