"""Bars in a terminal, and as a picture."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import report

if TYPE_CHECKING:
    from ocinterp.synth.charts import Chart

_EIGHTHS: Final = " ▏▎▍▌▋▊▉"
_LONGEST: Final = 28  # of a bar's name
_WIDEST: Final = 100  # of a line


def show(folder: Path, picture: Path) -> None:
    """Print a run's charts, and draw them, where matplotlib is."""
    from ocinterp.synth import charts, parquet, plan
    from ocinterp.synth.folder import made
    from ocinterp.synth.rows import Row

    plan.load(folder)
    report.check(picture)
    parquet.check()
    found = charts.of_run(folder, charts.figures(made(folder).rows(Row)))
    width = min(_WIDEST, shutil.get_terminal_size().columns)
    for number, each in enumerate(found):
        print("\n" * (number > 0) + "\n".join(lines(each, width)))
    if importlib.util.find_spec("matplotlib") is None:
        print("ocinterp: no picture: matplotlib is not installed (pip install matplotlib)", file=sys.stderr)
        return
    charts.draw(found, picture)
    print(f"ocinterp: as a picture: {picture}", file=sys.stderr)


def lines(chart: Chart, width: int) -> Iterator[str]:
    """A chart as lines no longer than `width`."""
    from ocinterp.synth.charts import amount

    yield chart.title
    names = {name: name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…" for name in chart.bars}
    amounts = {name: amount(value, chart.of) for name, value in chart.bars.items()}
    named, told = max(map(len, names.values()), default=0), max(map(len, amounts.values()), default=0)
    room = max(4, width - named - told - 6)
    most = max([*chart.bars.values(), 1])
    for name, value in chart.bars.items():
        yield f"  {names[name]:<{named}}  {_bar(value / most, room):<{room}}  {amounts[name]:>{told}}".rstrip()


def _bar(share: float, room: int) -> str:
    eighths = round(share * room * 8)
    if share and not eighths:
        eighths = 1
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
