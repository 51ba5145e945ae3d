"""HTML and SVG that text cannot break: what is not marked up already is escaped, wherever it stands."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from typing import Final, TypeAlias

from ocinterp.render import printable

_VOID: Final = {"br", "col", "input", "link", "meta"}
_RAW: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ORDERING: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")

Value = str | int | float | bool | None


class Html(str):
    """Text that is markup."""

    __slots__ = ()


Child: TypeAlias = "str | Iterable[Child] | None"  # what is no Html is text


def element(name: str, /, *children: Child, **attributes: Value) -> Html:
    """An element. `class_` is the attribute `class`, `aria_label` is `aria-label`; None and False leave one out.

    Names of elements and attributes are ours: they are not escaped.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    return Html(f"<{name}{given}>" if name in _VOID else f"<{name}{given}>{join(children)}</{name}>")


def _attribute(key: str, value: Value) -> str:
    name = key.rstrip("_").replace("_", "-")
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escaped(_number(value))}"'


def _number(value: str | float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def join(children: Iterable[Child]) -> Html:
    """All of them, one after the other."""
    return Html("".join(map(_child, children)))


def _child(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    return escaped(child) if isinstance(child, str) else join(child)


def escaped(text: str) -> Html:
    """`text` as it can stand in an element and in an attribute, with all of it to be seen."""
    return Html(html.escape(visible(text), quote=True))


def visible(text: str) -> str:
    """`text` without what a reader would not see: control characters, and those that change the order of others."""
    return _ORDERING.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def data(value: object, name: str) -> Html:
    """JSON that a script may read, and that can neither end its element nor begin a comment in it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign, code in _RAW.items():
        text = text.replace(sign, code)
    return Html(f'<script type="application/json" id="{escaped(name)}">{text}</script>')
