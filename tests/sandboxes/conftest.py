"""Sandboxes for the suites below: every tier that this machine allows, opened once a module."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
import pytest_asyncio

from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import TIERS
from ocinterp.sandboxes.zygotes import NamespaceSandbox

Open = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(scope="module", params=list(TIERS))
def tier(request: pytest.FixtureRequest) -> str:
    if request.param == "ns":
        request.getfixturevalue("namespaces")
    return request.param


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
