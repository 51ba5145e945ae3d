"""Operations on lists of numbers."""

from __future__ import annotations

from typing import Final

from ocinterp.tasks.pocket.operations import (
    Action,
    Change,
    Condition,
    Meaning,
    Operation,
    changes,
    each_of,
    meanings,
    operation,
    selections,
)
from ocinterp.tasks.pocket.phrases import WHETHER

SMALL: Final = range(1, 10)
FEW: Final = (3, 1, 2, 4, 5)  # what a few are, if nobody says it, comes first; so does the mark between
MARKS: Final = (
    (" ", "spaces"),
    (",", "commas"),
    ("-", "dashes"),
    ("/", "slashes"),
    ("+", "plus signs"),
    (":", "colons"),
    (";", "semicolons"),
)
TOP: Final = range(2, 5)
ANY_NUMBER: Final = ("each number", "every element")

_ABOVE = meanings([("{v} > {k}", "excluding {k} itself"), ("{v} >= {k}", "including {k} itself")])
_BELOW = meanings([("{v} < {k}", "excluding {k} itself"), ("{v} <= {k}", "including {k} itself")])

CONDITIONS: Final = (
    Condition("even", ("even numbers", "numbers divisible by two"), meanings("{v} % 2 == 0")),
    Condition("odd", ("odd numbers", "numbers that are not even"), meanings("{v} % 2 == 1")),
    Condition("positive", ("positive numbers", "numbers greater than zero"), meanings("{v} > 0")),
    Condition("negative", ("negative numbers", "numbers less than zero"), meanings("{v} < 0")),
    Condition("zero", ("zeros", "numbers equal to zero"), meanings("{v} == 0"), one_value=True),
    Condition(
        "divisible",
        ("multiples of {k}", "numbers divisible by {k}", "numbers that {k} divides"),
        meanings("{v} % {k} == 0"),
        {"k": range(3, 6)},
    ),
    Condition("above", ("numbers above {k}", "numbers over {k}"), _ABOVE, {"k": SMALL}),
    Condition("below", ("numbers below {k}", "numbers under {k}"), _BELOW, {"k": SMALL}),
    Condition("one digit", ("one-digit numbers", "numbers with a single digit"), meanings("abs({v}) < 10")),
    Condition("equal", ("numbers equal to {k}", "occurrences of {k}"), meanings("{v} == {k}"), {"k": SMALL}, True),
)

_ACTIONS: Final = (
    Action(
        "keep",
        "numbers",
        ("keep only the {those}", "keep the {those}", "select the {those}", "throw out all but the {those}"),
        meanings("[{v} for {v} in {x} if {test}]"),
    ),
    Action(
        "drop",
        "numbers",
        ("drop the {those}", "remove the {those}", "leave out the {those}", "get rid of the {those}"),
        meanings("[{v} for {v} in {x} if not {test}]"),
    ),
    Action(
        "count",
        "number",
        (
            "count the {those}",
            "return how many {those} there are",
            "return the number of {those}",
            "tell how many {those} there are",
        ),
        meanings("sum(1 for {v} in {x} if {test})"),
    ),
    Action(
        "add up",
        "number",
        ("add up the {those}", "return the sum of the {those}", "sum the {those}", "compute the total of the {those}"),
        meanings("sum({v} for {v} in {x} if {test})"),
        compares=True,
    ),
    Action(
        "any",
        "truth",
        (
            "check whether there are any {those}",
            "tell if the list has {those}",
            "find out whether there are any {those}",
            "check whether the list has {those}",
        ),
        meanings("any({test} for {v} in {x})"),
    ),
    Action(
        "only",
        "truth",
        (
            "check whether there are only {those}",
            "tell if the list has nothing but {those}",
            "find out whether there are only {those}",
            "check whether the list has nothing but {those}",
        ),
        meanings("all({test} for {v} in {x})"),
    ),
    Action(
        "first of",
        "number",
        (
            "return the first of the {those}",
            "find the first of the {those}",
            "get the first of the {those}",
            "look for the earliest of the {those}",
        ),
        meanings(
            [
                ("next(({v} for {v} in {x} if {test}), 0)", "or 0 if there are none"),
                ("next(({v} for {v} in {x} if {test}), -1)", "or -1 if there are none"),
                ("next(({v} for {v} in {x} if {test}), None)", "or None if there are none"),
            ]
        ),
        compares=True,
    ),
    Action(
        "largest of",
        "number",
        (
            "return the largest of the {those}",
            "find the biggest of the {those}",
            "get the largest of the {those}",
            "look for the greatest of the {those}",
        ),
        meanings(
            [
                ("max(({v} for {v} in {x} if {test}), default=0)", "or 0 if there are none"),
                ("max(({v} for {v} in {x} if {test}), default=None)", "or None if there are none"),
            ]
        ),
        compares=True,
    ),
    Action(
        "places of",
        "numbers",
        (
            "list the positions of the {those}",
            "return the positions of the {those}",
            "find the places of the {those}",
            "tell the places of the {those}",
        ),
        meanings(
            [
                ("[i for i, {v} in enumerate({x}) if {test}]", "counting from 0"),
                ("[i for i, {v} in enumerate({x}, 1) if {test}]", "counting from 1"),
            ]
        ),
    ),
)

