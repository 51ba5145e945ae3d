from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ocinterp.render import clip, describe, error_line, printable
from ocinterp.types import Display, ExecutionResult, Failure, Outcome


@given(st.text(), st.integers(5, 50))
def test_clip_keeps_short_text_and_bounds_long_text(text: str, limit: int) -> None:
    clipped = clip(text, limit)
    assert clipped == text if len(text) <= limit else len(clipped) <= limit + 60


def test_clip_keeps_more_of_the_tail_where_the_error_is() -> None:
    clipped = clip("a" * 500 + "b" * 500, 100)
    assert (clipped.count("b"), clipped[:20]) == (80, "a" * 20)


@given(st.text())
def test_printable_text_cannot_drive_a_terminal(text: str) -> None:
    assert not {chr(n) for n in range(32)} - {"\t", "\n", "\r"} & set(printable(text)) - {"\t", "\n", "\r"}


def test_colours_are_taken_out_and_nul_is_shown() -> None:
    assert printable("\x1b[31mred\x1b[0m\0 \x1b]0;title\x07") == "red\ufffd "


def test_a_result_is_its_output_its_values_and_its_traceback() -> None:
    result = ExecutionResult(
        "1",
        Outcome.ERROR,
        stdout="before\n",
        error=Failure("ValueError", "bad", "Traceback\nValueError: bad\n"),
        displays=(Display({"text/plain": "42"}), Display({"image/png": "AAAA", "text/plain": "<Figure>"})),
    )
    assert describe(result) == "before\n42\n[figure shown: <Figure>]\nTraceback\nValueError: bad"


def test_a_timeout_says_so_after_its_traceback() -> None:
    result = ExecutionResult("1", Outcome.TIMEOUT, error=Failure("Timeout", "stopped after 3 s.", "Traceback ..."))
    assert describe(result) == "Traceback ...\nTimeout: stopped after 3 s."


def test_nothing_is_said_to_be_nothing() -> None:
    assert describe(ExecutionResult("1", Outcome.OK)) == "(no output)"


def test_an_error_is_one_line_whatever_its_message() -> None:
    failure = Failure("ValueError", "first\nsecond " + "x" * 1000)
    line = error_line(ExecutionResult("1", Outcome.ERROR, error=failure))
    assert "\n" not in line
    assert len(line) < 400
