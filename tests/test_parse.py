"""What is read out of an answer, by the form of the answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.parse import extract_cells, meaning
from ocinterp.testing import code
from ocinterp.types import Cell

Q = '"""'
LONG = "a line of prose\n" * 650_000  # 10 MB


def sources(text: str) -> list[str]:
    return [cell.source for cell in extract_cells(text)]


@pytest.mark.parametrize(
    "source", ["x = 0x" + "f" * 4000, "f\"{'\u00a0'.join(y)}\"", "(" * 300 + ")" * 300, "-" * 5000 + "1", "x ="]
)
def test_what_parses_and_cannot_be_written_anew_has_a_meaning_too(source: str) -> None:
    assert meaning(f"{source}\n") == meaning(source)


@given(st.text(max_size=60))
def test_a_program_means_the_same_whatever_its_comments(text: str) -> None:
    assert meaning(meaning(text)) == meaning(text)
    assert meaning("x  =  1 # so") == meaning("\nx = 1\n")


def test_cells_are_numbered_from_one_behind_the_prefix() -> None:
    assert extract_cells(f"First\n{code('a = 1')}\nthen\n{code('b = 2')}", prefix="3.") == [
        Cell("3.1", "a = 1", "python"),
        Cell("3.2", "b = 2", "python"),
    ]


@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_other_line_ends_become_newlines_and_tabs_stay(end: str) -> None:
    text = "Look:\n```python\nif x:\n\ty = 1\n```\nDone."
    assert sources(text.replace("\n", end)) == sources(text) == ["if x:\n\ty = 1"]


@pytest.mark.parametrize("mark", ["```", "````", "~~~", "~~~~~"])
def test_a_fence_is_three_or_more_backticks_or_tildes(mark: str) -> None:
    assert sources(f"{mark}python\nx = 1\n{mark}\n") == ["x = 1"]


def test_a_fence_is_closed_by_its_own_character_at_least_as_often() -> None:
    assert sources("````python\nx = 1\n```\n~~~~\ny = 2\n`````\nprose") == ["x = 1\n```\n~~~~\ny = 2"]


def test_words_behind_a_closing_fence_close_it_too() -> None:
    assert sources("```python\nx = 1\n``` This sets `x`.\nMore.\n```python\ny = 2\n``` Done.") == ["x = 1", "y = 2"]


def test_an_info_string_closes_nothing() -> None:
    assert sources("```python\nx = 1\n``` json\ny = 2\n```") == ["x = 1\n``` json\ny = 2"]


def test_the_indent_of_a_fence_is_taken_off_its_lines() -> None:
    text = "- one:\n\n    ```python\n    if x:\n        y = 1\n  z = 2\n    ```\n- two"
    assert sources(text) == ["if x:\n    y = 1\nz = 2"]


def test_tabs_are_not_taken_for_the_spaces_of_a_fence() -> None:
    assert sources("   ```python\nif x:\n\tif y:\n\t\tz = 1\n   ```") == ["if x:\n\tif y:\n\t\tz = 1"]
    assert sources("\t```python\n\tif x:\n\t\ty = 1\n\t```") == ["if x:\n\ty = 1"]


@pytest.mark.parametrize(
    "text", ["```python print(1)```", "  ```py  print(1)``` prints one", "```print(1)```", "```python3 print(1) ```"]
)
def test_a_block_on_one_line_is_a_block(text: str) -> None:
    assert sources(f"See\n{text}\nthere") == ["print(1)"]


def test_a_block_on_one_line_needs_code_in_it() -> None:
    assert sources("```python```\n```bash ls```\n```done```\n```x = 1``` is how to set x") == []


def test_a_python_fence_may_open_behind_prose() -> None:
    assert sources("Here is the code: ```python\nx = 1\n```\nand: ```Py\ny = 2\n```") == ["x = 1", "y = 2"]
    assert sources("1. ```python\n   if x:\n       y = 1\n   ```\n") == ["if x:\n    y = 1"]


def test_a_fence_named_in_prose_opens_nothing_that_is_not_code() -> None:
    assert sources("Wrap your code in ```python\nand close it.") == []
    assert sources("As text: ```text\nprint(1)\n```\n") == []
    assert sources("> ```python\n> x = 1\n> ```\n") == []


@pytest.mark.parametrize(
    "info",
    [
        *("python", "Python", "PYTHON", "py", "python3", "py3", "ipython", "ipython3", "pycon", "python-repl"),
        *("python3.11", " python", "python title=x", "python:main.py", "python,ignore"),
        *("{python}", "{python, echo=FALSE}", "{.python}", "{ .python .numberLines }"),
    ],
)
def test_python_is_run_by_any_of_its_names(info: str) -> None:
    assert sources(f"```{info}\nx\n```") == ["x"]


