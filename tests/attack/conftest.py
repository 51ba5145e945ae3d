"""The target of the attacks: one service for a whole module, looked at after each of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from attack.harness import LIMITS, Attack, Target, do_honest_work
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.testing.processes import descendants, ended


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def target(namespaces: None) -> AsyncGenerator[Target]:
    before = set(descendants())
    async with NamespaceSandbox(LIMITS) as sandbox:
        await sandbox.ready()
        await do_honest_work(sandbox)  # so that whatever is made once has been made
        target = Target(sandbox, before)
        target.seen = target.look()
        yield target
        service = set(descendants()) - before
    assert ended(service)


@pytest_asyncio.fixture(loop_scope="module")
async def attack(target: Target) -> AsyncGenerator[Attack]:
    """A session to attack from. Afterwards the service must do its next honest job, and nothing may be left."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(target.sandbox.open())
        yield Attack(target, session, stack)
    await do_honest_work(target.sandbox)
    after = target.look()
    assert after == target.seen


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of the host that no attack may read, change or even find."""
    path = tmp_path_factory.mktemp("host") / "marker"
    path.write_text("hush")
    yield path
    assert path.read_text() == "hush"