CHANGES: Final = (
    Change("add", ("increase {it}", "raise {it}", "make {it} larger"), each_of("{v} + {k}", "by {k}", SMALL)),
    Change("subtract", ("decrease {it}", "lower {it}", "make {it} smaller"), each_of("{v} - {k}", "by {k}", SMALL)),
    Change(
        "multiply", ("multiply {it}", "scale {it}", "blow up {it}"), each_of("{v} * {k}", "by {k}", (10, *range(3, 10)))
    ),
    Change("double", ("double {it}", "make {it} twice as large", "multiply {it} by two"), meanings("{v} * 2")),
    Change(
        "square",
        ("square {it}", "replace {it} by its square", "raise {it} to the second power"),
        meanings("{v} ** 2"),
    ),
    Change("cube", ("cube {it}", "replace {it} by its cube", "raise {it} to the third power"), meanings("{v} ** 3")),
    Change("negate", ("negate {it}", "flip the sign of {it}", "change the sign of {it}"), meanings("-{v}")),
    Change(
        "absolute",
        ("take the absolute value of {it}", "drop the sign of {it}", "replace {it} by its distance from zero"),
        meanings("abs({v})"),
    ),
    Change(
        "divide",
        ("divide {it} by {k}", "take the quotient of {it} and {k}"),
        meanings([("{v} // {k}", "rounding down"), ("int({v} / {k})", "rounding toward zero")]),
        {"k": range(3, 6)},
    ),
    Change(
        "halve",
        ("halve {it}", "cut {it} in half", "divide {it} by two"),
        meanings([("{v} // 2", "rounding down"), ("-(-{v} // 2)", "rounding up")]),
    ),
    Change(
        "remainder",
        ("take the remainder of {it}", "replace {it} by its remainder", "reduce {it} to its remainder"),
        each_of("{v} % {k}", "modulo {k}", (10, *range(2, 10))),
    ),
    Change(
        "cap",
        ("limit {it}", "cap {it}", "put an upper limit on {it}"),
        each_of("min({v}, {k})", "at {k}", (9, *range(1, 9))),
    ),
    Change(
        "lift",
        ("put a lower limit on {it}", "put a floor under {it}", "set a minimum for {it}"),
        each_of("max({v}, {k})", "at {k}", range(6)),
    ),
    Change(
        "digit sum",
        ("replace {it} by its digit sum", "take the sum of the digits of {it}", "add up the digits of {it}"),
        meanings("sum(int(c) for c in str(abs({v})))"),
    ),
)


def _default(call: str, *values: str) -> list[tuple[str, str]]:
    """Meanings of what has no answer for an empty list."""
    return [(call.replace("{d}", value), f"or {value} for an empty list") for value in values]


