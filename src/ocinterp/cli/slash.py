"""The commands of a chat that begin with a slash."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp import languages
from ocinterp.chat.store import title_of
from ocinterp.cli.keep import Keeper, save_files
from ocinterp.errors import UsageError
from ocinterp.types import Cell, Feedback, FileInfo, Run, Source, Trajectory

if TYPE_CHECKING:
    from ocinterp.cli.talk import Chat

_EDITED = "I changed the code to this:"
Command = Callable[["Chat", str], Awaitable[None]]


async def obey(talk: Chat, line: str) -> bool:
    """Carry out one command line; False when the person wants to leave. Raises UsageError for what is no command."""
    name, _, rest = line[1:].partition(" ")
    if name in {"quit", "exit"}:
        return False
    if name not in COMMANDS:
        raise UsageError(f"there is no command /{name}; /help lists them")
    await COMMANDS[name][0](talk, rest.strip())
    return True


async def _help(talk: Chat, rest: str) -> None:
    for name, (_, usage) in COMMANDS.items():
        talk.live.line(f"  {'/' + name:<10} {usage}")
    talk.live.line("  /quit      leave; the conversation is saved")
    talk.live.line("  Ctrl-C     stop what is running and keep the session; Ctrl-D leaves")


async def _undo(talk: Chat, rest: str) -> None:
    trajectory = talk.trajectory
    if talk.unanswered is not None:
        _take_back(talk)
        return
    if not trajectory.turns:
        raise UsageError("there is nothing to undo yet")
    shorter = replace(trajectory, turns=trajectory.turns[:-1], stop=None)
    if shorter.turns:
        shorter = shorter.answered(tuple(f for f in shorter.turns[-1].feedback if f.rating is not None))
    else:
        shorter = replace(shorter, prompt=())
        talk.live.line("the conversation is empty again: your next message starts it", "dim")
    talk.trajectory = shorter
    talk.save()
    talk.live.line("the last turn is forgotten; the variables and files it made are still there", "dim")


def _take_back(talk: Chat) -> None:
    """Forget the message that has not been answered."""
    trajectory = talk.trajectory
    if trajectory.turns:
        kept = tuple(each for each in trajectory.turns[-1].feedback if each != talk.unanswered)
        talk.trajectory = trajectory.answered(tuple(each for each in kept if each.source is Source.HUMAN))
    else:
        talk.trajectory = replace(trajectory, prompt=())
    talk.unanswered = None
    talk.save()
    talk.live.line("your last message, which was not answered, is forgotten", "dim")


def unanswered(trajectory: Trajectory) -> Feedback | None:
    """The person's last words, if a model has yet to answer them. A rating or an edit waits for no answer."""
    if not trajectory.turns:
        return Feedback(Source.HUMAN, title_of(trajectory)) if trajectory.prompt else None
    said = [each for each in trajectory.turns[-1].feedback if each.source is Source.HUMAN and each.rating is None]
    return said[-1] if said and not said[-1].text.startswith(_EDITED) else None


async def _retry(talk: Chat, rest: str) -> None:
    trajectory = talk.trajectory
    if not trajectory.prompt:
        raise UsageError("there is nothing to try again yet")
    if talk.unanswered is None and trajectory.turns:
        trajectory = replace(trajectory, turns=trajectory.turns[:-1], stop=None)
    talk.trajectory = trajectory
    await talk.work()


async def _edit(talk: Chat, rest: str) -> None:
    runs = talk.trajectory.turns[-1].runs if talk.trajectory.turns else ()
    if not runs:
        raise UsageError("the last answer ran no code to edit")
    language = runs[-1].cell.language
    before = "\n\n".join(run.cell.source for run in runs if run.cell.language == language)
    ending = languages.ending_of(languages.named(language) or "python")
    with talk.deaf():  # Ctrl-C is the editor's
        source = await asyncio.to_thread(_in_editor, before, ending, talk.settings.environ)
    cell = Cell(f"{len(talk.trajectory.turns)}.edited", source, language)
    await talk.interruptibly(_run_edited(talk, cell))


async def _run_edited(talk: Chat, cell: Cell) -> None:
    """Run the person's version, and put it on record as a run of the last turn: a resumed session runs it too."""
    result = await talk.run(cell)
    last = talk.trajectory.turns[-1]
    said = Feedback(Source.HUMAN, f"{_EDITED}\n```{cell.language}\n{cell.source}\n```")
    turn = replace(last, runs=(*last.runs, Run(cell, result)), feedback=(*last.feedback, said))
    talk.trajectory = replace(talk.trajectory, turns=(*talk.trajectory.turns[:-1], turn), stop=None)
    talk.save()


