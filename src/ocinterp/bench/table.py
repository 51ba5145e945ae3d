"""A score as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ocinterp.bench.numbers import LABELS, between, count, percent, reasons
from ocinterp.bench.results import Score
from ocinterp.bench.samples import Irregularities
from ocinterp.bench.statistics import Estimate
from ocinterp.render import printable
from ocinterp.types import Status

_DIFFERING, _WORDS = 12, 60  # rows, and characters of a reason
_NAMES = 3  # of tasks that are named; the JSON has them all


def render(score: Score) -> RenderableType:
    """The numbers with their intervals, the samples by status, and what a reader must know about them."""
    dataset = score.dataset
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}, profile {score.profile}"
    notes = [Text(note, style=style) for note, style in _notes(score)]
    return Group(Text(title, style="bold"), _numbers(score), _statuses(score), *notes, *_differing(score))


def _differing(score: Score) -> Iterator[RenderableType]:
    """The samples that other profiles see otherwise."""
    if not score.differing:
        return
    table = Table("task", "sample", "tests", box=None, pad_edge=False)
    names = (score.profile, *dict.fromkeys(each.profile for each in score.differing))
    for name in (*names, "why"):
        table.add_column(name)
    for each in score.differing[:_DIFFERING]:
        cells = [str(each.status), *(str(each.other) if name == each.profile else "" for name in names[1:])]
        table.add_row(each.task_id, str(each.index), LABELS[each.suite], *cells, Text(printable(each.why)[:_WORDS]))
    more = len(score.differing) - _DIFFERING
    yield Text(f"{count(len(score.differing), 'set of tests', 'sets of tests')} that profiles judge differently:")
    yield table
    if more > 0:
        yield Text(f"and {more:,} more: --json has them all")


def _numbers(score: Score) -> Table:
    table = Table("tests", box=None, pad_edge=False)
    for k in score.ks or (1,):
        table.add_column(f"pass@{k}", justify="right")
        table.add_column("95 %", justify="right")
    for suite in score.suites:
        table.add_row(LABELS[suite], *(cell for found in score.estimates(suite).values() for cell in _cells(found)))
    return table


def _cells(found: Estimate | None) -> tuple[str, str]:
    return (percent(found.value), between(found.interval)) if found else ("-", "-")


def _statuses(score: Score) -> Table:
    counts = [score.statuses(suite) for suite in score.suites]
    seen = [status for status in Status if any(found[status] for found in counts)]
    table = Table("samples", *seen, box=None, pad_edge=False)
    for suite, found in zip(score.suites, counts, strict=True):
        table.add_row(LABELS[suite], *(str(found[status]) for status in seen))
    return table


def _notes(score: Score) -> Iterator[tuple[str, str]]:
    """Each with its style, the gravest first."""
    if score.crashed:
        yield f"{count(score.crashed, 'sample')} without a verdict: no pass@k; score again to judge them", "bold red"
        for reason in reasons(score.reasons):
            yield reason, "red"
    if not score.dataset.known:
        yield "the dataset's md5 is not one that was published: compare these numbers with no others", "yellow"
    for note in _irregular(score.irregularities):
        yield note, "yellow"


def _irregular(found: Irregularities) -> Iterator[str]:
    rows = sum(found.unknown.values())
    if found.missing:
        yield f"{count(len(found.missing), 'task')} without a sample, counted as unsolved: {_listed(found.missing)}"
    if rows:
        yield f"{count(rows, 'row')} for tasks of no such name, left out: {_listed(tuple(found.unknown))}"
    if found.uneven:
        yield f"{count(len(found.uneven), 'task')} with more or fewer samples than most: {_listed(found.uneven)}"
    if found.repeated:
        yield f"{count(found.repeated, 'sample')} with the same program as an earlier one of the task, all counted"
    if found.empty:
        yield f"{count(found.empty, 'sample')} without any text, counted as failed"
    if found.refused:
        yield f"{count(found.refused, 'sample')} too long or not valid Unicode, counted as failed"
    if found.sanitized:
        yield f"{count(found.sanitized, 'sample')} sanitized: the program was found in the answer"
    if found.fenced:
        yield f"{count(found.fenced, 'sample')} with Markdown fences, judged as given: --sanitize finds their programs"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {more:,} more" if more > 0 else "")
