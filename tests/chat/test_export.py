"""An exported session opens in the tools it is meant for, and says what the session said."""

from __future__ import annotations

import ast
import base64
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ocinterp import records
from ocinterp.chat.export import export
from ocinterp.errors import DataError, UsageError
from ocinterp.parse import extract_cells
from ocinterp.types import (
    Cell,
    Completion,
    Display,
    ExecutionResult,
    Failure,
    Feedback,
    Message,
    Outcome,
    Run,
    Source,
    StopReason,
    Trajectory,
    Turn,
)


def png() -> bytes:
    """A red pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
        + chunk(b"IEND", b"")
    )


FIGURE = base64.encodebytes(png()).decode()  # with line ends, as kernels send it


def ran(source: str, outcome: Outcome = Outcome.OK, /, *, language: str = "python", **result: Any) -> Run:
    return Run(Cell("1", source, language), ExecutionResult("1", outcome, **result))


def told(text: str, *runs: Run) -> Turn:
    return Turn(Completion(text), runs)


def trajectory(*turns: Turn, asked: str = "what is 6 * 7?") -> Trajectory:
    prompt = (Message("system", "secret instructions"), Message("user", asked))
    return Trajectory("chat/1", prompt, turns, StopReason.DONE, {"model": "m/1", "sandbox": "ns"})


WRONG = Run(
    Cell("1.1", "prnt(6 * 7)"),
    ExecutionResult(
        "1.1",
        Outcome.ERROR,
        stderr="careful\n",
        error=Failure("NameError", "name 'prnt' is not defined", "Traceback:\nNameError: name 'prnt' is not defined"),
    ),
)
RIGHT = ran(
    "answer = 6 * 7\nprint(answer)",
    stdout="42\n",
    displays=(
        Display({"text/plain": "<Figure>", "image/png": FIGURE}),
        Display({"application/json": '{"a": [1, NaN, 1e999]}', "text/plain": "{'a': …}"}),
    ),
)
SESSION = trajectory(
    Turn(
        Completion("First a try.\n\n```python\nprnt(6 * 7)\n```\n\nThat should print it."),
        (WRONG,),
        (Feedback(Source.EXECUTION, "NameError: told to the model"), Feedback(Source.HUMAN, "it's `print`", "bad")),
    ),
    Turn(
        Completion(
            "You are right.\n```python\nanswer = 6 * 7\nprint(answer)\n```\nSo it is 42.\n```python\nleft_out()\n```"
        ),
        (RIGHT,),
        (Feedback(Source.HUMAN, "", "good"),),
    ),
)


def notebook(path: Path) -> list[dict[str, Any]]:
    loaded = cast("Any", nbformat).read(path, as_version=4)
    cast("Any", nbformat).validate(loaded)
    return json.loads(path.read_text())["cells"]


def tokens(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").parse(path.read_text())


def fences(path: Path) -> list[tuple[str, str]]:
    return [(token.info, token.content) for token in tokens(path) if token.type == "fence"]


def run_script(path: Path) -> str:
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def test_an_unknown_suffix_is_answered_with_the_four(tmp_path: Path) -> None:
    for name, said in (("chat.pdf", "'.pdf' is not a format"), ("chat", "the name has no suffix")):
        with pytest.raises(UsageError, match=rf"{said}; end it in \.ipynb .*\.md .*\.json .*\.py"):
            export(SESSION, tmp_path / name, title="t")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".ipynb", ".md", ".json", ".py"])
def test_a_folder_that_is_not_there_is_said_plainly(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(DataError, match=r"no such file or directory|no folder for the figures"):
        export(SESSION, tmp_path / "absent" / f"chat{suffix}", title="t")


@pytest.mark.parametrize("suffix", [".ipynb", ".md", ".json", ".py"])
def test_what_is_not_unicode_is_refused_and_the_old_file_stays(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"chat{suffix}"
    path.write_text("old")
    with pytest.raises(DataError, match="not valid Unicode"):
        export(trajectory(asked="\ud800"), path, title="t")
    assert path.read_text() == "old"


def test_a_json_export_is_a_record(tmp_path: Path) -> None:
    export(SESSION, tmp_path / "chat.json", title="t")
    assert list(records.read(tmp_path / "chat.json")) == [SESSION]


def test_a_notebook_holds_prose_and_cells_in_the_order_they_were_said(tmp_path: Path) -> None:
    path = tmp_path / "chat.ipynb"
    export(SESSION, path, title="Six\ntimes seven")
    assert [(cell["cell_type"], cell["source"]) for cell in notebook(path)] == [
        ("markdown", "# Six times seven"),
        ("markdown", "**You**\n\nwhat is 6 * 7?"),
        ("markdown", "First a try."),
        ("code", "prnt(6 * 7)"),
        ("markdown", "That should print it."),
        ("markdown", "**You**\n\nit's `print`"),
        ("markdown", "**You**\n\n*rated the answer bad*"),
        ("markdown", "You are right."),
        ("code", "answer = 6 * 7\nprint(answer)"),
        ("markdown", "So it is 42.\n```python\nleft_out()\n```"),
        ("markdown", "**You**\n\n*rated the answer good*"),
    ]
    assert "secret" not in path.read_text()


def test_a_notebook_shows_outputs_as_a_kernel_would(tmp_path: Path) -> None:
    path = tmp_path / "chat.ipynb"
    export(SESSION, path, title="t")
    wrong, right = [cell for cell in notebook(path) if cell["cell_type"] == "code"]
    assert (wrong["execution_count"], right["execution_count"]) == (1, 2)
    assert wrong["outputs"] == [
        {"output_type": "stream", "name": "stderr", "text": "careful\n"},
        {
            "output_type": "error",
            "ename": "NameError",
            "evalue": "name 'prnt' is not defined",
            "traceback": ["Traceback:", "NameError: name 'prnt' is not defined"],
        },
    ]
    stream, figure, data = right["outputs"]
    assert stream == {"output_type": "stream", "name": "stdout", "text": "42\n"}
    assert base64.b64decode(figure["data"]["image/png"]) == png()
    assert data["data"]["application/json"] == {"a": [1, "NaN", "1e999"]}
    metadata = json.loads(path.read_text())["metadata"]
    assert metadata["kernelspec"]["name"] == "python3"
    assert metadata["ocinterp"] == {
        "task_id": "chat/1",
        "stop": "done",
        "provenance": {"model": "m/1", "sandbox": "ns"},
    }


def test_a_cell_that_was_stopped_says_so_in_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "chat.ipynb"
    export(trajectory(told("…", ran("while True: pass", Outcome.TIMEOUT))), path, title="t")
    (output,) = notebook(path)[-1]["outputs"]
    assert (output["output_type"], output["ename"], output["traceback"]) == ("error", "timeout", ["timeout"])


def test_a_cell_that_is_not_there_word_for_word_follows_the_prose(tmp_path: Path) -> None:
    path = tmp_path / "chat.ipynb"
    export(trajectory(told("Some\n```python\n  x = 1\n```\nprose", ran("x  =  1"))), path, title="t")
    assert [cell["source"] for cell in notebook(path)[2:]] == ["Some\n```python\n  x = 1\n```\nprose", "x  =  1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~~~python\nx = 1\n~~~\nafter", ["x = 1", "after"]),
        ("````py title=a\n\nx = 1\n\n````", ["x = 1"]),
        ("x = 1 is it:\n```\nx = 1\n```", ["x = 1 is it:", "x = 1"]),
        ("before\r\n```python\r\nx = 1\r\n```\r\nafter", ["before", "x = 1", "after"]),
        ("cut off\n```python\nx = 1", ["cut off", "x = 1"]),
        ("bare\nx = 1\nafter", ["bare", "x = 1", "after"]),
        ("- a list\n  ```python\nx = 1\n  ```\n", ["- a list", "x = 1"]),
        ("- a list\n  ```python\n  x = 1\n  ```\n- goes on", ["- a list", "x = 1", "- goes on"]),
        ("1. late: ```python\n   x = 1\n   ```\nafter", ["1. late:", "x = 1", "after"]),
        ("tagged <execute>x = 1</execute> after", ["tagged", "x = 1", " after"]),
        ("[PYTHON]\nx = 1\n[/PYTHON]", ["x = 1"]),
    ],
)
def test_a_block_is_found_however_it_is_fenced(tmp_path: Path, text: str, expected: list[str]) -> None:
    path = tmp_path / "chat.ipynb"
    export(trajectory(told(text, ran("x = 1"))), path, title="t")
    assert [cell["source"] for cell in notebook(path)[2:]] == expected


@pytest.mark.parametrize("filling", [" ", "\t\n", "`", "<", "[", "```\n", "<x>", "x = 1\n "])
def test_an_answer_of_any_length_is_split_in_step_with_it(tmp_path: Path, filling: str) -> None:
    path = tmp_path / "chat.ipynb"
    text = f"```python\n{filling * 100_000}\nx = 1\n{filling * 100_000}"  # hours, if it went with the square
    export(trajectory(told(text, ran("x = 1\ny"))), path, title="t")
    assert [cell["source"] for cell in notebook(path)[3:]] == ["x = 1\ny"]


LINES = st.lists(st.sampled_from(["x = 1", "if x:", "    y = '`'", "", "# note", "print(x)"]), min_size=1, max_size=6)


@given(st.lists(LINES, max_size=3), st.sampled_from(["", "  ", "\t"]), st.sampled_from(["```", "````", "~~~"]))
def test_every_cell_the_parser_finds_is_split_from_its_prose(
    tmp_path_factory: pytest.TempPathFactory, blocks: list[list[str]], indent: str, fence: str
) -> None:
    def indented(*lines: str) -> str:
        return "".join(f"{indent}{line}\n" for line in lines)

    text = "".join(f"words {n}\n\n{indented(f'{fence}python', *block, fence)}" for n, block in enumerate(blocks))
    cells = extract_cells(text)
    path = tmp_path_factory.getbasetemp() / "split.ipynb"
    export(trajectory(told(text, *(ran(cell.source) for cell in cells))), path, title="t")
    shown = notebook(path)[2:]
    assert [cell["source"] for cell in shown if cell["cell_type"] == "code"] == [cell.source for cell in cells]
    if len(cells) == len(blocks):
        assert [cell["source"] for cell in shown[::2]] == [f"words {n}" for n in range(len(blocks))]


def test_a_block_said_twice_and_run_twice_is_shown_twice(tmp_path: Path) -> None:
    path = tmp_path / "chat.ipynb"
    block = "```python\nx += 1\n```"
    export(trajectory(told(f"a\n{block}\nb\n{block}\nc", ran("x += 1"), ran("x += 1"))), path, title="t")
    assert [cell["source"] for cell in notebook(path)[2:]] == ["a", "x += 1", "b", "x += 1", "c"]


def test_a_cell_in_another_language_keeps_its_language(tmp_path: Path) -> None:
    session = trajectory(told("```bash\nls\n```", ran("ls", language="bash", stdout="a\n")))
    for suffix in (".ipynb", ".py", ".md"):
        export(session, tmp_path / f"chat{suffix}", title="t")
    assert notebook(tmp_path / "chat.ipynb")[-1]["source"] == "%%bash\nls"
    assert "# Cell 1 is not plain Python:\n# ls" in (tmp_path / "chat.py").read_text()
    assert fences(tmp_path / "chat.md") == [("bash", "ls\n"), ("text", "a\n")]


def test_a_notebook_runs_other_languages_where_jupyter_can(tmp_path: Path) -> None:
    session = trajectory(
        told("a", ran("f()", language="javascript"), ran("SELECT 1", language="sql"), ran("1", language="py"))
    )
    export(session, tmp_path / "chat.ipynb", title="t")
    assert [cell["source"] for cell in notebook(tmp_path / "chat.ipynb") if cell["cell_type"] == "code"] == [
        "%%script node\nf()",
        "%%script sqlite3 -batch -header -column :memory:\nSELECT 1",
        "1",
    ]


def test_a_transcript_reads_in_order_and_its_figure_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "my chat (1).md"
    export(SESSION, path, title="Six times seven")
    parsed = tokens(path)
    headings = [parsed[at + 1].content for at, token in enumerate(parsed) if token.type == "heading_open"]
    assert headings == ["Six times seven", "You", "Assistant", "You", "Assistant", "You"]
    assert fences(path) == [
        ("python", "prnt(6 * 7)\n"),
        ("text", "careful\n"),
        ("text", "Traceback:\nNameError: name 'prnt' is not defined\n"),
        ("python", "answer = 6 * 7\nprint(answer)\n"),
        ("text", "42\n"),
        ("text", "{'a': …}\n"),
        ("python", "left_out()\n"),
    ]
    images = [child for token in parsed for child in token.children or () if child.type == "image"]
    (source,) = [str(image.attrs["src"]) for image in images]
    assert source == "my%20chat%20%281%29_files/figure-1.png"
    assert (tmp_path / unquote(source)).read_bytes() == png()
    assert "secret" not in path.read_text()


MARKS = ["`", "```", "````", "~~~", "#", "> ", "- ", "1. ", "<!--", "-->", "<script>", "<PRE>", "<?", "<![CDATA[", "|-"]
NASTY = st.lists(st.sampled_from([*MARKS, "\n", "\n", "\n", " ", "    ", "\t", "\\", "x", "é"]), max_size=20).map(
    "".join
)


@given(NASTY, NASTY)
def test_no_output_escapes_its_fence(tmp_path_factory: pytest.TempPathFactory, source: str, output: str) -> None:
    path = tmp_path_factory.getbasetemp() / "nasty.md"
    failed = ran("x", Outcome.ERROR, stdout=output, error=Failure("E", "", output))
    export(trajectory(told("prose", ran(source, stdout="```\n````\n~~~"), failed)), path, title="t")

    def block(text: str) -> str:
        return text if text.endswith("\n") else f"{text}\n"

    found = fences(path)
    assert found[:3] == [("python", block(source)), ("text", "```\n````\n~~~\n"), ("python", "x\n")]
    if output:
        assert found[3] == ("text", block(output))


@given(NASTY)
def test_no_prose_swallows_what_follows(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "prose.md"
    export(trajectory(told(text, ran("the_cell")), asked=text), path, title="t")
    assert ("python", "the_cell\n") in fences(path)


def test_an_answer_that_was_cut_off_inside_a_block_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    turn = Turn(Completion("so:\n````python\nx = ```", "length"), (), (Feedback(Source.HUMAN, "go on"),))
    export(trajectory(turn), path, title="t")
    assert fences(path) == [("python", "x = ```\n")]
    assert "## You\n\n> go on" in path.read_text()


def test_reports_are_shown_word_for_word_and_voices_by_name(tmp_path: Path) -> None:
    said = (
        Feedback(Source.TESTS, "# 1 of 2 passed\n* not a list"),
        Feedback(Source.SIMULATED_HUMAN, "hm"),
        Feedback(Source.ORACLE, "look"),
    )
    session = trajectory(Turn(Completion("done"), (), said))
    export(session, tmp_path / "chat.md", title="t")
    export(session, tmp_path / "chat.ipynb", title="t")
    text = (tmp_path / "chat.md").read_text()
    assert fences(tmp_path / "chat.md") == [("text", "# 1 of 2 passed\n* not a list\n")]
    assert "## Tests" in text
    assert "## Simulated person\n\n> hm" in text
    assert "## Oracle\n\n> look" in text
    assert notebook(tmp_path / "chat.ipynb")[3]["source"] == (
        "**Tests**\n\n```text\n# 1 of 2 passed\n* not a list\n```"
    )


def test_figures_of_other_kinds_and_broken_ones(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    displays = (
        Display({"image/png": "not base64!"}),
        Display({"image/svg+xml": "<svg/>"}),
        Display({"text/html": "<b>table</b>", "text/plain": "table"}),
        Display({"text/latex": "$x$"}),
        Display({}),
    )
    export(trajectory(told("x", ran("x", displays=displays, truncated=True))), path, title="t")
    text = path.read_text()
    assert "*(a figure that cannot be decoded)*" in text
    assert "![figure 1](chat_files/figure-1.svg)" in text
    assert (tmp_path / "chat_files" / "figure-1.svg").read_text() == "<svg/>"
    assert fences(path)[1:] == [("text", "table\n"), ("text", "$x$\n")]
    assert text.endswith("*(some of the output was cut out)*\n")


def test_a_transcript_has_no_terminal_escapes(tmp_path: Path) -> None:
    path = tmp_path / "chat.md"
    export(trajectory(told("\x1b[1mx\x1b[0m", ran("x", stdout="\x1b[31mred\x1b[0m\x07\n"))), path, title="\x1b[1mt")
    assert "\x1b" not in path.read_text()
    assert "red" in path.read_text()


def test_a_script_prints_what_the_session_printed(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    export(SESSION, path, title="Six times seven")
    assert run_script(path) == "42\n"
    text = path.read_text()
    assert text.splitlines()[3] == "# Six times seven"
    assert "# %% [markdown]\n# You: what is 6 * 7?\n" in text
    assert "# Cell 1 failed (NameError: name 'prnt' is not defined):\n# prnt(6 * 7)\n" in text
    assert "# %% Cell 2\nanswer = 6 * 7\n" in text
    assert "cells that failed" in text


def test_a_script_of_many_cells_runs_with_their_peculiarities(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    session = trajectory(
        told(
            "cells",
            ran("from __future__ import annotations  # first\nimport math", stdout=""),
            ran('"""doc"""\nfrom __future__ import (\n    annotations,\n    division,\n)\n# kept\nprint(1 / 2)'),
            ran("from __future__ import annotations; shared = 5"),
            ran("print(shared, math.floor(2.5))\r\nprint('windows')"),
            ran("%matplotlib inline\n!pip install x"),
            ran("await something()"),
            ran("print('never')", Outcome.TIMEOUT),
            ran("text = '''\n# %% not a cell\n'''\nprint(text.strip())"),
            ran("print('zero\0byte')"),
            ran("print('é 𝒳')  # no newline at the end"),
        ),
        asked="lines\x0cwith\u2028odd\rbreaks\0",
    )
    export(session, path, title="vibe coding: klingon\nraise SystemExit")
    assert run_script(path) == "0.5\n5 2\nwindows\n# %% not a cell\né 𝒳\n"
    text = path.read_text()
    assert "# kept" in text
    assert "# Cell 5 is not plain Python:\n# %matplotlib inline" in text
    assert "# Cell 6 is not plain Python:\n# await something()" in text
    assert "# Cell 7 was stopped (timeout):\n# print('never')" in text


def test_a_script_whose_code_warns_still_exports(tmp_path: Path) -> None:
    path = tmp_path / "chat.py"
    export(trajectory(told("x", ran(r"print('\d')"))), path, title="t")
    assert "# %% Cell 1\nprint('\\d')" in path.read_text()


@given(
    st.lists(st.text(max_size=30), max_size=4),
    st.text(max_size=30),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
def test_any_prose_leaves_a_script_that_is_python(
    tmp_path_factory: pytest.TempPathFactory, prose: list[str], title: str, numbers: list[int]
) -> None:
    path = tmp_path_factory.getbasetemp() / "prose.py"
    turns = [told(text, *(ran(f"print({number})") for number in numbers)) for text in prose]
    export(trajectory(*turns, asked=title), path, title=title)
    calls = [ast.unparse(each) for each in ast.parse(path.read_bytes()).body]
    assert calls == [f"print({number})" for _ in turns for number in numbers]


def test_a_title_that_is_empty_has_a_name(tmp_path: Path) -> None:
    export(trajectory(), tmp_path / "chat.MD", title=" \n")
    assert (tmp_path / "chat.MD").read_text().startswith("# Untitled\n")
