"""Questions to the rows of a run, in SQL. duckdb comes with `ocinterp[data]`, and is loaded when it is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from ocinterp.errors import DataError, UsageError
from ocinterp.synth.folder import Stage


def matching(stage: Stage, where: str, limit: int) -> list[str]:
    """The ids of rows for which a condition holds, in their order. UsageError for what is no condition."""
    chosen = f"WHERE\n{where}\n" if where.strip() else ""  # so that a comment at its end is its own
    return [str(each[0]) for each in ask(stage, f"SELECT id FROM rows {chosen} LIMIT {limit:d}")]


def ask(stage: Stage, question: str) -> Sequence[tuple[Any, ...]]:
    """What a SELECT over the table `rows` gives. Nothing can be written, and no other file read."""
    if find_spec("duckdb") is None:
        raise UsageError("to ask in SQL takes duckdb: pip install 'ocinterp[data]'")
    import duckdb

    parts = [str(each) for each in stage.parts()]
    if not parts:
        return []
    with duckdb.connect() as database:
        try:
            database.execute("CREATE TABLE rows AS SELECT * FROM read_parquet($parts)", {"parts": parts})
        except duckdb.Error as error:
            raise DataError(f"{stage.place}: the rows cannot be read: {str(error).splitlines()[0]}") from error
        database.execute("SET enable_external_access = false")
        database.execute("SET lock_configuration = true")
        try:
            return database.execute(question).fetchall()
        except duckdb.Error as error:
            said = " ".join(re.split(r"LINE \d+:", str(error))[0].split())
            raise UsageError(f"--where: {said}") from error
