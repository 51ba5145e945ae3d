"""A server's Batch API (OpenAI's): requests that can wait a day, at half the price, as a model like any other.

Requests that come together leave together, as one file; whoever asked waits until the server has worked it off. Batches carry a mark
and requests a name, so that a later process finds those that an earlier one has sent, and sends nothing twice.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Self, cast

from ocinterp.errors import ModelError
from ocinterp.models import endpoints
from ocinterp.models.batches import BatchServer
from ocinterp.models.refusals import (
    Asked,
    ContextOverflow,
    EmptyAnswer,
    PassingError,
    refusal,
    refused_field,
)
from ocinterp.models.replies import Answer, at, decode_object, well_formed
from ocinterp.models.secret import Secret
from ocinterp.models.tickets import Ticket
from ocinterp.models.wire import Wire
from ocinterp.protocols import ignore
from ocinterp.types import Completion, Message

MOST_LINES: Final = 50_000  # of a file, and of how many bytes: what OpenAI takes
MOST_BYTES: Final = 100_000_000
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_FULL: Final = "token_limit_exceeded"  # more is waiting at the server than it allows; that passes


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a request: the status and the body of its response."""

    status: int
    body: str


_GONE: Final = _Fate(0, "")  # the server has no answer, and never will: it expired, or its batch was cancelled


def _lines(content: bytes) -> Iterator[dict[str, object]]:
    for each in content.split(b"\n"):
        if (found := decode_object(each.decode("utf-8", "replace"))) is not None:
            yield found


def _fate_of(line: Mapping[str, object]) -> tuple[str, _Fate | None]:
    """Whose a line of results is, and what it says; None where nothing was done, so that it can be sent again."""
    name, status = str(line.get("custom_id")), at(line, "response", "status_code")
    if isinstance(status, int):
        return name, _Fate(status, json.dumps(at(line, "response", "body")))
    nothing = at(line, "error", "code") in {"batch_expired", "batch_cancelled"}
    return name, None if nothing else _Fate(500, json.dumps({"error": line.get("error")}))


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
    _server: BatchServer = field(init=False, repr=False)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set["asyncio.Task[None]"], init=False, repr=False)
    _basket: dict[str, bytes] = field(default_factory=dict[str, bytes], init=False, repr=False)
    _size: int = field(default=0, init=False, repr=False)
    _asks: int = field(default=0, init=False, repr=False)  # so far: while it grows, the basket stays open
    _waiting: dict[str, asyncio.Future[_Fate]] = field(
        default_factory=dict[str, "asyncio.Future[_Fate]"], init=False, repr=False
    )
    _sent: set[str] = field(default_factory=set[str], init=False, repr=False)  # names, by this process
    _before: dict[str, str] = field(
        default_factory=dict[str, str], init=False, repr=False
    )  # and their batches, by others
    _open: int = field(default=0, init=False, repr=False)  # batches of this process that are not over
    _found: dict[str, _Fate] = field(default_factory=dict[str, _Fate], init=False, repr=False)  # and nobody asked yet
    _unread: dict[str, set[str]] = field(default_factory=dict[str, set[str]], init=False, repr=False)  # batches
    _renamed: bool = field(default=False, init=False, repr=False)  # max_tokens is max_completion_tokens there

    def __post_init__(self) -> None:
        endpoints.origin(self.base_url)
        self.base_url = self.base_url.rstrip("/")
        self._server = BatchServer(Wire(self._asked, self.proxy, self.sleep), self.mark)

    async def __aenter__(self) -> Self:
        await self._server.wire.__aenter__()
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
        await self._server.wire.__aexit__()

    async def generate(self, messages: Sequence[Message], /, *, on_text: Callable[[str], None] = ignore) -> Completion:
        """Raises ContextOverflow, EmptyAnswer, or ModelError with one line that says what to do."""
        ticket = self.ticket()
        if ticket is None:
            raise ValueError("requests of a batch are known by their tickets")
        tries = 0
        for number in count():
            name = f"{ticket.key}-{number}"
            earlier = name in self._before  # what another process has sent: if it failed, it is sent again
            try:
                completion = self._completion(await self._fate(name, messages), on_text)
            except ContextOverflow:
                raise
            except ModelError:
                if not earlier:
                    raise
            except PassingError as error:
                tries += not earlier
                if tries > self.retries:
                    raise error.final(f"{error} (asked {tries} times)") from error
            else:
                ticket.go_on()
                return completion
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
                if (batch := self._before.get(name)) is not None:
                    self._read(batch)
                elif name not in self._sent:
                    self._put(name, self._line(name, messages))
                try:
                    known = await future
                finally:
                    self._waiting.pop(name, None)
                    self._drop(name)
            self._before.pop(name, None)
            self._sent.discard(name)  # whoever asks once more asks anew
            if known is not _GONE:
                return known

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
        self._sent.update(basket)
        self._start(self._carry(basket))

    async def _carry(self, basket: Mapping[str, bytes]) -> None:
        """Make a batch of requests, and follow it to its end. What is too much for the server waits, or is sent in two halves."""
        file, beside = "", True
        while beside:
            self._open += 1
            try:
                beside = self._open > 1  # others of ours were there when it was sent
                file = file or await self._server.upload(b"".join(basket.values()))
                name = await self._server.create(file)
                self.notice(f"{len(basket):,} requests are at {self._asked.place} as {name}")
                if not await self._follow(name, set(basket)):
                    return
            finally:
                self._open -= 1
            if beside:
                await self.sleep(10 * self.look_seconds)
        if len(basket) == 1:
            raise ModelError(f"{self._asked.place} takes not even one request: its limit on what waits is too low")
        names = list(basket)
        for half in (names[: len(names) // 2], names[len(names) // 2 :]):
            await self._carry({each: basket[each] for each in half})

    async def _follow(self, name: str, names: set[str]) -> bool:
        """Wait for a batch, and hand out what it came to. Whether it was refused for a reason that passes."""
        wait = 0.5
        while str((batch := await self._server.look(name)).get("status")) not in _OVER:
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
                for line in _lines(await self._server.content(str(batch[place])) or b""):
                    each, fate = _fate_of(line)
                    if each in missing and fate is not None:
                        missing.discard(each)
                        self._tell(each, fate)
        for each in missing:
            self._tell(each, _GONE)
        self.notice(f"{name} is {batch['status']}: {len(names) - len(missing):,} answers of {len(names):,}")
        return False

    def _tell(self, name: str, fate: _Fate) -> None:
        waiting = self._waiting.get(name)
        if waiting is None or waiting.done():
            self._found[name] = fate
        else:
            waiting.set_result(fate)

    async def _look_back(self) -> None:
        """Find out which requests an earlier process has sent. Those under way are followed; answers wait until they are wanted."""
        async for batch in self._server.all():
            if batch.get("status") == "failed":
                continue
            name, inside = str(batch["id"]), set[str]()
            content = await self._server.content(str(batch["input_file_id"]))
            if content is None:
                self.notice(f"{name} was sent before, and its requests are not there any more")
                continue
            for line in _lines(content):
                inside.add(str(line.get("custom_id")))
                self._renamed = self._renamed or at(line, "body", "max_completion_tokens") is not None
            mine = inside - self._before.keys()
            self._before.update(dict.fromkeys(mine, name))
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
