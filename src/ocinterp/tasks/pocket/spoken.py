"""How people also say an operation: short, with a pronoun, or with the number inside. Training says it so now and then; the
benchmark, whose requests stay what they are, never does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from ocinterp.tasks.pocket.phrases import put

# `{value}` is what settles the meaning: such a phrase leaves nothing open.
VALUE: Final = re.compile(r"'[^']*'|-?\d+|None|[()\[\]<>]{2}")

_ELEMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("them", "the numbers", "all of them"),
    " of table": ("the values", "all values"),
    " of number": ("that", "the result"),
}
_STRINGS: Final[Mapping[str, tuple[str, ...]]] = {
    " of text": ("the string", "that", "the result"),
    " of words": ("each of them", "each one", "all words"),
}
_CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "add": ("add {value} to {it}",),
    "subtract": ("subtract {value} from {it}",),
    "multiply": ("multiply {it} by {value}", "take {it} times {value}"),
    "double": ("double {it}",),
    "square": ("square {it}",),
    "cube": ("cube {it}",),
    "negate": ("negate {it}",),
    "absolute": ("make {it} positive",),
    "divide": ("divide {it} by {value} and round down",),
    "remainder": ("take {it} modulo {value}",),
    "cap": ("let {it} be at most {value}",),
    "lift": ("let {it} be at least {value}",),
    "digit sum": ("take the digit sum of {it}",),
}
_TEXT_CHANGES: Final[Mapping[str, tuple[str, ...]]] = {
    "upper": ("make {it} uppercase", "uppercase {it}"),
    "lower": ("make {it} lowercase", "lowercase {it}"),
    "swap case": ("swap upper and lower case of {it}",),
    "backwards": ("reverse {it}", "spell {it} backwards"),
    "capital": ("capitalize {it}",),
    "start": ("keep the first {value} characters of {it}", "take the first {value} letters of {it}"),
    "end": ("keep the last {value} characters of {it}", "take the last {value} letters of {it}"),
    "behead": ("drop the first {value} characters of {it}",),
    "twice": ("repeat {it} {value} times",),
    "mirror": ("add the reverse of {it} at the end",),
    "replace": ("replace '{c}' by {value} in {it}", "replace every '{c}' with {value} in {it}"),
    "unique characters": ("remove duplicate characters from {it}",),
    "sort characters": ("sort the letters of {it}",),
    "brackets": ("put {value} around {it}",),
    "suffix": ("add {value} to the end of {it}", "append {value} to {it}"),
    "prefix": ("add {value} in front of {it}", "put {value} in front of {it}"),
}
_VALUES: Final[Mapping[str, str]] = {
    "even": "even ones", "odd": "odd ones", "divisible": "ones divisible by {k}", "above": "numbers larger than {k}",
    "below": "numbers smaller than {k}",
}  # fmt: skip
_NUMBERS: Final[Mapping[str, str]] = {**_VALUES, "positive": "positive ones", "negative": "negative ones"}
_CHARACTERS: Final[Mapping[str, str]] = {
    "vowels": "vowels", "digits": "digits", "letters": "letters", "capitals": "capitals", "spaces": "spaces",
}  # fmt: skip
_WORDS: Final[Mapping[str, str]] = {
    "starting": "words beginning with '{c}'", "containing": "words containing '{c}'", "mirrored": "palindromes",
}  # fmt: skip
_SELECTIONS: Final[tuple[tuple[Mapping[str, str], Mapping[str, tuple[str, ...]]], ...]] = (
    (_NUMBERS, {
        "keep": ("filter the {those}", "return only the {those}", "return all {those}"),
        "drop": ("filter out the {those}", "delete the {those}"),
        "count": ("give the count of {those}",),
        "add up": ("sum up the {those}", "give the sum of the {those}"),
        "first of": ("give the first of the {those}",),
        "largest of": ("give the maximum of the {those}",),
        "places of": ("give the indices of the {those}",),
        "replace": ("replace the {those} by {value}", "replace the {those} with {value}"),
    }),
    (_VALUES, {"names of": ("give the names whose values are {those}",)}),
    (_CHARACTERS, {
        "keep characters": ("return only the {those}",),
        "remove characters": ("filter out the {those}", "strip the {those}"),
        "count characters": ("give the count of {those}",),
        "hide characters": ("replace the {those} by {value}", "replace the {those} with {value}"),
        "places of characters": ("give the indices of the {those}",),
    }),
    (_WORDS, {
        "keep words": ("filter the {those}", "return only the {those}"),
        "drop words": ("filter out the {those}", "delete the {those}"),
        "count words": ("give the count of {those}",),
    }),
)  # fmt: skip
_OWN: Final[Mapping[str, tuple[str, ...]]] = {
    "sort": ("sort them", "sort it", "sort the result"),
    "reverse": ("reverse the list", "turn the list around"),
    "first": ("take the first {value} numbers", "return the first {value} of them"),
    "last": ("take the last {value} numbers", "return the last {value} of them"),
    "skip": ("skip the first {value} numbers", "drop the first {value} of them"),
    "shorten": ("drop the last {value} numbers", "leave out the last {value} of them"),
    "unique": ("remove duplicates", "drop the duplicates", "make them unique"),
    "running totals": ("give the running sums",),
    "rotate": ("rotate it left by {value}",),
    "distances": ("take one number in {value}",),
    "largest": ("return the {value} largest numbers", "take the largest {value} of them"),
    "smallest": ("return the {value} smallest numbers", "take the smallest {value} of them"),
    "append": ("append {value}", "add {value} at the end"),
    "prepend": ("prepend {value}", "add {value} at the front"),
    "repeat": ("repeat it {value} times",),
    "sum": ("sum them", "add them up", "return the sum", "return their sum", "sum the list", "sum up the numbers"),
    "largest one": ("return the max", "take the maximum", "return the largest of them"),
    "smallest one": ("return the min", "take the minimum", "return the smallest of them"),
    "length": ("count them", "return the length"),
    "product": ("multiply them all together", "return their product"),
    "mean": ("return the mean rounded down", "take their average rounded down"),
    "median": ("take the upper median of them",),
    "distinct": ("count the distinct ones",),
    "join numbers": ("join them with {value}", "join the numbers with {value}"),
    "number words": ("turn them into strings",),
    "turn words": ("reverse the words of the sentence",),
    "length of text": ("return the length of the string", "count the characters"),
    "count text words": ("count the words", "return the number of words"),
    "palindrome": ("is it a palindrome",),
    "split": ("split it at every {value}", "split the string at {value}"),
    "text words": ("split the string into words", "take its words"),
    "characters": ("make a list of its characters",),
    "character counts": ("count each character",),
    "sort words": ("sort them", "sort the list of words"),
    "first words": ("take the first {value} words", "return the first {value} of the words"),
    "last words": ("take the last {value} words", "return the last {value} of the words"),
    "unique words": ("make the words unique",),
    "reverse words": ("reverse the order of the words", "put the words in reverse order"),
    "join words": ("join them with {value}", "join the words with {value}", "combine them with {value} in between"),
    "longest word": ("take the longest of the words",),
    "shortest word": ("take the shortest of the words",),
    "word lengths": ("take the length of each word", "return their lengths"),
    "number of words": ("count the words of the list",),
    "word counts": ("count each word",),
    "keys": ("take the keys",),
    "values": ("take the values",),
    "value total": ("sum the values", "add up the values"),
    "is prime": ("is it prime",),
    "is even": ("is it even",),
    "binary": ("write it in binary digits",),
    "digits": ("split it into digits",),
}


@cache
def spoken() -> Mapping[str, tuple[str, ...]]:
    """By the name of an operation, where there is something."""
    return dict(_all())


def whole(template: str, settled: str) -> str:
    """A phrase with what settles its meaning: in its place, or at the end."""
    if "{value}" not in template:
        return f"{template} {settled}" if settled else template
    found = VALUE.search(settled)
    assert found is not None, f"{settled} has no value for {template}"
    return put(template, value=found[0])


def _all() -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from _OWN.items()
    for elements, changes in ((_ELEMENTS, _CHANGES), (_STRINGS, _TEXT_CHANGES)):
        for suffix, names in elements.items():
            for change, templates in changes.items():
                yield f"{change}{suffix}", tuple(put(each, it=it) for each in templates for it in names)
    for conditions, actions in _SELECTIONS:
        for action, templates in actions.items():
            for condition, those in conditions.items():
                yield f"{action} {condition}", tuple(put(each, those=those) for each in templates)
