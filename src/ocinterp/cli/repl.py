"""`ocinterp chat` at the terminal: set everything up, read lines, let each be answered."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ocinterp import __version__
from ocinterp.chat.session import restore
from ocinterp.chat.store import SessionStore
from ocinterp.cli import setup, slash
from ocinterp.cli.live import Live
from ocinterp.cli.settings import Settings
from ocinterp.cli.talk import Chat, ChatWish
from ocinterp.errors import OcinterpError, SandboxError
from ocinterp.models.resolve import resolve

Ask = Callable[[], Awaitable[str | None]]  # the next line; None at the end


async def chat(wish: ChatWish, settings: Settings) -> None:
    """Set everything up, and talk until the person leaves."""
    console = Console(highlight=False)
    live = Live(console)
    choice = await resolve(wish.model, config=settings.config, environ=settings.environ)
    live.typed = setup.is_typed(choice)
    live.line(choice.line, "dim")
    box = setup.sandbox(wish.sandbox, wish.timeout_seconds)
    with SessionStore(settings.data_folder) as store:
        async with box as sandbox, sandbox.open() as session, setup.live_model(choice) as model:
            talk = Chat(wish, settings, session=session, model=model, store=store, live=live)
            async with talk.stack:
                origin = {
                    "model": setup.name_of(choice),
                    "sandbox": wish.sandbox,
                    "network": "off",
                    "version": __version__,
                }
                talk.trajectory = replace(talk.trajectory, provenance=origin)
                await _prepare(talk)
                await converse(talk, _asker(settings.data_folder))
    if talk.session_id:
        live.line(f"saved as {talk.session_id}: ocinterp sessions resume {talk.session_id}", "dim")


async def _prepare(talk: Chat) -> None:
    for name, content in setup.read_files(talk.wish.files).items():
        await talk.session.put(name, content)
        talk.given[name] = content
    if talk.wish.resume is None:
        return
    stored = talk.store.load(talk.wish.resume)
    talk.become(stored.id)
    for attachment in talk.store.attachments(stored.id):
        if attachment.content is not None:
            await talk.session.put(attachment.name, attachment.content)
    talk.trajectory = stored.trajectory
    broken = await restore(talk.session, stored.trajectory)
    turns = len(stored.trajectory.turns)
    talk.live.line(f"resumed {stored.id}: {turns} turns, code run again to bring its variables back", "dim")
    if broken:
        talk.live.line(f"these cells no longer run clean: {', '.join(broken)}", "yellow")


async def converse(talk: Chat, ask: Ask) -> None:
    """Read lines until there are no more; what goes wrong with one is said, and the next is asked for."""
    while (line := await ask()) is not None:
        text = line.strip()
        try:
            if text.startswith("/"):
                if not await slash.obey(talk, text):
                    return
            elif text:
                await talk.say(text)
        except SandboxError:
            raise
        except OcinterpError as error:
            talk.live.line(str(error), "bold red")


def _asker(folder: Path) -> Ask:
    """Lines with history and editing at a terminal; plain lines from a pipe."""
    if not sys.stdin.isatty():

        async def read() -> str | None:
            return (await asyncio.to_thread(sys.stdin.readline)) or None

        return read

    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory

    words = WordCompleter([f"/{name}" for name in slash.COMMANDS], sentence=True)
    prompt: PromptSession[str] = PromptSession(history=FileHistory(str(folder / "history")), completer=words)

    async def ask() -> str | None:
        while True:
            try:
                return await prompt.prompt_async("\n> ")
            except EOFError:
                return None
            except KeyboardInterrupt:
                continue

    return ask
