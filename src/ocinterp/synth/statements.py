"""Problems as pages of Markdown with pieces of HTML, as doocs/leetcode has them: a statement, and programs under headings."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ocinterp.synth.queries import Solution

_TITLE: Final = re.compile(r"^# \[\d+\. (?P<title>.+?)\]", re.MULTILINE)
_DESCRIPTION: Final = re.compile(r"^## Description\s*$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_SOLUTION: Final = re.compile(r"^### (Solution \d.*?)$(.*?)(?=^### Solution|\Z)", re.MULTILINE | re.DOTALL)
_FENCE: Final = re.compile(r"^```([\w+#-]*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_POWER: Final = re.compile(r"<sup>(.*?)</sup>", re.DOTALL)
_INDEX: Final = re.compile(r"<sub>(.*?)</sub>", re.DOTALL)
_ITEM: Final = re.compile(r"\s*<li[^>]*>\s*")
_CODE: Final = re.compile(r"</?code[^>]*>")
_TAG: Final = re.compile(r"</?[a-zA-Z][^>]*>")
_BLANKS: Final = re.compile(r"[ \t\xa0]+\n")
_GAPS: Final = re.compile(r"\n{3,}")
_LANGUAGES: Final = {
    "python3": "python",
    "py": "python",
    "ts": "typescript",
    "js": "javascript",
    "cs": "csharp",
    "rs": "rust",
}


@dataclass(frozen=True, slots=True)
class Page:
    """A problem under the name that its address has, and the programs that solve it, with the words above each."""

    name: str
    statement: str
    solutions: tuple[Solution, ...]


def page(markdown: str) -> Page | None:
    """None where there is no description in it."""
    title, described = _TITLE.search(markdown), _DESCRIPTION.search(markdown)
    if title is None or described is None or not (statement := plain(described[1])):
        return None
    return Page(slug(title["title"]), statement, tuple(_solutions(markdown)))


def slug(title: str) -> str:
    """What a title is in an address: `Two Sum II - Input` is `two-sum-ii-input`."""
    return "-".join(re.findall(r"[a-z0-9]+", title.lower().replace("'", "")))


def plain(text: str) -> str:
    """A text without HTML; powers as `^`, code between backquotes."""
    text = _INDEX.sub(r"_\1", _POWER.sub(r"^\1", _COMMENT.sub("", text)))
    text = _CODE.sub("`", _ITEM.sub("\n- ", text))
    text = html.unescape(_TAG.sub("", text)).replace("\xa0", " ")
    return _GAPS.sub("\n\n", _BLANKS.sub("\n", text)).strip()


def _solutions(markdown: str) -> Iterator[Solution]:
    for found in _SOLUTION.finditer(markdown):
        heading = found[1].partition(":")[2].strip()
        before = plain(found[2].partition("<!-- tabs:start -->")[0])
        words = "\n\n".join(filter(None, (heading and f"{heading}.", "" if "```" in before else before)))
        for fence in _FENCE.finditer(found[2]):
            language, source = str(fence[1]), str(fence[2])
            if source.strip():
                yield Solution(_LANGUAGES.get(language) or language, source, words)
