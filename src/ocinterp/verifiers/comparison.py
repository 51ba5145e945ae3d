"""Whether two decoded answers are the same: `strict` says it in our sense, `equal` in that of Python's `==`.

Neither calls itself, so that depth costs nothing; each is linear in the size of its arguments, except that keys of
equal hashes are compared with each other, of which `decoding` allows few.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any, Final, cast

from ocinterp.verifiers.inside.decoding import Array, Foreign, Parts, Scalar, Sub
from ocinterp.verifiers.numeric import leaves, unwrapped, within

COLLISIONS: Final = 20_000  # comparisons of members with equal hashes; as in `decoding.Limits`
# An answer that is judged by its being there: the reference's is no plain value either (Mbpp/737, 787, 794).
_SAID_BY_TYPE: Final = "re.Match"

Pairs = list[tuple[Any, Any]]


class AmbiguousError(ValueError):
    """An array of other than one item was compared: the truth of what numpy answers is an error."""


def type_name(value: object) -> str:
    """What the value is, in a person's words: `int`, `collections.Counter`, `numpy.int64`."""
    named = isinstance(value, Sub | Parts | Scalar | Array | Foreign)
    return (value.type_name if named else type(value).__name__).removeprefix("builtins.")


def strict(expected: Any, actual: Any, tolerance: float) -> str:
    """Empty if both are the same value of the same types, else a short reason.

    Floats anywhere but in keys are the same within `tolerance` and a relative 1e-7; NaN is NaN, -0.0 is 0.0. Sets of floats
    are compared in order. A key that holds NaN is equal to none.
    """
    left: Pairs = [(expected, actual)]
    while left:
        wanted, found = left.pop()
        if reason := _strict(wanted, found, tolerance, left):
            return reason
    return ""


def _strict(wanted: Any, found: Any, tolerance: float, left: Pairs) -> str:
    """One step: the reason these two differ, or what is in them added to what is `left` to compare."""
    if isinstance(found, Foreign):
        same = isinstance(wanted, Foreign) and wanted == found == Foreign(_SAID_BY_TYPE)
        return "" if same else _foreign(found)
    if type(wanted) is not type(found) or type_name(wanted) != type_name(found):
        return f"wrong type: {type_name(found)[:80]} for {type_name(wanted)[:80]}"
    if isinstance(wanted, float | complex):
        same = within(wanted, found, tolerance) or (wanted != wanted and found != found)
    else:
        step = _STEPS.get(_class(wanted))
        same = wanted == found if step is None else step(wanted, found, left)
    return "" if same else "wrong value"


def _foreign(found: Foreign) -> str:
    why = f" ({found.why})" if found.why else ""
    return f"not a value that can be compared: {type_name(found)[:80]}{why}"


def _same_length(wanted: Sequence[Any], found: Sequence[Any], left: Pairs) -> bool:
    if len(wanted) != len(found):
        return False
    left.extend(zip(wanted, found, strict=True))
    return True


def _same_keys(wanted: dict[Any, Any], found: dict[Any, Any], left: Pairs) -> bool:
    if len(wanted) != len(found):
        return False
    keys = {key: key for key in found}
    for key, value in wanted.items():
        if key not in keys:
            return False
        left.append((key, keys[key]))  # 1 finds True, which is not 1
        left.append((value, found[key]))
    return True


def _same_members(wanted: Any, found: Any, left: Pairs) -> bool:
    if len(wanted) != len(found):
        return False
    if all(type(each) is float for each in wanted) and all(type(each) is float for each in found):
        left.extend(zip(sorted(wanted, key=_order), sorted(found, key=_order), strict=True))
        return True
    members = {each: each for each in found}
    left.extend((each, members[each]) for each in wanted if each in members)
    return all(each in members for each in wanted)


def _order(number: float) -> tuple[bool, float]:
    """NaN after all others."""
    return (True, 0.0) if number != number else (False, number)


def _same_inside(wanted: Sub | Scalar, found: Sub | Scalar, left: Pairs) -> bool:
    if wanted.type_name == "collections.OrderedDict":
        left.append((_pairs(wanted.value), _pairs(found.value)))
    else:
        left.append((wanted.value, found.value))
    return True


def _same_parts(wanted: Parts, found: Parts, left: Pairs) -> bool:
    return _same_length(wanted.parts, found.parts, left)


def _same_array(wanted: Array, found: Array, left: Pairs) -> bool:
    left.append((wanted.items, found.items))
    return wanted.dtype == found.dtype and wanted.shape == found.shape


def _pairs(value: Any) -> Any:
    return list(cast("dict[Any, Any]", value).items()) if type(value) is dict else value


