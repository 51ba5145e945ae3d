"""Parquet: rows read and written in batches. pyarrow comes with `ocinterp[data]`, and is loaded when it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final

from ocinterp import files
from ocinterp.errors import DataError, UsageError

_BATCH: Final = 1024


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file. UsageError without pyarrow; DataError for a damaged file."""
    _need(path)
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise DataError(f"{path}: damaged, or no Parquet: {error}") from error


def write(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rows into a file, in one step, and say how many. The first batch tells the types of all."""
    _need(path)
    import pyarrow
    from pyarrow import parquet

    temporary = path.with_name(f".{path.name}.tmp")
    rest, count, writer = iter(rows), 0, None
    with files.explained(path):
        try:
            while batch := list(islice(rest, _BATCH)):
                table = pyarrow.Table.from_pylist(batch, schema=writer.schema if writer else None)
                writer = writer or parquet.ParquetWriter(temporary, table.schema, compression="zstd")
                writer.write_table(table)
                count += len(batch)
        finally:
            if writer is not None:
                writer.close()
        if count:
            temporary.replace(path)
    return count


def _need(path: Path) -> None:
    if find_spec("pyarrow") is None:
        raise UsageError(f"{path} is Parquet, which takes pyarrow: pip install 'ocinterp[data]'")
