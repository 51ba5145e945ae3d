"""A report as one page: no file, address or font beside it, every text escaped, and no script in it but our own.

The numbers, charts and the overview of tasks are plain HTML. The dialogues are data in the page, which `page.js` makes
into text when somebody opens one. The policy in its head allows our style and our script by their hashes, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

from ocinterp import __version__
from ocinterp.bench import dialogues, figures, overview
from ocinterp.bench.markup import Html, data, element
from ocinterp.bench.notes import Note
from ocinterp.bench.report import Report
from ocinterp.files import replace_file


def write(path: Path, report: Report) -> None:
    """Make `path` hold the page, in one step."""
    replace_file(path, [render(report).encode("utf-8", "replace")])


def render(report: Report) -> str:
    """The page."""
    found, limit = dialogues.content(report)
    body = element(
        "body",
        element("a", "Skip to the tasks", href="#tasks", class_="skip"),
        element("header", *_header(report)),
        element("main", *figures.sections(report), *overview.sections(report, limit)),
        element("footer", element("p", f"Made by ocinterp {__version__}. This page loads nothing and sends nothing.")),
        data(found, "dialogues"),
        element("script", _asset("page.js")),
    )
    return f"<!DOCTYPE html>\n{element('html', _head(report), body, lang='en')}\n"


def _head(report: Report) -> Html:
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("title", report.title),
        element("style", style),
    )


def _asset(name: str) -> Html:
    """A file of ours; it must not hold what ends its element."""
    text = resources.files("ocinterp.bench").joinpath("assets", name).read_text("utf-8")
    assert "</" not in text
    return Html(text)


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _header(report: Report) -> Iterator[Html]:
    dataset = report.dataset
    yield element("h1", report.title)
    yield element(
        "p",
        f"{dataset.name} {dataset.version}, {len(report.task_ids):,} tasks, md5 ",
        element("code", dataset.md5),
        class_="subtitle",
    )
    grave = [each for each in report.notes if each.level in {"grave", "detail"}]
    if grave:
        yield element("div", *map(_paragraph, grave), class_="banner grave", role="alert")
    warnings = [each for each in report.notes if each.level == "warning"]
    if warnings:
        yield element("div", *map(_paragraph, warnings), class_="banner warning")
    rows = (element("div", element("dt", name), element("dd", value)) for name, value in report.facts)
    yield element("details", element("summary", "How it was made"), element("dl", rows, class_="facts"))


def _paragraph(note: Note) -> Html:
    return element("p", note.text.strip(), class_=note.level)
