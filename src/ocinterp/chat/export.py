"""A trajectory as a file that other tools open: a notebook, a readable transcript, a record, or a script.

All but the record leave out the system prompt and what execution said to the model: the cells show their own outputs.
"""

from __future__ import annotations

import ast
import base64
import binascii
import json
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ocinterp import files, records
from ocinterp.errors import DataError, UsageError
from ocinterp.languages import named
from ocinterp.render import error_line, printable
from ocinterp.types import Cell, Display, ExecutionResult, Feedback, Outcome, Run, Source, Trajectory, Turn

# Where IPython has no magic of a language's name, or one that means the browser.
_MAGICS = {"javascript": "script node", "sql": "script sqlite3 -batch -header -column :memory:"}


def export(trajectory: Trajectory, path: Path, *, title: str) -> None:
    """Write `trajectory` in the format that the suffix of `path` names, in place of what was there.

    UsageError for a suffix that names none; DataError when the file cannot be written.
    """
    title = " ".join(printable(title).split()) or "Untitled"
    match path.suffix.lower():
        case ".ipynb":
            _save(path, _notebook(trajectory, title))
        case ".md":
            _save_transcript(path, trajectory, title)
        case ".json":
            records.write(path, [trajectory])
        case ".py":
            _save(path, _script(trajectory, title))
        case suffix:
            raise UsageError(
                f"{path}: {f'{suffix!r} is not a format' if suffix else 'the name has no suffix'}; "
                "end it in .ipynb (notebook), .md (transcript), .json (record) or .py (script)"
            )


def _save(path: Path, text: str) -> None:
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: a text in it is not valid Unicode: {error.object[error.start]!a}") from error
    files.replace_file(path, [content])


# The story: who said what, and what ran in between.


@dataclass(frozen=True, slots=True)
class _Said:
    speaker: str
    text: str
    verbatim: bool = False  # a program's report: not Markdown


_YOU: Final = "You"
_ASSISTANT: Final = "Assistant"
_SPEAKERS: Final[Mapping[Source, str]] = {
    Source.TESTS: "Tests",
    Source.HUMAN: _YOU,
    Source.SIMULATED_HUMAN: "Simulated person",
    Source.ORACLE: "Oracle",
}


def _story(trajectory: Trajectory) -> Iterator[_Said | Run]:
    for message in trajectory.prompt:
        if message.role != "system":
            yield _Said(_YOU if message.role == "user" else _ASSISTANT, message.content)
    for turn in trajectory.turns:
        for part in _parts(turn):
            if isinstance(part, Run):
                yield part
            elif part.strip():
                yield _Said(_ASSISTANT, part.strip("\r\n").rstrip())
        for each in turn.feedback:
            yield from _answer(each)


def _answer(feedback: Feedback) -> Iterator[_Said]:
    if not (speaker := _SPEAKERS.get(feedback.source)):
        return
    if feedback.text.strip():
        yield _Said(speaker, feedback.text, verbatim=feedback.source is Source.TESTS)
    if feedback.rating:
        yield _Said(speaker, f"*rated the answer {feedback.rating}*")


def _parts(turn: Turn) -> list[str | Run]:
    """The answer in its order, each cell in place of its block; prose first when a cell is not there word for word."""
    parts: list[str | Run] = []
    rest = text = turn.completion.text.replace("\r\n", "\n")
    for run in turn.runs:
        found = _find(run.cell.source.strip("\n"), rest)
        if not found:
            return [text, *turn.runs]
        parts += [rest[: found.start()], run]
        rest = rest[found.end() :]
    return [*parts, rest]


def _find(source: str, text: str) -> re.Match[str] | None:
    if not source:
        return None
    code = r"[ \t]*" + r"\n[ \t]*".join(map(re.escape, source.split("\n")))  # as far in as its list item is
    body = rf"(?:[ \t]*\n)*?{code}[ \t]*(?:\n[ \t]*)*?"  # blank lines, so that no white space can be read twice
    fenced = rf"(?<![`~])(`{{3,}}|~{{3,}})[^\n`]*\n{body}(?:\n[ \t]*\1[`~]*[ \t]*$|\Z)"
    tagged = rf"(?:<\w+>|\[\w+\]){body}(?:</\w+>|\[/\w+\]|\Z)"
    found = (re.search(pattern, text, re.MULTILINE) for pattern in (fenced, tagged, rf"^{code}[ \t]*$"))
    return next(filter(None, found), None)


