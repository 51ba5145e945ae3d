"""Requests to a server that are asked again where a failure may pass, for what is no dialogue: batches, vectors."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models.listing import headers
from ocinterp.models.refusals import Asked, PassingError, refusal, wait_asked


@dataclass
class Wire:
    """The connections to the server of `asked`. Use as a context manager. `silence_seconds`: how long it may say nothing."""

    asked: Asked
    proxy: str | None = field(default=None, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    silence_seconds: float = 300.0
    _client: aiohttp.ClientSession = field(init=False, repr=False)

    async def __aenter__(self) -> Self:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=self.silence_seconds)
        self._client = aiohttp.ClientSession(timeout=limits, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def ask(
        self, tries: int, what: str, method: str, path: str, make: Callable[[], Any] = dict[str, Any]
    ) -> bytes:
        """The body of a success, asked for up to so many times. ModelError with one line that says what to do.

        `make` gives what goes with the request, such as {"json": ...}, anew for each time.
        """
        failed = ""
        for attempt in range(tries):
            try:
                return await self.once(method, path, **make())
            except PassingError as error:
                failed = str(error)
                await self.rest(attempt, error)
        raise ModelError(f"{what} from {self.asked.place} (asked {tries} times): {failed}")

    async def once(self, method: str, path: str, **given: Any) -> bytes:
        """The body of a success. PassingError for what may pass, lost connections among it; else as `refusal` says."""
        try:
            async with self._client.request(
                method,
                f"{self.asked.base_url}{path}",
                headers=headers(self.asked.api_key),
                proxy=self.proxy,
                allow_redirects=False,
                **given,
            ) as response:
                said = await response.read()
                status, wait = response.status, wait_asked(response.headers)
        except aiohttp.ClientError as error:
            raise PassingError(f"the connection was lost ({type(error).__name__})") from error
        except TimeoutError as error:
            raise PassingError("it fell silent") from error
        if status != 200:
            raise refusal(self.asked, status, said.decode("utf-8", "replace"), wait_seconds=wait)
        return said

    async def rest(self, attempt: int, error: PassingError) -> None:
        """Wait before the next time: twice as long each, up to a minute, or as long as the server asks for."""
        await self.sleep(max(min(60.0, 0.5 * 2**attempt), error.wait_seconds or 0.0))
