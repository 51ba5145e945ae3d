"""A gateway: a process that asks model servers for others, and goes on when they die.

A request that is under way when its asker is killed is not broken off; its answer is kept, and whoever asks for the same act again
gets it. Answers are kept in a journal of the gateway's own, so that its own death costs no more than what was under way.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Final, Self

import aiohttp
from aiohttp import web

from ocinterp.errors import ModelError, OcinterpError
from ocinterp.journal import Cost, Done, Journal, Request
from ocinterp.models.relay import ASKED, NAME, PROXY, TO
from ocinterp.models.replies import at, decode_object, read_piece

MOST_BYTES: Final = 256 * 1024 * 1024  # of a request
ANSWER_SECONDS: Final = 600.0  # for a whole answer; who asks waits for three of these
_PASSED_ON: Final = ("Authorization", "User-Agent", "Content-Type")


class _NotKeptError(ModelError):
    """An answer that is handed on, and not kept: a refusal, or one that nobody can use and that is asked for again."""

    def __init__(self, status: int, body: bytes, kind: str, retry_after: str | None) -> None:
        super().__init__(f"answered with {status}")
        self.status, self.body, self.kind, self.retry_after = status, body, kind, retry_after


@dataclass
class Gateway:
    """An application for aiohttp's server. Use as a context manager, with a journal that is open."""

    journal: Journal
    _client: aiohttp.ClientSession = field(init=False)
    _live: dict[str, asyncio.Task[str]] = field(default_factory=dict[str, "asyncio.Task[str]"], init=False)
    _last: float = field(default_factory=time.monotonic, init=False)

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS, sock_connect=10.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=True,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    @property
    def idle_seconds(self) -> float:
        """Since somebody asked for something, or something was under way."""
        if self._live:
            self._last = time.monotonic()
        return time.monotonic() - self._last

    async def drain(self) -> None:
        """Wait for what is under way."""
        while self._live:
            await asyncio.wait(list(self._live.values()))

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES)
        app.router.add_post("/forward", self._forward)
        return app

    async def _forward(self, request: web.Request) -> web.Response:
        self._last = time.monotonic()
        name, url = request.headers.get(NAME, ""), request.headers.get(TO, "")
        if not name or not url:
            return web.Response(status=400, text=f"{NAME} and {TO} must be there")
        asked = Request("forward", url, name)
        told = {ASKED: str(1 + self.journal.doubts(asked))}
        if name not in self._live:
            body = await request.read()
            headers = {each: request.headers[each] for each in _PASSED_ON if each in request.headers}
            task = asyncio.create_task(self._kept(asked, headers, body, request.headers.get(PROXY)))
            self._live[name] = task
            task.add_done_callback(lambda _: self._live.pop(name, None))
        try:
            body = await asyncio.shield(self._live[name])
        except _NotKeptError as error:
            more = {"Retry-After": error.retry_after} if error.retry_after else {}
            return web.Response(status=error.status, body=error.body, content_type=error.kind, headers={**told, **more})
        except OcinterpError as error:
            return web.json_response({"error": {"message": str(error)}}, status=502, headers=told)
        return web.Response(text=body, content_type="application/json", headers=told)

    async def _kept(self, asked: Request, headers: dict[str, str], body: bytes, proxy: str | None) -> str:
        async def act() -> Done:
            return Done(await self._ask(asked.model, headers, body, proxy), Cost(1))

        return await self.journal.once(asked, act, free=(_NotKeptError,))

    async def _ask(self, url: str, headers: dict[str, str], body: bytes, proxy: str | None) -> str:
        """A server's whole answer. _NotKeptError for one that nobody can use, ModelError where there is none."""
        given: Any = {"data": body, "headers": headers, "proxy": proxy, "allow_redirects": False}
        try:
            async with self._client.post(url, **given) as response:
                said, kind = await response.read(), response.content_type
                status, after = response.status, response.headers.get("Retry-After")
        except aiohttp.ClientConnectorError as error:
            raise ModelError(f"no server answers there: {error.os_error.strerror or error}") from error
        except aiohttp.ClientError as error:
            raise ModelError(f"the connection was cut before the answer was whole ({type(error).__name__})") from error
        except TimeoutError as error:
            raise ModelError(f"no answer within {ANSWER_SECONDS:g} s") from error
        text = said.decode("utf-8", "replace")
        document = decode_object(text)
        if status != 200 or document is None or at(document, "error") or not read_piece(document).text:
            raise _NotKeptError(status, said, kind, after)
        return text
