"""`ocinterp synth`: data to train on."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.cli import progress, report

if TYPE_CHECKING:
    from ocinterp.types import Trajectory

_FORMS = "Only some of single, execution, person, twice, in the proportions that they have among all."

app = typer.Typer(help="Make data to train on.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Make data to train on."""


@app.command("pocket")
def pocket(
    file: Annotated[Path, typer.Argument(help="Where they are written: .jsonl, or .jsonl.gz.", metavar="FILE")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many dialogues.")] = 80_000,
    seed: Annotated[str, typer.Option(help="The same seed gives the same dialogues.")] = "1",
    forms: Annotated[str | None, typer.Option(help=_FORMS, metavar="F,F")] = None,
) -> None:
    """Make dialogues over small tasks, by rule (docs/training.md): every program in them has been run.

    None is about a task of the benchmark `pocket`, or has a pair of operations, or a phrase, that is kept for it.
    """
    from ocinterp import records
    from ocinterp.synth.pocket.dialogues import dialogues, plan_of

    plan = plan_of(forms.split(",") if forms is not None else None)
    report.check(file)
    methods: Counter[str] = Counter()

    def counted(tick: progress.Tick) -> Iterator[Trajectory]:
        for dialogue in islice(dialogues(seed, plan), count):
            methods[dialogue.provenance["method"]] += 1
            tick()
            yield dialogue

    with progress.shown("dialogues", count) as tick:
        records.write(file, counted(tick))
    told = ", ".join(f"{number:,} {name.removeprefix('pocket-')}" for name, number in methods.most_common())
    print(f"ocinterp: {count:,} dialogues in {file}: {told}", file=sys.stderr)
