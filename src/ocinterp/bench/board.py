"""An evaluation as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from ocinterp.bench.evaluation import Evaluation, Standing
from ocinterp.bench.numbers import LABELS, between, count, percent, reasons


def render(evaluation: Evaluation) -> RenderableType:
    """Settings side by side, their differences to the first, and what a reader must know."""
    dataset = evaluation.dataset
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}, model {evaluation.origin.get('model', '')}"
    notes = [Text(note, style=style) for note, style in _notes(evaluation)]
    return Group(Text(title, style="bold"), _settings(evaluation), *_differences(evaluation), *notes)


def _settings(evaluation: Evaluation) -> Table:
    table = Table(Column("setting", no_wrap=True), Column("tests", no_wrap=True), box=None, pad_edge=False)
    for name in ("tasks", "pass@1", "95 %", "turns", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in evaluation.standings:
        table.add_row(*_row(each))
    return table


def _row(standing: Standing) -> Iterator[str]:
    setting, usage = standing.setting, standing.usage
    found = standing.estimate(setting.measure)
    turns = [len(each.turns) for each in standing.attempts()]
    yield f"{setting.name}{' *' if setting.shows_tests else ''}"
    yield LABELS[setting.measure]
    yield str(len(standing.tasks))
    yield percent(found.value) if found else "-"
    yield between(found.interval) if found else "-"
    yield f"{sum(turns) / len(turns):.2f}" if turns else "-"
    yield f"{usage.prompt_tokens + usage.completion_tokens:,}"


def _differences(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Those to the first setting; the JSON has them all."""
    table = Table(Column("difference", no_wrap=True), Column("tests", no_wrap=True), box=None, pad_edge=False)
    for name in ("points", "95 %", "tasks", "p"):
        table.add_column(name, justify="right", no_wrap=True)
    for first, second, measure, found in evaluation.pairs():
        if first is evaluation.standings[0]:
            table.add_row(
                f"{second.setting.name} - {first.setting.name}",
                LABELS[measure],
                percent(found.difference, "+"),
                between(found.interval, "+"),
                f"+{found.gained} -{found.lost}",
                f"{found.p:.2g}",
            )
    if table.row_count:
        yield table


def _notes(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Each with its style, the gravest first."""
    if evaluation.crashed:
        attempts = count(evaluation.crashed, "attempt")
        yield f"{attempts} without a verdict: no pass@1 there; --resume tries them again", "bold red"
        for reason in reasons(evaluation.reasons):
            yield reason, "red"
    if evaluation.missing:
        yield f"{count(evaluation.missing, 'attempt')} not made yet: no pass@1 there; --resume goes on", "bold red"
    if any(True for _ in evaluation.pairs()):
        yield (
            "differences in points, tasks gained and lost, McNemar's exact p; of resample the first sample counts",
            "dim",
        )
    if not evaluation.dataset.known:
        yield "the dataset's md5 is not one that was published: compare these numbers with no others", "yellow"
    if any(each.setting.shows_tests for each in evaluation.standings):
        yield "* scoring tests were shown, as in the paper: an upper bound, to be compared with no pass@1", "yellow"
    for each in evaluation.standings:
        yield from _of_setting(each)
    for each in evaluation.differences:
        yield f"{each.task_id}: the log says {each.recorded}, our verdict is {each.judged}", "yellow"


def _of_setting(standing: Standing) -> Iterator[tuple[str, str]]:
    yield f"{standing.setting.name}: {standing.setting.label}", "dim"
    k = standing.setting.samples
    if k > 1 and (found := standing.estimate(standing.setting.measure, k)) is not None:
        yield f"{standing.setting.name}: pass@{k} {percent(found.value)} ({between(found.interval)})", "dim"
    leaked = sum(each.leaks > 0 for each in standing.attempts())
    if leaked:
        yield f"{standing.setting.name}: in {count(leaked, 'attempt')} the critic quoted the solution", "yellow"
    unsaid = sum(bool(each.unsaid) for each in standing.attempts())
    if unsaid:
        yield f"{standing.setting.name}: {count(unsaid, 'dialogue')} ended for want of an answer", "yellow"
