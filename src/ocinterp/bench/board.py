"""An evaluation as a table for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from ocinterp.bench import notes
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.matched import Matched
from ocinterp.bench.notes import Level, Note
from ocinterp.bench.numbers import LABELS, Measure, between, dollars, percent, short
from ocinterp.bench.standings import Dollars, Standing
from ocinterp.bench.statistics import Paired, Repairs
from ocinterp.render import printable
from ocinterp.types import Usage

_WIDE: Final = 80  # characters, that tables keep to where they can
_MOST_TURNS, _MOST_KINDS = 10, 8  # in a table; the page and the JSON have them all
_STYLES: Final[Mapping[Level, str]] = {"grave": "bold red", "detail": "red", "warning": "yellow", "remark": "dim"}

Named = Mapping[str, Standing]  # by what a table calls them


def render(evaluation: Evaluation) -> RenderableType:
    """Settings side by side, their differences to the first, and what a reader must know."""
    dataset = evaluation.dataset
    model = short(evaluation.origin.get("model", ""), _WIDE - len("model "))
    title = f"{dataset.name} {dataset.version}, md5 {dataset.md5}\nmodel {model}"
    named = {f"{each.setting.name} {each.setting.mark}".strip(): each for each in evaluation.standings}
    told = [*notes.of(evaluation), *notes.disagreements(evaluation.differences)]
    tables = (
        settings("setting", named),
        costs("tokens", named, {name: evaluation.dollars(each) for name, each in named.items()}),
        *matches("as many tokens", {f"{e.rival.name} {e.rival.mark}".strip(): e for _, e in evaluation.matches()}),
        *_differences(evaluation),
        *_turns(evaluation),
        *_repairs(evaluation),
    )
    return Group(Text(printable(title), style="bold"), *tables, *sentences(told))


def sentences(found: Iterable[Note]) -> Iterator[Text]:
    """Notes in their colours."""
    for each in found:
        yield Text(printable(each.text), style=_STYLES[each.level])


def _columns(first: str, *names: str) -> Table:
    """An empty table: words to the left, numbers to the right, one blank between. What does not fit folds the first."""
    head = Column(Text(printable(first)), overflow="fold")
    table = Table(head, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        justify = "left" if name == "tests" else "right"
        table.add_column(Text(printable(name)), justify=justify, no_wrap=True)
    return table


def _add(table: Table, *cells: str) -> None:
    """A row, as it is written: a name may look like a colour of the terminal's."""
    table.add_row(*(Text(printable(each)) for each in cells))


def settings(head: str, named: Named) -> Table:
    """Their numbers. MRR and Recall have columns where a dialogue may have several turns."""
    ranked = any(each.setting.refines for each in named.values())
    table = _columns(head, "tests", "tasks", "pass@1", "95 %", "turns", *(("MRR", "recall") if ranked else ()))
    for name, each in named.items():
        _add(table, name, *_numbers(each), *(_ranks(each) if ranked else ()))
    return table


def _numbers(standing: Standing) -> Iterator[str]:
    measure = standing.setting.measure
    found = standing.estimate(measure)
    turns = [len(each.turns) for each in standing.attempts()]
    yield LABELS[measure]
    yield str(len(standing.tasks))
    yield percent(found.value) if found else "-"
    yield between(found.interval) if found else "-"
    yield f"{sum(turns) / len(turns):.2f}" if turns else "-"


def _ranks(standing: Standing) -> tuple[str, str]:
    found = standing.ranks
    return (percent(found.mrr), percent(found.recall)) if found else ("-", "-")


def costs(head: str, named: Named, spent: Mapping[str, Dollars | None]) -> Table:
    """In tokens. A critic and money have columns where there are any."""
    critic = any(each.critic_usage != Usage() for each in named.values())
    priced = any(spent.values())
    table = _columns(head, "prompts", "answers", *(["critic's"] if critic else []), *(["cost"] if priced else []))
    for name, each in named.items():
        usage, other, found = each.usage, each.critic_usage, spent[name]
        cells = [f"{usage.prompt_tokens:,}", f"{usage.completion_tokens:,}"]
        cells += [f"{other.prompt_tokens + other.completion_tokens:,}"] if critic else []
        cells += [dollars(found.both) if found else "-"] if priced else []
        _add(table, name, *cells)
    return table


def matches(head: str, found: Mapping[str, Matched]) -> Iterator[Table]:
    """What refinement has to beat, where answers were drawn for as many tokens."""
    table = _columns(head, "drawn", "one", "chosen", "best", "gain", "95 %", "p")
    for name, each in found.items():
        values = {"chosen": percent(each.chosen.value), "best": percent(each.best.value)}
        values[each.against] += " <"
        gain = each.difference
        cells = percent(gain.difference, "+"), between(gain.interval, "+"), f"{gain.p:.2g}"
        _add(table, name, f"{each.samples:.1f}", percent(each.one.value), *values.values(), *cells)
    if found:
        yield table


def differences(head: str, found: Iterable[tuple[str, Measure, Paired]]) -> Iterator[Table]:
    """Paired differences by their names, where there are any."""
    table = _columns(head, "tests", "points", "95 %", "tasks", "p")
    for name, measure, each in found:
        cells = (
            percent(each.difference, "+"),
            between(each.interval, "+"),
            f"+{each.gained} -{each.lost}",
            f"{each.p:.2g}",
        )
        _add(table, name, LABELS[measure], *cells)
    if table.row_count:
        yield table


def _differences(evaluation: Evaluation) -> Iterator[Table]:
    """Those to the first setting that has a number; the JSON has them all."""
    pairs = list(evaluation.pairs())
    return differences(
        "difference",
        (
            (f"{second.setting.name} - {first.setting.name}", measure, found)
            for first, second, measure, found in pairs
            if first is pairs[0][0]
        ),
    )


def _turns(evaluation: Evaluation) -> Iterator[Table]:
    """The share of tasks solved by each turn, where there is more than one turn."""
    refined = [each for each in evaluation.standings if each.whole and each.longest > 1]
    if not refined:
        return
    longest = min(_MOST_TURNS, max(each.longest for each in refined))
    table = _columns("solved by turn", *map(str, range(1, longest + 1)))
    for each in refined:
        _add(table, each.setting.name, *map(percent, each.curve[:longest]))
    yield table


def _repairs(evaluation: Evaluation) -> Iterator[Table]:
    """Of the tasks whose first answer failed in one way, how many were solved in the end."""
    found = {each.setting.name: each.repairs for each in evaluation.standings if each.longest > 1 and each.repairs}
    counts = sum((Counter({kind: each.failed for kind, each in one.items()}) for one in found.values()), Counter[str]())
    kinds = [kind for kind, _ in counts.most_common(_MOST_KINDS)]
    for names in _rows_of(list(found), _WIDE - max(map(len, [_FAILED, *kinds]))):
        table = _columns(_FAILED, *names)
        for kind in kinds:
            _add(table, kind, *(_repaired(found[name].get(kind)) for name in names))
        yield table


_FAILED: Final = "first failed with"


def _rows_of(names: Sequence[str], room: int) -> list[list[str]]:
    """Names in as many rows as they need where a row has room for so many characters."""
    rows: list[list[str]] = []
    for name in names:
        if rows and sum(len(each) + 1 for each in [*rows[-1], name]) <= room:
            rows[-1].append(name)
        else:
            rows.append([name])
    return rows


def _repaired(found: Repairs | None) -> str:
    return "" if found is None else f"{found.repaired} of {found.failed}"
