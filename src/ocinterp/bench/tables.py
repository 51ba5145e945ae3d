"""Tables of a page: numbers to the right, and each scrolls sideways by itself where the page is narrow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from ocinterp.bench.markup import Child, Html, element
from ocinterp.bench.report import Column
from ocinterp.bench.seats import Setting

NONE: Final = "–"
_WORDS: Final = {  # heads of what is no number
    *("setting", "model", "difference", "first failed with", "task", "run", "log", "our verdict"),
    *("tests", "95 %", "0 to 100", "less · more"),
}
_NUMBER = re.compile(r"(?:<strong>)?(?:[-+$]?[\d.,e-]+|–)(?:</strong>)?")


def table(title: str, names: Sequence[Child], rows: Iterable[Html]) -> Html:
    """A table that scrolls sideways by itself where the page is narrow."""
    heads = (element("th", each, scope="col", class_=_kind(each)) for each in names)
    head = element("thead", element("tr", *heads))
    inner = element("table", element("caption", title), head, element("tbody", *rows))
    return element("div", inner, class_="wide", tabindex="0", role="region", aria_label=title)


def _kind(head: Child) -> str | None:
    return "number" if isinstance(head, str) and head not in _WORDS else None


def row(name: Child, *cells: Child) -> Html:
    """A row whose first cell names it."""
    return element("tr", element("th", name, scope="row"), *map(_cell, cells))


def _cell(content: Child) -> Html:
    number = isinstance(content, str) and _NUMBER.fullmatch(content)
    return element("td", content, class_="number" if number else None)


def caption(text: str, group: str) -> str:
    """What a table shows, of one group where there are several."""
    return f"{text}: {group}" if group else text


def name_of(column: Column) -> tuple[Child, ...]:
    """Its name with its mark."""
    return column.name, marked(column.standing.setting)


def marked(setting: Setting) -> Html | None:
    """The mark of a setting, which says what it means to who points at it."""
    solution = ", and a critic had the solution" if setting.shows_solution else ""
    words = f"scoring tests were shown{solution}: an upper bound, no pass@1"
    return element("abbr", setting.mark, title=words) if setting.mark else None
