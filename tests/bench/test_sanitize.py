"""A program that is whole stays as it is; in what a model says around one, it is found."""

from __future__ import annotations

import ast
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.bench.python import holds, is_stub, names, parse
from ocinterp.bench.sanitize import sanitize

WHOLE = '''"""Sums."""
import math  # for later
from typing import List

LIMIT = 3


def helper(x):
    # a comment
    return x + LIMIT


@staticmethod
def f(xs: List[int]) -> int:
    """Add.

    >>> f([1])
    4
    """
    result = sum(map(helper, xs))
    return result
'''


def rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as file:
        return [json.loads(line) for line in file]


def runs(source: str) -> dict[str, Any]:
    variables: dict[str, Any] = {}
    exec(source, variables)
    return variables


def is_program(source: str, entry_point: str) -> bool:
    try:
        return holds(parse(source), entry_point)
    except SyntaxError:
        return False


def test_a_whole_program_comes_back_to_the_letter() -> None:
    assert sanitize(WHOLE, "f") == WHOLE
    assert sanitize(WHOLE.rstrip(), "f") == WHOLE.rstrip()


statements = st.sampled_from(
    [
        "import os",
        "from math import pi as p",
        "A = 1",
        "B: int = 2",
        "def g(n):\n    return n if n < 1 else g(n - 1)",
        "class C:\n    x = 1\n\n    def m(self):\n        return A",
        "# a comment",
        "",
        "try:\n    import fast\nexcept ImportError:\n    fast = None",
        "for i in range(3):\n    A += i",
        "random.seed(0)",
    ]
)


@given(st.lists(statements, max_size=6), st.lists(statements, max_size=6), st.sampled_from(["", "\n", "\n\n\n"]))
def test_what_the_entry_point_may_need_is_never_changed(before: list[str], after: list[str], end: str) -> None:
    whole = "\n".join([*before, "def f(x):\n    return x", *after]) + end
    assert sanitize(whole, "f") == whole


@pytest.mark.parametrize(
    "demonstration",
    [
        "print(f([1]))",
        "assert f([1]) == 4",
        "xs = [f([1]), 2]\nprint(xs)",
        "result = f([1])",
        "if __name__ == '__main__':\n    helper(1)",
        "def test_f():\n    assert f([]) == 0\n\n\ntest_f()",
        "class Tests(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f([]), 0)",
        "n = int(input())",
        "for x in [1, 2]:\n    print(x)",
        "Explanation",
    ],
)
def test_demonstrations_and_tests_are_cut_out(demonstration: str) -> None:
    assert sanitize(f"{WHOLE}\n\n{demonstration}\n", "f") == WHOLE


@pytest.mark.parametrize("needed", ["f = wrap(f)", "TABLE = [helper(n) for n in range(3)]", "sys.setrecursionlimit(9)"])
def test_what_the_entry_point_is_made_of_is_kept(needed: str) -> None:
    program = f"def helper(n):\n    return n\n\n\ndef f(n):\n    return TABLE[n]\n\n\n{needed}\n"
    assert sanitize(program, "f") == program


def test_of_two_statements_on_one_line_both_stay() -> None:
    program = "def f(n): return A\nA = 1; print(f(1))\n"
    assert sanitize(program, "f") == program


@pytest.mark.parametrize(
    "answer",
    [
        f"Here's the code:\n\n```python\n{WHOLE}```\n\nIt isn't hard.",
        f"Sure!\n```\n{WHOLE}```\nUse it:\n```python\nprint(f([1, 2]))\n```\n",
        f"{WHOLE}\nThis function adds. It's simple: isn't it?\n",
        f"{WHOLE}```\n\nThe code above adds.",
        f"Here is what you want:\n\n{WHOLE}\nHope that helps!",
        f"\ufeff{WHOLE}",
        WHOLE.replace("\n", "\r\n"),
    ],
    ids=["fenced", "two fences", "prose after", "closing fence", "prose around", "byte order mark", "Windows"],
)
def test_a_program_is_found_in_a_chat(answer: str) -> None:
    assert sanitize(answer, "f").strip() == WHOLE.strip()


def test_a_helper_in_a_fence_of_its_own_comes_along() -> None:
    answer = "First:\n```python\ndef g(x):\n    return x + 1\n```\nThen:\n```python\ndef f(x):\n    return g(x)\n```"
    assert runs(sanitize(answer, "f"))["f"](1) == 2


