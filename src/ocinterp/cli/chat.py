"""`ocinterp chat`: talk, and watch the code run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ocinterp.cli.added import With, layer


def command(
    files: Annotated[list[Path] | None, typer.Argument(help="Files the code may read.", readable=False)] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Which model; see `ocinterp doctor`.")] = None,
    rounds: Annotated[int | None, typer.Option(help="Answers per request, at most.", metavar="N", min=1)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds each cell may run.", metavar="S")] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="auto, ns, bwrap, landlock, container[:IMAGE], jupyter[:URL], unsafe.")
    ] = None,
    net: Annotated[bool, typer.Option("--net", help="Let the code use the network; the record says so.")] = False,
    added: With = None,
    answer: Annotated[bool, typer.Option(help="Show the model its results, and let it answer in words.")] = False,
    resume: Annotated[
        str | None, typer.Option(help="Go on with a saved session: its id, or last.", metavar="ID")
    ] = None,
) -> None:
    """Talk with a model whose code runs as you watch.

    Ctrl-C stops what is running and keeps the session; Ctrl-D leaves. /help lists the commands. Every turn is saved.
    """
    from ocinterp.cli import repl, settings, setup
    from ocinterp.cli.talk import ChatWish

    loaded = settings.load()
    wish = ChatWish(
        files=tuple(files or ()),
        model=model,
        rounds=loaded.rounds(rounds),
        timeout_seconds=timeout,
        sandbox=sandbox,
        answer=answer,
        network=net,
        added=layer(loaded, added),
        resume=resume,
    )
    if not setup.run_to_end(repl.chat(wish, loaded)):
        raise typer.Exit(1)
