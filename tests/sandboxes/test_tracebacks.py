"""Exceptions as their author should see them."""

from __future__ import annotations

import json
import linecache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.sandboxes.ns import tracebacks


def raised_by(source: str, name: str = "<cell 1>", **given_names: Any) -> BaseException:
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    try:
        exec(compile(source, name, "exec"), given_names)
    except BaseException as error:  # noqa: BLE001  whatever the program raises
        return error
    raise AssertionError("it did not raise")


def test_frames_of_libraries_and_of_this_package_are_left_out() -> None:
    described = tracebacks.describe(raised_by("def f():\n    loads('{')\nf()", loads=json.loads))
    assert described["name"] == "JSONDecodeError"
    assert "line 2, in f" in described["traceback"]
    assert "json/decoder.py" not in described["traceback"]


@pytest.mark.parametrize(
    ("source", "excerpt"),
    [
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError from e", "direct cause"),
        ("try:\n    1 / 0\nexcept Exception as e:\n    raise ValueError", "another exception occurred"),
        ("raise ExceptionGroup('g', [ValueError(1), ExceptionGroup('h', [KeyError(2)])])", "KeyError: 2"),
        ("e = ValueError('x')\ne.add_note('look here')\nraise e", "look here"),
        ("eval('1 +')", "SyntaxError"),
        ("a = ValueError()\nb = KeyError()\na.__context__ = b\nb.__context__ = a\nraise a", "ValueError"),
    ],
)
def test_chains_groups_and_notes_are_kept(source: str, excerpt: str) -> None:
    assert excerpt in tracebacks.describe(raised_by(source))["traceback"]


def test_an_exception_raised_in_no_line_of_the_program_has_no_heading() -> None:
    assert tracebacks.describe(ValueError("x"))["traceback"] == "ValueError: x\n"


@pytest.mark.parametrize("thrown", ["RuntimeError", "SystemExit", "KeyboardInterrupt"])
def test_an_exception_whose_text_raises_is_named(thrown: str) -> None:
    source = f"class E(Exception):\n    def __str__(self): raise {thrown}\nraise E"
    assert tracebacks.describe(raised_by(source))["name"] == "E"


@given(message=st.text(max_size=50), times=st.integers(1, 2000))
def test_a_description_is_bounded(message: str, times: int) -> None:
    described = tracebacks.describe(ValueError(message * times))
    assert len(described["traceback"]) < 20_100
    assert len(described["message"]) <= 20_000
