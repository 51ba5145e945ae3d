"""Visible tests: what is found in docstrings and asserts is an expression that names nothing but the entry point."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.tasks import examples, syntax

plain = st.recursive(
    st.integers() | st.booleans() | st.none() | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner),
    max_leaves=5,
)


def in_docstring(text: str) -> tuple[str, ...]:
    return examples.of_text(text, "f")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (">>> f(1)\n2\n>>> f(2)\n3", ("f(1) == 2", "f(2) == 3")),
        (">>> f(1)  # why\n2", ("f(1) == 2",)),
        (">>> f([1,\n...    2])\n[3,\n 4]", ("f([1, 2]) == [3, 4]",)),
        (">>>f(1)\n2\n\nmore words", ("f(1) == 2",)),
        (">>> f(1) == 2\nTrue\n>>> f(3) == 4", ("f(1) == 2", "f(3) == 4")),
        (">>> f([])\n>>> f(1)\n'a'", ("f([]) is None", "f(1) == 'a'")),
        (">>> round(f(1), 2)\n0.33", ("round(f(1), 2) == 0.33",)),
        (">>> x = f(1)\n>>> x\n3", ()),
        (">>> f(x)\n3", ()),
        (">>> f(1)\n<object at 0x7f>", ()),
        (">>> g(1)\n2", ()),
        ("f(1) == 2", ("f(1) == 2",)),
        ("* f(1) => 2", ("f(1) == 2",)),
        ("f((1, 2)) ==> [1]", ("f((1, 2)) == [1]",)),
        ("f(1) ➞ 'a'\nf(2)-> 'b'\nf(3) = 'c'", ("f(1) == 'a'", "f(2) == 'b'", "f(3) == 'c'")),
        ("f(1) should return True.", ("f(1) == True",)),
        ("f(')') returns 3 # since so", ("f(')') == 3",)),
        ("f(1)   # returns 'db' (of course)", ("f(1) == 'db'",)),
        ("f(1) => false", ("f(1) == False",)),
        ("f([\n 1,\n 2]) == [2,1]", ("f([1, 2]) == [2,1]",)),
        ("f(abc) => True", ()),
        ("f(1) -> 1 + 2 = 3", ()),
        ("f(1) and then 3; half(1) == 2; x.f(1) == 2", ()),
        ("f(1", ()),
    ],
)
def test_examples_are_found_in_sessions_and_in_prose(text: str, expected: tuple[str, ...]) -> None:
    assert in_docstring(text) == expected


def test_where_there_are_sessions_prose_is_not_read() -> None:
    assert in_docstring("f(9) == 9\n>>> f(1)\n2") == ("f(1) == 2",)


def test_the_docstring_is_that_of_the_entry_point_or_of_the_program() -> None:
    code = 'def g():\n    """g\n    >>> f(0)\n    0\n    """\n\ndef f(x):\n    """f\n    >>> f(1)\n    2\n    """\n'
    assert examples.of_docstring(code, "f") == ("f(1) == 2",)
    assert examples.of_docstring('"""f(1) == 2"""\ndef f(x): pass', "f") == ("f(1) == 2",)
    assert examples.of_docstring("def f(", "f") == ()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("assert f(1) == 2", "f(1) == 2"),
        ("assert set(f(1)) == {i for i in range(3)}", "set(f(1)) == {i for i in range(3)}"),
        ("assert math.isclose(f(1), 2)", "__import__('math').isclose(f(1), 2)"),
        ("assert f(1) == 1,2", None),
        ("assert f(root) == 1", None),
        ("assert 1 == 1", None),
        ("f(1)", None),
        ("assert f(1", None),
    ],
)
def test_an_assert_is_shown_if_it_needs_nothing_but_the_entry_point(statement: str, expected: str | None) -> None:
    assert examples.of_assert(statement, "f", ("import math",)) == expected


@given(
    st.text()
    | st.lists(st.sampled_from(["f(", ")", "1", ">>> ", "\n", " == ", "->", "'", "(", "...", "#", "f"])).map("".join)
)
def test_whatever_the_text_examples_are_closed_expressions(text: str) -> None:
    for each in in_docstring(text):
        node = syntax.expression(each)
        assert node is not None
        assert syntax.free(node) == {"f"}


@given(plain, plain)
def test_any_example_in_either_form_says_what_was_written(given_: object, answer: object) -> None:
    for text in (f">>> f({given_!r})\n{answer!r}", f"so f({given_!r}) == {answer!r}"):
        if answer is None and text.startswith(">"):
            continue
        (found,) = in_docstring(text)
        node = ast.parse(found, mode="eval").body
        assert isinstance(node, ast.Compare)
        assert ast.literal_eval(node.comparators[0]) == answer


def test_helpers_are_what_the_tests_need_of_the_program_and_what_those_need() -> None:
    program = "import math\nimport re\nK = 3\n\ndef deep(x):\n    return math.pi * K\n\ndef g(x):\n    return deep(x)\n\ndef f(x):\n    return g(x)\n"
    assert syntax.helpers(program, "f", "assert f(1) == g(1)") == (
        "import math\n\nK = 3\n\ndef deep(x):\n    return math.pi * K\n\ndef g(x):\n    return deep(x)"
    )
    assert syntax.helpers(program, "f", "assert f(1)") == ""
    assert syntax.helpers("def f(", "f", "f") == ""
