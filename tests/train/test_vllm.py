"""A server that answers as vLLM's documentation says: token ids in and out, and adapters after each step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from models.pocket.tiny import tokenizer
from ocinterp.errors import ModelError
from ocinterp.models.engine import Sampling
from ocinterp.models.pocket.model import Speech
from ocinterp.models.refusals import ContextOverflow
from ocinterp.train.rollouts import Seat
from ocinterp.train.vllm import Vllm
from ocinterp.types import Completion, Message, Tokens

SPEECH = Speech.of(tokenizer())
END = SPEECH.roles.end
ASK = (Message("user", "return it"),)
PROMPT = SPEECH.prompt(ASK)


@dataclass
class Server:
    """It says `x` and ends its turn, and keeps what it was asked."""

    choice: dict[str, Any] = field(
        default_factory=lambda: {
            "text": "x",
            "token_ids": [*SPEECH.tokenizer.encode("x"), END],
            "logprobs": {"token_logprobs": [-0.25, 0.0]},
            "finish_reason": "stop",
        }
    )
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])
    status: int = 200
    url: str = ""

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, await request.json()))
        return web.json_response({"choices": [self.choice]}, status=self.status)


@asynccontextmanager
async def running(server: Server) -> AsyncGenerator[Server]:
    app = web.Application()
    app.router.add_post("/{path:.*}", server.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield server
    finally:
        await runner.cleanup()


def save(model: Any, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_text(model)


def sampler(server: Server, folder: Path, most: int = 64) -> Vllm:
    return Vllm(server.url, SPEECH, Sampling(1.0, 20), most, folder, save, run="r")


async def said(sampler: Vllm, seeds: tuple[str, ...] = ("1", "2")) -> list[Completion]:
    round_ = sampler.rounds(seeds)

    async def one(seat: Seat) -> Completion:
        try:
            return await seat.generate(ASK)
        finally:
            seat.leave()

    async with asyncio.TaskGroup() as group:
        group.create_task(round_.serve())
        tasks = [group.create_task(one(seat)) for seat in round_.seats]
    return [task.result() for task in tasks]


async def test_ids_go_in_and_come_out(tmp_path: Path) -> None:
    async with running(Server()) as server:
        there = sampler(server, tmp_path)
        await there.take("weights")
        first, second = await said(there)
    assert first == second
    assert first.text == "x"
    assert first.tokens == Tokens(tuple(PROMPT), (*SPEECH.tokenizer.encode("x"), END), (-0.25, 0.0))
    asked = [body for path, body in server.asked if path == "/v1/completions"]
    assert [each["prompt"] for each in asked] == [PROMPT, PROMPT]
    assert asked[0]["seed"] != asked[1]["seed"]
    assert {**asked[0], "seed": 0, "prompt": 0} == {
        "model": "practice-r-1", "prompt": 0, "seed": 0, "max_tokens": 20, "temperature": 1.0, "stop_token_ids": [END],
        "logprobs": 0, "return_token_ids": True, "skip_special_tokens": True,
    }  # fmt: skip
    assert there.tokens == 4


async def test_new_weights_take_the_place_of_the_old_ones(tmp_path: Path) -> None:
    async with running(Server()) as server:
        there = sampler(server, tmp_path)
        await there.take("one")
        await there.take("two")
        await said(there, ("1",))
    folder = tmp_path / "sampler" / "practice-r-2"
    assert [(path, body.get("lora_name", body.get("model"))) for path, body in server.asked] == [
        ("/v1/load_lora_adapter", "practice-r-1"),
        ("/v1/load_lora_adapter", "practice-r-2"),
        ("/v1/unload_lora_adapter", "practice-r-1"),
        ("/v1/completions", "practice-r-2"),
    ]
    assert server.asked[1][1]["lora_path"] == str(folder)
    assert (folder / "adapter_model.safetensors").read_text() == "two"
    assert [each.name for each in folder.parent.iterdir()] == ["practice-r-2"]


async def test_an_answer_that_cannot_be_learnt_from_is_an_error(tmp_path: Path) -> None:
    async with running(Server({"text": "x", "finish_reason": "stop"})) as server:
        with pytest.raises(ModelError, match="gave no token ids"):
            await one_answer(sampler(server, tmp_path))
        server.choice = {"token_ids": [1, 2], "logprobs": {"token_logprobs": [-1.0]}, "finish_reason": "stop"}
        with pytest.raises(ModelError, match="2 token ids and 1 log-prob"):
            await one_answer(sampler(server, tmp_path))
        server.status = 404
        with pytest.raises(ModelError, match=r"v1/load_lora_adapter refused \(404\)"):
            await sampler(server, tmp_path).take("weights")
    with pytest.raises(ModelError, match="no answer from"):
        await one_answer(sampler(server, tmp_path))


async def test_a_dialogue_that_leaves_no_room_is_not_sent(tmp_path: Path) -> None:
    async with running(Server()) as server:
        with pytest.raises(ContextOverflow):
            await one_answer(sampler(server, tmp_path, most=len(PROMPT)))
    assert server.asked == []


async def one_answer(sampler: Vllm) -> Completion:
    """Of one seat, with its errors as they are."""
    round_ = sampler.rounds(("1",))
    serving = asyncio.create_task(round_.serve())
    try:
        return await round_.seats[0].generate(ASK)
    finally:
        round_.seats[0].leave()
        await serving
