"""What a dataset has, for machines: Croissant 1.0 of MLCommons (https://docs.mlcommons.org/croissant/docs/croissant-spec.html)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ocinterp.synth.parquet import Kind

_TYPES: Final = {"string": "sc:Text", "bool": "sc:Boolean", "int64": "sc:Integer", "double": "sc:Float"}
_CONTEXT: Final[Mapping[str, Any]] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def write(
    name: str, about: str, licence: str, files: Sequence[Path], schema: Mapping[str, Kind], published: str
) -> str:
    """The description of rows in Parquet files that lie in `data/` beside it, as JSON-LD. `published` is a day, as 2024-02-22."""
    rows: Mapping[str, Any] = {
        "@type": "cr:RecordSet",
        "@id": "rows",
        "name": "rows",
        "key": {"@id": "rows/id"},
        "field": [_field(each, kind, f"rows/{each}", each) for each, kind in schema.items()],
    }
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": name,
        "description": about,
        "license": licence,
        "datePublished": published,
        "version": "1.0.0",
        "distribution": list(_files(files)),
        "recordSet": [rows],
    }
    return json.dumps(described, indent=1, ensure_ascii=False) + "\n"


def _files(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for each in files:
        with each.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield {
            "@type": "cr:FileObject",
            "@id": each.name,
            "name": each.name,
            "contentUrl": f"data/{each.name}",
            "contentSize": f"{each.stat().st_size} B",
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }
    yield {
        "@type": "cr:FileSet",
        "@id": "data",
        "name": "data",
        "encodingFormat": "application/x-parquet",
        "includes": "data/*.parquet",
    }


def _field(name: str, kind: Kind, place: str, column: str, path: str = "") -> dict[str, Any]:
    """A column, or a part of one: what a list has comes several times, what a struct has is within."""
    found: dict[str, Any] = {"@type": "cr:Field", "@id": place, "name": name}
    if isinstance(kind, list):
        found["repeated"] = True
        kind = kind[0]
    if isinstance(kind, Mapping):
        found["subField"] = [
            _field(each, inner, f"{place}/{each}", column, f"{path}.{each}" if path else each)
            for each, inner in kind.items()
        ]
        return found
    source: dict[str, Any] = {"fileSet": {"@id": "data"}, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": path}
    return {**found, "dataType": _TYPES[str(kind)], "source": source}
