"""The Batch API of OpenAI on this machine: files of requests, worked off after some looks, in the order in which they came."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import web

from ocinterp.testing.server import Asked, Fixed, Refuses, Says

Reply = Callable[[Asked], Fixed]


@dataclass
class Batches:
    """Answers each line by `reply`. A batch is worked off after `looks` looks at it.

    `fates` are what the batches come to, in their order, "completed" for those after: "expired" answers the first half of a
    batch, "failed" none (`why` is its code). `lost` connections break off after a batch is made. `asked` are the requests that
    were worked off.
    """

    reply: Reply
    looks: int = 1
    fates: Sequence[str] = ()
    why: str = "token_limit_exceeded"
    lost: int = 0
    page: int = 100
    asked: list[Asked] = field(default_factory=list[Asked], init=False)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]], init=False)
    files: dict[str, bytes] = field(default_factory=dict[str, bytes], init=False)
    uploads: int = field(default=0, init=False)

    def serve(self, app: web.Application) -> None:
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{file}/content", self._content)
        app.router.add_post("/v1/batches", self._make)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{batch}", self._look)

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        file = form["file"]
        assert isinstance(file, web.FileField)
        self.uploads += 1
        return web.json_response({"id": self._keep(file.file.read()), "purpose": form["purpose"]})

    def _keep(self, content: bytes) -> str:
        name = f"file-{len(self.files) + 1}"
        self.files[name] = content
        return name

    async def _content(self, request: web.Request) -> web.Response:
        content = self.files.get(request.match_info["file"])
        return web.Response(status=404) if content is None else web.Response(body=content)

    async def _make(self, request: web.Request) -> web.Response:
        given = cast("dict[str, Any]", await request.json())
        name = f"batch-{len(self.batches) + 1}"
        self.batches[name] = {"id": name, "object": "batch", "status": "in_progress", "looks": 0, **given}
        if self.lost:
            self.lost -= 1
            assert request.transport
            request.transport.close()
        return web.json_response(self.batches[name])

    async def _list(self, request: web.Request) -> web.Response:
        names = list(reversed(self.batches))
        start = names.index(request.query["after"]) + 1 if "after" in request.query else 0
        shown = names[start : start + self.page]
        more = start + self.page < len(names)
        return web.json_response({"data": [self.batches[each] for each in shown], "has_more": more})

    async def _look(self, request: web.Request) -> web.Response:
        batch = self.batches.get(request.match_info["batch"])
        if batch is None:
            return web.Response(status=404)
        batch["looks"] += 1
        if batch["looks"] > self.looks and batch["status"] == "in_progress":
            self._work_off(batch)
        return web.json_response(batch)

    def _work_off(self, batch: dict[str, Any]) -> None:
        number = list(self.batches).index(batch["id"])
        batch["status"] = fate = self.fates[number] if number < len(self.fates) else "completed"
        if fate == "failed":
            batch["errors"] = {"data": [{"code": self.why, "message": "the batch is not taken"}]}
            return
        lines = [json.loads(each) for each in self.files[batch["input_file_id"]].splitlines()]
        done = lines[: len(lines) // 2] if fate == "expired" else lines
        said = [self._answered(each) for each in done]
        late = [{"custom_id": each["custom_id"], "error": {"code": "batch_expired"}} for each in lines[len(done) :]]
        batch["output_file_id"] = self._file([each for each in said if each["response"]["status_code"] == 200])
        batch["error_file_id"] = self._file([*(each for each in said if each["response"]["status_code"] != 200), *late])

    def _file(self, lines: Sequence[Mapping[str, Any]]) -> str | None:
        text = "".join(f"{json.dumps(each)}\n" for each in lines)
        return self._keep(text.encode()) if lines else None

    def _answered(self, line: Mapping[str, Any]) -> dict[str, Any]:
        asked = Asked(line["body"], {})
        self.asked.append(asked)
        reply = self.reply(asked)
        if isinstance(reply, Refuses):
            return _line(line, reply.status, reply.body)
        assert isinstance(reply, str | Says)
        said = Says(reply) if isinstance(reply, str) else reply
        return _line(line, 200, said.completion())


def _line(line: Mapping[str, Any], status: int, body: object) -> dict[str, Any]:
    return {"custom_id": line["custom_id"], "response": {"status_code": status, "body": body}, "error": None}