@pytest.mark.parametrize(
    "info", ["json", "text", "output", "console", "pytb", "pyrex", "html", "markdown", "python-traceback", "diff"]
)
def test_what_is_no_language_that_runs_is_not_run(info: str) -> None:
    assert sources(f"```{info}\nprint(1)\n```") == []


@pytest.mark.parametrize(
    ("info", "language"),
    [
        *(
            ("bash", "bash"),
            ("sh", "bash"),
            ("shell", "bash"),
            ("zsh", "bash"),
            ("{bash}", "bash"),
            ("sh:x.sh", "bash"),
        ),
        *(("js", "javascript"), ("JavaScript", "javascript"), ("node", "javascript"), ("ts", "typescript")),
        *(("sql", "sql"), ("sqlite", "sql"), ("bash title=x", "bash"), (" sh", "bash")),
    ],
)
def test_another_language_runs_by_any_of_its_names(info: str, language: str) -> None:
    assert extract_cells(f"So:\n```{info}\nx\n```\nDone.") == [Cell("1", "x", language)]


@pytest.mark.parametrize(
    ("info", "source", "language"),
    [
        ("c", "int main(void) { return 0; }", "c"),
        ("c++", "int main() {}", "cpp"),
        ("cc", "int main() {}", "cpp"),
        ("golang", "package main\nfunc main() {}", "go"),
        ("rs", "fn main() {}", "rust"),
        ("java", "class A { public static void main(String[] a) {} }", "java"),
    ],
)
def test_what_has_to_be_compiled_runs_where_it_is_a_program(info: str, source: str, language: str) -> None:
    assert extract_cells(f"```{info}\n{source}\n```") == [Cell("1", source, language)]
    assert sources(f"```{info}\n{source.replace('main(', 'helper(')}\n```") == []


@pytest.mark.parametrize("beside", [code("x = 1"), "```\nimport os\n```", "<execute>\nx = 1\n</execute>"])
def test_beside_python_no_other_language_runs(beside: str) -> None:
    cells = extract_cells(f"Save it, then:\n```bash\npython x.py\n```\n{beside}\n```js\nf()\n```")
    assert [cell.language for cell in cells] == ["python"]


@pytest.mark.parametrize(
    ("info", "block"),
    [
        *(("bash", "pip install numpy"), ("sh", "python -m pip install -U x\npython x.py"), ("bash", "npm i left-pad")),
        *(("bash", "$ ls\nx.py"), ("bash", "sudo apt-get -y install gcc"), ("shell", "# nothing but a remark")),
        *(("bash", "git clone x\ncd x"), ("bash", "conda create -n x"), ("bash", "go get x"), ("bash", "")),
        *(
            ("js", "document.getElementById('x').click()"),
            ("ts", "import React from 'react';\nf()"),
            ("js", "<p>x</p>"),
        ),
        *(("sql", "SELECT name FROM customers"), ("sql", "with t as (select 1 from x) select * from t")),
    ],
)
def test_what_is_to_be_done_elsewhere_is_not_run(info: str, block: str) -> None:
    assert sources(f"First:\n```{info}\n{block}\n```") == []


@pytest.mark.parametrize(("info", "end"), [("js", "<p>"), ("sql", "select 1 from t"), ("bash", "$ x"), ("c", "f()")])
def test_a_long_block_of_another_language_is_looked_at_once(info: str, end: str) -> None:
    for filler in ("\n", " ", "main ", "public\n", "x/"):
        assert sources(f"```{info}\n# {filler * 200_000}\n{end}\n```") == sources(f"```{info}\n# x\n{end}\n```")


@pytest.mark.parametrize("block", ["SELECT 1 + 1;", "CREATE TABLE t (x);\nSELECT * FROM t;", "ATTACH 'a.db' AS a;"])
def test_sql_runs_where_it_makes_or_opens_what_it_asks(block: str) -> None:
    assert extract_cells(f"```sql\n{block}\n```") == [Cell("1", block, "sql")]


@pytest.mark.parametrize(
    "block",
    [
        *("print(1)", "x = 5", "import os", "df.head()", "17 * 23", "%matplotlib inline\nx = 1", "!pip install numpy"),
        *("files = !ls\nfor f in files: pass", "[f(x) for x in y]", "2 ** 100", "x: int = 3", "%%time\nf x"),
    ],
)
def test_a_fence_without_a_language_runs_when_it_is_python(block: str) -> None:
    assert sources(f"So:\n```\n{block}\n```") == [block]


