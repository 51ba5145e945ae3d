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

_NATURAL = "How many requests are asked as people do: mostly without a name for the function, in the third person, in small letters."
_FORMS = "Only some of single, execution, person, twice, in the proportions that they have among all."

app = typer.Typer(help="Make data to train on.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def options() -> None:
    """Make data to train on."""


_OUT = Annotated[Path, typer.Option("--out", "-o", help="The folder of the run.", metavar="RUN")]
_RUN = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
_PRICE = "Dollars for a million tokens of the strong model, IN,OUT, whatever part it plays."
_LICENCE = "What the files are under, by its SPDX identifier, whatever their rows say; plan.toml has it of each."
_SHOWN = "The share of interactions that show their question's first three tests, and hear of those that fail."
_JUDGE = "The model that judges questions, and whether feedback was followed."
_LEAST = "From which score of five a question is taken, by both prompts; 0: nobody judges."
_BATCH = "Send what can wait to the server's Batch API, for half the price: it has a day to answer."
_GATEWAY = "Let a process of its own ask the servers: what is under way when this one is killed is not asked again."
_SAMPLE = "Only of so many questions, drawn by lot, in RUN/sample, to look at first; what all would cost is said."
_CROSS_CHECK = (
    "Have tests written for questions without any, and believe those that K independent programs agree on; 0: none."
)
_BUDGET = "The most that the run may cost in all, earlier processes included: 5 (dollars), 200000tokens or 500calls."
_EMBEDDER = "Who finds questions that are near each other: NAME@URL with /embeddings, st:NAME (sentence-transformers); else their words do."
_STAGE = "Only to this stage: ingest, dedup, decontaminate, judge, hard, chat, similar, follow-up, correction, simulation, packing, verify, assemble."


@app.command()
def plan(
    files: Annotated[list[str], typer.Argument(help="Files of questions, in any known form.", metavar="FILE")],
    out: _OUT,
    strong: Annotated[str, typer.Option(help="The model that mends answers, and whatever nobody else does.")] = "",
    weak: Annotated[str, typer.Option(help="The model that answers first, in simulations.")] = "",
    person: Annotated[str, typer.Option(help="The model in the place of a person.")] = "",
    judge: Annotated[str, typer.Option(help=_JUDGE)] = "",
    tester: Annotated[str, typer.Option(help="The model that writes tests, with --cross-check.")] = "",
    embedder: Annotated[str, typer.Option(help=_EMBEDDER)] = "",
    price: Annotated[str, typer.Option(help=_PRICE, metavar="P,P")] = "",
    weak_price: Annotated[str, typer.Option(help="The same of the weak one.", metavar="P,P")] = "",
    person_price: Annotated[str, typer.Option(help="The same of the person.", metavar="P,P")] = "",
    judge_price: Annotated[str, typer.Option(help="The same of the judge.", metavar="P,P")] = "",
    tester_price: Annotated[str, typer.Option(help="The same of the tester.", metavar="P,P")] = "",
    embedder_price: Annotated[str, typer.Option(help="The same of the embedder, IN,0.", metavar="P,P")] = "",
    benchmarks: Annotated[str, typer.Option(help="Imported datasets that must not be in it.", metavar="B,B")] = "",
    licence: Annotated[str, typer.Option(help=_LICENCE, metavar="L")] = "",
    licences: Annotated[str, typer.Option(help="Only rows under these; all without it.", metavar="L,L")] = "",
    least: Annotated[int, typer.Option(help=_LEAST, min=0, max=5)] = 4,
    cross_check: Annotated[int, typer.Option(help=_CROSS_CHECK, metavar="K", min=0, max=9)] = 0,
    tests_shown: Annotated[float, typer.Option(help=_SHOWN, min=0, max=1)] = 0.5,
    simulation: Annotated[int, typer.Option(help="Interactions at most.", min=0)] = 51_000,
    correction: Annotated[int, typer.Option(help="Corrections at most.", min=0)] = 500,
    similar: Annotated[int, typer.Option(help="Dialogues of similar problems at most.", min=0)] = 303,
    follow_up: Annotated[int, typer.Option(help="Dialogues on one problem in several ways at most.", min=0)] = 200,
    timeout: Annotated[float, typer.Option(help="Seconds that a program may run.", min=0.1)] = 10.0,
    seed: Annotated[str, typer.Option(help="Which questions go where.")] = "1",
) -> None:
    """Write down what a dataset is made of, and say what it may cost at most. Nobody is asked."""
    from ocinterp.cli import planning
    from ocinterp.synth.plan import Sizes

    players = {
        "strong": (strong, price), "weak": (weak, weak_price), "person": (person, person_price), "judge": (judge, judge_price),
        "tester": (tester, tester_price), "embedder": (embedder, embedder_price),
    }  # fmt: skip
    made = planning.plan(
        files,
        players,
        benchmarks=benchmarks,
        licence=licence,
        licences=licences,
        least=least,
        cross_check=cross_check,
        tests_shown=tests_shown,
        sizes=Sizes(simulation, correction, similar, follow_up),
        timeout_seconds=timeout,
        seed=seed,
    )
    planning.save(made, out)


@app.command()
def extend(
    folder: _RUN,
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder of the new run.", metavar="NEW")],
    files: Annotated[
        list[str] | None, typer.Argument(help="More files of questions.", metavar="FILE", show_default=False)
    ] = None,
) -> None:
    """Plan a run anew with its files as they are now, and more: what it has asked is known, and not asked again."""
    from ocinterp.cli import planning

    planning.extend(folder, files or [], out)


@app.command()
def run(
    folder: _RUN,
    stage: Annotated[str, typer.Option(help=_STAGE, metavar="STAGE")] = "assemble",
    budget: Annotated[str | None, typer.Option(help=_BUDGET, metavar="X")] = None,
    concurrency: Annotated[int, typer.Option(help="Rows under way at once.", metavar="N", min=1)] = 64,
    workers: Annotated[int | None, typer.Option(help="Programs judged at once.", metavar="N", min=1)] = None,
    batch: Annotated[bool, typer.Option("--batch", help=_BATCH)] = False,
    gateway: Annotated[bool, typer.Option("--gateway", help=_GATEWAY)] = False,
    sample: Annotated[int, typer.Option(help=_SAMPLE, metavar="N", min=0, show_default=False)] = 0,
) -> None:
    """Make the rows of a plan, or go on with them: nothing that was paid for is asked again."""
    from ocinterp.cli import campaign, making, settings, setup

    money = campaign.budget_of(budget)
    made = making.Making(folder, settings.load(), money, stage, concurrency, workers, batch, gateway, sample)
    hint = f"`ocinterp synth run {folder}` goes on"
    if not setup.run_to_end(made.carry_out(), saved=False, hint=hint):
        raise typer.Exit(130)


@app.command("gateway", hidden=True)
def serve_gateway(
    folder: _RUN,
    linger: Annotated[float, typer.Option(help="Seconds without a request after which it ends.", min=0.1)] = 600.0,
) -> None:
    """Ask model servers for `synth run RUN --gateway`, which starts this when it is needed."""
    import asyncio

    from ocinterp.cli import gateway

    gateway.check(folder)
    asyncio.run(gateway.serve(folder, linger))


@app.command()
def status(folder: _RUN) -> None:
    """Show how far a run is, and what it has cost."""
    from ocinterp.cli import making
    from ocinterp.journal import Reader
    from ocinterp.synth import folder as folders
    from ocinterp.synth import pipeline, plan

    plan.load(folder)
    for line in making.table(pipeline.funnel(folder)):
        print(line)
    if (folder / folders.JOURNAL).exists():
        with Reader(folder / folders.JOURNAL) as journal:
            print(f"\n{journal.report()}")


@app.command()
def stop(
    folder: _RUN,
    now: Annotated[bool, typer.Option("--now", help="Do not wait for the answers that are under way.")] = False,
) -> None:
    """Have the process that makes a run end, and wait until it has: what was paid for is kept."""
    from ocinterp.cli import keeping

    keeping.stop(folder, now=now)


@app.command()
def verify(
    folder: _RUN,
    where: Annotated[str, typer.Option(help="Only rows for which a condition in SQL holds.", metavar="SQL")] = "",
    limit: Annotated[int | None, typer.Option("-n", "--limit", help="How many at most.", min=1)] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that run programs.", metavar="N", min=1)] = None,
) -> None:
    """Run the last program of each row again, or judge it again by its question's tests; exit code 1 if a row is not as it says."""
    from ocinterp.cli import settings, setup, verifying

    if code := setup.run_to_end(verifying.verify(folder, settings.load(), where, limit, workers), saved=False):
        raise typer.Exit(code)


@app.command()
def probe(
    folder: _RUN,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Rows, drawn by lot.", metavar="N", min=2)] = 100,
    budget: Annotated[str | None, typer.Option(help=_BUDGET, metavar="X")] = None,
    concurrency: Annotated[int, typer.Option(help="Answers asked about at once.", metavar="N", min=1)] = 64,
) -> None:
    """See how far the judge of feedback can be believed: ask it about answers that are known not to have followed it."""
    from ocinterp.cli import campaign, making, probing, settings, setup

    made = making.Making(folder, settings.load(), campaign.budget_of(budget), "assemble", concurrency, None)
    if not setup.run_to_end(probing.probe(made, limit), saved=False, hint="the same command goes on"):
        raise typer.Exit(130)


@app.command()
def diff(
    one: _RUN,
    two: Annotated[Path, typer.Argument(help="Another one.", metavar="RUN")],
) -> None:
    """Show how two runs differ: in their plans, and in their rows."""
    from ocinterp.cli import keeping

    for line in keeping.difference(one, two):
        print(line)


@app.command()
def gc(folder: _RUN) -> None:
    """Remove what processes that died have left in a run, and give back the journal's empty room. No answer is lost."""
    from ocinterp.cli import keeping

    for line in keeping.clear(folder):
        print(line)


@app.command()
def export(
    folder: _RUN,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The file to write, a row a line; `-` is the standard output.")
    ],
    to: Annotated[
        str, typer.Option(help="messages, sharegpt, alpaca, dpo, feedback, trajectories, or tasks.")
    ] = "messages",
    methods: Annotated[str, typer.Option(help="Only rows of these methods.", metavar="M,M")] = "",
    verified: Annotated[
        bool, typer.Option("--verified", help="Only rows whose last program was seen to be right.")
    ] = False,
) -> None:
    """Write the rows of a run for a trainer; `tasks` are its questions that have tests (docs/dataset.md)."""
    from ocinterp.cli import exporting

    chosen = tuple(each.strip() for each in methods.split(",") if each.strip())
    count = exporting.write(folder, to, out, methods=chosen, verified=verified)
    print(f"{count:,} rows: {out}", file=sys.stderr if str(out) == "-" else None)


