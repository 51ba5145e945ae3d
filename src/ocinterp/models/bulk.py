"""A server's Batch API (OpenAI's): requests that can wait a day, at half the price, as a model like any other.

Requests that come together leave together, as one file; whoever asked waits until the server has worked it off. Batches carry a mark
and requests a name, so that a later process finds those that an earlier one has sent, and sends nothing twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self, cast

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models import endpoints
from ocinterp.models.listing import headers
from ocinterp.models.refusals import Asked, EmptyAnswer, PassingError, refusal, refused_field, wait_asked
from ocinterp.models.replies import Answer, at, decode_object, well_formed
from ocinterp.models.secret import Secret
from ocinterp.models.tickets import Ticket
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message

MOST_LINES: Final = 50_000  # of a file, and of how many bytes: what OpenAI takes
MOST_BYTES: Final = 100_000_000
_MARK: Final = "ocinterp"
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_FULL: Final = "token_limit_exceeded"  # more is waiting at the server than it allows; that passes
_PAGE: Final = 100
_TRIES: Final = 12  # with waits up to a minute


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a request: the status and the body of its response."""

    status: int
    body: str


_GONE: Final = _Fate(0, "")  # the server has no answer, and never will: it expired, or its batch was cancelled


@dataclass
class Bulk:
    """The model `name` at `base_url` (".../v1"). Use as a context manager; leaving it leaves the batches at the server.

    `mark` tells the batches of a run from others, `ticket` names the request that is made now. A batch leaves when nobody has asked
    for `quiet_seconds`, or when it is full. Its state is looked at every `look_seconds`, and more often at first. A request that failed for
    a reason that may pass is in a later batch again, `retries` times at most.
    """

    base_url: str
    name: str
    mark: str
    ticket: Callable[[], Ticket | None]
    api_key: Secret | None = None
    key_name: str = "the API key"
    temperature: float | None = None
    max_tokens: int | None = None
    proxy: str | None = field(default=None, repr=False)
    quiet_seconds: float = 2.0
    look_seconds: float = 30.0
    most_lines: int = MOST_LINES
    retries: int = 3
    notice: Callable[[str], None] = field(default=ignore, repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    _client: aiohttp.ClientSession = field(init=False, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"], init=False, repr=False)
    _basket: dict[str, bytes] = field(default_factory=dict[str, bytes], init=False, repr=False)
    _size: int = field(default=0, init=False, repr=False)
    _asks: int = field(default=0, init=False, repr=False)  # so far: while it grows, the basket stays open
    _waiting: dict[str, asyncio.Future[_Fate]] = field(
        default_factory=dict[str, "asyncio.Future[_Fate]"], init=False, repr=False
    )
    _sent: dict[str, str] = field(default_factory=dict[str, str], init=False, repr=False)  # names, and their batches
    _found: dict[str, _Fate] = field(default_factory=dict[str, _Fate], init=False, repr=False)  # and nobody asked yet
    _unread: dict[str, set[str]] = field(default_factory=dict[str, set[str]], init=False, repr=False)  # batches
    _renamed: bool = field(default=False, init=False, repr=False)  # max_tokens is max_completion_tokens there

    def __post_init__(self) -> None:
        endpoints.origin(self.base_url)
        self.base_url = self.base_url.rstrip("/")

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10.0, sock_read=300.0),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        try:
            await self._look_back()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._tasks:
            each.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._client.close()

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow, EmptyAnswer, or ModelError with one line that says what to do."""
        ticket = self.ticket()
        if ticket is None:
            raise ValueError("requests of a batch are known by their tickets")
        for number in range(self.retries + 1):
            name = f"{ticket.key}-{number}"
            if name in self._sent:
                ticket.go_on()
            fate = await self._fate(name, messages)
            try:
                return self._completion(fate, on_text)
            except PassingError as error:
                if number == self.retries:
                    raise error.final(f"{error} (asked {number + 1} times)") from error
        raise AssertionError("unreachable")

    def _completion(self, fate: _Fate, on_text: Callable[[str], None]) -> Completion:
        if fate.status != 200:
            if refused_field(fate.body, {"max_tokens": self.max_tokens}):
                self._renamed = True
                raise PassingError(f"{self._asked.place} takes max_completion_tokens in place of max_tokens")
            raise refusal(self._asked, fate.status, fate.body)
        document = decode_object(fate.body)
        if document is None:
            raise PassingError(f"{self._asked.place} gave no answer, but {self._asked.quote(fate.body)}")
        answer = Answer(on_text, live=False)
        answer.add(document)
        found = answer.close()
        if not found.text:
            raise PassingError(f"{self.name} at {self._asked.place} gave an empty answer", final=EmptyAnswer)
        return found

    async def _fate(self, name: str, messages: Sequence[Message]) -> _Fate:
        """What became of a request, by an earlier batch or the next one."""
        while True:
            if (known := self._found.pop(name, None)) is None:
                future = self._waiting[name] = asyncio.get_running_loop().create_future()
                if name in self._sent:
                    self._read(self._sent[name])
                else:
                    self._put(name, self._line(name, messages))
                try:
                    known = await future
                finally:
                    self._waiting.pop(name, None)
                    self._drop(name)
            if known is not _GONE:
                return known
            self._sent.pop(name, None)  # so that it goes into a new batch

    def _line(self, name: str, messages: Sequence[Message]) -> bytes:
        most = "max_completion_tokens" if self._renamed else "max_tokens"
        settings = {"temperature": self.temperature, most: self.max_tokens}
        body = {
            "model": self.name,
            "messages": [{"role": each.role, "content": well_formed(each.content)} for each in messages],
            **{key: value for key, value in settings.items() if value is not None},
        }
        line = {"custom_id": name, "method": "POST", "url": "/v1/chat/completions", "body": body}
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"

    def _put(self, name: str, line: bytes) -> None:
        self._basket[name] = line
        self._size += len(line)
        self._asks += 1
        if len(self._basket) >= self.most_lines or self._size >= MOST_BYTES:
            self._send()
        elif len(self._basket) == 1:
            self._start(self._send_when_quiet())

    def _drop(self, name: str) -> None:
        """Nobody wants it any more."""
        if (line := self._basket.pop(name, None)) is not None:
            self._size -= len(line)

    async def _send_when_quiet(self) -> None:
        asks = -1
        while self._basket and asks != self._asks:
            asks = self._asks
            await self.sleep(self.quiet_seconds)
        if self._basket:
            self._send()

    def _send(self) -> None:
        basket, self._basket, self._size = self._basket, {}, 0
        for each in basket:
            self._sent[each] = ""  # on its way
        self._start(self._carry(basket))

    async def _carry(self, basket: Mapping[str, bytes]) -> None:
        """Make a batch of requests, and follow it to its end."""
        lines = b"".join(basket.values())
        while True:
            name = await self._created(lines)
            self._sent.update(dict.fromkeys(basket, name))
            self.notice(f"{len(basket):,} requests are at {self._asked.place} as {name}")
            if not await self._follow(name, set(basket)):
                return
            await self.sleep(10 * self.look_seconds)

    async def _created(self, lines: bytes) -> str:
        """A batch of some lines. Where the answer to its making was lost, it is looked for before another is made."""
        file = (await self._ask("POST", "/files", form=lines))["id"]
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
            async for each in self._batches():
                if each.get("input_file_id") == file:
                    return str(each["id"])
        raise ModelError(f"{self._asked.place} makes no batch (asked {_TRIES} times)")

    async def _follow(self, name: str, names: set[str]) -> bool:
        """Wait for a batch, and hand out what it came to. Whether it was refused for a reason that passes."""
        wait = 0.5
        while str((batch := await self._ask("GET", f"/batches/{name}")).get("status")) not in _OVER:
            wait = min(1.5 * wait, self.look_seconds)
            await self.sleep(wait)
        if batch["status"] == "failed":
            codes = [at(each, "code") for each in cast("list[object]", at(batch, "errors", "data") or [])]
            if _FULL in codes:
                self.notice(f"{self._asked.place} has too much to do to take {name}; it is sent again later")
                return True
            why = at(batch, "errors", "data", 0, "message") or "it does not say why"
            raise ModelError(f"{self._asked.place} refused the batch {name}: {self._asked.quote(str(why))}")
        missing = set(names)
        for place in ("output_file_id", "error_file_id"):
            if batch.get(place):
                async for each, fate in self._fates(str(batch[place])):
                    if each in missing:
                        missing.discard(each)
                        self._tell(each, fate)
        for each in missing:
            self._tell(each, _GONE)
        self.notice(f"{name} is {batch['status']}: {len(names) - len(missing):,} answers of {len(names):,}")
        return False

    async def _fates(self, file: str) -> AsyncIterator[tuple[str, _Fate]]:
        async for line in self._lines(file):
            name, status = str(line.get("custom_id")), at(line, "response", "status_code")
            if isinstance(status, int):
                yield name, _Fate(status, json.dumps(at(line, "response", "body")))
            elif at(line, "error", "code") not in {"batch_expired", "batch_cancelled"}:  # those may be sent again
                yield name, _Fate(500, json.dumps({"error": line.get("error")}))

    def _tell(self, name: str, fate: _Fate) -> None:
        waiting = self._waiting.get(name)
        if waiting is None or waiting.done():
            self._found[name] = fate
        else:
            waiting.set_result(fate)

    async def _batches(self) -> AsyncIterator[dict[str, Any]]:
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

    async def _look_back(self) -> None:
        """Find out which requests an earlier process has sent. Those under way are followed; answers wait until they are wanted."""
        async for batch in self._batches():
            if batch.get("status") == "failed":
                continue
            name = str(batch["id"])
            inside = {str(line.get("custom_id")) async for line in self._lines(str(batch["input_file_id"]))}
            mine = inside - self._sent.keys()
            self._sent.update(dict.fromkeys(mine, name))
            self._unread[name] = mine
            self.notice(f"{name} with {len(inside):,} requests was sent before: it is {batch['status']}")

    def _read(self, batch: str) -> None:
        """Follow a batch that an earlier process has sent; once."""
        if (names := self._unread.pop(batch, None)) is not None:
            self._start(self._followed(batch, names))

    async def _followed(self, batch: str, names: set[str]) -> None:
        if await self._follow(batch, names):
            for each in names:
                self._tell(each, _GONE)

    async def _lines(self, file: str) -> AsyncIterator[dict[str, object]]:
        async with self._client.get(
            f"{self.base_url}/files/{file}/content", headers=headers(self.api_key), proxy=self.proxy
        ) as response:
            if response.status != 200:
                raise ModelError(f"{self._asked.place} does not give its file {file} ({response.status})")
            rest = b""
            async for chunk in response.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for each in whole:
                    if (found := decode_object(each.decode("utf-8", "replace"))) is not None:
                        yield found
        if (found := decode_object(rest.decode("utf-8", "replace"))) is not None:
            yield found

    async def _ask(self, method: str, path: str, *, form: bytes = b"") -> dict[str, Any]:
        """An object from the server, asked for again where a failure may pass: to ask for these twice costs nothing."""
        failed = ""
        for attempt in range(_TRIES):
            try:
                return await self._exchange(method, path, form=form)
            except (PassingError, aiohttp.ClientError, TimeoutError) as error:
                failed = str(error) or "it fell silent"
                await self._rest(attempt, error)
        raise ModelError(f"no batches from {self._asked.place}: {failed}")

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
            f"{self.base_url}{path}",
            headers=headers(self.api_key),
            proxy=self.proxy,
            allow_redirects=False,
            **given,
        ) as response:
            text = await response.text("utf-8", "replace")
            if response.status == 404:
                raise ModelError(f"{self._asked.place} has no Batch API: run it without --batch")
            if response.status != 200:
                raise refusal(self._asked, response.status, text, wait_seconds=wait_asked(response.headers))
        document = decode_object(text)
        if document is None:
            raise ModelError(f"{self._asked.place} does not speak of batches: {self._asked.quote(text)}")
        return document

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """What ends one of ours ends all who wait."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            for each in self._waiting.values():
                if not each.done():
                    each.set_exception(error)

    @property
    def _asked(self) -> Asked:
        return Asked(self.base_url, self.name, self.api_key, self.key_name)
