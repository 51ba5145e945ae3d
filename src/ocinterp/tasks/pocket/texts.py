"""Operations on texts, and on lists of words."""

from __future__ import annotations

from typing import Final

from ocinterp.tasks.pocket.operations import (
    Action,
    Change,
    Condition,
    Operation,
    changes,
    meanings,
    operation,
    selections,
)

FEW: Final = range(2, 5)
LETTERS: Final = tuple("abet")

_CHARACTERS: Final = (
    Condition("vowels", ("vowels",), ("letters a, e, i, o and u",),
        meanings([("{v} in 'aeiou'", "lower case only"), ("{v} in 'aeiouAEIOU'", "in either case")])),
    Condition("digits", ("digits",), ("figures from 0 to 9",), meanings("{v}.isdigit()")),
    Condition("letters", ("letters",), ("letters of the alphabet",), meanings("{v}.isalpha()")),
    Condition("capitals", ("capital letters", "upper-case letters"), ("capitals",), meanings("{v}.isupper()")),
    Condition("small letters", ("lower-case letters", "small letters"), ("letters that are not capitals",),
        meanings("{v}.islower()")),
    Condition("spaces", ("spaces",), ("blanks",), meanings("{v} == ' '")),
    Condition("letter", ("letters '{c}'", "occurrences of '{c}'"), ("places with '{c}'",),
        meanings([("{v} == '{c}'", "lower case only"), ("{v}.lower() == '{c}'", "in either case")]), {"c": LETTERS}),
)  # fmt: skip

_ON_CHARACTERS: Final = (
    Action("keep characters", "text", ("keep only the {those}", "extract the {those}"), ("throw out all but the {those}",),
        meanings("''.join({v} for {v} in {x} if {test})")),
    Action("remove characters", "text", ("remove the {those}", "delete the {those}", "drop the {those}"), ("get rid of the {those}",),
        meanings("''.join({v} for {v} in {x} if not {test})")),
    Action("count characters", "number", ("count the {those}", "return the number of {those}"), ("tell how many {those} there are",),
        meanings("sum(1 for {v} in {x} if {test})")),
    Action("any character", "truth", ("check whether there are any {those}", "tell if the text has {those}"),
        ("find out whether some {those} are there",), meanings("any({test} for {v} in {x})")),
    Action("hide characters", "text", ("hide the {those}", "mask the {those}"), ("cover up the {those}",),
        meanings([("''.join('*' if {test} else {v} for {v} in {x})", "with stars"),
                  ("''.join('#' if {test} else {v} for {v} in {x})", "with hash signs")])),
    Action("places of characters", "numbers", ("list the positions of the {those}", "return the positions of the {those}"),
        ("give the places where the {those} stand",),
        meanings([("[i for i, {v} in enumerate({x}) if {test}]", "counting from 0"),
                  ("[i for i, {v} in enumerate({x}, 1) if {test}]", "counting from 1")])),
)  # fmt: skip

_WORD_CONDITIONS: Final = (
    Condition("long", ("words longer than {k} letters", "words of more than {k} letters"), ("words that exceed {k} letters",),
        meanings("len({v}) > {k}"), {"k": range(2, 5)}),
    Condition("short", ("words shorter than {k} letters", "words of fewer than {k} letters"), ("words with less than {k} letters",),
        meanings("len({v}) < {k}"), {"k": range(3, 6)}),
    Condition("starting", ("words that start with '{c}'", "words starting with '{c}'"), ("words with '{c}' in front",),
        meanings([("{v}.startswith('{c}')", "lower case only"), ("{v}.lower().startswith('{c}')", "in either case")]),
        {"c": LETTERS}),
    Condition("ending", ("words that end in '{c}'", "words ending with '{c}'"), ("words with '{c}' at the end",),
        meanings("{v}.endswith('{c}')"), {"c": LETTERS}),
    Condition("containing", ("words that contain '{c}'", "words with the letter '{c}'"), ("words in which '{c}' occurs",),
        meanings("'{c}' in {v}"), {"c": LETTERS}),
    Condition("capitalized", ("capitalized words", "words with a capital letter in front"), ("words that begin with a capital",),
        meanings("{v}[:1].isupper()")),
    Condition("mirrored", ("palindromes", "words that read the same backwards"), ("words that equal their reverse",),
        meanings([("{v} == {v}[::-1]", "minding the case"), ("{v}.lower() == {v}.lower()[::-1]", "ignoring case")])),
)  # fmt: skip

