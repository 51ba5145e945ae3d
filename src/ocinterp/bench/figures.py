"""The numbers of a report as sections of its page: tables, each with the picture of what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ocinterp.bench import charts, dialogues, notes, spendings
from ocinterp.bench.comparison import Pair
from ocinterp.bench.markup import Child, Html, element
from ocinterp.bench.numbers import LABELS, Measure, between, percent
from ocinterp.bench.report import Column, Report
from ocinterp.bench.statistics import Paired, Repairs
from ocinterp.bench.tables import NONE, caption, name_of, row, table
from ocinterp.journal.costs import describe
from ocinterp.types import Usage

_MOST_KINDS = 12  # of errors, in the table of repairs
_MOST_PAIRS = 10  # that are listed open


def sections(report: Report) -> Iterator[Html]:
    """From the headline down to what a log said."""
    yield _section("Result", *(_results(report, each) for each in report.groups), *_remarks(report))
    if any(each.standing.usage != Usage() for each in report.columns):
        yield _section("Cost", *(spendings.costs(report, each) for each in report.groups), *_paid(report))
    yield _section("Endings", element("p", _ENDINGS), *(_endings(report, each) for each in report.groups))
    if report.pairs:
        yield _section(
            "Differences",
            element("p", _DIFFERENCES),
            *(part for each in report.groups for part in _pairs(report, each)),
        )
    if report.matches:
        yield _section(
            "For as many tokens",
            element("p", _MATCHES),
            *(spendings.matches(report, each) for each in report.groups),
        )
    if turns := [part for each in report.groups for part in _turns(report, each)]:
        yield _section("Turn by turn", *turns)
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
_MATCHES = (
    "Independent answers, task by task, until they have cost as much as the dialogue, a critic's tokens included. One: "
    "the mean of them; chosen: the first that the task's visible tests accept, else the first; best: any that is right. "
    "Gain is what the setting solves more than the number in bold: chosen, or best where its feedback draws on scoring tests."
)
_REPAIRS = "Tasks whose first answer failed, by how it failed, and how many of them the last answer solves."
_LOG = "The log calls these solved and our verdict does not, or the other way round. Only our verdicts count here."


def _section(title: str, *children: Child) -> Html:
    name = title.lower().replace(" ", "-")
    return element("section", element("h2", title, id=name), *children, aria_labelledby=name)


def _results(report: Report, group: str) -> Html:
    columns = report.of_group(group)
    measures = _others(columns)
    names = [report.noun, "tests", "tasks", "pass@1", "95 %", "0 to 100"]
    names += [*(f"by {LABELS[each]}" for each in measures), "turns"]
    rows = (row(name_of(each), *_result(each, measures)) for each in columns)
    return table(caption("pass@1 with its 95 % interval", group), names, rows)


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
    rows = (row(name_of(column), *each) for column, each in zip(columns, cells, strict=True))
    return table(caption("Attempts by how they ended", group), names, rows)


def _others(columns: Sequence[Column]) -> list[Measure]:
    """The measures that some column has, but not the one that makes all the headlines."""
    order: tuple[Measure, ...] = ("base", "plus", "unseen")
    headlines = {each.standing.setting.measure for each in columns}
    found = {measure for each in columns for measure in each.standing.measures}
    alone = headlines if len(headlines) == 1 else set[Measure]()
    return [each for each in order if each in found - alone]


def _result(column: Column, measures: Sequence[Measure]) -> Iterator[Child]:
    standing = column.standing
    found = standing.estimate(standing.setting.measure)
    turns = [len(each.turns) for each in standing.attempts()]
    yield LABELS[standing.setting.measure]
    yield f"{len(standing.tasks):,}"
    yield element("strong", percent(found.value)) if found else NONE
    yield between(found.interval) if found else _unfinished(column)
    yield charts.interval(found) if found else None
    for measure in measures:
        other = standing.estimate(measure) if measure in standing.measures else None
        yield percent(other.value) if other else NONE
    yield f"{sum(turns) / len(turns):.2f}" if turns else NONE


def _unfinished(column: Column) -> str:
    standing = column.standing
    counts = ((standing.crashed, "crashed"), (standing.missing, "missing"))
    return ", ".join(f"{number:,} {word}" for number, word in counts if number) or "no task"


def _remarks(report: Report) -> Iterator[Html]:
    remarks = [
        each.text for each in report.notes if each.level == "remark" and each.text not in {notes.PAIRED, notes.MATCHED}
    ]
    yield element("ul", *(element("li", each) for each in remarks), class_="remarks")


def _paid(report: Report) -> Iterator[Html]:
    if report.paid.calls:
        words = f"Paid in all, critics included and equal requests once: {describe(report.paid)}."
        yield element("p", words, class_="subtitle")


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
    title = caption("Points that a row solves more than a column, 95 %, and p", group)
    return element("div", table(title, heads, rows), class_="matrix")


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
    return table(caption("Paired differences", group), names, rows)


def _turns(report: Report, group: str) -> Iterator[Html]:
    """The chart, whose legend is the table under it, where dialogues may have several turns; no chart where none has."""
    columns = [each for each in report.of_group(group) if each.standing.whole and each.standing.curve]
    if not any(each.standing.setting.refines for each in columns):
        return
    longest = max(each.standing.longest for each in columns)
    if longest > 1:
        yield element("figure", charts.curve({each.name: each.standing.curve for each in columns}))
    names = [report.noun, *(str(turn) for turn in range(1, longest + 1)), "MRR", "recall"]
    rows = (
        row((charts.key(number), *name_of(each)), *_turn_cells(each, longest)) for number, each in enumerate(columns)
    )
    yield table(caption("Tasks solved by a turn, in percent", group), names, rows)


def _turn_cells(column: Column, longest: int) -> Iterator[str]:
    curve, ranks = column.standing.curve, column.standing.ranks
    yield from (percent(each) for each in curve)
    yield from [""] * (longest - len(curve))
    yield percent(ranks.mrr) if ranks else NONE
    yield percent(ranks.recall) if ranks else NONE


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
    names = ["first failed with", *map(name_of, columns)]
    return table(caption("Repaired tasks by the error of the first answer", group), names, rows)


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
