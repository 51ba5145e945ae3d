"""Fetching a dataset: from a server on this machine, in place of its official address."""

from __future__ import annotations

import gzip
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web as http

from ocinterp.errors import DataError, UsageError
from ocinterp.tasks import web
from ocinterp.tasks.catalogue import Dataset


@asynccontextmanager
async def serving(answer: Callable[[http.Request], Awaitable[http.StreamResponse]]) -> AsyncGenerator[Dataset]:
    """A dataset whose address is that of a server."""
    application = http.Application()
    application.router.add_get("/data.jsonl.gz", answer)
    runner = http.AppRunner(application)
    await runner.setup()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await http.SockSite(runner, listener).start()
        port = listener.getsockname()[1]
        try:
            yield at(f"http://127.0.0.1:{port}/data.jsonl.gz")
        finally:
            await runner.cleanup()


def at(address: str) -> Dataset:
    return Dataset("small", "1", "generic", 1, 1, (), address)


@pytest.mark.parametrize("content", [b"text", gzip.compress(b"text", mtime=0)])
async def test_the_text_at_an_address_is_fetched_and_unpacked(content: bytes) -> None:
    async def answer(_: http.Request) -> http.Response:
        return http.Response(body=content)

    async with serving(answer) as dataset:
        assert await web.fetch(dataset) == b"text"


async def test_a_redirect_is_followed_as_github_needs_it() -> None:
    async def answer(request: http.Request) -> http.StreamResponse:
        if not request.query:
            raise http.HTTPFound("/data.jsonl.gz?again=1")
        return http.Response(body=b"text")

    async with serving(answer) as dataset:
        assert await web.fetch(dataset) == b"text"


async def test_a_server_that_refuses_is_told_with_what_to_do() -> None:
    async def answer(_: http.Request) -> http.Response:
        return http.Response(status=404)

    async with serving(answer) as dataset:
        with pytest.raises(
            UsageError, match=r"the server answered 404 Not Found\): fetch the file where there is a network"
        ):
            await web.fetch(dataset)


async def test_without_a_network_one_sentence_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(UsageError, match=r"small@1 cannot be fetched .* then `ocinterp data import --as small@1 FILE`"):
        await web.fetch(at(f"http://127.0.0.1:{port}/data"))


async def test_a_server_that_does_not_answer_is_not_waited_for_without_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageError, match="no answer in time"):
            await web.fetch(at(f"http://127.0.0.1:{port}/data"), patience_seconds=0.2)


async def test_an_answer_that_breaks_off_is_not_taken() -> None:
    async def answer(request: http.Request) -> http.StreamResponse:
        response = http.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(answer) as dataset:
        with pytest.raises(UsageError, match="cannot be fetched"):
            await web.fetch(dataset)


async def test_a_page_in_place_of_the_file_is_named_by_its_address() -> None:
    async def answer(_: http.Request) -> http.Response:
        return http.Response(body=gzip.compress(b"text")[:-4])

    async with serving(answer) as dataset:
        with pytest.raises(DataError, match=r"data\.jsonl\.gz:1: the compressed file is damaged"):
            await web.fetch(dataset)
