"""The rows of a run, written for trainers."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ocinterp.cli import report
from ocinterp.errors import UsageError


def _is_own(folder: Path, out: Path) -> bool:
    """Whether a run keeps its files there."""
    if not out.is_relative_to(folder):
        return False
    first, *inner = out.relative_to(folder).parts or (".",)
    return bool(inner) or first.startswith((".", "plan.", "journal.", "gateway."))


def write(folder: Path, form: str, out: Path, *, methods: Sequence[str], verified: bool) -> int:
    """Write them, `-` to the standard output, and say how many. UsageError for what is not there."""
    if str(out) != "-":
        report.check(out)
        return _written(folder, form, out, methods, verified)
    with tempfile.TemporaryDirectory(prefix="ocinterp-") as place:
        whole = Path(place) / "rows.jsonl"
        count = _written(folder, form, whole, methods, verified)
        with whole.open("rb") as rows:
            shutil.copyfileobj(rows, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    return count


def _written(folder: Path, form: str, out: Path, methods: Sequence[str], verified: bool) -> int:
    from ocinterp.synth import export, plan
    from ocinterp.synth.folder import Stage, made
    from ocinterp.synth.hardness import Judged
    from ocinterp.synth.pipeline import METHODS
    from ocinterp.synth.rows import Row

    known = (*export.FORMS, "trajectories", "tasks")
    if form not in known:
        raise UsageError(f"--to {form}: choose of {', '.join(known)}")
    if unknown := set(methods) - set(METHODS):
        raise UsageError(f"there is no method {min(unknown)}: there are {', '.join(METHODS)}")
    plan.load(folder)
    if _is_own(folder.resolve(), out.resolve()):
        raise UsageError(f"{out} is a place of the run's own files: choose another name")
    stage = made(folder)
    if form == "tasks" and (methods or verified):
        raise UsageError(
            "--to tasks writes questions, which have no method and are not verified: leave --methods and --verified out"
        )
    if form == "tasks":
        return export.write_tasks((each.query for each in Stage(folder, "hard").rows(Judged)), out)
    rows = (
        each for each in stage.rows(Row) if (each.verified or not verified) and (each.method in methods or not methods)
    )
    return export.write(form, rows, out)
