"""A server's Batch API (OpenAI's): files of requests, and the batches that are made of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Final, cast

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models.refusals import MissingModelError, PassingError
from ocinterp.models.replies import at, decode_object
from ocinterp.models.wire import Wire

_MARK: Final = "ocinterp"
_PAGE: Final = 100
_TRIES: Final = 12  # with waits up to a minute
_PATIENCE: Final = 250  # tries to hear of what is under way already: four hours


@dataclass
class BatchServer:
    """That at the other end of `wire`. `mark` tells the batches of a run from others.

    ModelError with one line that says what to do, where what may pass does not.
    """

    wire: Wire
    mark: str

    async def upload(self, lines: bytes) -> str:
        """The name of a file with these requests."""

        def form() -> dict[str, aiohttp.FormData]:
            data = aiohttp.FormData({"purpose": "batch"})
            data.add_field("file", lines, filename=f"{self.mark}.jsonl", content_type="application/jsonl")
            return {"data": data}

        return str((await self._object("POST", "/files", _TRIES, form))["id"])

    async def look(self, batch: str) -> dict[str, Any]:
        """A batch as it is now."""
        return await self._object("GET", f"/batches/{batch}")

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
                return str(self._read(await self.wire.once("POST", "/batches", json=given))["id"])
            except PassingError as error:
                await self.wire.rest(attempt, error)
            async for each in self.all():
                if each.get("input_file_id") == file and str(each["id"]) not in known:
                    return str(each["id"])
        raise ModelError(f"{self.wire.asked.place} makes no batch (asked {_TRIES} times)")

    async def all(self) -> AsyncIterator[dict[str, Any]]:
        """Those with our mark, the newest first."""
        after = ""
        while True:
            page = await self._object("GET", f"/batches?limit={_PAGE}{after}")
            found = cast("list[dict[str, Any]]", page.get("data") or [])
            for each in found:
                if at(each, "metadata", _MARK) == self.mark:
                    yield each
            if not page.get("has_more") or not found:
                return
            after = f"&after={found[-1]['id']}"

    async def content(self, file: str) -> bytes | None:
        """What is in a file of the server; None where it is not there any more."""
        try:
            return await self.wire.ask(_PATIENCE, f"no file {file}", "GET", f"/files/{file}/content")
        except MissingModelError:  # 404
            return None

    async def _object(
        self, method: str, path: str, tries: int = _PATIENCE, make: Callable[[], Any] = dict[str, Any]
    ) -> dict[str, Any]:
        try:
            return self._read(await self.wire.ask(tries, "no batches", method, path, make))
        except MissingModelError as error:  # 404
            raise ModelError(f"{self.wire.asked.place} has no Batch API: run it without --batch") from error

    def _read(self, said: bytes) -> dict[str, Any]:
        text = said.decode("utf-8", "replace")
        document = decode_object(text)
        if document is None:
            raise ModelError(f"{self.wire.asked.place} does not speak of batches: {self.wire.asked.quote(text)}")
        return document
