"""Files of dialogues, a row a line, as lessons: trajectories of ours, and the forms in which others publish theirs.

Read are `ocinterp-trajectory/1` (docs/formats.md), `{"messages": [{"role", "content"}]}`, ShareGPT's
`{"conversations": [{"from", "value"}]}`, pairs such as `{"instruction", "response"}` or `{"query", "answer"}`, and for
training from nothing `{"text"}`, which becomes a lesson of one message that nobody asked for. A message may say what it is worth: `train` (axolotl), `weight` or `loss_weight`
(LLaMA-Factory, whose contents may be lists of parts). Names in .gz are unpacked.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from ocinterp import records
from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, numbered
from ocinterp.train.lessons import Lesson, lesson, plain
from ocinterp.types import Message, Role, Status

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "tool": "user",
    "observation": "user",
    "function": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
}
_PAIRS: Final = (
    ("instruction", "response"),
    ("instruction", "output"),
    ("query", "answer"),
    ("query", "response"),
    ("problem", "solution"),
    ("prompt", "completion"),
)
_WORTH: Final = ("train", "weight", "loss_weight")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the share of its rows beside those of other files; None: all of them."""

    path: Path
    share: float | None = None


def parse(text: str) -> Source:
    """`FILE` or `FILE:SHARE`. A file whose name has a colon may be named as it is."""
    name, colon, share = text.rpartition(":")
    if not colon or not name or Path(text).exists():
        return Source(Path(text))
    try:
        found = float(share)
    except ValueError:
        return Source(Path(text))
    if not (math.isfinite(found) and found >= 0):
        raise UsageError(f"--data {text}: a share is a number from 0 on, as in --data {name}:2")
    return Source(Path(name), found)


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with explained(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(path: Path, others: float = 0.0, *, texts: bool = False) -> Iterator[Lesson]:
    """A lesson for each row. DataError with the line of a row that is none, or of a file that has none.

    `others` is the weight of what the model does not say; only with `texts` may rows be plain texts.
    """
    empty = True
    for number, line in numbered(path):
        if line.strip():
            empty = False
            try:
                yield _lesson(line, others, texts)
            except _RowError as error:
                raise DataError(f"{path}:{number}: {error}") from error.__cause__
    if empty:
        raise DataError(f"{path} has no rows: expected a dialogue in JSON on each line")


class _RowError(Exception):
    """What is wrong with a row, before anybody has said which one it is."""


def _lesson(line: bytes, others: float, texts: bool) -> Lesson:
    if line.lstrip().startswith(b"["):
        raise _RowError("this is a list: write each row on a line of its own (jq -c '.[]' does it)")
    try:
        row: Any = json.loads(line)
    except ValueError as error:
        raise _RowError(f"this is not JSON: {error}") from error
    if not isinstance(row, dict):
        raise _RowError(f"expected an object, found {str(cast('object', row))[:40]}")
    table = cast("dict[str, Any]", row)
    if str(table.get("format", "")).startswith("ocinterp-trajectory/"):
        try:
            trajectory, verdict = records.loads_judged(line)
            return lesson(trajectory, others=others, wrong=_failed(verdict or {}))
        except DataError as error:
            raise _RowError(str(error)) from error
    return _of_messages(_listed(table, texts), others)


def _failed(verdict: Mapping[str, Any]) -> set[int]:
    """The turns of an evaluation's trajectory whose programs did not pass its tests (docs/formats.md)."""
    turns: Any = verdict.get("turns")
    if not isinstance(turns, list):
        return set()
    return {number for number, each in enumerate(cast("list[object]", turns)) if _did_not_pass(each)}


def _did_not_pass(turn: object) -> bool:
    """Whether tests say so; that the sandbox failed says nothing."""
    statuses = cast("dict[str, object]", turn) if isinstance(turn, dict) else {}
    known = {Status.PASS, Status.SANDBOX_FAILURE, "", None}
    return any(statuses.get(which) not in known for which in ("base", "plus", "unseen"))


def _listed(row: Mapping[str, Any], texts: bool) -> list[dict[str, Any]]:
    """The messages of a row as a list of tables with `role` and `content`."""
    for key in ("messages", "conversations"):
        if key in row:
            found = row[key]
            if not isinstance(found, list) or not found:
                raise _RowError(f"{key} is empty, or no list: a dialogue has at least a request and an answer")
            return [_table(each) for each in cast("list[Any]", found)]
    for request, answer in _PAIRS:
        if request in row and answer in row:
            more = row.get("input") or ""
            asked = f"{row[request]}\n\n{more}" if more else row[request]
            return [{"role": "user", "content": asked}, {"role": "assistant", "content": row[answer]}]
    if "text" in row and texts:
        return [{"role": "assistant", "content": row["text"]}]
    raise _RowError(f"no form that is known has the fields {', '.join(row) or 'of this row'}: see docs/training.md")


def _table(message: object) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise _RowError(f"a message is {str(message)[:40]!r}: expected a role and a content")
    found = cast("dict[str, Any]", message)
    if "from" in found and "role" not in found:
        found = {**found, "role": found["from"], "content": found.get("value")}
    return found


def _of_messages(tables: list[dict[str, Any]], others: float) -> Lesson:
    messages = tuple(Message(_role(each.get("role")), _content(each.get("content"))) for each in tables)
    usual = plain(messages)
    weights = tuple(
        _worth(table, weight if message.role == "assistant" else others) if message.content.strip() else 0.0
        for table, message, weight in zip(tables, messages, usual.weights, strict=True)
    )
    return Lesson(messages, weights)


def _role(name: object) -> Role:
    found = _ROLES.get(name) if isinstance(name, str) else None
    if found is None:
        raise _RowError(f"nobody known speaks as {name!r}: known are {', '.join(_ROLES)}")
    return found


def _content(content: object) -> str:
    if isinstance(content, list):
        return "".join(_text(each) for each in cast("list[object]", content))
    if not isinstance(content, str):
        raise _RowError(f"a message's content is {str(content)[:40]}: expected a text")
    return content


def _text(part: object) -> str:
    """Of a list of parts; what is no text (a picture, a call of a tool) cannot be learnt here."""
    found: dict[str, Any] = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    text = found.get("text", found.get("value"))
    if found.get("type") != "text" or not isinstance(text, str):
        raise _RowError(f"a part of a message is of the type {found.get('type')!r}: expected texts only")
    return text


def _worth(message: Mapping[str, Any], usual: float) -> float:
    """What a message says that it is worth, else what it usually is."""
    for key in _WORTH:
        value = message.get(key)
        if value is not None:
            if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise _RowError(f"{key} is {value!r}: expected true, false or a number from 0 on")
            return float(value)
    return usual