def _failure(result: ExecutionResult) -> str:
    """The traceback, and the reason unless the traceback ends with it; empty when nothing failed."""
    if result.ok:
        return ""
    traceback = result.error.traceback.strip("\n") if result.error else ""
    reason = error_line(result)
    return traceback if traceback and reason in traceback else "\n".join(filter(None, (traceback, reason)))


# Notebook (nbformat 4.5, https://nbformat.readthedocs.io/en/latest/format_description.html)


def _notebook(trajectory: Trajectory, title: str) -> str:
    cells = [_prose_cell(f"# {title}")]
    executed = 0
    for part in _story(trajectory):
        if isinstance(part, Run):
            executed += 1
            cells.append(_code_cell(part, executed))
        else:
            prose = _fence(part.text) if part.verbatim else part.text
            cells.append(_prose_cell(prose if part.speaker == _ASSISTANT else f"**{part.speaker}**\n\n{prose}"))
    numbered = [{"id": f"cell-{number}", **cell} for number, cell in enumerate(cells, start=1)]
    notebook = {"cells": numbered, "metadata": _metadata(trajectory, title), "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _metadata(trajectory: Trajectory, title: str) -> dict[str, object]:
    return {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "title": title,
        "ocinterp": {
            "task_id": trajectory.task_id,
            "stop": trajectory.stop,
            "provenance": dict(trajectory.provenance),
        },
    }


def _prose_cell(text: str) -> dict[str, object]:
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def _code_cell(run: Run, number: int) -> dict[str, object]:
    magic = "" if _is_python(run.cell) else f"%%{_MAGICS.get(named(run.cell.language), run.cell.language)}\n"
    return {
        "cell_type": "code",
        "execution_count": number,
        "metadata": {},
        "source": magic + run.cell.source,
        "outputs": list(_outputs(run.result)),
    }


def _outputs(result: ExecutionResult) -> Iterator[dict[str, object]]:
    for name, text in (("stdout", result.stdout), ("stderr", result.stderr)):
        if text:
            yield {"output_type": "stream", "name": name, "text": text}
    for display in result.displays:
        yield {"output_type": "display_data", "data": _bundle(display), "metadata": {}}
    if not result.ok:
        yield {
            "output_type": "error",
            "ename": result.error.name if result.error else result.outcome.value,
            "evalue": result.error.message if result.error else "",
            "traceback": _failure(result).splitlines(),
        }


def _bundle(display: Display) -> dict[str, object]:
    return {mime: _parsed(text) if mime.endswith(("/json", "+json")) else text for mime, text in display.data.items()}


def _parsed(text: str) -> object:
    try:
        return json.loads(text, parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError):
        return text


def _finite(text: str) -> float | str:
    return number if math.isfinite(number := float(text)) else text


# Transcript (CommonMark)

_IMAGES: Final = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp"}


@dataclass(slots=True)
class _Figures:
    """The images of a transcript, which go into a folder beside it."""

    folder: str
    files: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    def link(self, suffix: str, content: bytes) -> str:
        name = f"figure-{len(self.files) + 1}.{suffix}"
        self.files.append((name, content))
        return f"![figure {len(self.files)}]({quote(os.fsencode(self.folder))}/{name})"


def _save_transcript(path: Path, trajectory: Trajectory, title: str) -> None:
    figures = _Figures(f"{path.stem}_files")
    text = "\n\n".join(_transcript(trajectory, title, figures)) + "\n"
    if figures.files:
        folder = path.with_name(figures.folder)
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise DataError(f"{folder}: no folder for the figures can be made: {error.strerror}") from error
        for name, content in figures.files:
            files.replace_file(folder / name, [content])
    _save(path, text)  # last: a transcript never names a figure that is not there


def _transcript(trajectory: Trajectory, title: str, figures: _Figures) -> Iterator[str]:
    yield f"# {title}"
    if trajectory.provenance:
        yield "\n".join(f"- {name}: {_inline(value)}" for name, value in trajectory.provenance.items())
    last = ""
    for part in _story(trajectory):
        speaker = part.speaker if isinstance(part, _Said) else _ASSISTANT
        if speaker != last:
            yield f"## {speaker}"
        last = speaker
        if isinstance(part, Run):
            yield _fence(part.cell.source, part.cell.language)
            yield from _shown(part.result, figures)
        elif part.verbatim:
            yield _fence(part.text)
        else:
            yield _closed(part.text) if speaker == _ASSISTANT else _quoted(part.text)


def _shown(result: ExecutionResult, figures: _Figures) -> Iterator[str]:
    if result.stdout:
        yield _fence(result.stdout)
    if result.stderr:
        yield f"*stderr:*\n\n{_fence(result.stderr)}"
    for display in result.displays:
        if said := _figure(display, figures):
            yield said
    if failure := _failure(result):
        yield _fence(failure)
    if result.truncated:
        yield "*(some of the output was cut out)*"


def _figure(display: Display, figures: _Figures) -> str:
    for mime, suffix in _IMAGES.items():
        if mime in display.data:
            try:
                content = base64.b64decode("".join(display.data[mime].split()), validate=True)
            except (binascii.Error, ValueError):
                return "*(a figure that cannot be decoded)*"
            return figures.link(suffix, content)
    if "image/svg+xml" in display.data:
        return figures.link("svg", display.data["image/svg+xml"].encode(errors="replace"))
    text = display.data.get("text/plain") or next(iter(display.data.values()), "")
    return _fence(text) if text else ""


def _fence(text: str, language: str = "text") -> str:
    """A code block that `text` cannot end: its fence is longer than any run of backticks inside."""
    text = printable(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    info = language if re.fullmatch(r"[\w+#.-]+", language) else ""
    body = text if text.endswith("\n") else f"{text}\n"
    return f"{fence}{info}\n{body}{fence}"


def _inline(text: str) -> str:
    """A code span that `text` cannot end."""
    text = " ".join(printable(text).split()) or " "
    marks = "`" * (1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{marks} {text} {marks}" if "`" in text else f"{marks}{text}{marks}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in printable(text).strip("\n").splitlines())


def _closed(text: str) -> str:
    """Prose that cannot swallow what follows: its last code block is closed, and HTML that would go on is text."""
    fence = ""
    lines: list[str] = []
    for line in printable(text).splitlines():
        if mark := re.match(r" {0,3}(`{3,}(?!.*`)|~{3,})(.*)", line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not mark[2].strip():
                fence = ""
        elif not fence and re.match(r" {0,3}<(?:[!?]|script|pre|style|textarea)", line, re.IGNORECASE):
            line = line.replace("<", "\\<", 1)
        lines.append(line)
    return "\n".join([*lines, fence] if fence else lines)


# Script (the "percent" format that editors and Jupytext read)

_HEADER: Final = """\
#!/usr/bin/env python3
# Exported from an ocinterp session. The cells that ran without an error are code, in their order;
# cells that failed, or are not plain Python, are comments, and so is everything that was said.
# {title}
"""


def _script(trajectory: Trajectory, title: str) -> str:
    blocks: list[str] = []
    imports: list[str] = []  # a script may have its __future__ imports only at the top
    number = 0
    for part in _story(trajectory):
        if isinstance(part, _Said):
            blocks.append(f"# %% [markdown]\n{_comment(f'{part.speaker}: {part.text}')}")
            continue
        number += 1
        why = _reason_against(part)
        if why:
            blocks.append(f"# %% [markdown]\n{_comment(f'Cell {number} {why}:')}\n{_comment(part.cell.source)}")
        else:
            future, source = _without_future(part.cell.source)
            imports += [each for each in future if each not in imports]
            blocks.append(f"# %% Cell {number}\n{source}")
    return "\n".join([_HEADER.format(title=title), *imports, "", "\n\n".join(blocks), ""])


def _reason_against(run: Run) -> str:
    if not run.result.ok:
        cause = error_line(run.result)
        return f"failed ({cause})" if run.result.outcome is Outcome.ERROR else f"was stopped ({cause})"
    return "" if _is_python(run.cell) and _compiles(run.cell.source) else "is not plain Python"


def _is_python(cell: Cell) -> bool:
    return named(cell.language) == "python"


def _compiles(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # such as an escape that is no escape: it ran
            compile(source, "cell", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_future(source: str) -> tuple[list[str], str]:
    """The __future__ imports of a cell, and the cell without them."""
    body = _statements(source)
    found = [each for each in body if isinstance(each, ast.ImportFrom) and each.module == "__future__"]
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", source)  # as Python counts them
    for each in reversed(found):
        del lines[each.lineno - 1 : each.end_lineno]
    kept, cut = [each for each in body if each not in found], "".join(lines)
    if not _compiles(cut) or len(_statements(cut)) != len(kept):  # one shared its line with something else
        cut = "\n".join(map(ast.unparse, kept))
    return [ast.unparse(each) for each in found], cut


def _statements(source: str) -> list[ast.stmt]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source).body


def _comment(text: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in printable(text).splitlines())