@pytest.mark.parametrize(
    "block",
    [
        *("42", "-1.5", "[1, 2]", "{'a': (1, None)}", "hello", "hello\nworld", "1, 2, 3", "main.py", "result: 42"),
        *("true", '{"a": null}', "Hello, World!", "$ python x.py", "pip install numpy", "a0 + 1 / (a1 + 1)", "..."),
        "Traceback (most recent call last):\n  File 'x.py', line 1\nimport x\nImportError: no",
    ],
)
def test_a_fence_without_a_language_is_not_run_when_it_looks_like_output(block: str) -> None:
    assert sources(f"It prints:\n```\n{block}\n```") == []


@pytest.mark.parametrize(
    "block",
    [
        *("def f(x)\n    return x", "class A:\nx = = 1", "import os\nprint 'x'", "from a import b\n1 +", "print(1"),
        *("for i in range(3):\nprint(i)", "if x == 1:\ny", "while True:\nx", "try:\nx", "async def f():\n  x ="),
    ],
)
def test_a_fence_without_a_language_runs_when_it_is_broken_python(block: str) -> None:
    assert sources(f"```\n{block}\n```") == [block]


def test_an_unclosed_fence_runs_to_the_end() -> None:
    assert sources(f"{code('a = 1')}\n```python\nfor i in x:\n    print(i)\n") == ["a = 1", "for i in x:\n    print(i)"]


@pytest.mark.parametrize("empty", ["", "\n", "   \n\t", "# only a comment", "\n  # one\n# two\n"])
def test_a_block_without_code_is_not_a_cell(empty: str) -> None:
    assert sources(f"{code(empty)}\n{code('x = 1')}\n<b>") == ["x = 1"]
    assert sources(f"<execute>{empty}</execute>") == []


def test_a_longer_fence_hides_the_python_inside_it() -> None:
    assert sources(f"````markdown\n# Title\n{code('x = 1')}\n````\n{code('y = 2')}") == ["y = 2"]


@pytest.mark.parametrize(
    "block",
    [
        f"s = {Q}\n```\nls\n```\n{Q}\nprint(s)",
        f"def f():\n    {Q}Example.\n\n```python\nf()\n```\n    {Q}\n    return 1",
        f"s = f{Q}\n``` \n{{x}}\n```\n{Q}",
        "s = '''\n```\n'''\nt = '''\n```\n'''",
        f"%matplotlib inline\ns = {Q}\n```\n{Q}",
        f"s = {Q}" + "\n```\nx\n```" * 9 + f"\n{Q}",
    ],
)
@pytest.mark.parametrize("info", ["python", ""])
def test_code_with_fences_in_its_strings_comes_back_whole(block: str, info: str) -> None:
    assert sources(f"Write:\n```{info}\n{block}\n```\nThen\n{code('y = 2')}") == [block, "y = 2"]


def test_code_with_fences_in_its_strings_comes_back_whole_when_it_is_indented_or_unclosed() -> None:
    assert sources(f"- a\n  ```python\n  s = {Q}\n  ```\n  {Q}\n  ```\n") == [f"s = {Q}\n```\n{Q}"]
    assert sources(f"```python\ns = {Q}\n```\n{Q}\nprint(s)\n") == [f"s = {Q}\n```\n{Q}\nprint(s)"]


def test_a_string_that_nothing_ends_is_cut_at_the_first_fence() -> None:
    broken = f"def f():\n    {Q}Never closed"
    assert sources(f"{code(broken)}\nThen\n{code('y = 2')}") == [broken, "y = 2"]


def test_only_a_cut_string_looks_beyond_the_first_fence() -> None:
    assert sources(f"```python\nx = (\n```\n1)\n```\ny = {Q}") == ["x = ("]


def test_fences_beyond_a_bound_are_not_tried() -> None:
    block = f"s = {Q}" + "\n```\nx" * 30 + f"\n{Q}"
    assert sources(code(block))[0] == f"s = {Q}"


def test_execute_tags_hold_the_cells_and_fences_elsewhere_do_not() -> None:
    text = f"<thought> Try. </thought>\n<execute>\nx = 1\n</execute>\n{code('y = 2')}\n<execute> print(x) </execute>\n"
    assert sources(text) == ["x = 1", "print(x)"]


def test_what_execute_tags_hold_need_not_be_valid() -> None:
    assert sources("<execute>\nplease print x\n</execute>") == ["please print x"]


def test_every_hallucinated_turn_of_an_answer_runs() -> None:
    text = "<execute>\na\n</execute>\n  [/INST]  Assistant:\n<thought> again </thought>\n<execute>\nb\n</execute>\n"
    assert sources(text) == ["a", "b"]