@app.command()
def cost(folder: _RUN) -> None:
    """Show what a run has cost: by model, a row of each method, and what came to nothing."""
    from ocinterp.cli import costing

    for line in costing.told(folder):
        print(line)


@app.command()
def stats(
    folder: _RUN,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where the picture goes: stats.png in the run, unless said.")
    ] = None,
) -> None:
    """Show what a run's rows are like, as bars here and as a picture: funnel, turns, tokens, languages, errors, feedback."""
    from ocinterp.cli import charting

    charting.show(folder, out or folder / "stats.png")


@app.command()
def card(
    folder: _RUN,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="A new folder: Parquet, README.md, croissant.json, stats.png.")
    ],
    title: Annotated[str, typer.Option(help="What the dataset is called; else as its run.")] = "",
    results: Annotated[
        Path | None, typer.Option(help="A Markdown file on what a model learnt from it, for the card.")
    ] = None,
) -> None:
    """Write a run's rows as a dataset to hand on: with funnel, licences, benchmarks that were left out, and who said what."""
    from ocinterp.cli import publishing

    count = publishing.publish(folder, out, title, results)
    print(f"{count:,} rows, and their card: {out}")


@app.command()
def view(
    folder: _RUN,
    where: Annotated[
        str, typer.Option(help="Which rows: a condition in SQL, as in \"method = 'correction'\".", metavar="SQL")
    ] = "",
    limit: Annotated[int, typer.Option("-n", "--limit", help="How many at most.", min=1)] = 1,
) -> None:
    """Show rows of a run as conversations: code, what came of it, scores, sources, cost (columns: docs/dataset.md)."""
    from ocinterp.cli import viewing

    shown = 0
    for each in viewing.rows(folder, where, limit):
        print("\n" * (shown > 0) + "\n".join(viewing.shown(each)))
        shown += 1
    if not shown:
        print("ocinterp: no row is like that", file=sys.stderr)
        raise typer.Exit(1)


