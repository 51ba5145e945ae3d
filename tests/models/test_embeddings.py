"""Vectors of texts by a model: asked for once each, and shared requests are shared fairly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from ocinterp.errors import BudgetExhausted, ModelError, UsageError
from ocinterp.journal import Budget, Journal, Price
from ocinterp.models.embeddings import Embedded, KeptEmbedder, SentenceEmbedder, ServedEmbedder, Together
from ocinterp.models.refusals import Asked
from ocinterp.models.wire import Wire
from ocinterp.testing.server import ScriptedServer


@dataclass
class Embeddings:
    """A server's /v1/embeddings: a text's vector is its length and its first letter. The first `failing` requests fail."""

    failing: int = 0
    status: int = 503
    document: Any = None
    longest: int = 10**6
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def serve(self, app: web.Application) -> None:
        app.router.add_post("/v1/embeddings", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        if self.failing:
            self.failing -= 1
            return web.json_response({"error": {"message": "not now"}}, status=self.status)
        if max(map(len, body["input"])) > self.longest:
            return web.json_response({"error": {"message": "maximum context length is 25 tokens"}}, status=400)
        self.bodies.append(body)
        rows = [{"index": at, "embedding": [len(text), ord(text[0]), 1.0]} for at, text in enumerate(body["input"])]
        tokens = sum(len(each) for each in body["input"])
        return web.json_response(self.document or {"data": rows[::-1], "usage": {"prompt_tokens": tokens}})

    @property
    def texts(self) -> list[str]:
        return [text for each in self.bodies for text in each["input"]]


async def at_once(seconds: float) -> None:
    del seconds


@asynccontextmanager
async def served_by(server: ScriptedServer) -> AsyncGenerator[ServedEmbedder]:
    async with Wire(Asked(server.url, "e", None, "the key"), sleep=at_once) as wire:
        yield ServedEmbedder(wire)


async def test_a_server_gives_vectors_of_length_one_in_the_order_of_the_texts() -> None:
    served = Embeddings()
    async with ScriptedServer(more=served.serve) as server, served_by(server) as embedder:
        found = await embedder.embed(["abc", "z", ""])
        assert found.vectors.shape == (3, 3)
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1)
        assert found.vectors[0, 0] / found.vectors[0, 1] == pytest.approx(3 / ord("a"))
        assert served.bodies[0] == {"model": "e", "input": ["abc", "z", " "]}
        assert found.tokens == 5


async def test_what_may_pass_is_asked_again_and_what_is_no_vector_says_so() -> None:
    served = Embeddings(failing=3)
    async with ScriptedServer(more=served.serve) as server, served_by(server) as embedder:
        assert (await embedder.embed(["abc"])).tokens == 3
        served.failing = 100
        with pytest.raises(ModelError, match=r"no embeddings from 127\.0\.0\.1:\d+ \(asked 4 times\): .*not now"):
            await embedder.embed(["abc"])
        served.failing, served.status = 1, 401
        with pytest.raises(ModelError, match="wants an API key"):
            await embedder.embed(["abc"])
        documents: list[Any] = [{"data": []}, {"data": [{"index": 0, "embedding": ["x"]}]}, {"choices": []}]
        for document in documents:
            served.document = document
            with pytest.raises(ModelError, match="gave no vectors for e: does it serve embeddings"):
                await embedder.embed(["abc"])


async def test_a_text_is_asked_for_once_and_one_that_is_added_costs_itself(tmp_path: Path) -> None:
    served = Embeddings()
    texts = [f"{'x' * at} text" for at in range(150)]
    async with ScriptedServer(more=served.serve) as server, served_by(server) as embedder:
        for given in (texts, [*texts[:70], "new", *texts[70:]]):
            async with Journal(tmp_path / "j.sqlite") as journal:
                found = await KeptEmbedder(embedder, journal, "e", Price(2)).vectors(given)
                assert found is not None
                exact = (await embedder.embed(given)).vectors
                assert np.abs(found - exact).max() < 1e-3
                assert journal.spent.prompt_tokens == sum(map(len, given))
                assert journal.spent.nanodollars == 2000 * sum(map(len, given))
        ours = [each for each in served.bodies if len(each["input"]) <= 64]
        assert [len(each["input"]) for each in ours] == [64, 64, 22, 1]
        nothing = await KeptEmbedder(embedder, journal, "e").vectors([])
        assert nothing is not None
        assert nothing.shape[0] == 0


async def test_whoever_wants_to_stop_is_heard_between_the_thousands_and_a_ledger_has_what_was_paid(
    tmp_path: Path,
) -> None:
    served = Embeddings()
    texts = [f"text {at}" for at in range(5_000)]
    async with (
        ScriptedServer(more=served.serve) as server,
        served_by(server) as embedder,
        Journal(tmp_path / "j.sqlite") as journal,
    ):
        kept = KeptEmbedder(embedder, journal, "e", Price(2))
        early: dict[str, int] = {}
        assert await kept.vectors(texts, lambda: bool(served.texts), early) is None
        assert 0 < len(served.texts) == len(early) < 5_000
        late: dict[str, int] = {}
        assert await kept.vectors(texts, ledger=late) is not None
        assert len(served.texts) == 5_000
        assert early.keys() < late.keys()
        assert sum(late.values()) == journal.spent.nanodollars


async def test_a_budget_holds_for_vectors_too(tmp_path: Path) -> None:
    served = Embeddings()
    async with ScriptedServer(more=served.serve) as server, served_by(server) as embedder:
        async with Journal(tmp_path / "j.sqlite", budget=Budget(dollars="0.0001")) as journal:
            kept = KeptEmbedder(embedder, journal, "e", Price(1000))
            with pytest.raises(BudgetExhausted):
                await kept.vectors(["text", "another text"])
        assert served.texts == []


@dataclass
class Local:
    """Fails for a text; or says no count."""

    asked: list[int] = field(default_factory=list[int])

    async def embed(self, texts: Sequence[str], /) -> Embedded:
        self.asked.append(len(texts))
        if "bad" in texts:
            raise ModelError("no")
        if "worse" in texts:
            raise RuntimeError("out of memory")
        return Embedded(np.ones((len(texts), 2), np.float32), None)


async def test_a_request_that_fails_fails_for_all_who_share_it_and_for_no_others() -> None:
    together = Together(Local(), most=2)
    tasks = [asyncio.create_task(together.one(each)) for each in ("a", "bad", "c", "d", "e")]
    found = await asyncio.wait(tasks)
    assert [isinstance(each.exception(), ModelError) for each in tasks] == [True, True, False, False, False]
    assert len(found[0]) == 5
    with pytest.raises(RuntimeError):
        await asyncio.wait_for(together.one("worse"), 5)


async def test_of_texts_that_are_too_long_for_a_model_less_is_sent() -> None:
    served = Embeddings(longest=100)
    async with ScriptedServer(more=served.serve) as server, served_by(server) as embedder:
        found = await embedder.embed(["a" * 700, "b" * 90])
        assert found.vectors.shape == (2, 3)
        assert [len(each) for each in served.texts] == [87, 87]


def test_a_model_that_is_not_there_says_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"st:/nowhere (needs|cannot be loaded)"):
        SentenceEmbedder("/nowhere")
