"""A comparison of models as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ocinterp.bench import board, notes
from ocinterp.bench.comparison import Comparison
from ocinterp.bench.numbers import count
from ocinterp.render import printable


def render(found: Comparison) -> RenderableType:
    """For each setting the models side by side, their differences to the first, and what a reader must know."""
    dataset = found.dataset
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}\n{count(len(found.tasks), 'task')}"
    tables = [each for setting in found.settings for each in _setting(found, setting)]
    return Group(Text(printable(title), style="bold"), *tables, *board.sentences(notes.of_comparison(found)))


def _setting(found: Comparison, setting: str) -> Iterator[Table]:
    named = found.standings(setting)
    mark = next(each.setting.mark for each in named.values())
    yield board.settings(f"{setting} {mark}".strip(), named)
    yield board.costs("tokens", named, {name: found.models[name].dollars(each) for name, each in named.items()})
    yield from board.matches("as many tokens", {e.name: e.found for e in found.matches() if e.setting == setting})
    pairs = [each for each in found.pairs() if each.setting == setting]
    if pairs:  # those to the first model that has a number; the JSON has them all
        first = pairs[0].first
        told = [each for each in pairs if each.first == first]
        yield from board.differences(f"less {first}", [(each.second, each.measure, each.found) for each in told])
