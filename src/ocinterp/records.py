"""Trajectories and events as JSON; docs/formats.md describes the format to people who read it without this package.

What is written here can be read here, whole or not at all: a file is replaced in one step, a line is appended in one
step, and a number or a text that JSON cannot hold is refused before anything is touched.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from ocinterp.errors import DataError, UsageError
from ocinterp.files import explained, numbered, replace_lines
from ocinterp.types import Completion, Event, Trajectory

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

FORMAT: Final = "ocinterp-trajectory/1"

_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record(Trajectory):
    """A trajectory as a line of a file."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    format: Literal["ocinterp-trajectory/1"]
    verdict: dict[str, JsonValue] | None = None  # what an evaluation found; no part of the trajectory


@dataclass(frozen=True, slots=True)
class _Said(Completion):
    """A completion by itself."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT


@cache
def _record_adapter() -> TypeAdapter[_Record]:
    return TypeAdapter(_Record)  # 10 ms: not at import


@cache
def _event_adapter() -> TypeAdapter[Event]:
    return TypeAdapter(Annotated[Event, Field(discriminator="kind")], config=_STRICT)


@cache
def _completion_adapter() -> TypeAdapter[_Said]:
    return TypeAdapter(_Said)


def dumps(trajectory: Trajectory, verdict: Mapping[str, object] | None = None) -> str:
    """One line of JSON without its newline, with the verdict of an evaluation where there is one.

    DataError for a number or a text that JSON cannot hold.
    """
    judged = {} if verdict is None else {"verdict": dict(verdict)}
    return _encode({"format": FORMAT, **_shallow(trajectory), **judged})


def loads(text: str | bytes) -> Trajectory:
    """The trajectory in one line of JSON; strict, so that "1" is not 1 and a field nobody knows is refused."""
    return loads_judged(text)[0]


def loads_judged(text: str | bytes) -> tuple[Trajectory, dict[str, object] | None]:
    """The trajectory in one line of JSON, read as by `loads`, and its verdict, None where it has none."""
    try:
        record = _record_adapter().validate_json(text)
    except ValidationError as error:
        raise DataError(_reason(error)) from error
    trajectory = Trajectory(**{name: getattr(record, name) for name in _names(Trajectory)})
    return trajectory, cast("dict[str, object] | None", record.verdict)


def event_to_json(event: Event) -> dict[str, object]:
    """Plain data, tagged by `kind`. DataError for a number or a text that JSON cannot hold."""
    return json.loads(_encode(event))


def event_from_json(data: Mapping[str, object]) -> Event:
    """The event that `event_to_json` made plain, read as strictly as a trajectory."""
    try:
        return _event_adapter().validate_json(_encode(data))
    except ValidationError as error:
        raise DataError(_reason(error)) from error


def completion_to_json(completion: Completion) -> str:
    """A completion by itself, written as it is in a trajectory. DataError for what JSON cannot hold."""
    return _encode(completion)


def completion_from_json(text: str | bytes) -> Completion:
    """The completion that `completion_to_json` wrote, read as strictly as a trajectory."""
    try:
        said = _completion_adapter().validate_json(text)
    except ValidationError as error:
        raise DataError(_reason(error)) from error
    return Completion(**{name: getattr(said, name) for name in _names(Completion)})


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind))


def read(path: Path) -> Iterator[Trajectory]:
    """The trajectories of a file, one by one; gzip is unpacked. DataError says path:line and what is wrong."""
    for number, line in numbered(path):
        if line.strip():
            try:
                yield _line(line)
            except _LineError as error:
                raise DataError(f"{path}:{number}: {error}") from error.__cause__


def write(path: Path, trajectories: Iterable[Trajectory]) -> None:
    """Make `path` hold exactly these, a line each; it holds what it held before until all of them are on the disk."""
    replace_lines(path, (dumps(each).encode() + b"\n" for each in trajectories))


def append(path: Path, trajectory: Trajectory, verdict: Mapping[str, object] | None = None) -> None:
    """Add a line, on the disk when this returns, and all of it or nothing. Several processes may append to one file.

    After a line that was cut short by a crash, a new line is begun: what is added now is never part of the damage.
    """
    if path.suffix == ".gz":
        raise UsageError(f"{path}: a compressed file cannot be appended to safely; append to a plain one and gzip that")
    line = dumps(trajectory, verdict).encode() + b"\n"
    with explained(path), path.open("a+b", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            line = b"\n" + line
        try:
            _write_all(file, line)
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise


def _write_all(file: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


class _LineError(Exception):
    """What is wrong with a line, before anybody has said which one it is."""


def _line(line: bytes) -> Trajectory:
    try:
        return loads(line)
    except DataError as error:
        torn = not line.endswith(b"\n") and "not JSON" in str(error)
        where = "the last line is cut short; the lines before it are whole, so delete it to go on: " if torn else ""
        raise _LineError(f"{where}{error}") from error


def _encode(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_shallow)
        text.encode()
    except UnicodeEncodeError as error:
        raise DataError(_not_unicode(error)) from error
    except ValueError as error:
        raise DataError("a number is not finite, or a value contains itself: JSON cannot hold it") from error
    return text


def _shallow(value: object) -> dict[str, object]:
    """One level of plain data; the encoder asks again for what is inside."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: getattr(value, name) for name in _names(type(value))}
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, object]", value))
    raise DataError(f"a {type(value).__name__} cannot be written as JSON")


def _not_unicode(error: UnicodeEncodeError) -> str:
    around = ascii(error.object[max(0, error.start - 20) : error.end + 20])
    return f"a text is not valid Unicode (half of a surrogate pair): {around}"


def _reason(error: ValidationError) -> str:
    """The one thing to say of all that is wrong; a foreign format explains every other complaint."""
    found = error.errors(include_url=False)
    chosen = next((each for each in found if each["loc"] == ("format",)), found[0])
    kind, message, value = chosen["type"], chosen["msg"], chosen["input"]
    if kind == "json_invalid":
        return message.replace("Invalid JSON", "not JSON").replace("line 1 column", "column")
    if kind == "string_unicode":
        return "the text is not valid Unicode"
    if kind == "dataclass_type" and not chosen["loc"]:
        return f'found {_clip(value)}, expected an object with "format": "{FORMAT}"'
    if chosen["loc"] == ("format",):
        there = "no format field" if kind == "missing" else f"format {_clip(value)}"
        return f'found {there}, expected "format": "{FORMAT}"'
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in chosen["loc"]).lstrip(".")
    return f"{where}: {_complaint(kind, message, value)}".removeprefix(": ")


def _complaint(kind: str, message: str, value: object) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "unexpected_keyword_argument":
        return "is not a field of this format"
    return f"{message[0].lower()}{message[1:]} (found {_clip(value)})"


def _clip(value: object) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:59]}…"
