"""Operations on tables, which lead from texts to numbers, and on single numbers."""

from __future__ import annotations

from typing import Final

from ocinterp.tasks.pocket import numbers
from ocinterp.tasks.pocket.operations import Action, Operation, changes, meanings, operation, selections

_VALUES: Final = tuple(
    each for each in numbers.CONDITIONS if each.name in {"even", "odd", "zero", "above", "below", "divisible"}
)
_ON_VALUES: Final = (
    Action("keep entries", "table", ("keep the entries whose values are {those}", "keep only entries with {those} as values"),
        ("throw out all entries but those with {those}",), meanings("{key: {v} for key, {v} in {x}.items() if {test}}")),
    Action("drop entries", "table", ("drop the entries whose values are {those}", "remove entries with {those} as values"),
        ("get rid of the entries with {those}",), meanings("{key: {v} for key, {v} in {x}.items() if not {test}}")),
    Action("count entries", "number", ("count the values that are {those}", "return how many values are {those}"),
        ("tell how often values are {those}",), meanings("sum(1 for {v} in {x}.values() if {test})")),
    Action("names of", "words", ("list the keys whose values are {those}", "return the keys with {those} as values"),
        ("name those with {those}",),
        meanings([("sorted(key for key, {v} in {x}.items() if {test})", "in sorted order"),
                  ("[key for key, {v} in {x}.items() if {test}]", "in the order of the table")])),
)  # fmt: skip

_TABLES: Final = (
    operation("keys", "table", "words", ["return the keys", "list the keys", "get the names in the table"],
        [("list({x})", "in the order of the table"), ("sorted({x})", "in sorted order"), ("sorted({x}, reverse=True)", "in reverse order")]),
    operation("ranked", "table", "words", ["list the keys by value", "sort the keys by their values", "rank the keys"],
        [("sorted({x}, key={x}.get)", "smallest value first"), ("sorted({x}, key={x}.get, reverse=True)", "largest value first")]),
    operation("values", "table", "numbers", ["return the values", "list the values", "get the numbers in the table"],
        [("list({x}.values())", "in the order of the table"), ("sorted({x}.values())", "in sorted order")]),
    operation("value total", "table", "number", ["return the sum of the values", "add up the values", "total the numbers in the table"], "sum({x}.values())"),
    operation("largest value", "table", "number", ["return the largest value", "find the highest value", "look for the greatest value"],
        [("max({x}.values(), default=0)", "or 0 for an empty table"), ("max({x}.values(), default=None)", "or None for an empty table")]),
    operation("best key", "table", "text", ["return the key with the largest value", "find the key whose value is highest", "name the one with the greatest value"],
        [("max({x}, key={x}.get, default='')", "or an empty text for an empty table"), ("max({x}, key={x}.get, default=None)", "or None for an empty table")]),
    operation("worst key", "table", "text", ["return the key with the smallest value", "find the key whose value is lowest", "name the one with the least value"],
        [("min({x}, key={x}.get, default='')", "or an empty text for an empty table"), ("min({x}, key={x}.get, default=None)", "or None for an empty table")]),
    operation("entries", "table", "number", ["count the entries", "return the number of entries", "tell how large the table is"], "len({x})"),
    operation("look up", "table", "number", ["look up '{w}'", "return the value of '{w}'", "get what the table has for '{w}'"],
        [("{x}.get('{w}', 0)", "or 0 if it is not there"), ("{x}.get('{w}')", "or None if it is not there")], w=("apple", "tea", "the", "art")),
    operation("has key", "table", "truth", ["check whether '{w}' is a key", "tell if the table has '{w}'", "find out whether '{w}' is in the table"],
        "'{w}' in {x}", w=("apple", "tea", "the", "art")),
    operation("rename", "table", "table", ["convert the keys to upper case", "write the keys in capitals", "put the keys into upper case"],
        "{key.upper(): v for key, v in {x}.items()}"),
    operation("sort table", "table", "table", ["sort the table", "order the entries", "put the entries in order"],
        [("dict(sorted({x}.items()))", "by key"), ("dict(sorted({x}.items(), key=lambda e: e[1]))", "by value")]),
)  # fmt: skip

_NUMBERS: Final = (
    operation("count digits", "number", "number", ["count its digits", "return the number of its digits", "tell how many digits it has"], "len(str(abs({x})))"),
    operation("turn digits", "number", "number", ["reverse its digits", "write its digits backwards", "turn its digits around"],
        [("int(str(abs({x}))[::-1])", "leaving out the sign"), ("int(str(abs({x}))[::-1]) * (1 if {x} >= 0 else -1)", "keeping the sign")]),
    operation("sum up to", "number", "number", ["add up the numbers from 1 to it", "return the sum of all numbers up to it", "total all whole numbers from 1 on"],
        [("sum(range(1, {x} + 1))", "including it"), ("sum(range(1, {x}))", "excluding it")]),
    operation("factors", "number", "numbers", ["list its divisors", "return the numbers that divide it", "find all divisors"],
        [("[d for d in range(1, abs({x}) + 1) if {x} % d == 0]", "with the number itself"), ("[d for d in range(1, abs({x})) if {x} % d == 0]", "without the number itself")]),
    operation("is prime", "number", "truth", ["check whether it is a prime number", "tell if it is prime", "find out whether only 1 and itself divide it"],
        "{x} > 1 and all({x} % d for d in range(2, {x}))"),
    operation("is even", "number", "truth", ["check whether it is even", "tell if it is even", "find out whether two divides it"], "{x} % 2 == 0"),
    operation("is above", "number", "truth", ["check whether it is above {k}", "tell if it is over {k}", "find out whether it is more than {k}"],
        [("{x} > {k}", "not counting {k} itself"), ("{x} >= {k}", "counting {k} itself too")], k=numbers.SMALL),
    operation("is multiple", "number", "truth", ["check whether it is a multiple of {k}", "tell if it is divisible by {k}", "find out whether {k} divides it"],
        "{x} % {k} == 0", k=range(3, 8)),
    operation("binary", "number", "text", ["convert it to binary", "write it in base two", "give its binary form"],
        [("bin({x})", "with the prefix"), ("format({x}, 'b')", "without the prefix")]),
    operation("as text", "number", "text", ["convert it to a text", "write it as a text", "turn it into a text"], "str({x})"),
    operation("digits", "number", "numbers", ["list its digits", "return its digits", "take it apart into digits"],
        [("[int(c) for c in str(abs({x}))]", "from left to right"), ("[int(c) for c in str(abs({x}))[::-1]]", "from right to left")]),
    operation("count up", "number", "numbers", ["list the numbers from 1 to it", "count up from 1 to it", "write out the numbers from 1 on"],
        [("list(range(1, {x} + 1))", "including it"), ("list(range(1, {x}))", "excluding it")]),
    operation("count down", "number", "numbers", ["count down from it", "list the numbers from it downwards", "write out the numbers from it back"],
        [("list(range({x}, -1, -1))", "to 0"), ("list(range({x}, 0, -1))", "to 1")]),
)  # fmt: skip


def operations() -> list[Operation]:
    """All on tables and on single numbers."""
    return [
        *_TABLES,
        *_NUMBERS,
        *selections("table", _VALUES, _ON_VALUES),
        *changes("table", "table", numbers.CHANGES, ("each value", "every value"), "{key: {new} for key, {v} in {x}.items()}", "v", " of table"),
        *changes("number", "number", numbers.CHANGES, ("it", "the number"), "{new}", "{x}", " of number"),
    ]  # fmt: skip
