"""What a person may ask to be added to the sandbox: names of packages, each with extras and versions at most.

The grammar is the part of PEP 508 that names something on an index. Options, addresses, paths and environment markers
are refused: what is read here goes to an installer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ocinterp.errors import UsageError

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_CLAUSE = r"(?:~=|==|!=|<=|>=|<|>)\s*[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
_REQUIREMENT = re.compile(
    rf"(?P<name>{_NAME})\s*(?:\[\s*(?P<extras>{_NAME}(?:\s*,\s*{_NAME})*)\s*\])?\s*"
    rf"(?P<clauses>{_CLAUSE}(?:\s*,\s*{_CLAUSE})*)?",
    re.ASCII,
)
# A comma ends a requirement, but not within [extras], and not before a further clause as in "polars>=1,<2".
_COMMA = re.compile(r",(?![^\[]*\])(?!\s*[<>=!~])")


def parse(given: Iterable[str]) -> tuple[str, ...]:
    """The requirements of comma-separated lists, each in the one spelling in which they compare equal, sorted.

    Raises UsageError for what is none.
    """
    found = {_normal(piece.strip()) for text in given for piece in _COMMA.split(text) if piece.strip()}
    return tuple(sorted(found))


def name_of(requirement: str) -> str:
    """`scikit-learn[x]>=1` -> `scikit-learn`."""
    return re.split(r"[\[<>=!~\s]", requirement, maxsplit=1)[0]


def canonical(name: str) -> str:
    """The spelling in which names of packages compare equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _normal(text: str) -> str:
    match = _REQUIREMENT.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is no package: give names, with versions if need be: polars,scikit-learn>=1.4")
    extras = sorted({canonical(each.strip()) for each in (match["extras"] or "").split(",") if each.strip()})
    clauses = sorted({re.sub(r"\s", "", each) for each in (match["clauses"] or "").split(",") if each.strip()})
    # The canonical name holds no dot, so no installer can take it for the name of an archive.
    return canonical(match["name"]) + (f"[{','.join(extras)}]" if extras else "") + ",".join(clauses)
