"""A vLLM server as the sampler: prompts and answers as token ids, and adapters that it loads after every step.

Written after vLLM's documentation, and tried against a server that answers as it describes, not against vLLM itself, which
needs a GPU. Start it so that it may take new adapters, with as high a rank as the recipe has, on a GPU of its own:

    VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve BASE --enable-lora --max-lora-rank 64
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from zlib import crc32

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models.batched import Form
from ocinterp.models.engine import Sampling
from ocinterp.models.refusals import ContextOverflow
from ocinterp.protocols import ignore
from ocinterp.train.rollouts import Round
from ocinterp.types import Completion, Message, Tokens, Usage

_SECONDS = 600.0  # for one answer


@dataclass
class Vllm:
    """A server at `url` (http://HOST:PORT). `save` writes the adapters of a model into a folder, which the server has to see.

    Its log-probabilities are of the model itself, so `sampling` has to have temperature 1.
    """

    url: str
    form: Form
    sampling: Sampling
    most: int
    folder: Path
    save: Callable[[Any, Path], None]
    seconds: float = 0.0
    tokens: int = 0
    run: str = field(
        default_factory=lambda: uuid.uuid4().hex[:8]
    )  # the server may still have adapters of an earlier one
    _taken: int = field(default=0, init=False)

    @property
    def name(self) -> str:
        return f"vLLM at {self.url}"

    @property
    def adapters(self) -> str:
        """What the server knows the present ones by."""
        return f"practice-{self.run}-{self._taken}"

    async def take(self, model: Any, /) -> None:
        before = self.adapters if self._taken else ""
        self._taken += 1
        place = (self.folder / "sampler" / self.adapters).absolute()
        self.save(model, place)
        async with aiohttp.ClientSession() as session:
            await self.post(session, "v1/load_lora_adapter", {"lora_name": self.adapters, "lora_path": str(place)})
            if before:
                await self.post(session, "v1/unload_lora_adapter", {"lora_name": before})
                shutil.rmtree(place.with_name(before), ignore_errors=True)

    def rounds(self, seeds: Sequence[str], /) -> Round:
        return _Requests(self, seeds)

    async def post(self, session: aiohttp.ClientSession, path: str, content: Mapping[str, Any]) -> str:
        """What the server says. ModelError where it refuses, or is not there."""
        try:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            async with session.post(f"{self.url}/{path}", json=content, timeout=timeout) as reply:
                text = await reply.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ModelError(f"no answer from {self.url}/{path}: {error or type(error).__name__}") from error
        if reply.status != 200:
            raise ModelError(f"{self.url}/{path} refused ({reply.status}): {text[:300]}")
        return text


class _Requests:
    """Dialogues that ask whenever they want: the server puts them into batches."""

    def __init__(self, server: Vllm, seeds: Sequence[str]) -> None:
        self.server = server
        self.seats = [_Seat(self, crc32(seed.encode())) for seed in seeds]
        self._left = len(self.seats)
        self._over = asyncio.Event()
        self._open: asyncio.Future[aiohttp.ClientSession] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        began = time.perf_counter()
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            self._open.set_result(session)
            await self._over.wait()
        self.server.seconds += time.perf_counter() - began

    def leave(self) -> None:
        self._left -= 1
        if not self._left:
            self._over.set()

    async def ask(self, content: Mapping[str, Any]) -> str:
        return await self.server.post(await self._open, "v1/completions", content)


@dataclass(eq=False)
class _Seat:
    requests: _Requests
    seed: int
    asked: int = 0

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow, and ModelError for an answer without ids."""
        server = self.requests.server
        prompt = server.form.prompt(messages)
        if len(prompt) >= server.most:
            raise ContextOverflow(f"the dialogue has {len(prompt):,} tokens, of {server.most:,}", server.most)
        self.asked += 1
        reply = await self.requests.ask(
            {
                "model": server.adapters,
                "prompt": prompt,
                "max_tokens": min(server.sampling.max_tokens, server.most - len(prompt)),
                "temperature": server.sampling.temperature,
                "seed": (self.seed + self.asked) % (1 << 31),
                "stop_token_ids": sorted(server.form.ends),
                "logprobs": 0,
                "return_token_ids": True,
                "skip_special_tokens": True,
            }
        )
        said, logprobs, finish = _read(reply)
        server.tokens += len(said)
        stream = server.form.stream()
        text = "".join([*map(stream.add, said), stream.end()])
        on_text(text)
        tokens = Tokens(tuple(prompt), tuple(said), tuple(min(each, 0.0) for each in logprobs))
        return Completion(text, "length" if finish == "length" else "stop", tokens, Usage(len(prompt), len(said)))

    def leave(self) -> None:
        self.requests.leave()


def _read(reply: str) -> tuple[list[int], list[float], str]:
    """The ids of an answer, their log-probabilities, and how it ended."""
    try:
        choice = cast("dict[str, Any]", json.loads(reply))["choices"][0]
        said, logprobs = list[int](choice["token_ids"]), list[float](choice["logprobs"]["token_logprobs"])
        finish = str(choice["finish_reason"])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ModelError(
            f"the server gave no token ids with their log-probabilities ({error!r}): vLLM does from 0.10.2 on"
        ) from error
    if len(said) != len(logprobs):
        raise ModelError(f"the server gave {len(said)} token ids and {len(logprobs)} log-probabilities")
    return said, logprobs, finish
