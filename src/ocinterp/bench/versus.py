"""A comparison of models as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ocinterp.bench import board, notes
from ocinterp.bench.comparison import Comparison, Pair
from ocinterp.bench.numbers import count
from ocinterp.render import printable


def render(found: Comparison) -> RenderableType:
    """For each setting the models side by side, their differences to the first, and what a reader must know."""
    dataset = found.dataset
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}, {count(len(found.tasks), 'task')}"
    tables = [each for setting in found.settings for each in _setting(found, setting)]
    return Group(Text(title, style="bold"), *tables, *board.sentences(notes.of_comparison(found)))


def _setting(found: Comparison, setting: str) -> Iterator[Table]:
    priced = any(each.price for each in found.models.values())
    table = _columns(setting, *board.NUMBERS, *(["cost"] if priced else []))
    for name, each in found.standings(setting).items():
        table.add_row(*_literal(board.row(each, found.models[name].price if priced else None, name)))
    yield table
    pairs = [each for each in found.pairs() if each.setting == setting]
    if pairs:
        yield _differences(pairs)


def _differences(pairs: Sequence[Pair]) -> Table:
    """Those to the first model that has a number; the JSON has them all."""
    first = pairs[0].first
    table = _columns(f"less {first}", "points", "95 %", "tasks", "p")
    for each in pairs:
        if each.first == first:
            table.add_row(*_literal(board.difference(each.second, each.measure, each.found)))
    return table


def _literal(cells: Iterable[str]) -> Iterator[Text]:
    """As they are written: a model's name may look like a colour of the terminal's."""
    return (Text(printable(each)) for each in cells)


def _columns(first: str, *others: str) -> Table:
    """With names that are folded where the numbers would not fit beside them."""
    table = board.columns("", *others)
    head = table.columns[0]
    head.header, head.no_wrap, head.overflow = Text(printable(first)), False, "fold"
    return table
