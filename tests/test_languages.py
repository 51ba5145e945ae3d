"""One name for a language, whatever others call it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp import languages


@pytest.mark.parametrize(
    ("name", "language"),
    [
        *(("python", "python"), ("Python3", "python"), ("", "python"), (" py ", "python"), ("c++", "cpp"), ("C", "c")),
        *(("shell", "bash"), ("zsh", "bash"), ("nodejs", "javascript"), ("golang", "go"), ("sqlite", "sql")),
        *(("cobol", ""), ("text", ""), ("json", ""), ("output", ""), ("console", "")),
    ],
)
def test_a_language_has_one_name(name: str, language: str) -> None:
    assert languages.named(name) == language


@pytest.mark.parametrize("name", languages.NAMES)
def test_a_name_of_ours_is_its_own(name: str) -> None:
    assert languages.named(name) == languages.tagged(name) == name


@pytest.mark.parametrize(
    ("file", "language"),
    [
        *(("a.py", "python"), ("x/y.sh", "bash"), ("a.b.ts", "typescript"), ("A.JS", "javascript"), ("m.cc", "cpp")),
        *(("m.cpp", "cpp"), ("m.c", "c"), ("m.go", "go"), ("m.rs", "rust"), ("M.java", "java"), ("q.sql", "sql")),
        *(("noend", ""), ("a.txt", ""), ("-", ""), ("", "")),
    ],
)
def test_the_end_of_a_files_name_tells_its_language(file: str, language: str) -> None:
    assert languages.of_file(file) == language


@given(st.sampled_from(languages.NAMES), st.text())
def test_any_text_can_be_looked_at(language: str, text: str) -> None:
    assert languages.is_meant(language, text) in {True, False}
    assert languages.named(text) in {"", *languages.NAMES}
    assert languages.tagged(text) in {"", *languages.NAMES}
    assert languages.of_file(text) in {"", *languages.NAMES}
