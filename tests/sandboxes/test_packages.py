"""What a program is told when a package is missing."""

from __future__ import annotations

import pytest

from ocinterp.sandboxes.ns.packages import missed, note, provider, replace_install


@pytest.mark.parametrize(
    ("message", "module"),
    [
        ("No module named 'polars'", "polars"),
        ("No module named 'numpy.nothing'", None),
        ("No module named 'a'; 'a' is not a package", None),
        ("my own words", None),
    ],
)
def test_only_a_package_that_is_not_there_is_missed(message: str, module: str | None) -> None:
    assert missed(message) == module
    assert bool(note(message, ["numpy"])) == (module is not None)


def test_the_package_of_a_module_may_have_another_name() -> None:
    assert [provider(module) for module in ("sklearn", "PIL", "polars", "my_package")] == [
        "scikit-learn",
        "pillow",
        "polars",
        "my-package",
    ]


def test_the_note_names_what_is_there() -> None:
    assert note("No module named 'x'", ["numpy", "pandas"]) == (
        "Available: numpy, pandas; packages cannot be installed from inside.\n"
    )
    assert note("No module named 'x'", []) == "Packages cannot be installed from inside.\n"


@pytest.mark.parametrize(
    "command",
    [
        "!pip install pytest", "%pip install -q pytest", "!pip3 install 'pytest>=1' --upgrade", "!python -m pip install pytest",
        "!sudo pip install pytest", "%conda install -c conda-forge pytest", "!uv pip install pytest  # for tests",
    ],
)  # fmt: skip
def test_installing_what_is_there_does_nothing(command: str) -> None:
    assert replace_install(command, ()) == f"pass  # {command}"


@pytest.mark.parametrize(
    ("command", "missing", "hint"),
    [
        ("!pip install no_such_thing pytest", "no_such_thing", "--with no_such_thing"),
        ("%pip install no-such-a no-such-b==2", "no-such-a, no-such-b", "--with no-such-a,no-such-b"),
        ("!pip install git+https://example.org/x", "git+https://example.org/x", ""),
    ],
)
def test_installing_what_is_not_there_is_an_error_that_says_so(command: str, missing: str, hint: str) -> None:
    replaced = replace_install(command, ["numpy"])
    assert replaced is not None
    with pytest.raises(RuntimeError) as raised:
        exec(replaced)
    said = str(raised.value)
    assert said.startswith(f"{missing}: not there. Available: numpy; packages cannot be installed from inside.")
    assert ("--with" in said) == bool(hint)
    assert hint in said


@pytest.mark.parametrize(
    "command", ["!ls", "!apt install x", "%time x", "!pip list", "!pip uninstall x", "%matplotlib inline"]
)
def test_other_commands_are_left_alone(command: str) -> None:
    assert replace_install(command, ()) is None
