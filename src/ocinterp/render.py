"""Results as plain text: what a model, a log or a terminal without colour reads."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ocinterp.types import ExecutionResult, Outcome, Run

MODEL_CHARACTERS = 8_000  # of one cell's output, shown to a model
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def clip(text: str, limit: int) -> str:
    """At most about `limit` characters of `text`: a fifth of its head, the rest of its tail, and what was cut."""
    if len(text) <= limit:
        return text
    head = limit // 5  # the error is at the tail
    tail = limit - head
    return f"{text[:head]}\n[... {len(text) - limit} characters left out ...]\n{text[-tail:]}"


def printable(text: str) -> str:
    """`text` without terminal escapes and control characters: output of a program must not drive a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _ANSI.sub("", text).replace("\r\n", "\n"))


def describe_run(run: Run, limit: int = MODEL_CHARACTERS) -> str:
    """What came of a cell, in words and output; every part that is not empty on lines of its own."""
    return describe(run.result, limit)


def describe(result: ExecutionResult, limit: int = MODEL_CHARACTERS) -> str:
    """What came of a cell, its output and its traceback each cut to about `limit` characters."""
    parts = [result.stdout, result.stderr, *(_shown(display.data) for display in result.displays)]
    text = clip(printable("\n".join(part.strip("\n") for part in parts if part.strip())), limit)
    ending = clip(_ending(result), limit)
    return "\n".join(part for part in (text, ending) if part) or "(no output)"


def error_line(result: ExecutionResult) -> str:
    """How a cell failed, on one line; empty when it did not."""
    if result.error is None:
        return "" if result.ok else str(result.outcome)
    message = " ".join(printable(result.error.message).split())
    return clip(f"{result.error.name}: {message}" if message else result.error.name, 300).replace("\n", " ")


def _shown(bundle: Mapping[str, str]) -> str:
    text = bundle.get("text/plain", "")
    return f"[figure shown: {text}]" if "image/png" in bundle else text


def _ending(result: ExecutionResult) -> str:
    if result.ok or result.error is None:
        return ""
    traceback = printable(result.error.traceback.strip("\n"))
    if result.outcome in {Outcome.ERROR, Outcome.MEMORY} and traceback:
        return traceback
    return "\n".join(part for part in (traceback, error_line(result)) if part)
