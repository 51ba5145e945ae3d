"""`ocinterp run`: one request, refined until its code runs clean and its tests hold."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.cli.added import With, layer, say_missing
from ocinterp.errors import OcinterpError, UsageError

if TYPE_CHECKING:
    from ocinterp.cli.job import Wish
    from ocinterp.cli.outcome import RunOutcome
    from ocinterp.cli.settings import Settings

_HELP = """Answer one request with code that runs.

The model writes code, the sandbox runs it, failures go back to the model, up to --rounds times. The request may also
come from standard input. Exits 0 only if the last run was clean and every --test held.
"""

_SANDBOXES = "auto, ns, bwrap, landlock, container[:IMAGE], jupyter[:URL], unsafe."


def command(
    request: Annotated[
        str, typer.Argument(help="What to do, in words. Omit it, or give -, to read it from stdin.")
    ] = "-",
    files: Annotated[list[Path] | None, typer.Argument(help="Files the code may read.", readable=False)] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(help="An expression that must be true in the end; may be repeated.", metavar="'f(2) == 4'"),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Which model; see `ocinterp doctor`.")] = None,
    rounds: Annotated[int | None, typer.Option(help="How often the model may answer.", metavar="N", min=1)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds each cell may run.", metavar="S")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the conversation.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the files and figures that were made.", metavar="DIR")
    ] = None,
    sandbox: Annotated[str | None, typer.Option(help=_SANDBOXES)] = None,
    net: Annotated[bool, typer.Option("--net", help="Let the code use the network; the record says so.")] = False,
    added: With = None,
    answer: Annotated[bool, typer.Option(help="Show the model its results, and let it answer in words.")] = False,
) -> None:
    from ocinterp.cli import settings, setup
    from ocinterp.cli.job import Wish
    from ocinterp.feedback.tests import checked

    loaded = settings.load()
    wish = Wish(
        request=request,
        files=tuple(files or ()),
        tests=tuple(checked(each) for each in test or ()),
        model=model,
        rounds=rounds,
        timeout_seconds=timeout,
        as_json=as_json,
        out=out,
        sandbox=sandbox,
        answer=answer,
        network=net,
    )
    with _failure_told(as_json=as_json):
        outcome = setup.run_to_end(fulfil(replace(wish, added=layer(loaded, added)), loaded))
    if wish.as_json:
        print(json.dumps(outcome.as_json(), ensure_ascii=False, indent=2))
    if not outcome.ok:
        _tell(outcome.complaint())
        raise typer.Exit(1)


command.__doc__ = _HELP


@contextmanager
def _failure_told(*, as_json: bool) -> Generator[None]:
    """Let whoever reads JSON read of a failure too."""
    try:
        yield
    except OcinterpError as error:
        if as_json:
            print(json.dumps({"format": "ocinterp-run/1", "ok": False, "error": str(error)}, ensure_ascii=False))
        raise


def _tell(line: str) -> None:
    print(f"ocinterp: {line}", file=sys.stderr)


def _request_of(wish: Wish) -> str:
    request = wish.request
    if request == "-":
        if sys.stdin.isatty():
            raise UsageError('say what to do: ocinterp run "plot the prices" prices.csv')
        try:
            request = sys.stdin.buffer.read().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            raise UsageError(f"the request is not text in UTF-8: {error.reason} at byte {error.start}") from error
    if not request.strip():
        raise UsageError("the request is empty")
    return request.strip()


async def fulfil(wish: Wish, settings: Settings) -> RunOutcome:
    """Run the loop for one wish, printing as it goes; the session is saved after every turn."""
    from ocinterp.chat.opening import opening
    from ocinterp.chat.store import SessionStore
    from ocinterp.cli import setup
    from ocinterp.cli.job import Job
    from ocinterp.cli.lines import Lines
    from ocinterp.models.resolve import resolve
    from ocinterp.types import Task, Trajectory

    box = setup.sandbox(settings, wish.sandbox, wish.timeout_seconds, network=wish.network, added=wish.added)
    rounds = settings.rounds(wish.rounds)
    choice = await resolve(wish.model, config=settings.config, environ=settings.environ)
    _tell(choice.line)
    replayed = setup.replayed_by(choice, tell=_tell)
    if replayed is not None:
        say_missing(replayed.provenance, wish.added, _tell)
    given = setup.read_files(wish.files)
    console = setup.console(quiet=wish.as_json)
    if replayed is not None and wish.request == "-":
        prompt = replayed.prompt
    elif replayed is not None:
        raise UsageError("a replay has its own request: leave out yours (--model person lets you answer it)")
    else:
        others, network = setup.languages(box.name), box.network != "off"
        told = wish.tests if wish.shown else ()
        prompt = opening(_request_of(wish), given, setup.packages(wish.added), told, languages=others, network=network)
    task = Task("run", prompt, visible_tests=wish.tests)
    start = Trajectory(task.id, task.prompt, provenance=setup.origin(choice, box, wish.added))
    with SessionStore(settings.data_folder) as store:
        session_id = store.create(start)
        store.hold(session_id)
        rounds = wish.rounds if replayed else rounds
        job = Job(wish, task, start, given, store, session_id, console, rounds, typed=setup.is_typed(choice))
        async with box as sandbox, setup.live_model(choice, Lines()) as model:
            return await job.carry_out(sandbox, model, replayed)