def test_a_continuation_is_cut_where_it_stops_being_a_program() -> None:
    assert sanitize("def f(x):\n    return x\n\ndef g(x):\n    y = (x +", "f") == "def f(x):\n    return x\n"


def test_a_beginning_that_is_only_a_signature_does_not_hide_the_fence() -> None:
    answer = 'def f(x):\n    """Double."""\n\nHere it is:\n```python\ndef f(x):\n    return 2 * x\n```'
    assert runs(sanitize(answer, "f"))["f"](2) == 4


def test_a_fence_with_one_bad_line_gives_its_longest_range() -> None:
    answer = "Look:\n```python\ndef f(x):\n    return x\n$ python run.py\nx = 1\n```\n"
    assert sanitize(answer, "f") == "def f(x):\n    return x"


@pytest.mark.parametrize("text", ["", "I cannot do that.", "x = 1", "def g(): pass", "\0", "((((" * 30_000])
def test_a_text_without_the_entry_point_stays_as_it_is(text: str) -> None:
    assert sanitize(text, "f") == text


lines = st.sampled_from(
    [
        *("def f():", "    return 1", "    x = (", "    )", "x = 1", "Words of prose", "It's", '"""', "@wrap", "else:"),
        *(
            "if x:",
            "    if x:",
            "        pass",
            "try:",
            "except E:",
            "",
            "# it's",
            "return 2",
            "x = f'{a b}'",
            "    '''",
        ),
    ]
)


@given(st.lists(lines, max_size=9))
def test_the_longest_beginning_is_found_as_by_trying_all(parts: list[str]) -> None:
    beginnings = ["\n".join(parts[:end]) for end in range(len(parts), 0, -1)]
    best = next((each for each in beginnings if is_program(each, "f")), None)
    if best is not None and not is_stub(parse(best), "f") and not uses_or_talks(best):
        assert sanitize("\n".join(parts), "f") == best


def uses_or_talks(source: str) -> bool:
    return any(isinstance(each, ast.Expr) for each in parse(source).body)


@given(st.text(st.sampled_from("def f():\n  return x`'\"#(P ")) | st.text())
def test_any_text_gives_a_program_or_itself(text: str) -> None:
    found = sanitize(text, "f")
    assert is_program(found, "f") or found == text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    assert sanitize(found, "f").rstrip() == found.rstrip()


def test_names_are_those_of_the_module() -> None:
    [function] = ast.parse("def f(a, b=B):\n    global G\n    G = c = a\n    return [d for d in c if E] + H.I").body
    assert names(function).binds == {"f"}
    assert names(function).reads == {"B", "E", "G", "H"}
    [change] = ast.parse("table.rows[0] = x").body
    assert names(change).binds == {"table"}


def references(data: Path) -> Iterator[tuple[str, str]]:
    for row in rows(data / "benchmarks" / "HumanEvalPlus-v0.1.10.jsonl.gz"):
        yield row["prompt"] + row["canonical_solution"], row["entry_point"]
    for row in rows(data / "benchmarks" / "MbppPlus-v0.2.0.jsonl.gz"):
        yield row["prompt"] + row["canonical_solution"], row["entry_point"]


def test_the_reference_programs_of_the_benchmarks_are_whole(data: Path) -> None:
    found = list(references(data))
    assert len(found) == 164 + 378
    assert [entry for program, entry in found if sanitize(program, entry) != program] == []


@pytest.mark.parametrize(
    ("model", "before", "after"),
    [
        ("deepseek-coder_1.3b", 34, 98),  # the other 65 are words alone, or no Python
        ("deepseek-coder_6.7b", 157, 162),  # the other two name another function, or hold an error
        ("gpt-4o-2024-08-06", 164, 164),
        ("o3-mini-2025-01-31-low", 164, 164),
    ],
)
def test_programs_are_found_in_the_answers_of_real_models(data: Path, model: str, before: int, after: int) -> None:
    entries = {row["task_id"]: row["entry_point"] for row in rows(data / "benchmarks" / "HumanEval.jsonl.gz")}
    answers = [
        (entries[Path(row["path"]).stem.replace("_", "/")], row["solution"])
        for row in rows(data / "samples" / "humaneval-chat" / f"{model}.jsonl.gz")
    ]
    assert sum(is_program(text, entry) for entry, text in answers) == before
    assert sum(is_program(sanitize(text, entry), entry) for entry, text in answers) == after
