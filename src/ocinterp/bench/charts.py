"""Small pictures of numbers, as SVG: colours and fonts are the page's, and each says in words what it shows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ocinterp.bench.markup import Html, element
from ocinterp.bench.numbers import between, percent
from ocinterp.bench.statistics import Estimate, Paired

COLOURS: Final = 8  # in the page's style: .c0 to .c7; further ones begin again, dashed, then dotted
_DASHES: Final = ("", " dashed", " dotted")
_WIDE, _HIGH = 220, 18
_LEFT, _RIGHT, _TOP, _FLOOR = 36, 10, 10, 24
_CURVE_WIDE, _CURVE_HIGH = 640, 260


def interval(found: Estimate) -> Html:
    """A share and its interval on a scale from 0 to 100."""
    words = f"{percent(found.value)}, 95 %: {between(found.interval)}"
    return _whiskers(found.value, found.interval.low, found.interval.high, words, ticks=(0.25, 0.5, 0.75))


def difference(found: Paired, reach: float) -> Html:
    """A difference and its interval on a scale from -`reach` to `reach`."""

    def place(value: float) -> float:
        return (value + reach) / (2 * reach)

    words = f"{percent(found.difference, '+')} points, 95 %: {between(found.interval, '+')}"
    low, high = place(found.interval.low), place(found.interval.high)
    return _whiskers(place(found.difference), low, high, words, ticks=(0.5,))


def _whiskers(value: float, low: float, high: float, words: str, ticks: Sequence[float]) -> Html:
    def x(share: float) -> float:
        return 6 + share * (_WIDE - 12)

    middle = _HIGH / 2
    return _picture(
        words,
        "whiskers",
        _WIDE,
        _HIGH,
        element("line", class_="axis", x1=x(0), x2=x(1), y1=middle, y2=middle),
        *(element("line", class_="grid", x1=x(each), x2=x(each), y1=1, y2=_HIGH - 1) for each in ticks),
        element("line", class_="reach", x1=x(low), x2=x(high), y1=middle, y2=middle),
        *(
            element("line", class_="reach", x1=x(each), x2=x(each), y1=middle - 5, y2=middle + 5)
            for each in (low, high)
        ),
        element("circle", class_="point", cx=x(value), cy=middle, r=4),
    )


def share(part: int, whole: int) -> Html:
    """How much of a whole."""
    length = _WIDE / 2 * part / whole if whole else 0.0
    bars = (
        element("rect", class_="track", width=_WIDE / 2, height=10, rx=2),
        element("rect", class_="filled", width=length, height=10, rx=2),
    )
    return _picture(f"{part} of {whole}", "share", _WIDE // 2, 10, *bars)


def curve(series: Mapping[str, Sequence[float]]) -> Html:
    """Shares by turn, a line for each name."""
    turns = max(map(len, series.values()))
    names = ", ".join(f"{name} from {percent(each[0])} to {percent(each[-1])}" for name, each in series.items())
    lines = (_line(number, each, turns) for number, each in enumerate(series.values()))
    return _picture(f"solved by turn, in percent: {names}", "curve", _CURVE_WIDE, _CURVE_HIGH, *_grid(turns), *lines)


def _x(turn: int, turns: int) -> float:
    """Where a turn, from 1, stands."""
    room = _CURVE_WIDE - _LEFT - _RIGHT
    return _LEFT + room * ((turn - 0.5) / turns if turns < 3 else (turn - 1) / (turns - 1))


def _y(value: float) -> float:
    return _TOP + (_CURVE_HIGH - _TOP - _FLOOR) * (1 - value)


def _grid(turns: int) -> Iterator[Html]:
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(value)
        yield element("line", class_="grid", x1=_LEFT, x2=_CURVE_WIDE - _RIGHT, y1=y, y2=y)
        yield element("text", f"{100 * value:.0f}", x=_LEFT - 6, y=y + 4, text_anchor="end")
    step = 1 + turns // 12
    for turn in range(1, turns + 1, step):
        anchor = "end" if turn == turns > 2 else "middle"
        yield element("text", str(turn), x=_x(turn, turns), y=_CURVE_HIGH - 6, text_anchor=anchor)


def _line(number: int, values: Sequence[float], turns: int) -> Iterator[Html]:
    colour = stroke(number)
    held = [*values, *[values[-1]] * (turns - len(values))]  # what is solved stays so
    points = " ".join(f"{_x(turn, turns):.1f},{_y(value):.1f}" for turn, value in enumerate(held, 1))
    yield element("polyline", class_=f"line {colour}", points=points, fill="none")
    for turn, value in enumerate(values, 1):
        yield element("circle", class_=f"dot {colour}", cx=_x(turn, turns), cy=_y(value), r=3.5)


def stroke(number: int) -> str:
    """The classes of a line's colour and dashes."""
    return f"c{number % COLOURS}{_DASHES[number // COLOURS % len(_DASHES)]}"


def key(number: int) -> Html:
    """A piece of the line of that number, for a legend."""
    line = element("line", class_=f"line {stroke(number)}", x1=0, x2=22, y1=6, y2=6)
    return element("svg", line, class_="key", viewBox="0 0 22 12", width=22, height=12, aria_hidden="true")


def _picture(words: str, kind: str, wide: int, high: int, *parts: Html | Iterator[Html]) -> Html:
    return element(
        "svg",
        element("title", words),
        *parts,
        class_=kind,
        viewBox=f"0 0 {wide} {high}",
        width=wide,
        height=high,
        role="img",
        aria_label=words,
    )
