"""Operations on lists of numbers."""

from __future__ import annotations

from collections.abc import Sequence
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
# What is usually meant, if nobody says it, comes first.
FEW: Final = (3, 1, 2, 4, 5)
STEPS: Final = (2, 3, 4, 5)
STARTS: Final = (0, 1, 10, 2, 5)
MARKS: Final = (" ", ",", "-", "/", "+", ":", ";")
NOTHING: Final = (0, -1, "None", 100)  # what stands for a number that there is not
ANY_NUMBER: Final = ("each number", "every element")

CONDITIONS: Final = (
    Condition("even", ("even numbers", "numbers divisible by two"), "{v} % 2 == 0"),
    Condition("odd", ("odd numbers", "numbers that are not even"), "{v} % 2 == 1"),
    Condition("positive", ("positive numbers", "numbers greater than zero"), "{v} > 0"),
    Condition("negative", ("negative numbers", "numbers less than zero"), "{v} < 0"),
    Condition("zero", ("zeros", "numbers equal to zero"), "{v} == 0", one_value=True),
    Condition(
        "divisible",
        ("multiples of {k}", "numbers divisible by {k}", "numbers that {k} divides"),
        "{v} % {k} == 0",
        {"k": range(3, 6)},
    ),
    Condition("above", ("numbers above {k}", "numbers over {k}"), "{v} > {k}", {"k": SMALL}),
    Condition("below", ("numbers below {k}", "numbers under {k}"), "{v} < {k}", {"k": SMALL}),
    Condition("one digit", ("one-digit numbers", "numbers with a single digit"), "abs({v}) < 10"),
    Condition("equal", ("numbers equal to {k}", "occurrences of {k}"), "{v} == {k}", {"k": SMALL}, True),
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
        each_of("next(({v} for {v} in {x} if {test}), {k})", "or {k} if there are none", NOTHING),
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
        each_of("max(({v} for {v} in {x} if {test}), default={k})", "or {k} if there are none", NOTHING),
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
        each_of("[i for i, {v} in enumerate({x}, {k}) if {test}]", "counting from {k}", STARTS),
    ),
    Action(
        "replace",
        "numbers",
        ("replace the {those}", "overwrite the {those}", "put something in place of the {those}"),
        each_of("[{k} if {test} else {v} for {v} in {x}]", "using {k}", (0, -1, 7, 50, 99)),
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
        ("divide {it}", "take the quotient of {it}", "cut {it} into equal parts"),
        each_of("{v} // {k}", "by {k}", range(2, 10)),
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


def _or(
    call: str, words: str = "or {k} for an empty list", values: Sequence[int | str] = NOTHING
) -> tuple[Meaning, ...]:
    """Meanings of what may have no answer: `call` has `{k}` for what stands for it then."""
    return each_of(call, words, values)


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
        ["(skip|drop|leave out) (numbers|elements) at the start"], each_of("{x}[{k}:]", "namely {k} of them", range(1, 6))),
    operation("shorten", "numbers", "numbers",
        ["(drop|remove|leave out) (numbers|elements) at the end"], each_of("{x}[:-{k}]", "namely {k} of them", range(1, 6))),
    operation("unique", "numbers", "numbers",
        ["(remove|drop|get rid of) (duplicate numbers|the numbers that repeat earlier ones)", "keep each number only once"],
        "list(dict.fromkeys({x}))"),
    operation("repeated", "numbers", "numbers",
        ["(list|find|return) the (numbers that occur more than once|repeated numbers)"],
        "[v for v in dict.fromkeys({x}) if {x}.count(v) > 1]"),
    operation("running totals", "numbers", "numbers",
        ["(compute|list|return) the (running totals|cumulative sums)"], "[sum({x}[:i + 1]) for i in range(len({x}))]"),
    operation("running maximum", "numbers", "numbers",
        ["(compute|list|return) the (running maximum|highest number up to each place)"],
        "[max({x}[:i + 1]) for i in range(len({x}))]"),
    operation("differences", "numbers", "numbers",
        ["(compute|list|return) the differences between (neighbours|adjacent numbers)"],
        "[b - a for a, b in zip({x}, {x}[1:])]"),
    operation("neighbour sums", "numbers", "numbers",
        ["(compute|list|return) the sums of (neighbours|adjacent numbers)"], "[a + b for a, b in zip({x}, {x}[1:])]"),
    operation("rotate", "numbers", "numbers",
        ["(rotate|cycle) (the list|the numbers) to the left"], each_of("{x}[{k}:] + {x}[:{k}]", "by {k}", range(1, 5))),
    operation("distances", "numbers", "numbers",
        ["(take|keep|return) (numbers|elements) at regular distances"], each_of("{x}[::{k}]", "with steps of {k}", STEPS)),
    operation("largest", "numbers", "numbers",
        ["(take|find|return) the few (largest|biggest|highest) numbers"],
        each_of("sorted({x}, reverse=True)[:{k}]", "up to {k} of them", FEW)),
    operation("smallest", "numbers", "numbers",
        ["(take|find|return) the few (smallest|lowest) numbers"], each_of("sorted({x})[:{k}]", "up to {k} of them", FEW)),
    operation("append", "numbers", "numbers",
        ["(add|attach|append) a (number|value) at the end of the list"], each_of("{x} + [{k}]", "namely {k}", range(10))),
    operation("prepend", "numbers", "numbers",
        ["(add|attach|insert) a (number|value) at the front of the list"], each_of("[{k}] + {x}", "namely {k}", range(10))),
    operation("repeat", "numbers", "numbers",
        ["(repeat|write) (the list|the numbers) in a row"], each_of("{x} * {k}", "{k} times", range(2, 6))),
    operation("move zeros", "numbers", "numbers",
        ["(gather|collect|line up) (the zeros|all zeros) at the end"],
        "[v for v in {x} if v] + [v for v in {x} if not v]"),
    operation("with position", "numbers", "numbers",
        ["add its (position|place) to (each number|every element)", "let (each number|every element) grow by its (position|place)"],
        each_of("[v + i for i, v in enumerate({x}, {k})]", "counting from {k}", STARTS)),
    operation("ends", "numbers", "numbers",
        ["(keep|take|return) only the (first and the last number|two ends of the list)"],
        "[{x}[0], {x}[-1]] if {x} else []"),
    operation("trim extremes", "numbers", "numbers",
        ["(put the numbers in order|bring the numbers into order) and (leave out|drop) both ends"], "sorted({x})[1:-1]"),
    operation("sum", "numbers", "number",
        ["(return|compute|get) the (sum|total) of all numbers", "(add up|sum) (all the numbers|the whole list)"], "sum({x})"),
    operation("largest one", "numbers", "number",
        ["(return|find|get) the (largest number|biggest number|maximum)"], _or("max({x}, default={k})")),
    operation("smallest one", "numbers", "number",
        ["(return|find|get) the (smallest number|lowest number|minimum)"], _or("min({x}, default={k})")),
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
        _or("max({x}) - min({x}) if {x} else {k}")),
    operation("distinct", "numbers", "number",
        ["(return|tell) how many (distinct|different) numbers there are", "count the (distinct|different) numbers"],
        "len(set({x}))"),
    operation("alternating", "numbers", "number",
        ["(return|compute|get) the (alternating sum|sum with alternating signs)"], "sum({x}[::2]) - sum({x}[1::2])"),
    operation("sum of squares", "numbers", "number",
        ["(return|compute|get) the (sum of the squares|total of the squared numbers)"], "sum(v * v for v in {x})"),
    operation("mean", "numbers", "number",
        ["(return|compute|find) the (average|mean) of the numbers rounded down"], _or("sum({x}) // len({x}) if {x} else {k}")),
    operation("median", "numbers", "number",
        ["(return|find|get) the (upper median|middle number in sorted order)"], _or("sorted({x})[len({x}) // 2] if {x} else {k}")),
    operation("most common", "numbers", "number",
        ["(return|find|look for) the (most common number|number that occurs most often)"],
        _or("max({x}, key={x}.count, default={k})")),
    operation("second largest", "numbers", "number",
        ["(return|find|get) the second (largest|highest) number"],
        _or("sorted({x})[-2] if len({x}) > 1 else {k}", "or {k} if there is none")),
    operation("place of largest", "numbers", "number",
        ["(return|find|tell) the (position|place) of the (largest number|maximum)"],
        _or("{x}.index(max({x})) if {x} else {k}", values=(-1, 0, "None", 100))),
    operation("rises", "numbers", "number",
        ["(count|tell) how (often|many times) a number is larger than the one before"],
        "sum(b > a for a, b in zip({x}, {x}[1:]))"),
    operation("is sorted", "numbers", "truth",
        [WHETHER + " the (list is|numbers are) in ascending order"], "{x} == sorted({x})"),
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
        each_of("'{k}'.join(str(v) for v in {x})", "with '{k}'", MARKS)),
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
