"""Fakes shipped with the package: scripts in place of models, a table in place of a sandbox, a real HTTP server.

The server's names are found when first asked for: they need aiohttp, and most tests need no server.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ocinterp.testing.fakes import FakeSandbox, FakeSession, ScriptedModel, code, runs_clean

if TYPE_CHECKING:
    from ocinterp.testing.server import Asked, Raw, Refuses, Reply, Says, ScriptedServer

__all__ = [
    "Asked",
    "FakeSandbox",
    "FakeSession",
    "Raw",
    "Refuses",
    "Reply",
    "Says",
    "ScriptedModel",
    "ScriptedServer",
    "code",
    "runs_clean",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("ocinterp.testing.server"), name)