@app.command()
def questions(
    file: Annotated[Path, typer.Argument(help="Where they are written: .jsonl, or .jsonl.gz.", metavar="FILE")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many questions.")] = 1_000,
    seed: Annotated[str, typer.Option(help="The same seed gives the same questions.")] = "1",
) -> None:
    """Make questions about small tasks, by rule, with programs and tests, for `synth plan`: with the model `rule` in it none is asked.

    None is about a task of the benchmark `pocket`, or has a pair of operations, or a phrase, that is kept for it.
    """
    import json

    from ocinterp.files import replace_lines
    from ocinterp.synth.pocket import questions as made

    report.check(file)
    with progress.shown("questions", count) as tick:

        def lines() -> Iterator[bytes]:
            for each in islice(made.rows(seed), count):
                tick()
                yield json.dumps(each, ensure_ascii=False).encode() + b"\n"

        replace_lines(file, lines())
    print(f"ocinterp: {count:,} questions in {file}", file=sys.stderr)


@app.command("pocket")
def pocket(
    file: Annotated[Path, typer.Argument(help="Where they are written: .jsonl, or .jsonl.gz.", metavar="FILE")],
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many dialogues.")] = 80_000,
    seed: Annotated[str, typer.Option(help="The same seed gives the same dialogues.")] = "1",
    forms: Annotated[str | None, typer.Option(help=_FORMS, metavar="F,F")] = None,
    natural: Annotated[float, typer.Option(help=_NATURAL, metavar="SHARE", min=0.0, max=1.0)] = 0.0,
) -> None:
    """Make dialogues over small tasks, by rule (docs/training.md): every program in them has been run.

    None is about a task of the benchmark `pocket`, or has a pair of operations, or a phrase, that is kept for it.
    """
    from ocinterp import records
    from ocinterp.synth.pocket.dialogues import dialogues, plan_of

    plan = plan_of(forms.split(",") if forms is not None else None, natural)
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
