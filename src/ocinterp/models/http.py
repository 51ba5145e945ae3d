"""Any model behind an OpenAI-compatible endpoint: hosted ones, Ollama, llama.cpp, vLLM, SGLang, LM Studio.

Answers are streamed. What may pass is tried again: 429 and 5xx, lost connections, silence, streams that break off or
make no sense, a server that has answered before and is gone. A stream that breaks after some of its text was shown is asked for again too, and goes on from there
if the new answer begins with the same text; if it does not, the listener cannot be told, and ModelError is raised.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import NoReturn, Self

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models import endpoints, relay
from ocinterp.models.listing import closest, enumerate_some, headers, list_models
from ocinterp.models.pace import Pace
from ocinterp.models.refusals import (
    Asked,
    BusyError,
    ContextOverflow,
    EmptyAnswer,
    MissingModelError,
    PassingError,
    RefusedError,
    refusal,
    refused_field,
    wait_asked,
)
from ocinterp.models.relay import Relay
from ocinterp.models.replies import Answer, DivergedError, at, decode_object, well_formed
from ocinterp.models.secret import Secret
from ocinterp.models.sse import EventParser
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message

__all__ = ["ContextOverflow", "EmptyAnswer", "HttpModel", "Patience", "Secret"]

_WHOLE: Mapping[str, object] = {"stream": False}
_STREAMED: Mapping[str, object] = {"stream": True, "stream_options": {"include_usage": True}}
_DRAIN_SECONDS = 0.1  # after [DONE] the stream's end is due at once; a connection read to its end can be used again


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for what, and how often to ask again.

    The first token waits for a queue, for a local model to load, and for a long prompt to be read; so it may take
    minutes. `total_seconds` is for one `generate`, all attempts and waits included, but for those for a server that takes no more
    requests (`pace`). The wait before attempt n + 1 is
    `first_wait_seconds` * 2**n, less a random half, or what the server asks for; never more than
    `longest_wait_seconds`.
    """

    connect_seconds: float = 10.0
    first_token_seconds: float = 300.0
    between_tokens_seconds: float = 60.0
    total_seconds: float = 1800.0
    retries: int = 4
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 60.0


class _FieldError(Exception):
    """The server does not know a field that we can do without."""


