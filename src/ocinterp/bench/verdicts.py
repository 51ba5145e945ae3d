"""Verdicts as the journal keeps them, and never one where the sandbox failed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from ocinterp.errors import SandboxError
from ocinterp.types import Status, Verdict
from ocinterp.verifiers.judge import Judgement, Judgements, Tally

VERSION = 2  # of the judge: what was judged by another is judged again

Verdicts = Mapping[str, tuple[Verdict, ...]]  # by profile: base, then plus where there is one


def check(judgements: Iterable[Judgement]) -> None:
    """Raise SandboxError where a set of tests has no verdict because the sandbox failed."""
    for each in judgements:
        for tally in each.sets:
            if tally.failure is not None and tally.failure.status is Status.SANDBOX_FAILURE:
                raise SandboxError(tally.failure.detail)


def dumps(judgements: Judgements) -> str:
    """By profile a list for each set of tests: status, how many passed, of how many, and the words of the failure."""
    return json.dumps({profile: [_row(tally) for tally in each.sets] for profile, each in judgements.items()})


def loads(answer: str) -> Verdicts:
    """What `dumps` wrote."""
    rows = cast("dict[str, list[tuple[str, int, int, str]]]", json.loads(answer))
    return {
        profile: tuple(Verdict(passed, total, Status(status), detail) for status, passed, total, detail in sets)
        for profile, sets in rows.items()
    }


def _row(tally: Tally) -> list[object]:
    failure = tally.failure
    text = failure.detail if failure else ""
    if failure and failure.status is not Status.SANDBOX_FAILURE:
        text = f"test {failure.number}: {text}"
    return [tally.status, tally.passed, tally.total, text.encode("utf-8", "backslashreplace").decode()]
