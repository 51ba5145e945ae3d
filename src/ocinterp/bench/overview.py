"""All tasks of a report at a glance: how each ended in each column, with what the page's filters go by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from ocinterp.bench.attempts import Attempt
from ocinterp.bench.dialogues import marks
from ocinterp.bench.markup import Html, element
from ocinterp.bench.numbers import Measure
from ocinterp.bench.report import Column, Report
from ocinterp.bench.run import Crash
from ocinterp.types import Status

_SAID = {
    "solved": "solved",
    "unsolved": "not solved",
    "repaired": "repaired: failed at first, solved in the end",
    "lost": "lost: solved once, not in the end",
    "differs": "not the same in all columns",
    "leaked": "the critic quoted the solution",
    "unsaid": "ended for want of an answer",
    "crashed": "without a verdict",
    "missing": "not made",
}


def sections(report: Report, limit: int) -> Iterator[Html]:
    """The overview. `limit` is to how many characters the texts of the page were cut."""
    found = _Marks(report)
    hint = f"Open a verdict to read its dialogue. Texts of more than {limit:,} characters are cut; the run's .jsonl has all."
    yield element(
        "section",
        element("h2", "Tasks", id="tasks"),
        element("p", hint),
        element("noscript", element("p", _NO_SCRIPT, class_="banner warning")),
        _filters(report, found),
        _table(report, found),
        aria_labelledby="tasks",
    )


_NO_SCRIPT = (
    "Without scripts the verdicts below can be read, but no dialogue opened: the run's .jsonl has them, a line each."
)


class _Marks:
    """What ended in each cell, its marks, and how many cells have one."""

    def __init__(self, report: Report) -> None:
        ended = [each.standing.ended() for each in report.columns]
        self.ended = [[each.get(task_id, []) for each in ended] for task_id in report.task_ids]
        measures: list[Measure] = [each.standing.setting.measure for each in report.columns]
        self.cells = [list(map(marks, each, measures)) for each in self.ended]
        self.counts = Counter(mark for line in self.cells for cell in line for mark in cell)
        self.differs = [len({"solved" in cell for cell in line}) > 1 for line in self.cells]
        if any(self.differs):
            self.counts["differs"] = sum(self.differs)


def _filters(report: Report, found: _Marks) -> Html:
    columns = [element("option", "any", value="")]
    columns += [element("option", report.label(each), value=str(number)) for number, each in enumerate(report.columns)]
    kinds = [each for each, _ in found.counts.most_common() if each not in _SAID and each != Status.PASS]
    known = [each for each in _SAID if found.counts[each]]
    statuses = [element("option", "any", value="")]
    statuses += [element("option", f"{_SAID[each]} ({found.counts[each]:,})", value=each) for each in known]
    statuses += [element("option", f"{each} ({found.counts[each]:,})", value=each) for each in kinds]
    return element(
        "form",
        element("label", report.noun.capitalize(), element("select", *columns, id="in")),
        element("label", "Status", element("select", *statuses, id="status")),
        element("label", "Task", element("input", id="task", type="search", placeholder="part of its name")),
        element("output", f"{len(report.task_ids):,} tasks", id="count", for_="in status task"),
        class_="filters",
        hidden=True,
        id="filters",
    )


def _table(report: Report, found: _Marks) -> Html:
    head = (element("th", each, scope="col") for each in ("task", *map(report.label, report.columns)))
    body = element("tbody", *(_row(report, found, number) for number in range(len(report.task_ids))))
    caption = element("caption", "How each task ended; the number is that of the turns")
    inner = element("table", caption, element("thead", element("tr", *head)), body, class_="overview", id="overview")
    return element("div", inner, class_="wide tall", tabindex="0", role="region", aria_label="Tasks")


def _row(report: Report, found: _Marks, number: int) -> Html:
    task_id = report.task_ids[number]
    cells = zip(found.ended[number], report.columns, found.cells[number], strict=True)
    return element(
        "tr",
        element("th", task_id, scope="row"),
        *(_cell(*each) for each in cells),
        class_="differs" if found.differs[number] else None,
    )


def _cell(ended: list[Attempt | Crash], column: Column, found: list[str]) -> Html:
    made = [each for each in ended if isinstance(each, Attempt)]
    measure = column.standing.setting.measure
    solved = sum(each.scored.status(measure) == Status.PASS for each in made)
    if not ended:
        return element("td", element("span", "not made"), data_marks=" ".join(found))
    if len(ended) > 1:
        words, good = f"{solved} of {len(ended)}", solved == len(ended)
    elif made:
        turns = len(made[0].turns)
        words, good = made[0].scored.kind(measure) + (f" · {turns}" if turns > 1 else ""), bool(solved)
    else:
        words, good = "no verdict", False
    sign = element("span", "✓ " if good else "✗ ", class_="good" if good else "bad", aria_hidden="true")
    button = element("button", sign, words, type="button", aria_expanded="false")
    return element("td", button, data_marks=" ".join(found))
