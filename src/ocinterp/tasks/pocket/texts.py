"""Operations on texts, and on lists of words."""

from __future__ import annotations

from typing import Final

from ocinterp.tasks.pocket.numbers import FEW, MARKS, STARTS, STEPS
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

LETTERS: Final = tuple("abet")
_COVERS: Final = "*#.-?x"
_FILLS: Final = ".*0-"
_BRACKETS: Final = ("()", "[]", "<>")
NOTHING: Final = ("", "-", "?", "none")  # what stands for a text that there is not

_CHARACTERS: Final = (
    Condition("vowels", ("vowels", "characters that are vowels"),
        "{v} in 'aeiou'"),
    Condition("digits", ("digits", "characters that are digits"), "{v}.isdigit()"),
    Condition("letters", ("letters", "characters that are letters"), "{v}.isalpha()"),
    Condition("capitals", ("capital letters", "upper-case letters"), "{v}.isupper()"),
    Condition("small letters", ("small letters", "lower-case letters"),
        "{v}.islower()"),
    Condition("spaces", ("spaces", "blanks"), "{v} == ' '"),
    Condition("letter", ("occurrences of '{c}'", "characters equal to '{c}'"),
        "{v} == '{c}'", {"c": LETTERS}),
)  # fmt: skip

_ON_CHARACTERS: Final = (
    Action("keep characters", "text", ("keep only the {those}", "keep the {those}", "extract the {those}", "throw out all but the {those}"),
        meanings("''.join({v} for {v} in {x} if {test})")),
    Action("remove characters", "text", ("remove the {those}", "delete the {those}", "drop the {those}", "get rid of the {those}"),
        meanings("''.join({v} for {v} in {x} if not {test})")),
    Action("count characters", "number",
        ("count the {those}", "return how many {those} there are", "return the number of {those}", "tell how many {those} there are"),
        meanings("sum(1 for {v} in {x} if {test})")),
    Action("any character", "truth",
        ("check whether there are any {those}", "tell if the text has {those}",
         "find out whether there are any {those}", "check whether the text has {those}"),
        meanings("any({test} for {v} in {x})")),
    Action("hide characters", "text", ("hide the {those}", "mask the {those}", "cover up the {those}"),
        each_of("''.join('{k}' if {test} else {v} for {v} in {x})", "with '{k}'", _COVERS)),
    Action("places of characters", "numbers",
        ("list the positions of the {those}", "return the positions of the {those}",
         "find the places of the {those}", "tell the places of the {those}"),
        each_of("[i for i, {v} in enumerate({x}, {k}) if {test}]", "counting from {k}", STARTS)),
)  # fmt: skip

_WORD_CONDITIONS: Final = (
    Condition("long", ("words longer than {k} letters", "words of more than {k} letters", "words with more than {k} letters"),
        "len({v}) > {k}", {"k": range(2, 5)}),
    Condition("short", ("words shorter than {k} letters", "words of fewer than {k} letters", "words with fewer than {k} letters"),
        "len({v}) < {k}", {"k": range(3, 6)}),
    Condition("starting", ("words that start with '{c}'", "words starting with '{c}'", "words with '{c}' in front"),
        "{v}.startswith('{c}')", {"c": LETTERS}),
    Condition("ending", ("words that end in '{c}'", "words ending with '{c}'", "words with '{c}' at the end"),
        "{v}.endswith('{c}')", {"c": LETTERS}),
    Condition("containing", ("words that contain '{c}'", "words with the letter '{c}'", "words in which '{c}' occurs"),
        "'{c}' in {v}", {"c": LETTERS}),
    Condition("capitalized", ("capitalized words", "words with a capital letter in front", "words that begin with a capital letter"),
        "{v}[:1].isupper()"),
    Condition("mirrored", ("palindromes", "words that read the same backwards", "words that equal their reverse"),
        "{v} == {v}[::-1]"),
)  # fmt: skip

_ON_WORDS: Final = (
    Action("keep words", "words", ("keep only the {those}", "keep the {those}", "select the {those}", "throw out all but the {those}"),
        meanings("[{v} for {v} in {x} if {test}]")),
    Action("drop words", "words", ("drop the {those}", "remove the {those}", "leave out the {those}", "get rid of the {those}"),
        meanings("[{v} for {v} in {x} if not {test}]")),
    Action("count words", "number",
        ("count the {those}", "return how many {those} there are", "return the number of {those}", "tell how many {those} there are"),
        meanings("sum(1 for {v} in {x} if {test})")),
    Action("any word", "truth",
        ("check whether there are any {those}", "tell if the list has {those}",
         "find out whether there are any {those}", "check whether the list has {those}"),
        meanings("any({test} for {v} in {x})")),
    Action("first word of", "text",
        ("return the first of the {those}", "find the first of the {those}",
         "get the first of the {those}", "look for the earliest of the {those}"),
        each_of("next(({v} for {v} in {x} if {test}), '{k}')", "or '{k}' if there are none", NOTHING)),
)  # fmt: skip

