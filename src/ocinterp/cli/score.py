"""`ocinterp score`: judge a model's samples for a benchmark."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ocinterp.errors import UsageError

if TYPE_CHECKING:
    from ocinterp.bench.results import Score
    from ocinterp.cli.settings import Settings
    from ocinterp.problems import Benchmark
    from ocinterp.sandboxes.zygotes import NamespaceSandbox
    from ocinterp.verifiers.oracle import Profile

_OLD = {("humaneval+", "0.1.9"), ("mbpp+", "0.1.0")}  # what EvalPlus 0.2 came with


def command(
    bench: Annotated[str, typer.Argument(help="A dataset: ocinterp data list.", metavar="BENCH")],
    samples: Annotated[Path, typer.Argument(help="A file or folder of samples.", metavar="SAMPLES")],
    profile: Annotated[
        Literal["strict", "evalplus-0.2", "evalplus-0.3"] | None,
        typer.Option(help="How answers are compared; else as the dataset's version is."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes at a time; else one for each core.", min=1, metavar="N")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write all verdicts there.", metavar="FILE")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Stop a sample at its first failure.")] = False,
    sanitize: Annotated[
        bool, typer.Option("--sanitize", help="Find the program in answers that are more than one.")
    ] = False,
    again: Annotated[bool, typer.Option("--again", help="Forget the verdicts of earlier runs over SAMPLES.")] = False,
    sandbox: Annotated[str | None, typer.Option(help="auto, ns, bwrap, landlock, unsafe.")] = None,
) -> None:
    """Judge samples and estimate pass@k (docs/evaluation.md).

    A run that was stopped goes on where it was. Exits 1 when a sandbox failure left samples without a verdict.
    """
    from rich.console import Console

    from ocinterp.bench import results
    from ocinterp.bench.table import render
    from ocinterp.cli import settings, setup
    from ocinterp.tasks import store

    loaded = settings.load()
    if not samples.exists():
        raise UsageError(f"there are no samples at {samples}")
    benchmark = store.load(bench, loaded.datasets_folder)
    setup.warn_of_forgery(benchmark)
    profiles = _profiles(benchmark, profile)
    count = setup.workers_of(workers)
    box = setup.judging_sandbox(loaded, sandbox, count)
    score = setup.run_to_end(
        _score(benchmark, samples, profiles, box, loaded, count, fast=fast, sanitize=sanitize, again=again),
        saved=False,
        hint="run the same command again to go on",
    )
    if json is not None:
        results.write(json, score)
    Console(highlight=False).print(render(score))
    raise typer.Exit(1 if score.crashed else 0)


def _profiles(benchmark: Benchmark, asked: Profile | None) -> tuple[Profile, ...]:
    """The one that makes the numbers, and strict beside it."""
    if asked is None and benchmark.name.endswith("+"):
        asked = "evalplus-0.2" if (benchmark.name, benchmark.version) in _OLD else "evalplus-0.3"
    return ("strict",) if asked is None or asked == "strict" else (asked, "strict")


async def _score(
    benchmark: Benchmark,
    path: Path,
    profiles: tuple[Profile, ...],
    box: NamespaceSandbox,
    settings: Settings,
    workers: int,
    *,
    fast: bool,
    sanitize: bool,
    again: bool,
) -> Score:
    from ocinterp.bench.samples import Samples
    from ocinterp.bench.score import Progress, score
    from ocinterp.cli.progress import shown
    from ocinterp.journal import Journal
    from ocinterp.verifiers.court import convene

    samples = Samples(path, benchmark.problems, sanitize=sanitize)
    kept = settings.cache_folder / "scores" / f"{_name(path, benchmark)}.journal"
    if again:
        kept.unlink(missing_ok=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    async with box as sandbox:
        with shown("references answer", len(benchmark.problems)) as tick:
            court = await convene(
                sandbox,
                benchmark,
                settings.expected_folder,
                profiles,
                workers=workers,
                on_task=lambda _: tick(),
            )
        async with Journal(kept) as journal:
            with shown("judged", None) as tick:
                progress = Progress(listen=lambda now: tick(now.judged, now.programs))
                found = await score(
                    court,
                    samples,
                    lambda: samples.irregularities,
                    journal=journal,
                    fast=fast,
                    progress=progress,
                    concurrency=workers + 1,
                )
    if progress.kept:
        print(f"ocinterp: {progress.kept:,} verdicts are of an earlier run; --again judges anew", file=sys.stderr)
    return found


def _name(path: Path, benchmark: Benchmark) -> str:
    """Runs over other samples have a journal of their own, and do not wait for each other."""
    return hashlib.blake2b(
        f"{path.resolve()}\0{benchmark.md5}".encode("utf-8", "surrogateescape"), digest_size=12
    ).hexdigest()
