"""Parquet: rows read and written in batches. pyarrow comes with `ocinterp[data]`, and is loaded when it is needed."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, Union

from ocinterp import files
from ocinterp.errors import DataError, UsageError

# What a column has: one value, a list of some kind (of one), or a struct by its fields.
Kind = Union[Literal["string", "bool", "int64", "double"], list["Kind"], "Mapping[str, Kind]"]

_BATCH: Final = 1024
_COMPRESSION: Final = "zstd"


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file. UsageError without pyarrow; DataError for a damaged file."""
    for batch in _batches(path):
        yield from batch.to_pylist()


def write(path: Path, rows: Iterable[dict[str, Any]], schema: Mapping[str, Kind] | None = None) -> int:
    """Write rows into a file, in one step, and say how many. Without a schema the first batch tells the types of all."""
    check()
    import pyarrow
    from pyarrow import parquet

    known = pyarrow.schema(_fields(schema)) if schema is not None else None
    rest, count = iter(rows), 0
    with _whole(path) as temporary:
        first = list(islice(rest, _BATCH))
        table = pyarrow.Table.from_pylist(first, schema=known)
        with parquet.ParquetWriter(temporary, table.schema, compression=_COMPRESSION) as writer:
            while True:
                writer.write_table(table)
                count += len(first)
                if not (first := list(islice(rest, _BATCH))):
                    break
                table = pyarrow.Table.from_pylist(first, schema=table.schema)
    return count


def sift(source: Path, path: Path, keep: Iterable[bool]) -> Iterator[dict[str, Any]]:
    """Write those rows of a file that are to be kept into another, as they are, and give the others.

    The file is there when all were taken from it. `keep` has one for each row. Errors as of `rows` and `write`.
    """
    check()
    import pyarrow
    from pyarrow import compute, parquet

    with _damage(source):
        schema = parquet.read_schema(source)
    rest = iter(keep)
    with _whole(path) as temporary, parquet.ParquetWriter(temporary, schema, compression=_COMPRESSION) as writer:
        for batch in _batches(source):
            kept = pyarrow.array(islice(rest, batch.num_rows), pyarrow.bool_())
            writer.write_batch(batch.filter(kept))
            yield from batch.filter(compute.invert(kept)).to_pylist()


def _batches(path: Path) -> Iterator[Any]:
    check()
    from pyarrow import parquet

    with _damage(path), parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=_BATCH)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: damaged, or no Parquet: {error}") from error


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write what is at `path` once all of it is written."""
    import pyarrow

    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with files.explained(path):
        try:
            yield temporary
            temporary.replace(path)
        except (pyarrow.ArrowException, UnicodeEncodeError) as error:
            raise DataError(f"{path}: cannot be written: {error}") from error
        finally:
            temporary.unlink(missing_ok=True)


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
