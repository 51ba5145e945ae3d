"""A server's Batch API (OpenAI's): files of requests, and the batches that are made of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models.listing import headers
from ocinterp.models.refusals import Asked, PassingError, refusal, wait_asked
from ocinterp.models.replies import at, decode_object

_MARK: Final = "ocinterp"
_PAGE: Final = 100
_TRIES: Final = 12  # with waits up to a minute
_PATIENCE: Final = 250  # tries to hear of what is under way already: four hours


@dataclass
class BatchServer:
    """That of `asked`. Use as a context manager. `mark` tells the batches of a run from others.

    ModelError with one line that says what to do, where what may pass does not.
    """

    asked: Asked
    mark: str
    proxy: str | None = field(default=None, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    _client: aiohttp.ClientSession = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=300.0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def upload(self, lines: bytes) -> str:
        """The name of a file with these requests."""
        return str((await self._ask("POST", "/files", form=lines))["id"])

    async def look(self, batch: str) -> dict[str, Any]:
        """A batch as it is now."""
        return await self._ask("GET", f"/batches/{batch}")

    async def create(self, file: str) -> str:
        """A batch of a file. Where the answer to its making was lost, it is looked for before another is made."""
        known = {str(each["id"]) async for each in self.all() if each.get("input_file_id") == file}
        given = {
            "input_file_id": file,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {_MARK: self.mark},
        }
        for attempt in range(_TRIES):
            try:
                return str((await self._exchange("POST", "/batches", given))["id"])
            except (PassingError, aiohttp.ClientError, TimeoutError) as error:
                await self._rest(attempt, error)
            async for each in self.all():
                if each.get("input_file_id") == file and str(each["id"]) not in known:
                    return str(each["id"])
        raise ModelError(f"{self.asked.place} makes no batch (asked {_TRIES} times)")

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        """Those with our mark, the newest first."""
        after = ""
        while True:
            page = await self._ask("GET", f"/batches?limit={_PAGE}{after}")
            found = cast("list[dict[str, Any]]", page.get("data") or [])
            for each in found:
                if at(each, "metadata", _MARK) == self.mark:
                    yield each
            if not page.get("has_more") or not found:
                return
            after = f"&after={found[-1]['id']}"

    async def content(self, file: str) -> bytes | None:
        """What is in a file of the server; None where it is not there any more."""
        for attempt in range(_PATIENCE):
            try:
                async with self._client.get(
                    f"{self.asked.base_url}/files/{file}/content", headers=headers(self.asked.api_key), proxy=self.proxy
                ) as response:
                    said = await response.read()
                    if response.status == 404:
                        return None
                    if response.status == 200:
                        return said
                    raise refusal(self.asked, response.status, said.decode("utf-8", "replace"))
            except (PassingError, aiohttp.ClientError, TimeoutError) as error:
                await self._rest(attempt, error)
        raise ModelError(f"{self.asked.place} does not give its file {file}")

    async def _ask(self, method: str, path: str, *, form: bytes = b"") -> dict[str, Any]:
        """An object from the server, asked for again where a failure may pass: to ask for these twice costs nothing."""
        failed = ""
        for attempt in range(_PATIENCE if method == "GET" else _TRIES):
            try:
                return await self._exchange(method, path, form=form)
            except (PassingError, aiohttp.ClientError, TimeoutError) as error:
                failed = str(error) or "it fell silent"
                await self._rest(attempt, error)
        raise ModelError(f"no batches from {self.asked.place}: {failed}")

    async def _rest(self, attempt: int, error: Exception) -> None:
        asked = error.wait_seconds if isinstance(error, PassingError) else None
        await self.sleep(max(min(60.0, 0.5 * 2**attempt), asked or 0.0))

    async def _exchange(self, method: str, path: str, body: object = None, form: bytes = b"") -> dict[str, Any]:
        given: dict[str, Any] = {"json": body} if body is not None else {}
        if form:
            data = aiohttp.FormData({"purpose": "batch"})
            data.add_field("file", form, filename=f"{self.mark}.jsonl", content_type="application/jsonl")
            given = {"data": data}
        async with self._client.request(
            method,
            f"{self.asked.base_url}{path}",
            headers=headers(self.asked.api_key),
            proxy=self.proxy,
            allow_redirects=False,
            **given,
        ) as response:
            text = await response.text("utf-8", "replace")
            if response.status == 404:
                raise ModelError(f"{self.asked.place} has no Batch API: run it without --batch")
            if response.status != 200:
                raise refusal(self.asked, response.status, text, wait_seconds=wait_asked(response.headers))
        document = decode_object(text)
        if document is None:
            raise ModelError(f"{self.asked.place} does not speak of batches: {self.asked.quote(text)}")
        return document