_STEPS: Final[dict[type, Callable[[Any, Any, Pairs], bool]]] = {
    **dict.fromkeys((list, tuple), _same_length),
    dict: _same_keys,
    **dict.fromkeys((set, frozenset), _same_members),
    **dict.fromkeys((Sub, Scalar), _same_inside),
    Parts: _same_parts,
    Array: _same_array,
}


def equal(expected: Any, actual: Any) -> bool:
    """What Python's `==` says of what was decoded, the candidate's own `__eq__` left out.

    True is 1 and 1.0; a Counter is a dict, and its zeros count for nothing beside another Counter; a namedtuple is a
    tuple. An array is equal where it has one item, and that is equal; AmbiguousError where it has others. NaN is equal
    to nothing, and so is what cannot be said.
    """
    left: Pairs = [(expected, actual)]
    while left:
        wanted, found = left.pop()
        if not _equal(wanted, found, left):
            return False
    return True


def _equal(wanted: Any, found: Any, left: Pairs) -> bool:
    if isinstance(wanted, Sub) and isinstance(found, Sub) and wanted.type_name == found.type_name:
        wanted, found = _alike(wanted.value, wanted.type_name), _alike(found.value, found.type_name)
    if _spreads(wanted, found) or _spreads(found, wanted):
        return _equal_single(wanted, found, left)
    wanted, found = unwrapped(wanted), unwrapped(found)
    kind = _kind(wanted)
    if kind is Foreign or kind is not _kind(found):
        return False
    if kind is list or kind is tuple:
        return _same_length(wanted, found, left)
    if kind is dict:
        return _same_entries(wanted, found, left)
    if kind is set:
        return _same_hashed(wanted, found)
    if kind is Parts:
        return wanted.type_name == found.type_name and _same_length(wanted.parts, found.parts, left)
    return _plainly(wanted, found)


def _plainly(wanted: Any, found: Any) -> bool:
    try:
        return bool(wanted == found)
    except (InvalidOperation, OverflowError):
        return False


_KINDS: Final[dict[type, type]] = {
    **dict.fromkeys((bool, int, float, complex, Decimal, Fraction), complex),
    **dict.fromkeys((set, frozenset), set),
    **dict.fromkeys((bytes, bytearray), bytes),
}


def _kind(value: object) -> type:
    """Values of different kinds are never equal."""
    return _KINDS.get(_class(value), _class(value))


def _class(value: object) -> type:
    return type(value)


def _alike(value: Any, name: str) -> Any:
    """Two of one class are compared by what that class adds."""
    if name not in {"collections.OrderedDict", "collections.Counter"} or type(value) is not dict:
        return value
    pairs = _pairs(cast("Any", value))
    return pairs if name == "collections.OrderedDict" else {key: count for key, count in pairs if count != 0}


def _spreads(value: Any, other: Any) -> bool:
    """Whether numpy compares `value` with each item of `other`."""
    if isinstance(value, Scalar):
        return type(unwrapped(other)) in {list, tuple} or type_name(other) == "collections.deque"
    return isinstance(unwrapped(value), Array)


def _equal_single(wanted: Any, found: Any, left: Pairs) -> bool:
    one, other = leaves(wanted), leaves(found)
    if one is None or other is None or len(one[1]) != 1 or len(other[1]) != 1:
        raise AmbiguousError
    left.append((one[1][0], other[1][0]))
    return True


def _same_entries(wanted: dict[Any, Any], found: dict[Any, Any], left: Pairs) -> bool:
    if len(wanted) != len(found):
        return False
    one, other = hashed(wanted), hashed(found)
    if one is None or other is None or one.keys() != other.keys():
        return False
    left.extend((wanted[one[key]], found[other[key]]) for key in one)
    return True


def _same_hashed(wanted: Iterable[Any], found: Iterable[Any]) -> bool:
    one, other = hashed(wanted), hashed(found)
    return one is not None and other is not None and one.keys() == other.keys()


def hashed(members: Iterable[Any]) -> dict[Hashable, Any] | None:
    """Members as Python's sets see them -> as they are; None where a set of them is an error, or made to be slow."""
    found: dict[Hashable, Any] = {}
    counts: dict[int, int] = {}
    spent = 0
    try:
        for member in members:
            key = _key(member)
            number = hash(key)
            spent += counts.get(number, 1) - 1
            if spent > COLLISIONS:
                return None
            size = len(found)
            found.setdefault(key, member)
            counts[number] = counts.get(number, 0) + len(found) - size
    except (TypeError, RecursionError):
        return None
    return found


def _key(member: Any) -> Hashable:
    """A member of a set, unwrapped to its depth: it must be hashable, so it holds tuples and frozensets at most."""
    value = unwrapped(member)
    if type(value) is tuple:
        return tuple(_key(each) for each in cast("tuple[Any, ...]", value))
    if type(value) is frozenset:
        return frozenset(_key(each) for each in cast("frozenset[Any]", value))
    return value
