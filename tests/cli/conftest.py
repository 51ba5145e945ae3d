"""The command, run in this process as a person would: real sandbox, real HTTP, a data folder of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ocinterp.cli import setup
from ocinterp.cli.main import main
from ocinterp.models.pocket import card
from ocinterp.sandboxes.profiles import Profile
from ocinterp.testing import Reply, ScriptedServer

Serve = Callable[..., str]


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


Command = Callable[..., Ended]

_OURS = ("OCINTERP_", "OPENAI_", "OPENROUTER_", "GROQ_", "TOGETHER_", "DEEPSEEK_", "MISTRAL_", "OLLAMA_")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with nothing configured."""
    import os

    for name in list(os.environ):
        if name.startswith(_OURS):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OCINTERP_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(setup, "DATA", Profile())  # to import libraries ahead that few of these programs use takes long
    monkeypatch.setattr(card, "BUILT_IN", tmp_path / "no model")
    monkeypatch.setenv("OCINTERP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OCINTERP_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def ocinterp(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command line; `stdin` is what it reads."""

    def run(*arguments: str | Path, stdin: str | bytes = b"") -> Ended:
        given = home / "stdin"
        given.write_bytes(stdin.encode() if isinstance(stdin, str) else stdin)
        with given.open(encoding="utf-8") as file:
            monkeypatch.setattr("sys.stdin", file)
            monkeypatch.setattr("sys.argv", ["ocinterp", *map(str, arguments)])
            capsys.readouterr()
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, out, err)

    return run


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a scripted server; the `--model` that names it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[ScriptedServer] = []

    def start(*replies: Reply | str, **options: Any) -> str:
        server = ScriptedServer(replies, **options)
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        servers.append(server)
        return f"scripted@{server.url}"

    yield start
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
