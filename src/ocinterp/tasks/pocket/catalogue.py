"""All operations, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from ocinterp.tasks.pocket import numbers, others, texts
from ocinterp.tasks.pocket.operations import Kind, Operation


@cache
def operations() -> Mapping[str, Operation]:
    """Every operation by its name, always in the same order."""
    found = [*numbers.operations(), *texts.operations(), *others.operations()]
    by_name = {each.name: each for each in found}
    assert len(by_name) == len(found), "two operations of one name"
    return MappingProxyType(by_name)


@cache
def taking(kind: Kind) -> tuple[Operation, ...]:
    """Those that can be applied to a kind of value."""
    return tuple(each for each in operations().values() if each.takes == kind)
