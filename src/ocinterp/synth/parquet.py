"""Parquet: rows read and written in batches. pyarrow comes with `ocinterp[data]`, and is loaded when it is needed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Union

from ocinterp import files
from ocinterp.errors import DataError, UsageError

# What a column has: one value, a list of some kind (of one), or a struct by its fields.
Kind = Union[Literal["string", "bool", "int64", "double"], list["Kind"], "Mapping[str, Kind]"]

_BATCH: Final = 1024


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file. UsageError without pyarrow; DataError for a damaged file."""
    check()
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH):
                yield from batch.to_pylist()
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged, or no Parquet: {error}") from error


def write(path: Path, rows: Iterable[dict[str, Any]], schema: Mapping[str, Kind] | None = None) -> int:
    """Write rows into a file, in one step, and say how many. Without a schema the first batch tells the types of all."""
    check()
    import pyarrow
    from pyarrow import parquet

    known = pyarrow.schema(_fields(schema)) if schema is not None else None
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    rest, count = iter(rows), 0
    with files.explained(path):
        try:
            first = list(islice(rest, _BATCH))
            table = pyarrow.Table.from_pylist(first, schema=known)
            with parquet.ParquetWriter(temporary, table.schema, compression="zstd") as writer:
                while True:
                    writer.write_table(table)
                    count += len(first)
                    if not (first := list(islice(rest, _BATCH))):
                        break
                    table = pyarrow.Table.from_pylist(first, schema=table.schema)
            temporary.replace(path)
        except (pyarrow.ArrowException, UnicodeEncodeError) as error:
            raise DataError(f"{path}: cannot be written: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)
    return count


def _fields(schema: Mapping[str, Kind]) -> list[Any]:
    import pyarrow

    return [pyarrow.field(name, _type(kind)) for name, kind in schema.items()]


def _type(kind: Kind) -> Any:
    import pyarrow

    if isinstance(kind, list):
        return pyarrow.list_(_type(kind[0]))
    if isinstance(kind, Mapping):
        return pyarrow.struct(_fields(kind))
    return getattr(pyarrow, {"double": "float64", "bool": "bool_"}.get(kind, kind))()


def check() -> None:
    """UsageError without pyarrow."""
    if find_spec("pyarrow") is None:
        raise UsageError("data is read and kept as Parquet here, which takes pyarrow: pip install 'ocinterp[data]'")