TEXT_CHANGES: Final = (
    Change("upper", ("convert {it} to upper case", "write {it} in capitals", "put {it} into upper case"), meanings("{v}.upper()")),
    Change("lower", ("convert {it} to lower case", "write {it} in small letters", "put {it} into lower case"), meanings("{v}.lower()")),
    Change("swap case", ("swap the case of {it}", "flip upper and lower case in {it}", "exchange capitals and small letters in {it}"),
        meanings("{v}.swapcase()")),
    Change("backwards", ("reverse {it}", "write {it} backwards", "turn {it} around"), meanings("{v}[::-1]")),
    Change("capital", ("capitalize {it}", "start {it} with a capital letter", "write {it} with a capital letter in front"),
        meanings("{v}[:1].upper() + {v}[1:]")),
    Change("start", ("cut {it} short", "keep the first few characters of {it}", "shorten {it}"),
        each_of("{v}[:{k}]", "to a length of {k}", FEW)),
    Change("end",
        ("keep the last few characters of {it}", "take the last few characters of {it}", "keep the end of {it}"),
        each_of("{v}[-{k}:]", "to a length of {k}", FEW)),
    Change("behead", ("drop characters at the start of {it}", "remove characters from the start of {it}", "leave out the start of {it}"),
        each_of("{v}[{k}:]", "namely {k} of them", range(1, 5))),
    Change("twice", ("repeat {it}", "write {it} in a row", "put copies of {it} together"),
        each_of("{v} * {k}", "{k} times", range(2, 6))),
    Change("mirror", ("append its reverse to {it}", "add its reverse to the end of {it}", "let {it} be followed by its reverse"),
        meanings("{v} + {v}[::-1]")),
    Change("replace", ("replace '{c}' in {it}", "change '{c}' in {it}", "put something in place of '{c}' in {it}"),
        each_of("{v}.replace('{c}', '{k}')", "using '{k}'", "_xyz-*"), {"c": LETTERS}),
    Change("unique characters",
        ("remove repeated characters from {it}", "keep each character of {it} once", "reduce {it} to its different characters"),
        meanings("''.join(dict.fromkeys({v}))")),
    Change("sort characters", ("sort the characters of {it}", "order the characters of {it}", "arrange the characters of {it}"),
        meanings("''.join(sorted({v}))")),
    Change("brackets", ("put brackets around {it}", "wrap {it} in brackets", "enclose {it} in brackets"),
        tuple(Meaning(f"'{two[0]}' + {{v}} + '{two[1]}'", f"using {two}") for two in _BRACKETS)),
    Change("distant characters",
        ("take characters of {it} at regular distances", "keep characters of {it} at regular distances",
         "pick characters of {it} at regular distances"), each_of("{v}[::{k}]", "with steps of {k}", STEPS)),
    Change("fill right", ("fill {it} up to {n} characters on the right", "pad {it} on the right to a length of {n}"),
        each_of("{v}.ljust({n}, '{k}')", "with '{k}'", _FILLS), {"n": range(5, 9)}),
    Change("fill left", ("fill {it} up to {n} characters on the left", "pad {it} on the left to a length of {n}"),
        each_of("{v}.rjust({n}, '{k}')", "with '{k}'", _FILLS), {"n": range(5, 9)}),
    Change("suffix", ("add a character to the end of {it}", "put a character at the end of {it}", "append a character to {it}"),
        each_of("{v} + '{k}'", "namely '{k}'", "!?.sz")),
    Change("prefix", ("add a character to the front of {it}", "put a character in front of {it}", "prepend a character to {it}"),
        each_of("'{k}' + {v}", "namely '{k}'", "#@>uz")),
)  # fmt: skip

_TEXTS: Final = (
    operation("title", "text", "text", ["(capitalize|put capitals on) (the words of the text|its words)"],
        "{x}.title()"),
    operation("turn words", "text", "text", ["(reverse|turn around|flip) the order of (the words in the text|its words)"],
        "' '.join({x}.split()[::-1])"),
    operation("single spaces", "text", "text", ["(reduce|shrink) (all white space|every stretch of spaces) to single spaces"],
        "' '.join({x}.split())"),
    operation("squeeze", "text", "text", ["(reduce|shrink|collapse) (runs of the same character|runs of equal characters) to one"],
        "''.join(c for i, c in enumerate({x}) if not i or c != {x}[i - 1])"),
    operation("length of text", "text", "number", ["(return|tell|get) (the length of the text|its length)"],
        "len({x})"),
    operation("count text words", "text", "number", ["(return|tell|find out) how many words (the text has|are in the text)"],
        "len({x}.split())"),
    operation("digit total", "text", "number", ["(add up|sum) (all its digits|the digits in the text)"],
        "sum(int(c) for c in {x} if c.isdigit())"),
    operation("distinct characters", "text", "number",
        ["(return|tell) how many (distinct|different) characters there are", "count the (distinct|different) characters"],
        "len(set({x}))"),
    operation("where", "text", "number", ["(return|find|tell) the (position|place) of '{c}'"],
        each_of("{x}.index('{c}') if '{c}' in {x} else {k}", "or {k} if it is not there", (-1, 0, "None", 100)), c=LETTERS),
    operation("palindrome", "text", "truth", [WHETHER + " (the text|it) (reads the same backwards|is a palindrome)"],
        "{x} == {x}[::-1]"),
    operation("starts", "text", "truth", [WHETHER + " (the text|it) (starts|begins) with '{c}'"],
        "{x}.startswith('{c}')", c=LETTERS),
    operation("split", "text", "words", ["(split|break|cut) (it|the text) into (parts|pieces)"],
        each_of("{x}.split('{k}')", "at every '{k}'", " ,-eat")),
    operation("text words", "text", "words", ["(split|break|cut) (it|the text) into words"], "{x}.split()"),
    operation("characters", "text", "words", ["(split|break|cut) (it|the text) into characters"],
        "list({x})"),
    operation("text digits", "text", "numbers", ["(list|extract|get) (its digits|all digits) as numbers"],
        "[int(c) for c in {x} if c.isdigit()]"),
    operation("character counts", "text", "table",
        ["(count|tally) how often (each|every) character occurs"],
        "{c: {x}.count(c) for c in {x}}"),
)  # fmt: skip

