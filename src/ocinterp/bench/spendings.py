"""What a report's settings spend, and what independent answers for as many tokens give: two tables of its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ocinterp.bench import charts, tables
from ocinterp.bench.comparison import Match
from ocinterp.bench.markup import Child, Html, element
from ocinterp.bench.numbers import LABELS, between, dollars, percent
from ocinterp.bench.report import Column, Report
from ocinterp.bench.statistics import Estimate
from ocinterp.types import Usage


def costs(report: Report, group: str) -> Html:
    """Tokens and dollars of each column, were it made alone. Samples and a critic have columns where there are any."""
    columns = report.of_group(group)
    extras = _Extras(
        any(each.standing.most_samples > 1 for each in columns),
        any(each.standing.critic_usage != Usage() for each in columns),
        any(each.dollars for each in columns),
    )
    rows = (tables.row(tables.name_of(each), *_cost(each, extras)) for each in columns)
    return tables.table(tables.caption("Tokens, and what they cost", group), (report.noun, *extras.names), rows)


@dataclass(frozen=True, slots=True)
class _Extras:
    """Which columns a table of costs has beside the tokens of the model."""

    samples: bool
    critic: bool
    priced: bool

    @property
    def names(self) -> Iterator[str]:
        if self.samples:
            yield "samples"
        yield from ("tokens in", "tokens out")
        if self.critic:
            yield from ("critic in", "critic out")
        if self.priced:
            yield "cost"
        if self.priced and self.critic:
            yield "of it the critic's"


def _cost(column: Column, extras: _Extras) -> Iterator[str]:
    standing, found = column.standing, column.dollars
    if extras.samples:
        yield f"{standing.mean_samples:.1f}".removesuffix(".0")
    yield from _tokens(standing.usage)
    if extras.critic:
        yield from _tokens(standing.critic_usage)
    if extras.priced:
        yield dollars(found.both) if found else tables.NONE
    if extras.priced and extras.critic:
        yield dollars(found.critic) if found and found.critic else tables.NONE


def _tokens(usage: Usage) -> Iterator[str]:
    for each in (usage.prompt_tokens, usage.completion_tokens):
        yield f"{each:,}" if each else tables.NONE


def matches(report: Report, group: str) -> Html | None:
    """Each column that refines beside its model's own answers; the number that is to be beaten is bold."""
    found = [each for each in report.matches if each.setting == group]
    if not found:
        return None
    ends = (end for each in found for end in (each.found.difference.interval.low, each.found.difference.interval.high))
    reach = max(map(abs, ends))
    numbers = ("drawn", "one", "chosen", "best", "gain")
    names = (report.noun, "tests", *numbers, "95 %", "less · more", "gained", "lost", "p")
    rows = (tables.row((each.name, tables.marked(each.found.rival)), *_match(each, reach)) for each in found)
    return tables.table(tables.caption("What the same tokens buy without feedback", group), names, rows)


def _match(match: Match, reach: float) -> Iterator[Child]:
    found, gain = match.found, match.found.difference
    yield LABELS[found.rival.measure]
    yield f"{found.samples:.1f}"
    yield _rate_of(found.one)
    yield _rate_of(found.chosen, strong=found.against == "chosen")
    yield _rate_of(found.best, strong=found.against == "best")
    yield element("strong", percent(gain.difference, "+"))
    yield between(gain.interval, "+")
    yield charts.difference(gain, reach)
    yield str(gain.gained)
    yield str(gain.lost)
    yield f"{gain.p:.2g}"


def _rate_of(found: Estimate, *, strong: bool = False) -> Child:
    words = percent(found.value)
    return element("strong", words) if strong else words