_LISTS: Final = (
    operation("sort", "numbers", "numbers",
        ["(sort|order|arrange) (the numbers|the list)"],
        [("sorted({x})", "in ascending order"), ("sorted({x}, reverse=True)", "in descending order"),
         ("sorted({x}, key=abs)", "by absolute value"), ("sorted({x}, key=lambda v: v % 10)", "by the last digit"),
         ("sorted({x}, key=lambda v: v % 2)", "with the even ones first")]),
    operation("reverse", "numbers", "numbers",
        ["(reverse|turn around|flip) (the order of the numbers|the whole list)"], "{x}[::-1]"),
    operation("first", "numbers", "numbers",
        ["(take|keep|return) (the first few numbers|a few numbers from the front)"], each_of("{x}[:{k}]", "up to {k} of them", FEW)),
    operation("last", "numbers", "numbers",
        ["(take|keep|return) (the last few numbers|a few numbers from the end)"], each_of("{x}[-{k}:]", "up to {k} of them", FEW)),
    operation("skip", "numbers", "numbers",
        ["(skip|drop|leave out) (numbers|elements) at the start"],
        each_of("{x}[{k}:]", "namely {k} of them", range(1, 6))),
    operation("shorten", "numbers", "numbers",
        ["(drop|remove|leave out) (numbers|elements) at the end"],
        each_of("{x}[:-{k}]", "namely {k} of them", range(1, 6))),
    operation("unique", "numbers", "numbers",
        ["(remove|drop|get rid of) (duplicate numbers|the numbers that repeat earlier ones)", "keep each number only once"],
        [("list(dict.fromkeys({x}))", "keeping the original order"), ("sorted(set({x}))", "sorting the result")]),
    operation("repeated", "numbers", "numbers",
        ["(list|find|return) the (numbers that occur more than once|repeated numbers)"],
        [("[v for v in dict.fromkeys({x}) if {x}.count(v) > 1]", "in the order in which they first occur"),
         ("sorted(v for v in set({x}) if {x}.count(v) > 1)", "in sorted order")]),
    operation("running totals", "numbers", "numbers",
        ["(compute|list|return) the (running totals|cumulative sums)"],
        "totals = []\nfor v in {x}:\n    totals.append(v + (totals[-1] if totals else 0))\n{x} = totals"),
    operation("running maximum", "numbers", "numbers",
        ["(compute|list|return) the (running maximum|highest number up to each place)"],
        "highest = []\nfor v in {x}:\n    highest.append(max(v, highest[-1]) if highest else v)\n{x} = highest"),
    operation("differences", "numbers", "numbers",
        ["(compute|list|return) the differences between (neighbours|adjacent numbers)"],
        [("[b - a for a, b in zip({x}, {x}[1:])]", "taking each number minus the one before"),
         ("[a - b for a, b in zip({x}, {x}[1:])]", "taking each number minus the one after"),
         ("[abs(a - b) for a, b in zip({x}, {x}[1:])]", "without signs")]),
    operation("neighbour sums", "numbers", "numbers",
        ["(compute|list|return) the sums of (neighbours|adjacent numbers)"],
        "[a + b for a, b in zip({x}, {x}[1:])]"),
    operation("rotate", "numbers", "numbers",
        ["(rotate|cycle) (the list|the numbers)"],
        [*each_of("{x}[{k}:] + {x}[:{k}]", "to the left by {k}", range(1, 4)),
         *each_of("{x}[-{k}:] + {x}[:-{k}]", "to the right by {k}", range(1, 4))]),
    operation("every second", "numbers", "numbers",
        ["(take|keep|return) every (second|other) (number|element)"],
        [("{x}[::2]", "starting with the first"), ("{x}[1::2]", "starting with the second")]),
    operation("largest", "numbers", "numbers",
        ["(take|find|return) the ({k} largest|{k} biggest|top {k}) numbers"],
        [("sorted({x}, reverse=True)[:{k}]", "with the largest first"), ("sorted({x})[-{k}:]", "with the smallest first")], k=TOP),
    operation("smallest", "numbers", "numbers",
        ["(take|find|return) the ({k} smallest|{k} lowest|bottom {k}) numbers"],
        [("sorted({x})[:{k}]", "with the smallest first"), ("sorted({x})[:{k}][::-1]", "with the largest first")], k=TOP),
    operation("append", "numbers", "numbers",
        ["(add|attach) the (number|element) {k} to the list"],
        [("{x} + [{k}]", "at the end"), ("[{k}] + {x}", "at the front")], k=SMALL),
    operation("repeat", "numbers", "numbers",
        ["(repeat|write) (the list|the numbers) {k} times"],
        [("{x} * {k}", "as a whole"), ("[v for v in {x} for _ in range({k})]", "number by number")], k=range(2, 4)),
    operation("move zeros", "numbers", "numbers",
        ["(gather|collect|line up) (the zeros|all zeros)"],
        [("[v for v in {x} if v] + [v for v in {x} if not v]", "at the end"),
         ("[v for v in {x} if not v] + [v for v in {x} if v]", "at the front")]),
    operation("remove first", "numbers", "numbers",
        ["(remove|delete|strike out) the (number|element) {k}"],
        [("[v for v in {x} if v != {k}]", "wherever it is"),
         ("{x} = list({x})\nif {k} in {x}:\n    {x}.remove({k})", "where it comes first")], k=SMALL),
    operation("with position", "numbers", "numbers",
        ["add its (position|place) to (each number|every element)", "let (each number|every element) grow by its (position|place)"],
        [("[v + i for i, v in enumerate({x})]", "counting from 0"),
         ("[v + i for i, v in enumerate({x}, 1)]", "counting from 1")]),
    operation("ends", "numbers", "numbers",
        ["(keep|take|return) only the (first and the last number|two ends of the list)"],
        "[{x}[0], {x}[-1]] if {x} else []"),
    operation("trim extremes", "numbers", "numbers",
        ["(leave out|drop|remove) (the smallest and the largest number|one minimum and one maximum)"],
        [("sorted({x})[1:-1]", "sorting the rest"),
         ("{x} = list({x})\nfor v in (min({x}, default=0), max({x}, default=0)):\n    if v in {x}:\n        {x}.remove(v)",
          "leaving the rest as it is")]),
    operation("sum", "numbers", "number",
        ["(return|compute|get) the (sum|total) of all numbers", "(add up|sum) (all the numbers|the whole list)"], "sum({x})"),
    operation("largest one", "numbers", "number",
        ["(return|find|get) the (largest number|biggest number|maximum)"],
        _default("max({x}, default={d})", "0", "-1", "None")),
    operation("smallest one", "numbers", "number",
        ["(return|find|get) the (smallest number|lowest number|minimum)"],
        _default("min({x}, default={d})", "0", "-1", "None")),
    operation("length", "numbers", "number",
        ["(return|get) (the length of the list|the number of elements)", "(return|tell) how many (numbers|elements) there are"], "len({x})"),
    operation("product", "numbers", "number",
        ["(return|compute|get) the product of (the numbers|all elements)"],
        "math.prod({x})", "import math"),
    operation("divisor", "numbers", "number",
        ["(return|compute|find) the (greatest common divisor|largest common divisor|gcd) of the numbers"],
        "math.gcd(*{x})", "import math"),
    operation("spread", "numbers", "number",
        ["(return|compute|find) the (difference between the largest and the smallest number|spread of the numbers)"],
        _default("max({x}) - min({x}) if {x} else {d}", "0", "-1")),
    operation("distinct", "numbers", "number",
        ["(return|tell) how many (distinct|different) numbers there are", "count the (distinct|different) numbers"],
        "len(set({x}))"),
    operation("alternating", "numbers", "number",
        ["(return|compute|get) the (alternating sum|sum with alternating signs)"],
        [("sum({x}[::2]) - sum({x}[1::2])", "starting with a plus"), ("sum({x}[1::2]) - sum({x}[::2])", "starting with a minus")]),
    operation("sum of squares", "numbers", "number",
        ["(return|compute|get) the (sum of the squares|total of the squared numbers)"], "sum(v * v for v in {x})"),
    operation("mean", "numbers", "number",
        ["(return|compute|find) the (average|mean) of the numbers"],
        [("sum({x}) // len({x}) if {x} else 0", "rounded down, or 0 for an empty list"),
         ("round(sum({x}) / len({x})) if {x} else 0", "rounded to the nearest whole number, or 0 for an empty list")]),
    operation("median", "numbers", "number",
        ["(return|find|get) the (median|middle number in sorted order)"],
        [("sorted({x})[len({x}) // 2] if {x} else 0", "taking the upper one of two, or 0 for an empty list"),
         ("sorted({x})[(len({x}) - 1) // 2] if {x} else 0", "taking the lower one of two, or 0 for an empty list")]),
    operation("most common", "numbers", "number",
        ["(return|find|look for) the (most common number|number that occurs most often)"],
        [("max({x}, key=lambda v: ({x}.count(v), v), default=0)", "taking the larger one of a tie, or 0 for an empty list"),
         ("max({x}, key=lambda v: ({x}.count(v), -v), default=0)", "taking the smaller one of a tie, or 0 for an empty list")]),
    operation("second largest", "numbers", "number",
        ["(return|find|get) the second (largest|highest) number"],
        [("(sorted({x}) or [0])[-2:][0]", "counting equal numbers apart, or 0 for an empty list"),
         ("(sorted(set({x})) or [0])[-2:][0]", "counting equal numbers once, or 0 for an empty list")]),
    operation("place of largest", "numbers", "number",
        ["(return|find|tell) the (position|place) of the (largest number|maximum)"],
        [("{x}.index(max({x})) if {x} else -1", "counting from 0, or -1 for an empty list"),
         ("{x}.index(max({x})) + 1 if {x} else -1", "counting from 1, or -1 for an empty list")]),
    operation("longest run", "numbers", "number",
        ["(return|find|tell) the length of the longest (run|stretch) of equal numbers"],
        "best = run = 0\nfor i, v in enumerate({x}):\n    run = run + 1 if i and v == {x}[i - 1] else 1\n    best = max(best, run)\n{x} = best"),
    operation("rises", "numbers", "number",
        ["(count|tell) how (often|many times) a number is larger than the one before"],
        "sum(b > a for a, b in zip({x}, {x}[1:]))"),
    operation("is sorted", "numbers", "truth",
        [WHETHER + " the (list is|numbers are) sorted"],
        [("{x} == sorted({x})", "in ascending order"), ("{x} == sorted({x}, reverse=True)", "in descending order")]),
    operation("contains", "numbers", "truth",
        [WHETHER + " (the list contains {k}|{k} is in the list)"], "{k} in {x}", k=SMALL),
    operation("has repeated", "numbers", "truth",
        [WHETHER + " (a number occurs more than once|there are duplicates)"],
        "len(set({x})) < len({x})"),
    operation("is mirrored", "numbers", "truth",
        [WHETHER + " the list (reads the same backwards|is a palindrome)"],
        "{x} == {x}[::-1]"),
    operation("join numbers", "numbers", "text",
        ["(join|combine) (the numbers|all elements) into (a text|one string)"],
        [Meaning(f"'{mark}'.join(str(v) for v in {{x}})", f"separated by {name}") for mark, name in MARKS]),
    operation("number words", "numbers", "words",
        ["(convert|turn) (each number|every element) into a (text|string)"],
        "[str(v) for v in {x}]"),
    operation("count numbers", "numbers", "table",
        ["(count|tally) how often (each number|every element) occurs, with texts as keys"],
        "{str(v): {x}.count(v) for v in {x}}"),
)  # fmt: skip


def operations() -> list[Operation]:
    """All on lists of numbers."""
    return [
        *_LISTS,
        *selections("numbers", CONDITIONS, _ACTIONS),
        *changes("numbers", "numbers", CHANGES, ANY_NUMBER, "[{new} for {v} in {x}]"),
    ]
