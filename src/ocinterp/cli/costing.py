"""What a run has cost: by model, as the journal has it, and a row of each method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ocinterp.journal import NOTHING, Cost, Reader

_ASKED = frozenset({"completion", "embedding"})
_MODEL = "{:<44} {:>9} {:>12} {:>12} {:>10}"
_METHOD = "{:<14} {:>8} {:>9} {:>10} {:>12}"


def told(folder: Path) -> Iterator[str]:
    """The lines of it. UsageError where there is no run, or nothing was asked in it."""
    from ocinterp.synth import plan
    from ocinterp.synth.folder import JOURNAL

    plan.load(folder)
    with Reader(folder / JOURNAL) as journal:
        by_model: defaultdict[str, Cost] = defaultdict(lambda: NOTHING)
        for each in journal.entries():
            if each.kind in _ASKED:
                by_model[each.model] += each.spent
        whole = journal.report()
    yield _MODEL.format("model", "calls", "tokens in", "tokens out", "dollars")
    for name, cost in sorted(by_model.items()):
        yield _MODEL.format(
            name[:44],
            f"{cost.calls:,}",
            f"{cost.prompt_tokens:,}",
            f"{cost.completion_tokens:,}",
            f"{cost.dollars:.4f}",
        )
    yield from ("", *_of_rows(folder, whole.spent.nanodollars))
    if whole.possible != NOTHING:
        yield f"possibly also: ${whole.possible.dollars:.4f} for {whole.possible.calls:,} calls of which nobody knows whether they were answered"


def _of_rows(folder: Path, spent: int) -> Iterator[str]:
    """What rows of each method cost, and what is in no row: questions that were judged, rows that could not be made."""
    from ocinterp.synth.folder import Stage
    from ocinterp.synth.rows import Row

    rows: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for each in Stage(folder, "assemble").rows(Row):
        found = rows[each.method]
        found[0] += 1
        found[1] += len(each.calls)
        found[2] += sum(call.nanodollars for call in each.calls)
    yield _METHOD.format("rows", "count", "calls", "dollars", "dollars each")
    for method, (count, calls, cost) in sorted(rows.items()):
        yield _METHOD.format(method, f"{count:,}", f"{calls:,}", f"{cost / 1e9:.4f}", f"{cost / 1e9 / count:.6f}")
    rest = spent - sum(cost for _, _, cost in rows.values())
    yield f"in no row (questions that were judged, rows that were not made): ${rest / 1e9:.4f} of ${spent / 1e9:.4f}"
