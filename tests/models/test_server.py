"""The scripted server itself, seen with a plain HTTP client."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiohttp
import pytest

import ocinterp.testing
from ocinterp.testing import Says, ScriptedServer


async def post(server: ScriptedServer, **body: object) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(f"{server.url}/chat/completions", json=body) as got:
        return got.status, await got.text()


async def test_it_streams_only_when_asked_to() -> None:
    async with ScriptedServer(["Hi", "Hi"]) as server:
        _, whole = await post(server)
        _, streamed = await post(server, stream=True, stream_options={"include_usage": True})
    assert whole.startswith("{")
    assert '"usage"' in whole
    assert streamed.startswith("data: {")
    assert streamed.endswith("data: [DONE]\n\n")
    assert '"usage"' in streamed
    assert [asked.body.get("stream") for asked in server.requests] == [None, True]


async def test_it_counts_only_for_those_who_ask() -> None:
    async with ScriptedServer(["Hi"]) as server:
        _, streamed = await post(server, stream=True)
    assert "usage" not in streamed


async def test_after_its_script_it_says_so_or_repeats_the_last_reply() -> None:
    async with ScriptedServer(["Hi"]) as server:
        await post(server)
        assert await post(server) == (500, (await post(server))[1])
        assert "the script is over" in (await post(server))[1]
    async with ScriptedServer(["a", Says("b")], repeat_last=True) as server:
        bodies = [(await post(server))[1] for _ in range(4)]
    assert bodies[1] == bodies[2] == bodies[3] != bodies[0]


async def test_tags_are_listed_only_by_an_ollama() -> None:
    for ollama, status in ((True, 200), (False, 404)):
        async with (
            ScriptedServer(models=("a", "b"), ollama=ollama) as server,
            aiohttp.ClientSession() as session,
            session.get(f"{server.root}/api/tags") as got,
        ):
            assert got.status == status


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        ocinterp.testing.Nothing  # noqa: B018


@pytest.mark.parametrize(("options", "kind"), [((), "text/event-stream"), (("--whole",), "application/json")])
async def test_it_runs_from_the_shell(tmp_path: Path, options: tuple[str, ...], kind: str) -> None:
    reply = tmp_path / "reply.md"
    reply.write_text("Good day")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ocinterp.testing.server", "--repeat-last", *options, str(reply)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )
    try:
        assert process.stdout
        line = (await process.stdout.readline()).decode()
        url = line.split()[2].rstrip(",")
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{url}/chat/completions", json={"stream": True}) as got,
        ):
            assert got.content_type == kind
            assert "day" in await got.text()
    finally:
        process.terminate()
        _, errors = await process.communicate()
    assert errors == b""
