"""What is done with runs as a whole: one is stopped, two are compared, what nobody needs any more goes."""

from __future__ import annotations

import difflib
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli import gateway
from ocinterp.errors import UsageError
from ocinterp.journal import alone, compact, holder

if TYPE_CHECKING:
    from ocinterp.synth.rows import Row

_About = tuple[str, ...]  # a row's method, and the questions that it is of

_LOOK_SECONDS: Final = 0.1
_BETWEEN_SECONDS: Final = 0.5
_NAMED: Final = 3  # rows of a kind that are named
_LINE: Final = "{:<14} {:>9} {:>9} {:>9}"


def stop(folder: Path, *, now: bool) -> None:
    """Have the process that makes a run end after what is under way, and wait for that. `now`: without waiting for models."""
    from ocinterp.synth import plan
    from ocinterp.synth.folder import JOURNAL

    plan.load(folder)
    process = holder(folder / JOURNAL)
    if process is None:
        raise UsageError(f"nobody makes {folder} now: there is nothing to stop")
    _signal(process, signal.SIGTERM)
    until = "at once" if now else "when what is under way is done"
    print(f"ocinterp: process {process} ends {until}", file=sys.stderr)
    since = time.monotonic()
    while holder(folder / JOURNAL) == process:
        time.sleep(_LOOK_SECONDS)
        if now and time.monotonic() - since > _BETWEEN_SECONDS:
            since = time.monotonic()
            _signal(process, signal.SIGINT)  # the second sign ends it at once; two that come together are heard as one
    print("ocinterp: it has ended; the command that it was started with goes on", file=sys.stderr)


def _signal(process: int, number: int) -> None:
    """UsageError where it may not be given a sign."""
    with suppress(ProcessLookupError):  # it ended just now
        try:
            os.kill(process, number)
        except PermissionError:
            raise UsageError(f"process {process} is another user's: ask them to stop it") from None


def clear(folder: Path) -> Iterator[str]:
    """Remove files that were left by processes that died, and parts of stages that begin anew; give back the journal's empty room.

    Says what went. UsageError while the run is made.
    """
    from ocinterp.synth import pipeline, plan
    from ocinterp.synth.folder import JOURNAL, Stage

    plan.load(folder)
    journal, store = folder / JOURNAL, folder / gateway.STORE
    with alone(journal):
        if (process := holder(store)) is not None:
            yield f"{store.name}: stays, process {process} is the run's gateway"
        elif Stage(folder, pipeline.STAGES[-1]).done is not None:
            for each in sorted(folder.glob(f"{store.name}*")):
                yield _gone(each, folder, "answers that the journal has")
        for each in sorted(folder.rglob(".*.tmp")):
            yield _gone(each, folder, "was being written")
        for name in pipeline.STAGES:
            stage = Stage(folder, name)
            if stage.done is None and stage.place.exists():
                yield _gone(stage.place, folder, "is not done, and begins anew")
    if journal.exists():
        before = _size(journal)
        compact(journal)
        yield f"{journal.relative_to(folder)}: {before:,} bytes before, {_size(journal):,} now"


def _size(journal: Path) -> int:
    return sum(each.stat().st_size for each in journal.parent.glob(f"{journal.name}*"))


def _gone(path: Path, folder: Path, why: str) -> str:
    size = (
        sum(each.stat().st_size for each in path.rglob("*") if each.is_file()) if path.is_dir() else path.stat().st_size
    )
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return f"{path.relative_to(folder)}: {size:,} bytes ({why})"


def difference(one: Path, two: Path) -> Iterator[str]:
    """How two runs differ: in their plans, and in their rows. UsageError where one has none yet."""
    from ocinterp.synth import plan
    from ocinterp.synth.folder import made
    from ocinterp.synth.rows import Row

    before, after = (plan.written(plan.load(each)).splitlines() for each in (one, two))
    yield from list(difflib.unified_diff(before, after, str(one), str(two), lineterm="", n=0)) or [
        "the plans are the same"
    ]
    yield ""
    first, second = ({each.id: _about(each) for each in made(run).rows(Row)} for run in (one, two))
    yield _LINE.format("rows", one.resolve().name[:9], two.resolve().name[:9], "in both")
    both = {each: about for each, about in first.items() if each in second}
    counts = [Counter(method for method, *_ in rows.values()) for rows in (first, second, both)]
    for method in sorted({*counts[0], *counts[1]}):
        yield _LINE.format(method, *(f"{each[method]:,}" for each in counts))
    yield _LINE.format("all", *(f"{each.total():,}" for each in counts))
    yield from _others(first, second, one, two)


def _about(row: Row) -> _About:
    return row.method, *(each.id for each in row.sources)


def _others(first: Mapping[str, _About], second: Mapping[str, _About], one: Path, two: Path) -> Iterator[str]:
    """Rows that only one of them has: of the same questions, by the same method, or of others."""
    mine = {about: each for each, about in first.items() if each not in second}
    yours = {about: each for each, about in second.items() if each not in first}
    groups = (
        ("made anew of the same questions", [yours[about] for about in mine if about in yours]),
        (f"only in {one}", [each for about, each in mine.items() if about not in yours]),
        (f"only in {two}", [each for about, each in yours.items() if about not in mine]),
    )
    for what, ids in groups:
        if ids:
            named = ", ".join(ids[:_NAMED]) + (" ..." if len(ids) > _NAMED else "")
            yield f"{len(ids):,} {what}: {named}"
