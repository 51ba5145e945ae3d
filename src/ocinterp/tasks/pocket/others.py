"""Operations on tables, which lead from texts to numbers, and on single numbers."""

from __future__ import annotations

from typing import Final

from ocinterp.tasks.pocket import numbers, texts
from ocinterp.tasks.pocket.operations import Action, Operation, changes, each_of, meanings, operation, selections
from ocinterp.tasks.pocket.phrases import WHETHER

_VALUES: Final = tuple(
    each for each in numbers.CONDITIONS if each.name in {"even", "odd", "zero", "above", "below", "divisible"}
)
_ON_VALUES: Final = (
    Action("keep entries", "table",
        ("keep the entries whose values are {those}", "keep only entries with {those} as values",
         "throw out all entries but those with {those} as values"),
        meanings("{key: {v} for key, {v} in {x}.items() if {test}}")),
    Action("drop entries", "table",
        ("drop the entries whose values are {those}", "remove entries with {those} as values",
         "get rid of the entries whose values are {those}"),
        meanings("{key: {v} for key, {v} in {x}.items() if not {test}}")),
    Action("count entries", "number",
        ("count the values that are {those}", "return how many values are {those}", "tell how many values are {those}"),
        meanings("sum(1 for {v} in {x}.values() if {test})")),
    Action("names of", "words",
        ("list the keys whose values are {those}", "return the keys with {those} as values", "get the keys whose values are {those}"),
        meanings("[key for key, {v} in {x}.items() if {test}]")),
    Action("replace values", "table",
        ("replace the values that are {those}", "overwrite the values that are {those}",
         "put something in place of the values that are {those}"),
        each_of("{key: {k} if {test} else {v} for key, {v} in {x}.items()}", "using {k}", (0, -1, 7, 50, 99))),
)  # fmt: skip

_TABLES: Final = (
    operation("keys", "table", "words", ["(list|return|get) (all keys|the keys of the table)"],
        "list({x})"),
    operation("sorted keys", "table", "words", ["(list|return|get) (all keys|the keys of the table) in alphabetical order"], "sorted({x})"),
    operation("ranked", "table", "words", ["(list|return|get) the keys (sorted|ordered|ranked) by value"],
        [("sorted({x}, key={x}.get)", "with the smallest value first"), ("sorted({x}, key={x}.get, reverse=True)", "with the largest value first")]),
    operation("values", "table", "numbers", ["(list|return|get) (all values|the values of the table)"],
        "list({x}.values())"),
    operation("value total", "table", "number", ["(return|compute|get) the (sum|total) of (the values|all values)"], "sum({x}.values())"),
    operation("largest value", "table", "number", ["(return|find|get) the (largest|highest|greatest) value"],
        each_of("max({x}.values(), default={k})", "or {k} for an empty table", numbers.NOTHING)),
    operation("best key", "table", "text", ["(return|find|get) the key (with the largest value|whose value is highest)"],
        each_of("max({x}, key={x}.get, default='{k}')", "or '{k}' for an empty table", texts.NOTHING)),
    operation("worst key", "table", "text", ["(return|find|get) the key (with the smallest value|whose value is lowest)"],
        each_of("min({x}, key={x}.get, default='{k}')", "or '{k}' for an empty table", texts.NOTHING)),
    operation("entries", "table", "number", ["(return|tell|find out) how many (entries|keys) the table has"], "len({x})"),
    operation("look up", "table", "number", ["(look up|return|get) (the value of '{w}'|what the table has for '{w}')"],
        each_of("{x}.get('{w}', {k})", "or {k} if it is not there", numbers.NOTHING), w=("apple", "tea", "the", "art")),
    operation("has key", "table", "truth", [WHETHER + " ('{w}' is a key|the table has '{w}')"],
        "'{w}' in {x}", w=("apple", "tea", "the", "art")),
    operation("rename", "table", "table", ["(convert|change) (the keys|all keys) to (upper case|capitals)"],
        "{key.upper(): v for key, v in {x}.items()}"),
    operation("sort table", "table", "table", ["(sort|order|arrange) the (table|entries)"],
        [("dict(sorted({x}.items()))", "by key"), ("dict(sorted({x}.items(), key=lambda e: e[1]))", "by value")]),
)  # fmt: skip

_NUMBERS: Final = (
    operation("count digits", "number", "number", ["(return|tell|find out) how many digits (it|the number) has"], "len(str(abs({x})))"),
    operation("turn digits", "number", "number", ["(reverse|turn around|flip) (its digits|the digits of the number)"],
        "int(str(abs({x}))[::-1])"),
    operation("sum up to", "number", "number", ["(add up|sum|total) (the numbers up to it|all numbers up to it)"],
        each_of("sum(range({k}, {x} + 1))", "starting with {k}", (1, 2, 3, 5, 10))),
    operation("factors", "number", "numbers", ["(list|return|find) (its divisors|the numbers that divide it)"],
        "[d for d in range(1, abs({x}) + 1) if {x} % d == 0]"),
    operation("is prime", "number", "truth", [WHETHER + " (it|the number) is (prime|a prime number)"],
        "{x} > 1 and all({x} % d for d in range(2, {x}))"),
    operation("is even", "number", "truth", [WHETHER + " (it|the number) is (even|divisible by two)"], "{x} % 2 == 0"),
    operation("is above", "number", "truth", [WHETHER + " (it|the number) is (above|over) {k}"],
        "{x} > {k}", k=numbers.SMALL),
    operation("is multiple", "number", "truth", [WHETHER + " (it|the number) is (a multiple of|divisible by) {k}"],
        "{x} % {k} == 0", k=range(3, 8)),
    operation("binary", "number", "text",
        ["(convert|translate) (it|the number) to (binary|base two)", "write (it|the number) in (binary|base two)"],
        "format({x}, 'b')"),
    operation("as text", "number", "text", ["(convert|turn) (it|the number) into a (text|string)"], "str({x})"),
    operation("digits", "number", "numbers", ["(list|return|get) the digits of (it|the number)"],
        "[int(c) for c in str(abs({x}))]"),
    operation("count up", "number", "numbers", ["(list|write out|return) (the numbers up to it|all numbers up to it)"],
        each_of("list(range({k}, {x} + 1))", "starting with {k}", (1, 0, 2, 3, 5))),
    operation("count down", "number", "numbers",
        ["(list|write out|return) the numbers from (it|the number) down", "count down from (it|the number)"],
        each_of("list(range({x}, {k}, -1))", "as long as it is above {k}", (0, -1, 1, 2, 5))),
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
