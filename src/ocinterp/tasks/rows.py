"""Rows of a dataset: JSON objects, a line each, or in one document; each knows where it stands."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, cast

from ocinterp.errors import DataError
from ocinterp.files import misread
from ocinterp.tasks.texts import decoded


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object and where it was found. Its methods raise DataError (`where: field: what was expected`)."""

    where: str  # path:line, or path: row N of a document
    fields: dict[str, Any]

    def text(self, name: str, default: str | None = None) -> str:
        """A text with plain line ends; `default` where there is none."""
        value = self.fields.get(name, default)
        if not isinstance(value, str):
            self.refuse(name, "a text")
        return value.replace("\r\n", "\n") if "\r" in value else value

    def program(self, name: str, *before: str) -> str:
        """A text that is not blank, after `before`."""
        if not self.text(name).strip():
            raise DataError(f"{self.where}: {name}: is empty")
        return "".join(before) + self.text(name)

    def texts(self, name: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; `default` where there is none."""
        value = self.fields.get(name, default)
        if not isinstance(value, list | tuple):
            self.refuse(name, "a list of texts")
        found = cast("list[object]", value)
        if not all(isinstance(each, str) for each in found):
            self.refuse(name, "a list of texts")
        return tuple(str(each).replace("\r\n", "\n") for each in found)

    def calls(self, name: str) -> list[list[Any]]:
        """A list of lists of arguments; a dictionary in place of the list is nothing (EvalPlus writes {} for it)."""
        value = self.fields.get(name)
        if value == {}:
            return []
        if not isinstance(value, list) or not all(isinstance(each, list) for each in cast("list[object]", value)):
            self.refuse(name, "a list of lists of arguments")
        return cast("list[list[Any]]", value)

    def number(self, name: str) -> float:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse(name, "a number")
        return value

    def identity(self, name: str = "task_id", prefix: str = "") -> str:
        """What the task is called: a text, or after `prefix` a number."""
        value = self.fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and prefix:
            return f"{prefix}{value}"
        if not isinstance(value, str) or not value.strip():
            self.refuse(name, "the task's name")
        return value

    def refuse(self, name: str, expected: str) -> NoReturn:
        """Raise DataError: the field is missing, or is not what was expected."""
        if name not in self.fields:
            raise DataError(f"{self.where}: {name}: is missing")
        found = json.dumps(self.fields[name])
        raise DataError(f"{self.where}: {name}: expected {expected}, found {found[:60]}")


def parse(text: bytes, source: str) -> list[Row]:
    """The rows of a text: an object a line, a list of objects, or an object of objects.

    Blank lines, a byte order mark and Windows line ends do not matter. Raises DataError (`source:line: reason`).
    """
    words = decoded(text, source)
    if words.lstrip().startswith("["):
        return _of_list(_document(words, source), source)
    lines = words.split("\n")  # not splitlines: a JSON text may hold other separators as they are
    first = next(line for line in lines if line.strip())
    if (inner := _objects_of(first if _is_json(first) else words)) is not None:
        return _of_list(inner, source)
    return list(_of_lines(lines, source))


def _of_lines(lines: Iterable[str], source: str) -> Iterator[Row]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{source}:{number}: {_complaint(error)}") from error
        yield _row(value, f"{source}:{number}")


def _of_list(values: list[Any], source: str) -> list[Row]:
    if not values:
        raise DataError(f"{source}:1: there is no row in it")
    return [_row(value, f"{source}: row {number}") for number, value in enumerate(values, 1)]


def _row(value: object, where: str) -> Row:
    if not isinstance(value, dict):
        raise DataError(f"{where}: expected an object, found {json.dumps(value)[:60]}")
    return Row(where, cast("dict[str, Any]", value))


def _document(words: str, source: str) -> list[Any]:
    try:
        return json.loads(words)
    except json.JSONDecodeError as error:
        raise DataError(f"{source}:{error.lineno}: {_complaint(error)}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{source}:1: {_complaint(error)}") from error


def _is_json(words: str) -> bool:
    try:
        json.loads(words)
    except (ValueError, RecursionError):
        return False
    return True


def _objects_of(words: str) -> list[Any] | None:
    """The values of an object of objects; None for anything else."""
    try:
        value = json.loads(words)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or not value:
        return None
    inner = list(cast("dict[str, object]", value).values())
    return inner if all(isinstance(each, dict) for each in inner) else None


def _complaint(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON: {misread(error)}"
    return f"JSON that cannot be read: {error}"