def test_an_unclosed_execute_tag_runs_to_the_end_or_to_the_next() -> None:
    assert sources("<execute>\nx = 1\n\n<execute>\ny = 2\nprint(y") == ["x = 1", "y = 2\nprint(y"]
    assert sources("<execute>\ndef f(x):") == ["def f(x):"]


def test_a_fence_directly_inside_an_execute_tag_is_unwrapped() -> None:
    assert sources(f"<execute>\n{code('x = 1')}\n</execute> and <execute>```\nprint(x)\n```</execute>") == [
        "x = 1",
        "print(x)",
    ]
    assert sources(f"```xml\n<execute>\nx = 1\n</execute>\n```\nThen {code('y = 2')}") == ["x = 1"]


def test_an_indented_execute_tag_is_outdented() -> None:
    assert sources("1. Run\n   <execute>\n   if x:\n       y = 1\n   </execute>") == ["if x:\n    y = 1"]


def test_a_tag_that_is_only_mentioned_holds_nothing() -> None:
    assert sources("I put fib() inside <execute> tags.\n<solution>\nx = 1\n</solution>") == ["x = 1"]
    assert sources("To run code, use <execute> YOUR_CODE_HERE </execute>.") == []
    assert sources("I will use <execute> and <solution> tags.\n<execute>\nx = 1\n</execute>") == ["x = 1"]
    assert sources("Let me see: <execute> print(1) </execute>.") == ["print(1)"]


def test_a_tag_in_the_text_of_a_block_or_a_cell_is_text() -> None:
    pattern = 're.findall(r"<execute>(.*?)</execute>", text)'
    assert sources(f"Use this:\n{code(pattern)}\n") == [pattern]
    assert sources('<execute>\nprint("<execute>")\n</execute>') == ['print("<execute>")']


def test_code_llamas_own_tags_hold_cells() -> None:
    assert sources(" [PYTHON]\nx = 1\n[/PYTHON]\n[PYTHON]\ny = 2\n[/EXECUTE]") == ["x = 1", "y = 2"]
    assert sources("[Python] 3.11 is out") == []


def test_a_solution_is_a_cell_if_it_is_python() -> None:
    assert sources("<solution>\ndef f():\n    return 1\n</solution>") == ["def f():\n    return 1"]
    assert sources("The answer is <solution> def f(x): return x </solution>.") == ["def f(x): return x"]
    assert sources(f"<solution>\n{code('x = 1')}\n</solution>") == ["x = 1"]
    assert sources("<solution>\ndef f(:\n</solution>") == ["def f(:"]


@pytest.mark.parametrize("answer", [" A ", "42", '"NO"', "[1, -2]", "The median is 42.", "{(8, 9), (6, 7)}"])
def test_a_solution_that_is_not_code_leaves_the_fences_to_run(answer: str) -> None:
    assert sources(f"The answer is <solution>{answer}</solution>") == []
    assert sources(f"{code('x = 1')}\nThe answer is <solution>{answer}</solution>") == ["x = 1"]


def test_a_solution_beside_execute_tags_is_not_run() -> None:
    assert sources("<execute>\nx = 1\n</execute>\n<solution>\ny = 2\n</solution>") == ["x = 1"]


@pytest.mark.parametrize("wrap", ["```pycon\n{}\n```", "```python\n{}\n```", "```\n{}\n```", "{}"])
def test_of_an_interactive_session_the_inputs_are_run(wrap: str) -> None:
    session = ">>> def f(x):\n...     return x\n...\n>>> f(1)\n1\n>>>\n"
    assert sources(wrap.format(session)) == ["def f(x):\n    return x\n\nf(1)\n"]


def test_prompts_in_a_docstring_stay() -> None:
    block = f"def f():\n    {Q}\n    >>> f()\n    1\n    {Q}"
    assert sources(code(block)) == [block]


@pytest.mark.parametrize(
    "text",
    ["print(1)", "x = 5\nx", "import os\n\nos.getcwd()\n", "%pip install x\nimport x", f"{Q}Doc.{Q}\ndef f(): pass"],
)
def test_a_text_that_is_a_program_is_one_cell(text: str) -> None:
    assert sources(text) == [text.rstrip("\n")]


@pytest.mark.parametrize(
    "text",
    [
        *("", " \n", "Done", "Yes", "42", "Done\n42", "None", "N/A", "2024-10-11", "not found", "yes or no", "main.py"),
        *("Answer: 42", "- The (determiner)\n- cat (noun)", "Hello, World!", "# Title", "pass", "continue", "~~~"),
        *("def is a keyword.", "from Paris to Rome", "import duties rise", ">>> Really"),
    ],
)
def test_words_are_not_a_program(text: str) -> None:
    assert sources(text) == []