_ON_WORDS: Final = (
    Action("keep words", "words", ("keep only the {those}", "keep the {those}", "select the {those}"), ("throw out all but the {those}",),
        meanings("[{v} for {v} in {x} if {test}]")),
    Action("drop words", "words", ("drop the {those}", "remove the {those}", "leave out the {those}"), ("get rid of the {those}",),
        meanings("[{v} for {v} in {x} if not {test}]")),
    Action("count words", "number", ("count the {those}", "return the number of {those}"), ("tell how many {those} there are",),
        meanings("sum(1 for {v} in {x} if {test})")),
    Action("any word", "truth", ("check whether there are any {those}", "tell if the list has {those}"),
        ("find out whether some {those} are there",), meanings("any({test} for {v} in {x})")),
    Action("first word of", "text", ("return the first of the {those}", "find the first of the {those}"),
        ("look for the earliest of the {those}",),
        meanings([("next(({v} for {v} in {x} if {test}), '')", "or an empty text if there are none"),
                  ("next(({v} for {v} in {x} if {test}), None)", "or None if there are none")])),
)  # fmt: skip

TEXT_CHANGES: Final = (
    Change("upper", ("convert {it} to upper case", "write {it} in capitals"), ("put {it} into upper case",), meanings("{v}.upper()")),
    Change("lower", ("convert {it} to lower case", "write {it} in small letters"), ("put {it} into lower case",), meanings("{v}.lower()")),
    Change("swap case", ("swap the case of {it}", "flip upper and lower case in {it}"), ("exchange capitals and small letters in {it}",),
        meanings("{v}.swapcase()")),
    Change("backwards", ("reverse {it}", "write {it} backwards"), ("turn {it} around",), meanings("{v}[::-1]")),
    Change("capital", ("capitalize {it}", "start {it} with a capital letter"), ("give {it} a capital in front",),
        meanings("{v}[:1].upper() + {v}[1:]")),
    Change("start", ("cut {it} after {k} characters", "keep the first {k} characters of {it}"), ("shorten {it} to {k} characters",),
        meanings("{v}[:{k}]"), {"k": FEW}),
    Change("end", ("keep the last {k} characters of {it}", "take the last {k} characters of {it}"), ("leave only the {k} final characters of {it}",),
        meanings("{v}[-{k}:]"), {"k": FEW}),
    Change("behead", ("drop the first character of {it}", "remove the first character from {it}"), ("leave out the front character of {it}",),
        meanings("{v}[1:]")),
    Change("twice", ("repeat {it} {k} times", "write {it} {k} times in a row"), ("put {k} copies of {it} together",),
        meanings("{v} * {k}"), {"k": range(2, 4)}),
    Change("mirror", ("append the reverse of {it} to it", "mirror {it}"), ("let {it} be followed by its reverse",),
        meanings("{v} + {v}[::-1]")),
    Change("replace", ("replace '{c}' with '{e}' in {it}", "change '{c}' to '{e}' in {it}"), ("put '{e}' in place of '{c}' in {it}",),
        meanings([("{v}.replace('{c}', '{e}')", "everywhere"), ("{v}.replace('{c}', '{e}', 1)", "only the first time")]),
        {"c": LETTERS, "e": tuple("xyz_")}),
    Change("unique characters", ("remove repeated characters from {it}", "keep each character of {it} once"),
        ("leave no character in {it} twice",),
        meanings([("''.join(dict.fromkeys({v}))", "in the original order"), ("''.join(sorted(set({v})))", "in sorted order")])),
    Change("sort characters", ("sort the characters of {it}", "put the characters of {it} in order"), ("arrange the characters of {it}",),
        meanings([("''.join(sorted({v}))", "in ascending order"), ("''.join(sorted({v}, reverse=True))", "in descending order")])),
    Change("brackets", ("put brackets around {it}", "wrap {it} in brackets"), ("enclose {it} in brackets",),
        meanings([("'(' + {v} + ')'", "using round ones"), ("'[' + {v} + ']'", "using square ones")])),
    Change("every second character", ("take every second character of {it}", "keep every other character of {it}"),
        ("skip every other character of {it}",),
        meanings([("{v}[::2]", "starting with the first"), ("{v}[1::2]", "starting with the second")])),
    Change("pad", ("pad {it} to {k} characters", "fill {it} up to {k} characters"), ("bring {it} to a length of {k}",),
        meanings([("{v}.ljust({k}, '.')", "with dots on the right"), ("{v}.rjust({k}, '.')", "with dots on the left")]), {"k": range(5, 9)}),
)  # fmt: skip