_WORDS: Final = (
    operation("sort words", "words", "words", ["(sort|order|arrange) (the words|all words)"],
        [("sorted({x})", "alphabetically"), ("sorted({x}, key=len)", "by length"), ("sorted({x}, reverse=True)", "in reverse alphabetical order"),
         ("sorted({x}, key=lambda w: w[-1:])", "by the last letter")]),
    operation("first words", "words", "words", ["(take|keep|return) (the first few words|a few words from the front)"],
        each_of("{x}[:{k}]", "up to {k} of them", FEW)),
    operation("last words", "words", "words", ["(take|keep|return) (the last few words|a few words from the end)"],
        each_of("{x}[-{k}:]", "up to {k} of them", FEW)),
    operation("unique words", "words", "words",
        ["(remove|drop|get rid of) (duplicate words|the words that repeat earlier ones)", "keep each word only once"],
        "list(dict.fromkeys({x}))"),
    operation("reverse words", "words", "words", ["(reverse|turn around|flip) the (list of words|word list)"], "{x}[::-1]"),
    operation("distant words", "words", "words", ["(take|keep|return) (words|some words) at regular distances"],
        each_of("{x}[::{k}]", "with steps of {k}", STEPS)),
    operation("numbered", "words", "words", ["(put|write) its (position|place) in front of (each word|every word)"],
        each_of("[f'{i}{w}' for i, w in enumerate({x}, {k})]", "counting from {k}", STARTS)),
    operation("join words", "words", "text", ["(join|combine|put together) (the words|all words) into (a text|one string)"],
        each_of("'{k}'.join({x})", "with '{k}'", (*MARKS, ""))),
    operation("acronym", "words", "text", ["(join|combine|put together) the (first letters|initials) of the words"],
        "''.join(w[:1] for w in {x})"),
    operation("longest word", "words", "text", ["(return|find|get) the (longest word|word with the most letters)"],
        each_of("max({x}, key=len, default='{k}')", "or '{k}' if there is none", NOTHING)),
    operation("shortest word", "words", "text", ["(return|find|get) the (shortest word|word with the fewest letters)"],
        each_of("min({x}, key=len, default='{k}')", "or '{k}' if there is none", NOTHING)),
    operation("word lengths", "words", "numbers",
        ["replace (each word|every word) by its (length|number of letters)", "(list|return) the lengths of (the words|all words)"],
        "[len(w) for w in {x}]"),
    operation("number of words", "words", "number", ["(return|tell|find out) how many words (the list has|are in the list)"], "len({x})"),
    operation("total length", "words", "number", ["(return|compute|get) the (total|combined) length of (the words|all words)"],
        "sum(len(w) for w in {x})"),
    operation("has word twice", "words", "truth", [WHETHER + " (a word occurs more than once|there are duplicate words)"],
        "len(set({x})) < len({x})"),
    operation("word counts", "words", "table", ["(count|tally) how often (each word|every word) occurs"],
        "{w: {x}.count(w) for w in {x}}"),
    operation("word to length", "words", "table", ["map (each word|every word) to its (length|number of letters)"],
        "{w: len(w) for w in {x}}"),
    operation("word to place", "words", "table", ["map (each word|every word) to its (position|place)"],
        each_of("{w: i for i, w in enumerate({x}, {k})}", "counting from {k}", STARTS)),
)  # fmt: skip


def operations() -> list[Operation]:
    """All on texts and on lists of words."""
    return [
        *_TEXTS,
        *_WORDS,
        *selections("text", _CHARACTERS, _ON_CHARACTERS, "c"),
        *selections("words", _WORD_CONDITIONS, _ON_WORDS, "w"),
        *changes("text", "text", TEXT_CHANGES, ("the text", "it"), "{new}", "{x}", " of text"),
        *changes(
            "words", "words", TEXT_CHANGES, ("each word", "every word"), "[{new} for {v} in {x}]", "w", " of words"
        ),
    ]
