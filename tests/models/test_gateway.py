"""What a gateway asks for others is asked once, whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web

from ocinterp.errors import ModelError
from ocinterp.journal import Journal, Journaled, Price, ticket
from ocinterp.models import relay
from ocinterp.models.gateway import Gateway
from ocinterp.models.http import HttpModel, Patience
from ocinterp.models.refusals import ContextOverflow
from ocinterp.models.relay import Relay
from ocinterp.testing.server import Asked, Fixed, Raw, Refuses, Reply, Says, ScriptedServer
from ocinterp.types import Message

QUESTION = (Message("user", "well?"),)
QUICK = Patience(first_wait_seconds=0.01)


@dataclass
class Held:
    """A reply that waits until it may go on."""

    begun: asyncio.Event
    go: asyncio.Event

    async def __call__(self, asked: Asked) -> Fixed:
        self.begun.set()
        await self.go.wait()
        return Says("at last")


def held() -> Held:
    return Held(asyncio.Event(), asyncio.Event())


@asynccontextmanager
async def gateway(folder: Path) -> AsyncGenerator[Gateway]:
    async with Journal(folder / "gateway.sqlite") as journal, Gateway(journal) as found:
        runner = web.AppRunner(found.application(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        (folder / "g.sock").unlink(missing_ok=True)
        await web.UnixSite(runner, str(folder / "g.sock")).start()
        yield found
        await runner.cleanup()


@asynccontextmanager
async def asking(folder: Path, url: str) -> AsyncGenerator[Journaled]:
    """A process that asks through it, with its own journal."""
    way = Relay(folder / "g.sock", ticket)
    async with (
        Journal(folder / "run.sqlite") as journal,
        HttpModel(url, "m", max_tokens=20, live=False, relay=way, patience=QUICK) as model,
    ):
        yield Journaled(model, journal, "m", max_tokens=20, price=Price(1, 1), way="gateway")


async def broken_off(folder: Path, url: str, begun: asyncio.Event) -> None:
    async with asking(folder, url) as model:
        task = asyncio.create_task(model.generate(QUESTION))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        assert model.journal.report().in_doubt == 1


async def test_an_answer_is_as_it_would_be_without(tmp_path: Path) -> None:
    script = [Says("hello, all", thinking="hm")]
    async with ScriptedServer(script) as server, gateway(tmp_path), asking(tmp_path, server.url) as model:
        said = await model.generate(QUESTION)
        assert (said.text, said.usage is not None, server.count) == ("hello, all", True, 1)
        report = model.journal.report()
        assert (report.spent.calls, report.possible.calls) == (1, 0)


async def test_what_was_under_way_is_collected_and_not_asked_again(tmp_path: Path) -> None:
    slow = held()
    async with ScriptedServer([slow]) as server, gateway(tmp_path):
        await broken_off(tmp_path, server.url, slow.begun)
        await broken_off(tmp_path, server.url, slow.begun)
        slow.go.set()
        async with asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "at last"
            (entry,) = model.journal.entries()
            assert (entry.attempts, entry.possible.calls, server.count) == (1, 0, 1)


async def test_a_gateway_that_ends_keeps_what_it_has(tmp_path: Path) -> None:
    slow = held()
    async with ScriptedServer([slow]) as server:
        async with gateway(tmp_path) as found:
            await broken_off(tmp_path, server.url, slow.begun)
            slow.go.set()
            await found.drain()
            assert found.idle_seconds < 60
        async with gateway(tmp_path), asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "at last"
            assert server.count == 1


async def test_a_gateway_that_dies_too_costs_the_calls_that_were_under_way(tmp_path: Path) -> None:
    slow = held()
    async with ScriptedServer([slow, "again"]) as server:
        async with gateway(tmp_path) as found:
            await broken_off(tmp_path, server.url, slow.begun)
            for each in found._live.values():  # pyright: ignore[reportPrivateUsage]  # as if it were killed
                each.cancel()
        async with gateway(tmp_path), asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "again"
            (entry,) = model.journal.entries()
            assert (entry.attempts, entry.possible.calls, server.count) == (2, 1, 2)


@pytest.mark.parametrize(
    "failing",
    [
        Refuses.because(429, "slow down", Retry_After="0"),
        Refuses.because(500, "no luck"),
        Raw((b'{"error": {"message": "later", "code": 429}}',), "application/json"),
        Says(""),
    ],
    ids=["429", "500", "error with 200", "empty"],
)
async def test_what_may_pass_is_asked_again(tmp_path: Path, failing: Reply) -> None:
    async with ScriptedServer([failing, "well"]) as server, gateway(tmp_path):
        async with asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "well"
        assert server.count == 2


async def test_a_run_that_failed_is_not_given_its_failures_again(tmp_path: Path) -> None:
    script = [Refuses.because(500, "no luck")] * 5 + ["well"]
    async with ScriptedServer(script) as server, gateway(tmp_path):
        async with asking(tmp_path, server.url) as model:
            with pytest.raises(ModelError, match="asked 5 times"):
                await model.generate(QUESTION)
        async with asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "well"
            (entry,) = model.journal.entries()
            assert (entry.attempts, entry.possible.calls) == (1, 0)


async def test_what_was_asked_without_a_gateway_before_stays_in_doubt(tmp_path: Path) -> None:
    slow = held()
    async with ScriptedServer([slow, "well"]) as server:
        async with (
            Journal(tmp_path / "run.sqlite") as journal,
            HttpModel(server.url, "m", max_tokens=20, live=False) as model,
        ):
            direct = Journaled(model, journal, "m", max_tokens=20, price=Price(1, 1))
            task = asyncio.create_task(direct.generate(QUESTION))
            await slow.begun.wait()
            task.cancel()
            await asyncio.wait([task])
        async with gateway(tmp_path), asking(tmp_path, server.url) as model:
            assert (await model.generate(QUESTION)).text == "well"
            (entry,) = model.journal.entries()
            assert (entry.attempts, entry.possible.calls, server.count) == (2, 1, 2)


async def test_what_is_refused_is_refused(tmp_path: Path) -> None:
    over = Refuses.because(400, "maximum context length is 10 tokens", "context_length_exceeded")
    async with ScriptedServer([over]) as server, gateway(tmp_path):
        async with asking(tmp_path, server.url) as model:
            with pytest.raises(ContextOverflow):
                await model.generate(QUESTION)
        with pytest.raises(ModelError, match=r"failed \(502\): no server answers there"):
            async with asking(tmp_path, "http://127.0.0.1:1/v1") as model:
                await model.generate(QUESTION)


async def test_the_key_goes_to_the_server_and_nothing_of_ours_does(tmp_path: Path) -> None:
    async with ScriptedServer(["well"]) as server, gateway(tmp_path), asking(tmp_path, server.url) as model:
        await model.generate(QUESTION)
        (asked,) = server.requests
        assert not [each for each in asked.headers if each.startswith("X-")]
        assert asked.headers["User-Agent"] == "ocinterp"


async def test_a_request_of_somebody_else_is_refused(tmp_path: Path) -> None:
    async with (
        gateway(tmp_path),
        ClientSession(connector=UnixConnector(str(tmp_path / "g.sock"))) as client,
        client.post(relay.URL, data=b"{}") as response,
    ):
        assert response.status == 400