_TEXTS: Final = (
    operation("title", "text", "text", ["capitalize the words", "start the words with capitals", "give the words capital letters"],
        [("{x}.title()", "every one"), ("{x}.capitalize()", "only the first one, and small letters after it")]),
    operation("turn words", "text", "text", ["reverse the order of the words", "put the words in reverse order", "say the words backwards"],
        "' '.join({x}.split()[::-1])"),
    operation("single spaces", "text", "text", ["reduce all white space to single spaces", "squeeze the spaces", "leave one space between words"],
        "' '.join({x}.split())"),
    operation("squeeze", "text", "text", ["reduce runs of the same character to one", "squeeze repeated neighbours", "collapse equal neighbours"],
        "''.join(c for i, c in enumerate({x}) if not i or c != {x}[i - 1])"),
    operation("length of text", "text", "number", ["return the length", "count the characters", "tell how long the text is"],
        [("len({x})", "with spaces"), ("len({x}.replace(' ', ''))", "without spaces")]),
    operation("count text words", "text", "number", ["count the words", "return the number of words", "tell how many words there are"],
        "len({x}.split())"),
    operation("digit total", "text", "number", ["add up the digits", "return the sum of the digits", "compute what the digits come to"],
        "sum(int(c) for c in {x} if c.isdigit())"),
    operation("distinct characters", "text", "number",
        ["count the distinct characters", "return how many different characters there are", "count each character only once"],
        [("len(set({x}))", "minding the case"), ("len(set({x}.lower()))", "ignoring case")]),
    operation("where", "text", "number", ["find the position of '{c}'", "return where '{c}' is", "tell at which place '{c}' stands"],
        [("{x}.find('{c}')", "where it comes first, or -1"), ("{x}.rfind('{c}')", "where it comes last, or -1")], c=LETTERS),
    operation("palindrome", "text", "truth", ["check whether it is a palindrome", "tell if it reads the same backwards", "find out whether it equals its reverse"],
        [("{x} == {x}[::-1]", "minding the case"), ("{x}.lower() == {x}.lower()[::-1]", "ignoring case")]),
    operation("starts", "text", "truth", ["check whether it starts with '{c}'", "tell if it begins with '{c}'", "find out whether '{c}' is in front"],
        [("{x}.startswith('{c}')", "lower case only"), ("{x}.lower().startswith('{c}')", "in either case")], c=LETTERS),
    operation("split", "text", "words", ["split it into parts", "break it into pieces", "cut it into parts"],
        [("{x}.split(' ')", "at spaces"), ("{x}.split(',')", "at commas"), ("{x}.split('-')", "at dashes")]),
    operation("text words", "text", "words", ["split it into words", "list its words", "get the list of words"], "{x}.split()"),
    operation("characters", "text", "words", ["turn it into a list of characters", "list its characters", "take it apart into characters"],
        "list({x})"),
    operation("text digits", "text", "numbers", ["list the digits as numbers", "extract the digits as a list of numbers", "get its digits as numbers"],
        "[int(c) for c in {x} if c.isdigit()]"),
    operation("character counts", "text", "table",
        ["count how often each character occurs", "build a table of character counts", "tally the characters"],
        "dict(Counter({x}))", "from collections import Counter"),
)  # fmt: skip

