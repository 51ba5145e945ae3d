"""`ocinterp chat` at the terminal: set everything up, read lines, let each be answered."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from ocinterp.chat.export import export
from ocinterp.chat.session import restore
from ocinterp.chat.store import SessionStore, title_of
from ocinterp.cli import added, setup, slash
from ocinterp.cli.lines import Lines
from ocinterp.cli.live import Live
from ocinterp.cli.settings import Settings
from ocinterp.cli.talk import Chat, ChatWish
from ocinterp.errors import DataError, OcinterpError, SandboxError
from ocinterp.models.resolve import resolve
from ocinterp.render import printable
from ocinterp.types import Trajectory

Ask = Callable[[], Awaitable[str | None]]  # the next line; None at the end


async def chat(wish: ChatWish, settings: Settings) -> bool:
    """Set everything up, and talk until the person leaves; at a pipe's end, whether the last line of it went well."""
    live = Live(setup.console())
    lines = Lines()
    box = setup.sandbox(settings, wish.sandbox, wish.timeout_seconds, network=wish.network, added=wish.added)
    choice = await resolve(wish.model, config=settings.config, environ=settings.environ)
    live.typed = setup.is_typed(choice)
    live.line(choice.line, "dim")
    given = setup.read_files(wish.files)
    with SessionStore(settings.data_folder) as store:
        async with box as sandbox, sandbox.open() as session, setup.live_model(choice, lines) as model:
            talk = Chat(
                wish,
                settings,
                session=session,
                model=model,
                store=store,
                live=live,
                lines=lines,
                origin=setup.origin(choice, box, wish.added),
            )
            async with talk.stack:
                for name, content in given.items():
                    await talk.session.put(name, content)
                    talk.given[name] = content
                if wish.resume is not None:
                    await _resume(talk, wish.resume)
                await converse(talk, _asker(settings.data_folder, lines))
        _leave(talk)
    return sys.stdin.isatty() or not talk.failed


async def _resume(talk: Chat, name: str) -> None:
    stored = talk.store.load(name)
    talk.become(stored.id)
    for attachment in talk.store.attachments(stored.id):
        if attachment.content is not None:
            await talk.session.put(attachment.name, attachment.content)
            talk.given.setdefault(attachment.name, attachment.content)
    talk.trajectory = replace(stored.trajectory, provenance=_continued(stored.trajectory, talk.trajectory))
    live, turns = talk.live, talk.trajectory.turns
    live.line(f"resumed {stored.id}: {len(turns)} turn{'s' * (len(turns) != 1)}; its code is run again", "dim")
    added.say_missing(stored.trajectory.provenance, talk.wish.added, lambda line: live.line(line, "yellow"))
    await talk.interruptibly(_restore(talk))
    if turns:
        live.heading("where you left off", "dim")
        live.line(printable(turns[-1].completion.text), "dim")
    talk.unanswered = slash.unanswered(talk.trajectory)
    if talk.unanswered is not None:
        live.line(f"your last message was not answered: {talk.unanswered.text!r}; /retry sends it again", "yellow")


async def _restore(talk: Chat) -> None:
    restored = await restore(talk.session, talk.trajectory)
    if restored.changed:
        talk.live.line(f"these cells end otherwise than they did: {', '.join(restored.changed)}", "yellow")
    if restored.left_out:
        talk.live.line(f"not run again, because they had to be stopped: {', '.join(restored.left_out)}", "yellow")


def _continued(before: Trajectory, now: Trajectory) -> dict[str, str]:
    """Where a resumed record comes from: every model and every package that had a part in it is named."""
    models = [*before.provenance.get("model", "").split(", "), now.provenance["model"]]
    packages = added.both(before.provenance.get("packages", ""), now.provenance.get("packages", ""))
    origin = {**now.provenance, "model": ", ".join(dict.fromkeys(name for name in models if name))}
    return origin | ({"packages": packages} if packages else {})


def _leave(talk: Chat) -> None:
    """Say where the conversation is; one that could not be saved is written down here. Raises DataError then."""
    if not talk.saved:
        try:
            talk.save()
        except DataError as error:
            path = Path(f"ocinterp-{talk.session_id or 'session'}.json").resolve()
            export(talk.trajectory, path, title=title_of(talk.trajectory))
            raise DataError(f"{error}; the conversation is in {path} instead") from error
    if talk.session_id:
        talk.live.line(f"saved as {talk.session_id}: ocinterp sessions resume {talk.session_id}", "dim")


async def converse(talk: Chat, ask: Ask) -> None:
    """Read lines until there are no more; what goes wrong with one is said, and the next is asked for."""
    while (line := await ask()) is not None:
        text = line.strip()
        if not text:
            continue
        talk.failed = False
        try:
            if text.startswith("/"):
                if not await slash.obey(talk, text):
                    return
            else:
                await talk.say(text)
        except SandboxError:
            raise
        except OcinterpError as error:
            talk.failed = True
            talk.live.line(str(error), "bold red")


def _asker(folder: Path, lines: Lines) -> Ask:
    """Lines with history and editing at a terminal; plain lines from a pipe."""
    if not sys.stdin.isatty():
        return lines.next

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
