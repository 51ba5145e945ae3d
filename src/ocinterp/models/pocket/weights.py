"""Weights in a safetensors file: eight bytes of length, a header in JSON, and the numbers.

Format: https://github.com/huggingface/safetensors. F32, F16, BF16 and I8 are read. An I8 matrix `NAME` has a scale for each
row in `NAME.scale`: what is meant is the product.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from ocinterp.errors import DataError

Array = npt.NDArray[Any]  # of float32 throughout

_LENGTH: Final = struct.Struct("<Q")
_MOST_HEADER: Final = 100 << 20
_TYPES: Final[Mapping[str, str]] = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I8": "i1"}
SCALE: Final = ".scale"


def loads(content: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """All tensors as float32, and the file's metadata. Raises DataError for a file that is damaged or of another kind."""
    try:
        (length,) = _LENGTH.unpack_from(content)
        if length > min(_MOST_HEADER, len(content) - _LENGTH.size):
            raise DataError(f"the weights are cut off: a header of {length:,} bytes in a file of {len(content):,}")
        header: dict[str, Any] = json.loads(content[_LENGTH.size : _LENGTH.size + length])
        metadata: dict[str, str] = header.pop("__metadata__", {})
        body = memoryview(content)[_LENGTH.size + length :]
        found = {name: _tensor(body, each, name) for name, each in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise DataError(f"this is no safetensors file: {error!r}") from error
    scales = {name: found.pop(name) for name in [*found] if name.endswith(SCALE)}
    for name, scale in scales.items():
        matrix = name.removesuffix(SCALE)
        found[matrix] = (found[matrix] * scale[:, None]).astype(np.float32)
    return found, metadata


def names(path: Path) -> set[str]:
    """The names of all tensors in a file. Raises DataError as `loads` does."""
    with path.open("rb") as file:
        start = file.read(_LENGTH.size)
        try:
            (length,) = _LENGTH.unpack(start)
            header: dict[str, Any] = json.loads(file.read(min(length, _MOST_HEADER)))
            return {*header}
        except (ValueError, TypeError, struct.error) as error:
            raise DataError(f"this is no safetensors file: {error!r}") from error


def _tensor(body: memoryview, each: Mapping[str, Any], name: str) -> Array:
    start, end = each["data_offsets"]
    kind = _TYPES.get(each["dtype"])
    if kind is None:
        raise DataError(f"{name} is of type {each['dtype']}; expected one of {', '.join(_TYPES)}")
    raw = np.frombuffer(body[start:end], kind).reshape(each["shape"])
    if each["dtype"] == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)


def quantized(matrix: Array) -> tuple[npt.NDArray[np.int8], Array]:
    """A matrix as I8 and the scale of each row, which takes its largest number to 127."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    return np.rint(matrix / scale[:, None]).astype(np.int8), scale.astype(np.float32)


def dumps(tensors: Mapping[str, npt.NDArray[Any]], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file. Two-dimensional F32 that are to be small come here as I8 with their scales."""
    names = {"float32": "F32", "float16": "F16", "int8": "I8"}
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    at, pieces = 0, list[bytes]()
    for name, tensor in sorted(tensors.items()):
        data = np.ascontiguousarray(tensor).tobytes()
        header[name] = {
            "dtype": names[str(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
        pieces.append(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return b"".join([_LENGTH.pack(len(text)), text, *pieces])