def test_a_program_whose_strings_hold_fences_and_tags_is_one_cell() -> None:
    program = f'def f():\n    {Q}\n{code("f()")}\n    {Q}\nprint("<execute>x</execute>")'
    assert sources(program) == [program]


def test_a_text_that_begins_like_a_program_is_one_cell_though_it_is_broken() -> None:
    for program in (
        "def f(x):\n    return x <> 1",
        f"# A\n{Q}B{Q}\n\nimport os\nx = [1,",
        "from a import b\nSee above.",
    ):
        assert sources(program) == [program]
    assert sources("    return x <> 1\n") == []


def test_a_program_may_end_at_the_closing_of_a_fence_that_the_prompt_opened() -> None:
    assert sources("def f(x):\n    return x\n```\nThis returns `x`.\n") == ["def f(x):\n    return x"]
    assert sources("x = 1\n``` This sets `x`.\n```python\ny = 2\n```") == ["x = 1", "y = 2"]
    assert sources("    return x\n```\nA body without its function.") == []


@pytest.mark.parametrize(
    "odd", ["\0", "\ud800", "(" * 5000, "-" * 100_000 + "1", "x" + ".a" * 100_000, "\f\x0b\x85\u2028-"]
)
def test_odd_text_never_raises(odd: str) -> None:
    assert sources(odd) == []
    assert sources(f"```\n{odd}\n```") == []
    assert sources(f"<execute>\n{odd}\n</execute>")
    assert sources(code(f"s = {Q}{odd}\n```\n{Q}"))


def test_warnings_about_the_code_are_not_ours() -> None:
    for block in (r"print('\d')", "print(1 is 1)", "assert (x, 'y')", "1if x else y()"):
        assert sources(f"```\n{block}\n```") == [block]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        (LONG, 0),
        (f"```python\n{LONG}```", 1),
        (f"```python\ns = {Q}\n```\n{LONG}" + "```\n" * 30, 1),
        ("```python\n" * 50_000, 1),
        ("```\n" * 50_000, 0),
        ("a ```python\n" * 50_000, 0),
        ("```python\nx = 1\n```\n" * 50_000, 50_000),
        ("see <execute> b\n" * 50_000, 0),
        ("see <solution> b" * 50_000, 0),
        ("<execute>" * 50_000, 1),
        ("`" * 500_000, 0),
        (" " * 500_000, 0),
        ("import a" + ", a" * 50_000 + "!", 0),
    ],
    ids=lambda value: f"{value[:12]!r}" if isinstance(value, str) else None,
)
def test_huge_text_is_read_in_a_time_that_grows_with_its_length(text: str, cells: int) -> None:
    assert len(extract_cells(text)) == cells  # a quadratic step in any of these would not end within minutes


TEXT = st.text(st.characters(exclude_characters="`~\r"), max_size=200)
MARKUP = st.lists(
    st.sampled_from(
        [
            *(
                "```",
                "```python",
                "~~~",
                "````",
                "``` ",
                "\n",
                "\r\n",
                "\r",
                "    ",
                "\t",
                Q,
                "'''",
                "x = 1",
                ">>> ",
                "...",
            ),
            *(
                "<execute>",
                "</execute>",
                "<solution>",
                "</solution>",
                "[PYTHON]",
                "[/PYTHON]",
                "def f(",
                "#",
                "%x",
                "\0",
            ),
        ]
    )
    | st.text(max_size=3)
).map("".join)


@given(TEXT)
def test_a_block_without_fences_comes_back_as_it_was_written(block: str) -> None:
    has_code = any(line.strip() and not line.strip().startswith("#") for line in block.split("\n"))
    session = block.lstrip().startswith(">>> ")
    tagged = "<execute>" in block.lower() or "[PYTHON]" in block
    if has_code and not session and not tagged:
        assert sources(code(block)) == [block]


@given(st.text() | MARKUP)
def test_no_text_raises(text: str) -> None:
    cells = extract_cells(text, "t.")
    assert [cell.id for cell in cells] == [f"t.{number}" for number in range(1, len(cells) + 1)]
    assert all(cell.source.strip() and "\r" not in cell.source for cell in cells)


@given(st.text() | MARKUP)
def test_crlf_gives_the_same_cells_as_lf(text: str) -> None:
    unix = text.replace("\r", "")
    assert extract_cells(unix.replace("\n", "\r\n")) == extract_cells(unix)
