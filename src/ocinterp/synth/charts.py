"""What a dataset is like, as bars: how much of it was kept, made by which method, in how many turns, with what errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ocinterp.files import explained
from ocinterp.synth import pipeline
from ocinterp.synth.estimate import TOKEN_BYTES
from ocinterp.synth.rows import SPOKEN_OF, Row

_SIZES: Final = (128, 256, 512, 1024, 2048, 4096, 8192)  # tokens
_MOST_ANSWERS: Final = 8
_MOST_BARS: Final = 12  # those that are left come together as one


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars with names, of so many `what`. `of` is what a whole is: bars are told as shares of it too."""

    title: str
    bars: Mapping[str, float]
    of: float | None = None
    what: str = "rows"


@dataclass
class Figures:
    """What is counted of rows."""

    rows: int = 0
    methods: Counter[str] = field(default_factory=Counter[str])
    verified: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[int] = field(default_factory=Counter[int])
    tokens: Counter[int] = field(default_factory=Counter[int])  # of the size that is the next above
    languages: Counter[str] = field(default_factory=Counter[str])
    ran: Counter[int] = field(default_factory=Counter[int])  # by `solved_turn`; 0: none
    errors: Counter[str] = field(default_factory=Counter[str])
    heard: Counter[str] = field(default_factory=Counter[str])  # by who said it
    categories: Counter[str] = field(default_factory=Counter[str])
    followed: Counter[str] = field(default_factory=Counter[str])
    speakers: Counter[str] = field(default_factory=Counter[str])  # who gave the answers
    sources: Counter[tuple[str, str]] = field(
        default_factory=Counter[tuple[str, str]]
    )  # dataset and licence; of questions

    def count(self, row: Row) -> None:
        self.rows += 1
        self.methods[row.method] += 1
        self.verified[row.verify_kind or ("not run to its end" if row.executions else "not run")] += 1
        self.answers[len(row.turns)] += 1
        self.speakers.update(each.by for each in row.turns)
        size = sum(len(each.content.encode(errors="surrogatepass")) for each in row.messages) // TOKEN_BYTES
        self.tokens[next((each for each in _SIZES if size < each), 0)] += 1
        self.sources.update((each.dataset, each.licence) for each in row.sources)
        self.languages.update(row.languages)
        if row.executions:
            self.ran[row.solved_turn] += 1
        self.errors.update(each.error or str(each.outcome) for each in row.executions if each.outcome != "ok")
        if row.method in SPOKEN_OF:
            self.heard.update(each.source for each in row.feedback if each.text)
        self.categories.update(each.category for each in row.feedback if each.category)
        self.followed.update(each.followed for each in row.feedback if each.followed)


def figures(rows: Iterable[Row]) -> Figures:
    """Of all rows, each read once."""
    found = Figures()
    for each in rows:
        found.count(each)
    return found


def of_run(folder: Path, found: Figures) -> list[Chart]:
    """Of a run, with what was counted of its rows: first what is left after each stage."""
    funnel = {name: float(done.rows) for name, done in pipeline.funnel(folder) if done is not None}
    return [Chart("rows after each stage", funnel), *charts(found)]


def charts(found: Figures) -> Iterator[Chart]:
    """What there is something to say of."""
    yield Chart("rows by method", _sorted(found.methods), found.rows)
    yield Chart("last program", _sorted(found.verified), found.rows)
    yield Chart("answers of a row", _in_order(found.answers, range(1, _MOST_ANSWERS)), found.rows)
    sizes: dict[str, float] = {f"under {each:,}": float(found.tokens[each]) for each in _SIZES} | {
        f"{_SIZES[-1]:,} and more": found.tokens[0]
    }
    yield Chart("tokens of a row (about)", _trimmed(sizes), found.rows)
    yield Chart("answers by", _sorted(found.speakers), found.speakers.total(), "answers")
    if found.languages:
        yield Chart("languages of code", _sorted(found.languages), found.rows)
    if with_code := found.ran.total():
        yield Chart("ran, and no test refutes it", dict(_running(found.ran)), with_code)
    for title, counts, what in (
        ("what stopped programs", found.errors, "programs"), ("feedback by", found.heard, "remarks"),
        ("what simulated people spoke of", found.categories, "remarks"),
        ("simulated feedback was followed", found.followed, "remarks"),
    ):  # fmt: skip
        if counts:
            yield Chart(title, _sorted(counts), counts.total(), what)


def _sorted(counts: Mapping[str, int]) -> dict[str, float]:
    ranked = Counter(dict(counts)).most_common()
    shown, rest = ranked[:_MOST_BARS], ranked[_MOST_BARS:]
    more = {f"{len(rest)} others": float(sum(count for _, count in rest))} if rest else {}
    return {name: float(count) for name, count in shown} | more


def _in_order(counts: Mapping[int, int], numbers: range) -> dict[str, float]:
    """One bar a number, and one for all above."""
    found = {str(each): float(counts.get(each, 0)) for each in numbers}
    more = sum(count for each, count in counts.items() if each >= numbers.stop)
    return _trimmed(found | ({f"{numbers.stop} and more": more} if more else {}))


def _trimmed(bars: Mapping[str, float]) -> dict[str, float]:
    """Without empty ones at both ends."""
    names = list(bars)
    full = [at for at, name in enumerate(names) if bars[name]]
    return {name: bars[name] for name in names[full[0] : full[-1] + 1]} if full else {}


def _running(ran: Mapping[int, int]) -> Iterator[tuple[str, float]]:
    """Up to which answer: each bar has those of the bars before."""
    so_far = 0
    for answer in range(1, max(ran) + 1):
        so_far += ran.get(answer, 0)
        yield f"by answer {answer}", so_far
    if ran.get(0):
        yield "never", ran[0]


def draw(found: Sequence[Chart], path: Path) -> None:
    """A PNG of all of them, two in a line. DataError where it cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 2
    lines = [found[start : start + columns] for start in range(0, len(found), columns)]
    heights = [1 + max(len(each.bars) for each in line) for line in lines]
    figure: Any = Figure(figsize=(12, 0.26 * sum(heights) + 0.6 * len(lines)), layout="constrained")
    FigureCanvasAgg(figure)
    places = figure.subplots(len(lines), columns, squeeze=False, height_ratios=heights)
    for number, place in enumerate(places.flat):
        if number >= len(found):
            place.axis("off")
            continue
        _draw(place, found[number], heights[number // columns] - 1)
    with explained(path):
        figure.savefig(path, dpi=110, format="png")


def _draw(place: Any, chart: Chart, room: int) -> None:
    """In room for so many bars, so that all of a line are as high."""
    names, values = list(chart.bars), list(chart.bars.values())
    bars = place.barh(range(len(names)), values, color="#4878a8", height=0.7)
    place.bar_label(bars, [amount(value, chart.of) for value in values], padding=4, fontsize=8)
    place.set_yticks(range(len(names)), names, fontsize=8)
    place.set_ylim(room - 0.4, -0.6)
    place.spines["left"].set_bounds(-0.6, len(names) - 0.4)
    place.set_xlim(0, 1.25 * max([*values, 1]))
    place.set_title(chart.title, fontsize=10, loc="left")
    place.xaxis.set_visible(False)
    for side in ("top", "right", "bottom"):
        place.spines[side].set_visible(False)


def amount(value: float, of: float | None) -> str:
    """A bar's number, with its share."""
    return f"{value:,.0f}" + (f"  {value / of:.1%}" if of else "")
