"""What may be asked for with `--with`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from ocinterp.errors import UsageError
from ocinterp.sandboxes.requirements import canonical, name_of, parse


@pytest.mark.parametrize(
    ("asked", "requirements"),
    [
        ("polars,scikit-learn", ("polars", "scikit-learn")),
        (" Polars , polars,, ", ("polars",)),
        ("Scikit_Learn >= 1.4, < 2", ("scikit-learn<2,>=1.4",)),
        ("b==1.0,a[x,Y_z]~=2", ("a[x,y-z]~=2", "b==1.0")),
        ("zope.interface", ("zope-interface",)),
        ("", ()),
    ],
)
def test_lists_of_names_come_in_one_spelling(asked: str, requirements: tuple[str, ...]) -> None:
    assert parse([asked]) == requirements


@pytest.mark.parametrize(
    "asked",
    [
        "-r file", "--pre", "../x", "/x", "x/y", "https://example.org/x.whl", "x @ https://example.org",
        "x; python_version > '3'", "x>=", "x==1 2", "é", "x y", "git+ssh://x", ".", "$(id)", "x\n--pre", "x==-r",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(asked: str) -> None:
    with pytest.raises(UsageError, match="is no package"):
        parse([asked])


@given(some.text(max_size=20))
def test_no_text_becomes_an_option_or_a_path(text: str) -> None:
    try:
        found = parse([text])
    except UsageError:
        return
    for each in found:
        assert each[0].isalnum()
        assert "/" not in each
        assert not any(character.isspace() for character in each)
        assert canonical(name_of(each)) == name_of(each)
    assert parse(found) == found
