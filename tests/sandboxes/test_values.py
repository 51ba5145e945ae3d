"""Values as a reader sees them, sources as a notebook reads them, figures."""

from __future__ import annotations

import ast
import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.sandboxes.ns import figures, values


class Rich:
    def _repr_html_(self) -> str:
        return "<b>rich</b>"

    def _repr_png_(self) -> bytes:
        return b"\x89PNG"

    def _repr_latex_(self) -> None:
        return None

    def _repr_svg_(self) -> tuple[str, dict[str, int]]:
        return "<svg/>", {"width": 1}

    def __repr__(self) -> str:
        return "rich"


def test_a_value_is_asked_for_all_it_can_show() -> None:
    assert values.mime_bundle(Rich()) == {
        "text/html": "<b>rich</b>",
        "image/svg+xml": "<svg/>",
        "image/png": base64.b64encode(b"\x89PNG").decode(),
        "text/plain": "rich",
    }
    assert list(values.mime_bundle(Rich)) == ["text/plain"]  # a class cannot be asked what its instances can


@given(value=st.integers() | st.text(max_size=200) | st.lists(st.integers()))
def test_a_plain_value_is_its_repr(value: object) -> None:
    assert values.mime_bundle(value) == {"text/plain": repr(value)}


def test_a_long_text_keeps_its_ends() -> None:
    text = values.mime_bundle("a" * 150_000 + "z" * 150_000)["text/plain"]
    assert len(text) < values.MAX_TEXT + 100
    assert text.startswith("'aaa")
    assert text.endswith("zzz'")
    assert "characters left out" in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%matplotlib inline\nx = 1", "pass  # %matplotlib inline\nx = 1"),
        ("if x:\n    %time f()", "if x:\n    pass  # %time f()"),
        ("x = (1\n% 2)", "x = (1\n% 2)"),
        ("s = '''\n%not magic\n!nor this'''", "s = '''\n%not magic\n!nor this'''"),
        ("    x = 1\n    if x:\n        y = 2\n", "x = 1\nif x:\n    y = 2\n"),
        ("\n  x = 1\n", "\nx = 1\n"),
        ("  x = 1\ny = 2", "  x = 1\ny = 2"),
        (
            '!ls\ns = """\n%d items\n"""',
            'raise RuntimeError(\'shell commands do not run here: !ls\')\ns = """\n%d items\n"""',
        ),
        (
            "%time\ny = (10\n  % 3)  # it's (\nz = 10 \\\n  %y",
            "pass  # %time\ny = (10\n  % 3)  # it's (\nz = 10 \\\n  %y",
        ),
        ("files = !ls", "raise RuntimeError('shell commands do not run here: !ls')"),
        ("!apt install x", "raise RuntimeError('shell commands do not run here: !apt install x')"),
    ],
)
def test_only_what_python_does_not_understand_is_replaced(source: str, expected: str) -> None:
    assert values.plain_python(source) == expected


@given(source=st.text(st.sampled_from("%!x=1 \n'()"), max_size=30))
def test_python_is_left_alone(source: str) -> None:
    try:
        ast.parse(source)
    except SyntaxError:
        values.plain_python(source)
    else:
        assert values.plain_python(source) == source


@pytest.fixture
def pyplot() -> Iterator[Any]:
    matplotlib: Any = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    module: Any = pytest.importorskip("matplotlib.pyplot")
    yield module
    module.close("all")


def test_every_open_figure_is_sent_once_and_closed(pyplot: Any) -> None:
    sent: list[dict[str, str]] = []
    figures.connect(sent.append)
    for _ in range(2):
        pyplot.figure()
        pyplot.plot([1, 2])
    figures.show()
    figures.show()
    assert [base64.b64decode(bundle["image/png"])[:8] for bundle in sent] == [b"\x89PNG\r\n\x1a\n"] * 2
    assert sent[0]["text/plain"] == "<Figure size 640x480 with 1 Axes>"


def test_a_figure_shown_as_a_value_is_not_shown_again(pyplot: Any) -> None:
    sent: list[dict[str, str]] = []
    figures.connect(sent.append)
    assert "image/png" in values.mime_bundle(pyplot.figure())
    pyplot.figure()
    figures.discard()
    figures.show()
    assert sent == []
