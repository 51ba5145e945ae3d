"""Rows of a dataset for people: a conversation with its code, what came of it, what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp.types import Source

if TYPE_CHECKING:
    from ocinterp.synth.rows import Execution, Row

_INDENT = "    "
_MUTE = (Source.TESTS, Source.SIMULATED_HUMAN)  # whose ratings have words, where the model hears of them
_MOST = 2_000  # characters of an output


def rows(folder: Path, where: str, limit: int) -> Iterator[Row]:
    """Those for which an SQL condition holds."""
    from ocinterp.synth import asking, plan
    from ocinterp.synth.folder import made
    from ocinterp.synth.rows import Row

    plan.load(folder)
    stage = made(folder)
    wanted = asking.matching(stage, where, limit)
    left = set(wanted)
    for each in stage.rows(Row):
        if each.id in left:
            left.discard(each.id)
            yield each
        if not left:
            return


def shown(row: Row) -> Iterator[str]:
    """One row in lines."""
    verified = f"verified ({row.verify_kind})" if row.verified else "not verified"
    yield (
        f"{row.id}  {row.method}  {verified}, solved in answer {row.solved_turn}"
        if row.solved_turn
        else f"{row.id}  {row.method}  {verified}"
    )
    for each in row.sources:
        yield f"from {each.dataset}, {each.where}, {each.licence}"
    if row.scores:
        yield f"scores: {', '.join(f'{each.name} {each.value}' for each in row.scores)}"
    if row.calls:
        cost = sum(each.nanodollars for each in row.calls) / 1e9
        tokens = sum(each.prompt_tokens + each.completion_tokens for each in row.calls)
        yield f"cost: {len(row.calls)} calls, {tokens:,} tokens, ${cost:.4f}"
    first = next((at for at, each in enumerate(row.messages) if each.role == "assistant"), len(row.messages))
    for each in row.messages[:first]:
        yield from ("", f"── {each.role}", *_lines(each.content))
    for turn in row.turns:
        learnt = "" if turn.train else ", not to be learnt"
        yield from ("", f"── {turn.by}{learnt}", *_lines(turn.text))
        for each in row.executions:
            if each.turn == turn.index:
                yield from _execution(each)
        for each in row.feedback:
            if each.turn == turn.index:
                parts = (
                    each.category,
                    each.rating,
                    each.followed and f"followed: {each.followed}",
                    "found later" if each.source is Source.TESTS and not each.text else "",
                    "nobody was told" if each.source in _MUTE and not each.text else "",
                )
                more = ", ".join(filter(None, parts))
                yield from ("", f"── {each.source}{f' ({more})' if more else ''}", *_lines(each.text))


def _execution(each: Execution) -> Iterator[str]:
    failed = f" {each.error}: {each.message}" if each.error else ""
    yield f"{_INDENT}[{each.cell}, {each.language}: {each.outcome}{failed}, {each.wall_seconds:.2f} s]"
    for text in (each.stdout, each.stderr):
        yield from (f"{_INDENT}{line}" for line in _lines(text[:_MOST]))


def _lines(text: str) -> list[str]:
    return text.rstrip().split("\n") if text.strip() else []