def _in_editor(source: str, ending: str, environ: Mapping[str, str]) -> str:
    editor = environ.get("VISUAL") or environ.get("EDITOR") or "vi"
    handle, name = tempfile.mkstemp(suffix=ending)
    path = Path(name)
    try:
        os.write(handle, source.encode())
        os.close(handle)
        try:
            done = subprocess.run([*_words(editor), name], check=False)
        except OSError as error:
            raise UsageError(f"cannot start the editor {editor!r}: {error.strerror}; set EDITOR") from error
        if done.returncode:
            raise UsageError(f"the editor {editor!r} ended with {done.returncode}; nothing was changed")
        return path.read_text(encoding="utf-8")
    finally:
        path.unlink(missing_ok=True)


async def _files(talk: Chat, rest: str) -> None:
    files = await talk.session.files()
    for file in files:
        talk.live.line(f"  {file.name}  {file.size} bytes")
    if not files:
        talk.live.line("  no files yet; /add PATH brings one in", "dim")


async def _add(talk: Chat, rest: str) -> None:
    from ocinterp.cli.setup import read_files

    if not rest:
        raise UsageError("say which: /add PATH…")
    for name, content in read_files([Path(part) for part in _words(rest)]).items():
        await talk.session.put(name, content)
        talk.given[name] = content
        if talk.session_id:
            talk.store.attach(talk.session_id, name, content)
        talk.live.line(f"  {name}  {len(content)} bytes", "dim")


async def _save(talk: Chat, rest: str) -> None:
    wanted = set(_words(rest))
    files = [file for file in await talk.session.files() if not wanted or file.name in wanted]
    if missing := wanted - {file.name for file in files}:
        raise UsageError(f"no file {', '.join(sorted(missing))} in the session; /files lists them")
    new = [file for file in files if wanted or not await _is_as_given(talk, file)]
    for path in (await save_files(talk.session, new, Keeper(Path(), careful=True), talk.live.complain)).values():
        talk.live.line(f"  wrote {path}", "dim")
    talk.live.line(f"  the conversation itself is saved as {talk.session_id or '(not begun)'}", "dim")


async def _is_as_given(talk: Chat, file: FileInfo) -> bool:
    """Whether a file is still what the person brought in: then they have it."""
    given = talk.given.get(file.name)
    return given is not None and file.size == len(given) and await talk.session.get(file.name) == given


def _words(text: str) -> list[str]:
    """Names as a shell reads them: quotes keep blanks together."""
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text}: {error}; put names with quotes or blanks in them into quotes") from error


async def _model(talk: Chat, rest: str) -> None:
    from ocinterp.cli import setup
    from ocinterp.models.resolve import resolve

    if not rest:
        talk.live.line(f"  {talk.trajectory.provenance.get('model', '?')}")
        return
    choice = await resolve(rest, config=talk.settings.config, environ=talk.settings.environ)
    talk.live.typed = setup.is_typed(choice)
    talk.model = await talk.stack.enter_async_context(setup.live_model(choice, talk.lines))
    origin = {**talk.trajectory.provenance, "model": setup.name_of(choice)}
    talk.trajectory = replace(talk.trajectory, provenance=origin)
    talk.live.line(f"  {choice.line}", "dim")


async def _feedback(talk: Chat, rest: str) -> None:
    rating, _, text = rest.partition(" ")
    if not talk.trajectory.turns:
        raise UsageError("there is no answer to rate yet")
    if rating not in {"good", "bad"}:
        raise UsageError("say /feedback good or /feedback bad, and why")
    given = Feedback(Source.HUMAN, text.strip(), "good" if rating == "good" else "bad")
    talk.trajectory = talk.trajectory.answered((*talk.trajectory.turns[-1].feedback, given))
    talk.save()
    heard = "; the model hears it with your next message" if given.text else ""
    talk.live.line(f"  recorded as {rating}{heard}", "dim")


async def _export(talk: Chat, rest: str) -> None:
    from ocinterp.chat.export import export

    if not rest:
        raise UsageError("say where to: /export chat.ipynb (or .md, .json, .py)")
    path = Path(rest.replace("~", talk.settings.environ.get("HOME", "~"), 1) if rest.startswith("~/") else rest)
    export(talk.trajectory, path, title=title_of(talk.trajectory))
    talk.live.line(f"  wrote {path}", "dim")


COMMANDS: dict[str, tuple[Command, str]] = {
    "help": (_help, "this list"),
    "undo": (_undo, "forget the last turn"),
    "retry": (_retry, "have the last message answered again"),
    "edit": (_edit, "change the last code in your editor, and run it"),
    "files": (_files, "list the session's files"),
    "add": (_add, "PATH…  bring files into the session"),
    "save": (_save, "[NAME…]  copy files the session made into this folder"),
    "model": (_model, "[NAME]  show the model, or go on with another"),
    "feedback": (_feedback, "good|bad TEXT  rate the last answer, for the record and the model"),
    "export": (_export, "x.ipynb|x.md|x.json|x.py  write the conversation to a file"),
}
