"""A plan for a dataset from its command line, and the table of what it may cost."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import campaign
from ocinterp.errors import UsageError
from ocinterp.files import explained

if TYPE_CHECKING:
    from ocinterp.synth.plan import Plan, Player, Sizes

_EMBEDDER: Final = re.compile(r"st:.|[^@]+@https?://.|[^@/]+/[^@]+$")
_AT_ONCE, _SECONDS = 64, 8.0  # of a call of a hosted model
_ROW: Final = "{:<12} {:>9} {:>9} {:>11} {:>11} {:>9} {:>7}"


def plan(
    files: Sequence[str],
    players: Mapping[str, tuple[str, str]],
    *,
    benchmarks: str,
    licence: str,
    licences: str,
    least: int,
    cross_check: int,
    tests_shown: float,
    sizes: Sizes,
    timeout_seconds: float,
    seed: str,
) -> Plan:
    """The plan that a command line asks for. UsageError for what cannot be one."""
    from ocinterp.synth import parquet, sources
    from ocinterp.synth.plan import Plan

    parquet.check()
    known = _players(players)
    if not set(known) - {"embedder"} and (least or sizes.simulation or sizes.correction):
        raise UsageError("name a model as --strong MODEL; without one: --least 0 --simulation 0 --correction 0")
    if "embedder" in known and not _EMBEDDER.match(name := known["embedder"].model):
        raise UsageError(
            f"--embedder {name}: name one as NAME@URL, a server with /embeddings, or st:NAME, of sentence-transformers"
        )
    if cross_check and "strong" not in known:
        raise UsageError("--cross-check has programs written: name a model as --strong MODEL")
    return Plan(
        tuple(sources.input_of(Path(each), licence=licence) for each in files),
        known,
        benchmarks=_names(benchmarks),
        licences=_names(licences),
        least=least,
        cross_check=cross_check,
        tests_shown=tests_shown,
        sizes=sizes,
        timeout_seconds=timeout_seconds,
        seed=seed,
    )


def extend(run: Path, files: Sequence[str], out: Path) -> None:
    """Plan another run with the files of a run as they are now, and more; it has the run's journal. UsageError for what is no run."""
    from ocinterp.journal import Reader
    from ocinterp.synth import plan as plans
    from ocinterp.synth import sample, sources
    from ocinterp.synth.folder import IDENTITY, JOURNAL, share_identity

    sample.refuse(run)
    before = plans.load(run)
    given = {str(Path(each).resolve()) for each in files} - {each.path for each in before.inputs}
    inputs = [sources.input_of(Path(each.path), each.dataset, each.licence, each.form) for each in before.inputs]
    inputs += [sources.input_of(Path(each)) for each in sorted(given)]
    report, kept = "", (run / JOURNAL).exists() and not (out / plans.NAME).exists()
    if kept:  # before there is a plan: else a run could begin without it
        with explained(out):
            out.mkdir(parents=True, exist_ok=True)
        with Reader(run / JOURNAL) as journal:
            journal.copy(out / JOURNAL, lost="gateway")  # that of the run answers the run alone
            known = journal.report()
        doubtful = "; what is not settled may be asked again" if known.in_doubt or known.begun or known.failed else ""
        report = f"of {run} it has the journal: {known}; what is settled is not asked again{doubtful}"
        share_identity(run, out)
    try:
        save(replace(before, inputs=tuple(inputs)), out)
    except BaseException:
        if kept:
            (out / JOURNAL).unlink(missing_ok=True)
            (out / IDENTITY).unlink(missing_ok=True)
        raise
    if kept:
        print(f"ocinterp: {report}", file=sys.stderr)


def save(made: Plan, out: Path) -> None:
    """Write it, and print what it may cost."""
    from ocinterp.cli import settings
    from ocinterp.synth import estimate, sources
    from ocinterp.synth import plan as plans
    from ocinterp.tasks import store

    for each in made.benchmarks:
        store.load(each, settings.load().datasets_folder)  # known now, not after the first stages
    questions = estimate.measured(made)
    expected = list(estimate.estimates(made, questions))  # known now too: who has no model for a part
    plans.save(made, out)
    print(
        f"{questions.rows:,} questions of {questions.tokens:,.0f} tokens on average, {questions.problems:,} with programs of their own"
        f"{f', {questions.dialogues:,} dialogues that were had' if questions.dialogues else ''}"
        f"{f', {questions.silent:,} {sources.SILENT}' if questions.silent else ''}"
        f"{f', {questions.refused:,} rows that are not taken' if questions.refused else ''}\n"
    )
    print(_ROW.format("stage", "rows", "calls", "tokens in", "tokens out", "dollars", "hours"))
    total = 0.0
    for each in expected:
        total += each.dollars
        hours = f"{each.hours(_AT_ONCE, _SECONDS):.1f}" if each.calls else "-"
        cost = f"{each.dollars:,.2f}" if each.dollars else "-"
        print(
            _ROW.format(
                each.stage,
                f"{each.rows:,}",
                f"{each.calls:,}",
                f"{each.tokens_in:,}",
                f"{each.tokens_out:,}",
                cost,
                hours,
            )
        )
    print(
        f"\nat most, of answers of usual length, with {_AT_ONCE} calls of {_SECONDS:g} seconds at once"
        + (f": ${total:,.2f}" if total else "")
    )
    if total and (free := sorted(part for part, each in made.players.items() if each.unpriced and _paid(each.model))):
        print(f"ocinterp: without a price, and so not counted: {', '.join(free)}", file=sys.stderr)
    if not made.benchmarks:
        print("ocinterp: no --benchmarks: rows may have their tasks in them (`ocinterp data list`)", file=sys.stderr)
    print(f"ocinterp: {out / plans.NAME} may be edited until `ocinterp synth run {out}`", file=sys.stderr)


def _players(given: Mapping[str, tuple[str, str]]) -> dict[str, Player]:
    """Those who are named, by part, each with its price; the strong model has its own wherever it plays. UsageError for a price alone."""
    if nothing := [part for part, (model, price) in given.items() if price and not model]:
        raise UsageError(f"a price for {nothing[0]}, and no model: name it as --{nothing[0]} MODEL")
    strong, whole = given.get("strong", ("", ""))
    return {
        part: _player(model, price or (whole if model == strong else ""))
        for part, (model, price) in given.items()
        if model
    }


def _paid(model: str) -> bool:
    """Whether a model may be one that somebody charges for: not one of this process."""
    return model not in {"pocket", "rule"} and not model.startswith(("pocket:", "hf:", "st:"))


def _player(model: str, price: str) -> Player:
    from ocinterp.synth.plan import Player

    cost = campaign.price_of(price or None)
    return Player(model, float(cost.prompt), float(cost.completion))


def _names(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())
