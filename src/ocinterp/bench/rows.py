"""Files of answers, row by row, whatever their packing: JSON Lines, a JSON list, gzip, or a folder of programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ocinterp import files
from ocinterp.errors import DataError
from ocinterp.files import misread

_LINE_LIMIT = 256 * 1024 * 1024  # bytes; a row of 100 samples has 70 KB, a file that is one JSON list is one line


@dataclass(frozen=True, slots=True)
class Row:
    """A JSON object, or a program of a folder under the keys that a JSON object has; `origin` says where it stands."""

    origin: str
    fields: dict[str, object]


def read(path: Path) -> Iterator[Row]:
    """The rows at `path`, one by one. DataError names the file and the line of what cannot be read.

    A folder is EvalPlus's: `HumanEval_0/0.py` is the first sample of HumanEval/0; `HumanEval_0.py` is taken too.
    """
    try:
        yield from _folder(path) if path.is_dir() else _file(path)
    except OSError as error:
        raise DataError(f"{path}: {(error.strerror or str(error)).lower()}") from error


def _folder(folder: Path) -> Iterator[Row]:
    found = sorted([*folder.glob("*/*.py"), *folder.glob("*.py")], key=lambda path: (path.parent, _natural(path)))
    if not found:
        raise DataError(f"{folder}: no programs in it, expected files like HumanEval_0/0.py")
    for path in found:
        name = path.stem if path.parent == folder else path.parent.name
        program = _text(path.read_bytes().removeprefix(files.MARK), path, None)
        yield Row(str(path), {"task_id": name, "solution": program})


def _natural(path: Path) -> tuple[int, str]:
    return (int(path.stem) if path.stem.isdecimal() else -1, path.stem)  # 10.py comes after 9.py


def _file(path: Path) -> Iterator[Row]:
    lines = files.lines(path, _LINE_LIMIT)
    for number, line in lines:
        if line is None:
            raise DataError(f"{path}:{number}: a line of more than {_LINE_LIMIT >> 20} MiB, expected a row a line")
        if number == 1 and line.lstrip().startswith(b"["):
            yield from _list(line + b"".join(more for _, more in lines if more is not None), path)
        elif line.strip():
            yield Row(f"{path}:{number}", _object(_json(line, path, number), f"{path}:{number}"))


def _list(content: bytes, path: Path) -> Iterator[Row]:
    rows = _json(content, path, 1)
    if not isinstance(rows, list):
        raise DataError(f"{path}: found {_kind(rows)}, expected a list of rows")
    for number, row in enumerate(cast("list[object]", rows)):
        yield Row(f"{path}[{number}]", _object(row, f"{path}[{number}]"))


def _json(content: bytes, path: Path, number: int) -> object:
    text = _text(content, path, number)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = number + error.lineno - 1
        raise DataError(f"{path}:{line}: not JSON: {misread(error).lower()}") from error
    except RecursionError as error:
        raise DataError(f"{path}:{number}: not a row: it is nested too deeply") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise DataError(f"{path}:{number}: {error}") from error


def _text(content: bytes, path: Path, number: int | None) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = (number or 1) + content.count(b"\n", 0, error.start)
        column = error.start - content.rfind(b"\n", 0, error.start)
        byte = content[error.start]
        raise DataError(f"{path}:{line}: not UTF-8 (byte {byte:#04x} at {column}): save the file as UTF-8") from error


def _object(value: object, origin: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DataError(f"{origin}: found {_kind(value)}, expected an object with task_id and solution or completion")
    return cast("dict[str, object]", value)


def _kind(value: object) -> str:
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    return names.get(type(value), "a number")
