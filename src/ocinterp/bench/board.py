"""An evaluation as a table for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from ocinterp.bench import notes
from ocinterp.bench.evaluation import Evaluation, Standing
from ocinterp.bench.notes import Level, Note
from ocinterp.bench.numbers import LABELS, Measure, between, dollars, percent
from ocinterp.bench.statistics import Paired
from ocinterp.journal import Price
from ocinterp.render import printable

NUMBERS: Final = ("tasks", "pass@1", "95 %", "turns", "tokens")  # the columns of a setting
_MOST_TURNS, _MOST_KINDS = 10, 8  # in a table; the page and the JSON have them all
_STYLES: Final[Mapping[Level, str]] = {"grave": "bold red", "detail": "red", "warning": "yellow", "remark": "dim"}


def render(evaluation: Evaluation) -> RenderableType:
    """Settings side by side, their differences to the first, and what a reader must know."""
    dataset = evaluation.dataset
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}, model {evaluation.origin.get('model', '')}"
    told = [*notes.of(evaluation), *notes.disagreements(evaluation.differences)]
    tables = (_settings(evaluation), *_differences(evaluation), *_turns(evaluation), *_repairs(evaluation))
    return Group(Text(title, style="bold"), *tables, *sentences(told))


def sentences(found: Iterable[Note]) -> Iterator[Text]:
    """Notes in their colours."""
    for each in found:
        yield Text(printable(each.text), style=_STYLES[each.level])


def _settings(evaluation: Evaluation) -> Table:
    price = evaluation.price or None
    table = columns("setting", *NUMBERS, *(["cost"] if price else []))
    for each in evaluation.standings:
        table.add_row(*row(each, price))
    return table


def columns(first: str, *others: str) -> Table:
    """An empty table: names and tests to the left, numbers to the right."""
    table = Table(Column(first, no_wrap=True), Column("tests", no_wrap=True), box=None, pad_edge=False)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def row(standing: Standing, price: Price | None, name: str = "") -> Iterator[str]:
    """The cells of a setting, under a price with what its answers cost; `name` stands in place of its own."""
    setting, usage = standing.setting, standing.usage
    found = standing.estimate(setting.measure)
    turns = [len(each.turns) for each in standing.attempts()]
    yield f"{name or setting.name}{' *' if setting.shows_tests else ''}"
    yield LABELS[setting.measure]
    yield str(len(standing.tasks))
    yield percent(found.value) if found else "-"
    yield between(found.interval) if found else "-"
    yield f"{sum(turns) / len(turns):.2f}" if turns else "-"
    yield f"{usage.prompt_tokens + usage.completion_tokens:,}"
    if price is not None:
        yield dollars(standing.cost(price)) if price else "-"


def _differences(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Those to the first setting that has a number; the JSON has them all."""
    table = columns("difference", "points", "95 %", "tasks", "p")
    pairs = list(evaluation.pairs())
    for first, second, measure, found in pairs:
        if first is pairs[0][0]:
            table.add_row(*difference(f"{second.setting.name} - {first.setting.name}", measure, found))
    if table.row_count:
        yield table


def difference(name: str, measure: Measure, found: Paired) -> Iterator[str]:
    """The cells of a paired difference."""
    yield name
    yield LABELS[measure]
    yield percent(found.difference, "+")
    yield between(found.interval, "+")
    yield f"+{found.gained} -{found.lost}"
    yield f"{found.p:.2g}"


def _turns(evaluation: Evaluation) -> Iterator[RenderableType]:
    """The share of tasks solved by each turn, with ConvCodeWorld's numbers of them, where there is more than one turn."""
    refined = [each for each in evaluation.standings if each.whole and each.longest > 1]
    if not refined:
        return
    longest = min(_MOST_TURNS, max(each.longest for each in refined))
    table = columns("solved by turn", *map(str, range(1, longest + 1)), "MRR", "recall")
    for each in refined:
        curve = [percent(value) for value in each.curve[:longest]]
        curve += [""] * (longest - len(curve))
        table.add_row(each.setting.name, LABELS[each.setting.measure], *curve, *_ranks(each))
    yield table


def _ranks(standing: Standing) -> Iterator[str]:
    rank, share = standing.reciprocal_rank, standing.recall
    yield "-" if rank is None else f"{rank:.3f}"
    yield "-" if share is None else percent(share)


def _repairs(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Of the tasks whose first answer failed in one way, how many were solved in the end."""
    refined = [each for each in evaluation.standings if each.longest > 1 and each.repairs]
    if not refined:
        return
    table = Table(Column("first failed with", no_wrap=True), box=None, pad_edge=False)
    found = [each.repairs for each in refined]
    for each in refined:
        table.add_column(each.setting.name, justify="right")
    counts = sum((Counter({kind: each.failed for kind, each in one.items()}) for one in found), Counter[str]())
    for kind, _ in counts.most_common(_MOST_KINDS):
        cells = (repairs.get(kind) for repairs in found)
        table.add_row(
            Text(printable(kind)), *("" if each is None else f"{each.repaired} of {each.failed}" for each in cells)
        )
    yield table
