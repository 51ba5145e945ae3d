"""The numbers of a report as sections of its page: tables, each with the picture of what it says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ocinterp.bench import charts, dialogues, notes
from ocinterp.bench.comparison import Pair
from ocinterp.bench.markup import Child, Html, element
from ocinterp.bench.numbers import LABELS, Measure, between, dollars, percent
from ocinterp.bench.report import Column, Report
from ocinterp.bench.statistics import Paired, Repairs
from ocinterp.journal.costs import describe

_MOST_KINDS = 12  # of errors, in the table of repairs
_MOST_PAIRS = 10  # that are listed open
_NONE = "–"
_NUMBERS = {
    "tasks",
    "turns",
    "tokens in",
    "tokens out",
    "cost",
    "gained",
    "lost",
    "p",
    "MRR",
    "recall",
    "pass@1",
    "points",
}
_NUMBER = re.compile(r"(?:<strong>)?(?:[-+$]?[\d.,e-]+|–)(?:</strong>)?")


def sections(report: Report) -> Iterator[Html]:
    """From the headline down to what a log said."""
    yield _section("Result", *(_results(report, each) for each in report.groups), *_remarks(report))
    yield _section("Endings", element("p", _ENDINGS), *(_endings(report, each) for each in report.groups))
    if report.pairs:
        yield _section(
            "Differences",
            element("p", _DIFFERENCES),
            *(part for each in report.groups for part in _pairs(report, each)),
        )
    if any(len(each.standing.curve) > 1 for each in report.columns):
        yield _section("Turn by turn", *(part for each in report.groups for part in _turns(report, each)))
    if any(each.standing.longest > 1 and each.standing.repairs for each in report.columns):
        yield _section("Repairs", element("p", _REPAIRS), *(_repairs(report, each) for each in report.groups))
    if report.differences:
        yield _section("Against the log", element("p", _LOG), _differences(report))


_ENDINGS = "All attempts by the last verdict on them, by the tests of the headline. An exception goes by its class."
_DIFFERENCES = (
    "Paired, task by task, by the strictest tests that both are measured by. Gained: solved by the first named alone; "
    "lost: by the other alone. Of several samples the first counts. p is McNemar's, exact and two-sided, of each comparison "
    "by itself."
)
_REPAIRS = "Tasks whose first answer failed, by how it failed, and how many of them the last answer solves."
_LOG = "The log calls these solved and our verdict does not, or the other way round. Only our verdicts count here."


def _section(title: str, *children: Child) -> Html:
    name = title.lower().replace(" ", "-")
    return element("section", element("h2", title, id=name), *children, aria_labelledby=name)


def table(caption: str, names: Sequence[Child], rows: Iterable[Html]) -> Html:
    """A table that scrolls sideways by itself where the page is narrow."""
    heads = (element("th", each, scope="col", class_="number" if each in _NUMBERS else None) for each in names)
    head = element("thead", element("tr", *heads))
    inner = element("table", element("caption", caption), head, element("tbody", *rows))
    return element("div", inner, class_="wide", tabindex="0", role="region", aria_label=caption)


def row(name: Child, *cells: Child) -> Html:
    """A row whose first cell names it."""
    return element("tr", element("th", name, scope="row"), *map(_cell, cells))


def _cell(content: Child) -> Html:
    number = isinstance(content, str) and _NUMBER.fullmatch(content)
    return element("td", content, class_="number" if number else None)


def _caption(text: str, group: str) -> str:
    return f"{text}: {group}" if group else text


def _name(column: Column) -> tuple[Child, ...]:
    setting = column.standing.setting
    star = element("abbr", "*", title="scoring tests were shown: an upper bound, no pass@1")
    return (column.name, star if setting.shows_tests else None)


def _results(report: Report, group: str) -> Html:
    columns = report.of_group(group)
    priced = any(each.price for each in columns)
    measures = _others(columns)
    names = [report.noun, "tests", "tasks", "pass@1", "95 %", "0 to 100"]
    names += [f"by {LABELS[each]}" for each in measures]
    names += ["turns", "tokens in", "tokens out", *(["cost"] if priced else [])]
    rows = (row(_name(each), *_result(each, measures, priced=priced)) for each in columns)
    return table(_caption("pass@1 with its 95 % interval", group), names, rows)


def _endings(report: Report, group: str) -> Html:
    columns = report.of_group(group)
    found = [Counter(dialogues.ending(one, each.standing) for one in each.standing.attempts()) for each in columns]
    for each, counts in zip(columns, found, strict=True):
        counts.update({"no verdict": each.standing.crashed, "not made": each.standing.missing})
    every = sum(found, Counter[str]())
    kinds = [kind for kind, number in every.most_common() if number]
    named, rest = kinds[:_MOST_KINDS], kinds[_MOST_KINDS:]
    names = [report.noun, *named, *(["others"] if rest else [])]
    sums = [
        [*(counts[kind] for kind in named), *([sum(counts[kind] for kind in rest)] if rest else [])] for counts in found
    ]
    cells = ([f"{number:,}" if number else "" for number in each] for each in sums)
    rows = (row(_name(column), *each) for column, each in zip(columns, cells, strict=True))
    return table(_caption("Attempts by how they ended", group), names, rows)


def _others(columns: Sequence[Column]) -> list[Measure]:
    """The measures that some column has, but not the one that makes all the headlines."""
    order: tuple[Measure, ...] = ("base", "plus", "unseen")
    headlines = {each.standing.setting.measure for each in columns}
    found = {measure for each in columns for measure in each.standing.measures}
    alone = headlines if len(headlines) == 1 else set[Measure]()
    return [each for each in order if each in found - alone]


def _result(column: Column, measures: Sequence[Measure], *, priced: bool) -> Iterator[Child]:
    standing, usage = column.standing, column.standing.usage
    found = standing.estimate(standing.setting.measure)
    turns = [len(each.turns) for each in standing.attempts()]
    yield LABELS[standing.setting.measure]
    yield f"{len(standing.tasks):,}"
    yield element("strong", percent(found.value)) if found else _NONE
    yield between(found.interval) if found else _unfinished(column)
    yield charts.interval(found) if found else None
    for measure in measures:
        other = standing.estimate(measure) if measure in standing.measures else None
        yield percent(other.value) if other else _NONE
    yield f"{sum(turns) / len(turns):.2f}" if turns else _NONE
    yield f"{usage.prompt_tokens:,}" if usage.prompt_tokens else _NONE
    yield f"{usage.completion_tokens:,}" if usage.completion_tokens else _NONE
    if priced:
        yield dollars(standing.cost(column.price)) if column.price else _NONE


def _unfinished(column: Column) -> str:
    standing = column.standing
    counts = ((standing.crashed, "crashed"), (standing.missing, "missing"))
    return ", ".join(f"{number:,} {word}" for number, word in counts if number) or "no task"


def _remarks(report: Report) -> Iterator[Html]:
    remarks = [each.text for each in report.notes if each.level == "remark" and each.text != notes.PAIRED]
    if report.paid.calls:
        remarks.append(f"paid in all, critics included and equal requests once: {describe(report.paid)}")
    yield element("ul", *(element("li", each) for each in remarks), class_="remarks")


def _pairs(report: Report, group: str) -> Iterator[Html]:
    """All of them; where they are many, folded under a matrix."""
    pairs = [each for each in report.pairs if each.setting == group]
    if len(pairs) > _MOST_PAIRS:
        yield _matrix(report, group, pairs)
        yield element("details", element("summary", f"All {len(pairs)} with their intervals"), _listed(pairs, group))
    elif pairs:
        yield _listed(pairs, group)


def _matrix(report: Report, group: str, pairs: Sequence[Pair]) -> Html:
    """Of each row less each column that stands before it."""
    names = [each.name for each in report.of_group(group) if any(each.name in {one.first, one.second} for one in pairs)]
    found = {(each.second, each.first): each.found for each in pairs}
    rows = (
        row(f"{number} {name}", *(_difference(found.get((name, other))) for other in names[:-1]))
        for number, name in enumerate(names, 1)
    )
    heads = [report.noun, *(f"less {number}" for number in range(1, len(names)))]
    caption = _caption("Points that a row solves more than a column, 95 %, and p", group)
    return element("div", table(caption, heads, rows), class_="matrix")


def _difference(found: Paired | None) -> Child:
    if found is None:
        return None
    return (
        percent(found.difference, "+"),
        element("small", between(found.interval, "+")),
        element("small", f"p {found.p:.2g}"),
    )


def _listed(pairs: Sequence[Pair], group: str) -> Html:
    reach = max(abs(end) for each in pairs for end in (each.found.interval.low, each.found.interval.high))
    names = ("difference", "tests", "tasks", "points", "95 %", "less · more", "gained", "lost", "p")
    rows = (
        row(
            f"{each.second} − {each.first}",
            LABELS[each.measure],
            f"{each.found.tasks:,}",
            element("strong", percent(each.found.difference, "+")),
            between(each.found.interval, "+"),
            charts.difference(each.found, reach),
            str(each.found.gained),
            str(each.found.lost),
            f"{each.found.p:.2g}",
        )
        for each in pairs
    )
    return table(_caption("Paired differences", group), names, rows)


def _turns(report: Report, group: str) -> Iterator[Html]:
    """The chart, whose legend is the table under it."""
    columns = [each for each in report.of_group(group) if each.standing.whole and each.standing.curve]
    if not columns:
        return
    longest = max(each.standing.longest for each in columns)
    yield element("figure", charts.curve({each.name: each.standing.curve for each in columns}))
    names = [report.noun, *(str(turn) for turn in range(1, longest + 1)), "MRR", "recall"]
    rows = (row((charts.key(number), *_name(each)), *_turn_cells(each, longest)) for number, each in enumerate(columns))
    yield table(_caption("Tasks solved by a turn, in percent", group), names, rows)


def _turn_cells(column: Column, longest: int) -> Iterator[str]:
    curve, rank, share = column.standing.curve, column.standing.reciprocal_rank, column.standing.recall
    yield from (percent(each) for each in curve)
    yield from [""] * (longest - len(curve))
    yield _NONE if rank is None else f"{rank:.3f}"
    yield _NONE if share is None else percent(share)


def _repairs(report: Report, group: str) -> Html | None:
    """A row for each error, the most frequent first, and one for all of them."""
    columns = [each for each in report.of_group(group) if each.standing.longest > 1 and each.standing.repairs]
    if not columns:
        return None
    found = [each.standing.repairs for each in columns]
    counts = Counter[str]()
    for repairs in found:
        counts.update({kind: each.failed for kind, each in repairs.items()})
    kinds = [kind for kind, _ in counts.most_common()]
    named, rest = kinds[:_MOST_KINDS], kinds[_MOST_KINDS:]
    whole = [("all", kinds)] if len(kinds) > 1 else []
    lines = [*whole, *((kind, [kind]) for kind in named), *([("others", rest)] if rest else [])]
    rows = (row(name, *(_rate(repairs, some) for repairs in found)) for name, some in lines)
    names = ["first failed with", *map(_name, columns)]
    return table(_caption("Repaired tasks by the error of the first answer", group), names, rows)


def _rate(found: Mapping[str, Repairs], kinds: Iterable[str]) -> Child:
    some = [found[kind] for kind in kinds if kind in found]
    whole = Repairs(sum(each.failed for each in some), sum(each.repaired for each in some))
    if whole.rate is None:
        return None
    words = element("small", f"{whole.repaired} of {whole.failed}")
    return (percent(whole.rate), charts.share(whole.repaired, whole.failed), words)


def _differences(report: Report) -> Html:
    rows = (row(each.task_id, run, each.recorded, each.judged) for run, each in report.differences)
    return table("Tasks whose verdict differs from the log's", ("task", "run", "log", "our verdict"), rows)
