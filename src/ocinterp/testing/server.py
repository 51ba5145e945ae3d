"""A real OpenAI-compatible HTTP server on this machine that answers from a script, faults of real servers included.

By hand: `python -m ocinterp.testing.server --port 8000 FIRST.md SECOND.md`; each file is one answer, in order.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self, cast

from aiohttp import web


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a completion: its decoded body, its headers, and the client's port, one for each connection."""

    body: Mapping[str, object]
    headers: Mapping[str, str]
    port: int = 0


@dataclass(frozen=True, slots=True)
class Says:
    """An answer, streamed `piece` characters a chunk, or in one JSON body if the request (or `whole`) says so.

    `ending`: "done" is the rule; "bare" leaves out [DONE]; "linger" hangs after it until the client leaves; "stall"
    hangs after the text; "cut" drops the connection after the text. `counted` adds the usage, a token for each piece, where
    the request asks for it.
    """

    text: str
    piece: int = 5
    finish_reason: str | None = "stop"
    thinking: str = ""
    counted: bool = True
    ending: Literal["done", "bare", "linger", "stall", "cut"] = "done"
    whole: bool = False
    line_end: str = "\n"
    comments: bool = False  # keep-alive lines between the events
    spread: bool = False  # each event's JSON over many data lines

    def chunks(self) -> Iterator[dict[str, object]]:
        """One that only names the role, then the thoughts, the text, and the reason to stop."""
        yield _chunk({"role": "assistant", "content": ""})
        if self.thinking:
            yield _chunk({"reasoning_content": self.thinking})
        for start in range(0, len(self.text), self.piece):
            yield _chunk({"content": self.text[start : start + self.piece]})
        if self.complete:
            yield _chunk({}, self.finish_reason)

    @property
    def complete(self) -> bool:
        return self.ending not in {"stall", "cut"}

    def usage(self) -> dict[str, int]:
        said = -(-len(self.text) // self.piece)
        return {"prompt_tokens": 7, "completion_tokens": said, "total_tokens": 7 + said}

    def event(self, chunk: Mapping[str, object]) -> bytes:
        lines = json.dumps(chunk, indent=1 if self.spread else None).splitlines()
        comment = f": keep-alive{self.line_end}{self.line_end}" if self.comments else ""
        return (comment + "".join(f"data: {line}{self.line_end}" for line in lines) + self.line_end).encode()

    def completion(self) -> dict[str, object]:
        message = {"role": "assistant", "content": self.text}
        choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
        usage = {"usage": self.usage()} if self.counted else {}
        return {"object": "chat.completion", "choices": [choice], **usage}


@dataclass(frozen=True, slots=True)
class Refuses:
    """An error: its status, the body as its server words it, and its headers."""

    status: int
    body: Mapping[str, object] | str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def because(cls, status: int, message: str, code: str | None = None, **headers: str) -> Self:
        """The body that OpenAI sends, and most others with it; Retry_After="1" is the header Retry-After."""
        kind = "invalid_request_error" if status < 500 else "server_error"
        body = {"error": {"message": message, "type": kind, "param": None, "code": code}}
        return cls(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes as they are, one write each, for what no well-behaved server sends."""

    writes: tuple[bytes, ...]
    content_type: str = "text/event-stream"


Fixed = str | Says | Refuses | Raw
Reply = Fixed | Callable[[Asked], Awaitable[Fixed]]
OVER = Refuses.because(500, "the script is over")


@dataclass
class ScriptedServer:
    """Gives the replies of a script in the order of the requests, and keeps the requests. Listens while entered.

    `models` is what /v1/models lists; with `ollama` also what /api/tags lists; `more` adds routes of other APIs. `left` is set when a client walked
    away from an answer.
    """

    script: Sequence[Reply] = ()
    repeat_last: bool = False
    models: Sequence[str] = ("scripted",)
    ollama: bool = False
    port: int = 0  # 0: any free one, known once entered
    more: Callable[[web.Application], None] = lambda _: None
    requests: list[Asked] = field(default_factory=list[Asked], init=False)
    left: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _runner: web.AppRunner | None = field(default=None, init=False, repr=False)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"{self.root}/v1"

    @property
    def count(self) -> int:
        """How many completions were asked for."""
        return len(self.requests)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._list)
        if self.ollama:
            app.router.add_get("/api/tags", self._tag)
        self.more(app)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _list(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})

    async def _tag(self, _: web.Request) -> web.Response:
        return web.json_response({"models": [{"name": name, "model": name} for name in self.models]})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = cast("dict[str, object]", await request.json())
        peer: tuple[str, int] = request.get_extra_info("peername", ("", 0))
        asked = Asked(body, dict(request.headers), peer[1])
        self.requests.append(asked)
        turn = len(self.requests) - 1
        reply = self.script[turn] if turn < len(self.script) else self.script[-1] if self.repeat_last else OVER
        try:
            return await self._answer(request, asked, reply)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise

    async def _answer(self, request: web.Request, asked: Asked, reply: Reply) -> web.StreamResponse:
        if callable(reply):
            reply = await reply(asked)
        if isinstance(reply, str):
            reply = Says(reply)
        if isinstance(reply, Refuses):
            text = reply.body if isinstance(reply.body, str) else json.dumps(reply.body)
            kind = "application/json" if text.startswith("{") else "text/html"
            return web.Response(status=reply.status, text=text, headers=reply.headers, content_type=kind)
        if isinstance(reply, Raw):
            return await _stream(request, reply.writes, reply.content_type)
        if reply.whole or not asked.body.get("stream"):
            return web.json_response(reply.completion())
        writes = [reply.event(chunk) for chunk in reply.chunks()]
        if reply.counted and reply.complete and asked.body.get("stream_options"):
            writes.append(reply.event({"object": "chat.completion.chunk", "choices": [], "usage": reply.usage()}))
        if reply.ending in {"done", "linger"}:
            writes.append(f"data: [DONE]{reply.line_end}{reply.line_end}".encode())
        return await _stream(request, writes, ending=reply.ending)


async def _stream(
    request: web.Request, writes: Sequence[bytes], content_type: str = "text/event-stream", ending: str = "done"
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    for each in writes:
        await response.write(each)
    if ending in {"stall", "linger"}:
        await asyncio.Event().wait()
    if ending == "cut" and request.transport:
        request.transport.close()
    else:
        await response.write_eof()
    return response


def _chunk(delta: Mapping[str, str], finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"object": "chat.completion.chunk", "model": "scripted", "choices": [choice]}


async def _serve(server: ScriptedServer) -> None:
    async with server:
        sys.stdout.write(f"answering at {server.url}, {len(server.script)} replies; Ctrl-C ends it\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the files named on the command line until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m ocinterp.testing.server", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--repeat-last", action="store_true", help="give the last reply for ever")
    parser.add_argument("--whole", action="store_true", help="in one JSON body, though a stream is asked for")
    parser.add_argument("replies", nargs="+", type=Path, metavar="REPLY_FILE")
    chosen = parser.parse_args(arguments)
    script = [Says(path.read_text(encoding="utf-8"), whole=chosen.whole) for path in chosen.replies]
    try:
        asyncio.run(_serve(ScriptedServer(script, chosen.repeat_last, port=chosen.port)))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
