"""The command line: `ocinterp run | chat | exec | score | eval | report | compare | data | synth | train | doctor | sessions | layers | demo`."""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ocinterp import __version__
from ocinterp.cli import (
    chat,
    compare,
    data,
    demo,
    doctor,
    evaluate,
    execute,
    layers,
    report,
    run,
    score,
    sessions,
    synth,
    train,
)
from ocinterp.errors import OcinterpError, UsageError

EXIT_USAGE, EXIT_FAILURE = 2, 3

app = typer.Typer(
    name="ocinterp",
    help="A code interpreter for any language model: it writes code, the code runs in a sandbox, and failures are fixed.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.command)
app.command("chat")(chat.command)
app.command("exec")(execute.command)
app.command("eval")(evaluate.command)
app.command("report")(report.command)
app.command("compare")(compare.command)
app.command("doctor")(doctor.command)
app.command("score")(score.command)
app.command("demo")(demo.command)
app.add_typer(sessions.app, name="sessions")
app.add_typer(layers.app, name="layers")
app.add_typer(data.app, name="data")
app.add_typer(synth.app, name="synth")
app.add_typer(train.app, name="train")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"ocinterp {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options that belong to no command."""


def main() -> None:
    """Run the command; every expected error is one line on stderr and an exit code other than 0."""
    if sys.stderr is None:  # closed before we began: what is for it must not go elsewhere
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  it is for the whole process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character still shows the rest
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:  # None when it was closed before
                sys.stdout.flush()
    except OcinterpError as error:
        print(f"ocinterp: {error}", file=sys.stderr)
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE)
    except BrokenPipeError:  # whoever read our output has had enough
        _forget_output()
        sys.exit(EXIT_FAILURE)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG}:
            raise
        _forget_output()
        print(f"ocinterp: the output cannot be written: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_FAILURE)


def _forget_output() -> None:
    """Send what is still in the buffer nowhere, so that it does not fail again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
