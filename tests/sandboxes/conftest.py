"""Sandboxes for the suites below: every tier that this machine allows, opened once a module."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import pytest
import pytest_asyncio

from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import TIERS, probe
from ocinterp.sandboxes.zygotes import NamespaceSandbox

Open = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(scope="module", params=list(TIERS))
def tier(request: pytest.FixtureRequest) -> str:
    if reason := _why_not(request.param):
        pytest.skip(reason)
    return request.param


@cache
def _why_not(tier: str) -> str:
    """Why this machine does not have a tier, in the probe's words; empty where it does."""
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(lambda: asyncio.run(probe(tier))).result()
    return "" if finding.works else f"{tier}: {finding.why}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tier: str) -> AsyncGenerator[NamespaceSandbox]:
    async with TIERS[tier](Resources(timeout_seconds=30)) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="module")
async def session(sandbox: NamespaceSandbox) -> AsyncGenerator[Session]:
    async with sandbox.open() as session:
        yield session


@pytest.fixture
def limited(tier: str) -> Open:
    """Open a session of a sandbox of its own: `limited(timeout_seconds=1, preload=("numpy",))`."""

    @asynccontextmanager
    async def opened(*, preload: tuple[str, ...] = (), **limits: float) -> AsyncGenerator[Session]:
        resources = Resources(**limits)  # pyright: ignore[reportArgumentType]  a limit in bytes is a whole number
        async with TIERS[tier](resources, preload=preload) as sandbox, sandbox.open() as session:
            yield session

    return opened