@dataclass
class HttpModel:
    """A model by its `name` at `base_url` (".../v1"). Use as a context manager: it owns its connections.

    `key_name` is what to tell people to set when there is something wrong with the key. Settings that are None are
    not sent. `live` False holds the text back until it is whole: nobody sees it grow, but a broken stream can then
    always be asked for again. `notice` gets a line whenever there is a wait. With a `pace` a server that takes no more
    requests for now is waited for, and that is no attempt. With a `relay` a gateway asks the server, and answers come whole.
    """

    base_url: str
    name: str
    api_key: Secret | None = None
    key_name: str = "the API key"
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    patience: Patience = field(default_factory=Patience)
    live: bool = True
    proxy: str | None = field(default=None, repr=False)  # its URL may hold a password
    notice: Callable[[str], None] = field(default=ignore, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    pace: Pace | None = field(default=None, repr=False)
    relay: Relay | None = field(default=None, repr=False)
    _reached: bool = field(default=False, init=False, repr=False)
    _client: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _without: set[str] = field(default_factory=set[str], init=False, repr=False)  # fields that the server refused

    def __post_init__(self) -> None:
        endpoints.origin(self.base_url)  # UsageError when it is no URL
        self.base_url = self.base_url.rstrip("/")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self._client, None
        if client:
            await client.close()

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow, EmptyAnswer, or ModelError with one line that says what to do."""
        answer = Answer(on_text, live=self.live)
        if self.pace is None:
            return await self._in_time(messages, answer)
        while True:
            try:
                async with self.pace.place():
                    found = await self._in_time(messages, answer)
            except BusyError as error:
                if not self.pace.refused(self._asked.place, error.wait_seconds):
                    hours = f"{self.pace.patience_seconds / 3600:g} hours"
                    asked = f" (it asks for {error.wait_seconds:.0f} s)" if error.wait_seconds else ""
                    raise RefusedError(f"{error}; that is not waited for longer than {hours}{asked}") from error
            else:
                self.pace.answered()
                return found

    async def _in_time(self, messages: Sequence[Message], answer: Answer) -> Completion:
        clock = asyncio.timeout(self.patience.total_seconds)
        try:
            async with clock:
                return await self._persist(messages, answer)
        except TimeoutError as error:
            if not clock.expired():
                raise
            limit = f"{self.patience.total_seconds:g} s"
            raise ModelError(f"{self._asked.place} did not finish its answer within {limit}") from error
        except DivergedError:
            line = f"{self._asked.place} broke off and then gave a different answer; ask again"
            raise ModelError(line) from None
        except MissingModelError as error:
            raise await self._missing(error) from None

    async def _persist(self, messages: Sequence[Message], answer: Answer) -> Completion:
        attempt = 0
        while True:
            try:
                return await self._attempt(messages, answer, attempt)
            except PassingError as error:
                if isinstance(error, BusyError) and self.pace is not None:
                    raise
                if attempt >= self.patience.retries:
                    times = f" (asked {attempt + 1} times)" if attempt else ""
                    raise error.final(f"{error}{times}") from error
                wait = self._wait(attempt, error)
                self.notice(f"{error}; asking again in {wait:.1f} s")
            await self.sleep(wait)
            attempt += 1

    def _wait(self, attempt: int, error: PassingError) -> float:
        grown = self.patience.first_wait_seconds * 2**attempt * random.uniform(0.5, 1.0)
        asked = (error.wait_seconds or 0.0) * random.uniform(1.0, 1.1)  # so that not all come back at once
        return min(max(grown, asked), self.patience.longest_wait_seconds)

    async def _attempt(self, messages: Sequence[Message], answer: Answer, number: int) -> Completion:
        while True:  # ends, for no field is refused twice
            answer.restart()
            try:
                await self._exchange(self._body(messages), answer, number)
                break
            except _FieldError as refused:
                self._without.add(str(refused))
        completion = answer.close()
        if completion.text:
            return completion
        if completion.finish_reason == "length":
            raise EmptyAnswer(f"{self.name} used up its tokens before it said a word; allow it more of them")
        reason = f" (finish_reason {answer.finish_reason})" if answer.finish_reason else ""
        raise PassingError(f"{self.name} at {self._asked.place} gave an empty answer{reason}", final=EmptyAnswer)

    def _body(self, messages: Sequence[Message]) -> dict[str, object]:
        most = "max_completion_tokens" if "max_tokens" in self._without else "max_tokens"  # OpenAI's newer models
        settings = {"temperature": self.temperature, "top_p": self.top_p, most: self.max_tokens, "seed": self.seed}
        return {
            "model": self.name,
            "messages": [{"role": each.role, "content": well_formed(each.content)} for each in messages],
            **(_WHOLE if self.relay else _STREAMED if "stream_options" not in self._without else {"stream": True}),
            **{name: value for name, value in settings.items() if value is not None},
        }

    async def _exchange(self, body: dict[str, object], answer: Answer, number: int) -> None:
        clock = asyncio.timeout(None if self.relay else self.patience.first_token_seconds)
        try:
            async with clock, self._post(body, number) as response:
                self._reached = True
                if self.relay:
                    self.relay.heard(response.headers)
                if response.status != 200:
                    await self._refuse(response, body)
                await self._hear(response, answer, clock)
        except PassingError:
            if not answer.finish_reason:  # else only the end of the stream is lost, here as below
                raise
        except aiohttp.ClientError as error:
            if not answer.finish_reason:
                self._lose(error)
        except TimeoutError as error:
            if not clock.expired():
                raise
            if not answer.finish_reason:
                raise PassingError(f"{self._asked.place} fell silent; a longer time-out may help") from error

    def _post(self, body: dict[str, object], number: int) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        url, told, proxy = f"{self.base_url}/chat/completions", dict(headers(self.api_key)), self.proxy
        if self.relay:
            told |= self.relay.headers(url, proxy, body, number)
            url, proxy = relay.URL, None
        # A redirected POST would arrive as a GET, and the key at a stranger's.
        return self._session().post(url, json=body, headers=told, proxy=proxy, allow_redirects=False)

    async def _refuse(self, response: aiohttp.ClientResponse, body: dict[str, object]) -> NoReturn:
        said = (await response.read()).decode("utf-8", "replace")
        if response.status in {400, 422} and (field := refused_field(said, body)):
            raise _FieldError(field)
        if 300 <= response.status < 400:
            to = self._asked.quote(response.headers.get("Location", "elsewhere"))
            raise ModelError(f"{self._asked.place} redirects to {to}; use the base URL there")
        raise refusal(self._asked, response.status, said, wait_seconds=wait_asked(response.headers))

    async def _hear(self, response: aiohttp.ClientResponse, answer: Answer, clock: asyncio.Timeout) -> None:
        if response.content_type == "text/html":
            raise ModelError(f"{self.base_url} is a web page, not a model server; base URLs usually end in /v1")
        if response.content_type == "application/json":
            self._take(await response.text("utf-8", "replace"), answer)
            return
        parser, lull = EventParser(), _Lull(clock, self.patience.between_tokens_seconds)
        async for chunk in response.content.iter_any():
            for event in parser.feed(chunk):
                if event.data.strip() == "[DONE]":
                    await _drain(response)
                    return
                if event.data and self._take(event.data, answer):
                    lull.heard()
        if not answer.finish_reason:
            raise PassingError(f"{self._asked.place} cut the stream before the answer was whole")

    def _take(self, data: str, answer: Answer) -> bool:
        document = decode_object(data)
        if document is None:
            raise PassingError(f"{self._asked.place} sent what is no piece of an answer: {self._asked.quote(data)}")
        if document.get("error"):  # a stream has begun with 200 by the time it fails
            code = at(document, "error", "code")
            status = code if isinstance(code, int) and 400 <= code < 600 else 500
            raise refusal(self._asked, status, data)
        return answer.add(document)

    def _lose(self, error: aiohttp.ClientError) -> NoReturn:
        """Say what the loss of a connection means. A malformed reply's error holds our headers, so it is not kept."""
        place = self._asked.place
        if isinstance(error, aiohttp.ClientConnectorDNSError):
            raise self._absent(f"there is no host {place}; check the base URL and the network") from error
        if isinstance(error, aiohttp.ClientSSLError):
            untrusted = isinstance(error, aiohttp.ClientConnectorCertificateError)
            why = "its certificate is not trusted" if untrusted else "it may speak http://, not https://"
            raise ModelError(f"no safe connection to {place}: {why}") from error
        if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
            if self.relay:
                raise ModelError("the gateway of this run is gone: the same command starts another") from error
            raise self._absent(f"no server answers at {self.base_url}; is it running?") from error
        if isinstance(error, aiohttp.ClientResponseError):
            raise PassingError(f"{place} does not speak HTTP") from None
        raise PassingError(f"{place} cut the connection before the answer was whole") from error

    def _absent(self, line: str) -> ModelError | PassingError:
        """A server that has answered before may be back in a moment; one that never has will not be."""
        return PassingError(line) if self._reached else ModelError(line)

    async def _missing(self, error: MissingModelError) -> ModelError:
        """Tell a model that is not there from a server that is not there."""
        place = self._asked.place
        try:
            names = await list_models(
                self.base_url,
                api_key=self.api_key,
                proxy=self.proxy,
                timeout_seconds=self.patience.connect_seconds,
            )
        except ModelError:
            names = ()
        says = f" It says: {error}" if str(error) else ""
        if self.name in names:
            return ModelError(f"{place} lists {self.name} but does not answer for it.{says}")
        if names:
            return ModelError(
                f"{place} has no model {self.name}; it has {enumerate_some(closest(names, self.name))}.{says}"
            )
        return ModelError(
            f"{place} has no model {self.name}, or {self.base_url} is not its base URL (they usually end in /v1).{says}"
        )

    @property
    def _asked(self) -> Asked:
        return Asked(self.base_url, self.name, self.api_key, self.key_name)

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=self._connector(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.patience.connect_seconds),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._client

    def _connector(self) -> aiohttp.BaseConnector:  # whoever calls decides how many at once
        return aiohttp.UnixConnector(str(self.relay.socket), limit=0) if self.relay else aiohttp.TCPConnector(limit=0)


class _Lull:
    """Puts off the end of a clock with every token: until `seconds` from then, and a little more, so that few tokens touch it."""

    def __init__(self, clock: asyncio.Timeout, seconds: float) -> None:
        self._clock, self._seconds = clock, seconds
        self._time = asyncio.get_running_loop().time
        self._due = 0.0

    def heard(self) -> None:
        if (now := self._time()) >= self._due:
            more = self._seconds / 32
            self._clock.reschedule(now + self._seconds + more)
            self._due = now + more


async def _drain(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await response.content.read()
    except (TimeoutError, aiohttp.ClientError):
        pass  # the answer is whole; the connection is merely not used again
