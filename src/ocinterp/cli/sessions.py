"""`ocinterp sessions`: what was saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.cli.added import With
from ocinterp.errors import UsageError

if TYPE_CHECKING:
    from ocinterp.chat.store import SessionStore, Stored

app = typer.Typer(
    help="List, show, resume, export or remove saved sessions.", no_args_is_help=True, rich_markup_mode=None
)

_ID = Annotated[str, typer.Argument(help="A session's id, the beginning of one, or last.", metavar="ID")]


@app.command("list")
def list_(limit: Annotated[int, typer.Option(help="How many, the newest first.", min=1)] = 20) -> None:
    """List saved sessions, the newest first."""
    with _store() as store:
        found = store.list(limit)
    for each in found:
        when = each.updated.astimezone().strftime("%Y-%m-%d %H:%M")
        print(f"{each.id}  {when}  {each.turns:>3} turn{'s' if each.turns != 1 else ' '}  {each.title}")
    if not found:
        print("no sessions yet: ocinterp chat begins one")


@app.command()
def show(session: _ID) -> None:
    """Print a session: what was said, what ran, what came of it."""
    from rich.console import Console

    from ocinterp.cli.live import Live
    from ocinterp.render import printable
    from ocinterp.types import CellEvent, DisplayEvent, FeedbackEvent, OutputEvent, ResultEvent

    with _store() as store:
        trajectory = store.load(session).trajectory
    live = Live(Console(highlight=False), hint=": `ocinterp sessions export` keeps it")
    for message in trajectory.prompt:
        live.heading(message.role, "bold")
        live.line(printable(message.content))
    for turn in trajectory.turns:
        live.heading("assistant", "bold")
        live.line(printable(turn.completion.text))
        for run in turn.runs:
            live(CellEvent(run.cell))
            live(OutputEvent(run.cell.id, "stdout", run.result.stdout))
            live(OutputEvent(run.cell.id, "stderr", run.result.stderr))
            for display in run.result.displays:
                live(DisplayEvent(run.cell.id, display))
            live(ResultEvent(run.result))
        live(FeedbackEvent(turn.feedback))
        for each in turn.feedback:
            if each.source == "human":
                live.heading(f"you{f' ({each.rating})' if each.rating else ''}", "bold")
                live.line(printable(each.text))


@app.command()
def resume(
    session: _ID,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Which model; see `ocinterp doctor`.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Answers per request, at most.", metavar="N", min=1)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds each cell may run.", metavar="S")] = None,
    sandbox: Annotated[str | None, typer.Option(help="auto, ns, bwrap, landlock, jupyter[:URL], unsafe.")] = None,
    net: Annotated[bool, typer.Option("--net", help="Let the code use the network; the record says so.")] = False,
    added: With = None,
    answer: Annotated[bool, typer.Option(help="Show the model its results, and let it answer in words.")] = False,
) -> None:
    """Go on with a saved session; its code is run again to bring its variables back."""
    from ocinterp.cli import chat

    chat.command(None, model, rounds, timeout, sandbox, net, added, answer, session)


@app.command()
def export(
    session: Annotated[
        str,
        typer.Argument(help="A session's id, the beginning of one, or last; with --as-dataset also all.", metavar="ID"),
    ],
    path: Annotated[Path, typer.Argument(help="x.ipynb, x.md, x.json or x.py; with --as-dataset x.jsonl.")],
    as_dataset: Annotated[
        bool,
        typer.Option(
            "--as-dataset", help="As rows to train on, or for `ocinterp synth plan`: of all, those that were rated."
        ),
    ] = False,
) -> None:
    """Write a session to a file, in the format its ending names; or all that were rated as rows of a dataset."""
    if as_dataset:
        _export_rows(session, path)
        return
    from ocinterp.chat.export import export as write

    stored = _load_or_salvage(session)
    write(stored.trajectory, path, title=stored.summary.title)
    print(f"wrote {path}")


def _export_rows(session: str, path: Path) -> None:
    """The dialogues as they were, ratings included: a row a line. UsageError where there are none."""
    import sys

    from ocinterp import records
    from ocinterp.cli import report

    report.check(path)
    if session == "all":
        with _store() as store:
            found = store.list(sys.maxsize)
            chosen = [store.load(each.id).trajectory for each in reversed(found) if each.good or each.bad]
        if not chosen:
            raise UsageError(
                f"none of {len(found)} sessions was rated: /feedback good or bad rates an answer in `ocinterp chat`"
            )
    else:
        chosen = [_load_or_salvage(session).trajectory]
    records.write(path, chosen)
    print(f"{len(chosen):,} session{'s' if len(chosen) != 1 else ''}: {path}")
    print(
        "ocinterp: read them before you hand them on: they are as they were, with files, names and keys",
        file=sys.stderr,
    )


@app.command()
def rm(session: _ID) -> None:
    """Remove a session for good."""
    with _store() as store:
        name = store.load(session).id
        store.hold(name)
        store.remove(name)
    print(f"removed {name}")


def _load_or_salvage(name: str) -> Stored:
    """A session; from a damaged database too, where it can still be read."""
    from ocinterp.chat.store import salvage
    from ocinterp.cli import settings
    from ocinterp.errors import DataError

    try:
        with _store() as store:
            return store.load(name)
    except DataError as error:
        found = list(salvage(settings.load().data_folder))
        for stored in found:
            if stored.id.startswith(name):
                return stored
        if found and name == "last":
            return max(found, key=lambda stored: stored.summary.updated)
        names = ", ".join(stored.id for stored in found) or "none"
        place = settings.load().data_folder
        raise DataError(f"the database in {place} is damaged; sessions that can still be read: {names}") from error


def _store() -> SessionStore:
    from ocinterp.chat.store import SessionStore
    from ocinterp.cli import settings

    return SessionStore(settings.load().data_folder)