_WORDS: Final = (
    operation("sort words", "words", "words", ["sort the words", "put the words in order", "order the words", "arrange the words"],
        [("sorted({x})", "alphabetically"), ("sorted({x}, key=len)", "by length"), ("sorted({x}, reverse=True)", "in reverse alphabetical order")]),
    operation("first words", "words", "words", ["take the first {k} words", "keep the first {k} words", "cut the list after {k} words"], "{x}[:{k}]", k=FEW),
    operation("last words", "words", "words", ["take the last {k} words", "keep the last {k} words", "leave only the {k} words at the end"], "{x}[-{k}:]", k=FEW),
    operation("unique words", "words", "words", ["remove duplicate words", "keep each word once", "leave no word in there twice"],
        [("list(dict.fromkeys({x}))", "in the original order"), ("sorted(set({x}))", "in sorted order")]),
    operation("reverse words", "words", "words", ["reverse the list of words", "reverse the order of the words", "turn the list around"], "{x}[::-1]"),
    operation("every second word", "words", "words", ["take every second word", "keep every other word", "skip every other word"],
        [("{x}[::2]", "starting with the first"), ("{x}[1::2]", "starting with the second")]),
    operation("numbered", "words", "words", ["number the words", "put a number in front of each word", "prefix each word with its place"],
        [("[f'{i}{w}' for i, w in enumerate({x})]", "counting from 0"), ("[f'{i}{w}' for i, w in enumerate({x}, 1)]", "counting from 1")]),
    operation("join words", "words", "text", ["join the words", "join the words into a text", "put the words together"],
        [("' '.join({x})", "with spaces"), ("'-'.join({x})", "with dashes"), ("''.join({x})", "without anything between"), ("','.join({x})", "with commas")]),
    operation("acronym", "words", "text", ["build the acronym", "join the first letters", "put the initials together"],
        [("''.join(w[:1].upper() for w in {x})", "in upper case"), ("''.join(w[:1] for w in {x})", "as they are")]),
    operation("longest word", "words", "text", ["return the longest word", "find the longest word", "look for the word with the most letters"],
        [("max({x}, key=len, default='')", "or an empty text if there is none"), ("max({x}, key=len, default=None)", "or None if there is none")]),
    operation("shortest word", "words", "text", ["return the shortest word", "find the shortest word", "look for the word with the fewest letters"],
        [("min({x}, key=len, default='')", "or an empty text if there is none"), ("min({x}, key=len, default=None)", "or None if there is none")]),
    operation("word lengths", "words", "numbers", ["replace each word by its length", "list the lengths of the words", "measure each word"], "[len(w) for w in {x}]"),
    operation("number of words", "words", "number", ["count the words", "return the number of words", "tell how many words there are"], "len({x})"),
    operation("total length", "words", "number", ["return the total length of the words", "add up the lengths of the words", "count the letters of all words together"],
        "sum(len(w) for w in {x})"),
    operation("has word twice", "words", "truth", ["check whether a word occurs twice", "tell if there are duplicate words", "find out whether a word is repeated"],
        [("len(set({x})) < len({x})", "minding the case"), ("len({w.lower() for w in {x}}) < len({x})", "ignoring case")]),
    operation("word counts", "words", "table", ["count how often each word occurs", "build a table of word counts", "tally the words"],
        "dict(Counter({x}))", "from collections import Counter"),
    operation("word to length", "words", "table", ["map each word to its length", "build a table from words to lengths", "look up lengths by word"],
        "{w: len(w) for w in {x}}"),
    operation("word to place", "words", "table", ["map each word to its position", "build a table from words to positions", "look up positions by word"],
        [("{w: i for i, w in enumerate({x})}", "counting from 0"), ("{w: i for i, w in enumerate({x}, 1)}", "counting from 1")]),
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
