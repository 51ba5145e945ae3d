"""What is read out of real answers: 5,144 replies of MINT's trajectories and 34,018 published samples.

The counts are exact so that a change of the parser shows what it changes. They are of: texts, texts that yield code,
cells in all, cells that are not valid Python.
"""

from __future__ import annotations

import ast
import gzip
import json
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ocinterp.parse import extract_cells

Counts = tuple[int, int, int, int]


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def replies(data: Path, model: str) -> Iterator[str]:
    """The model's own messages; the prompt, with its worked examples, is the first message of the user."""
    paths = sorted((data / "trajectories").glob(f"{model}__*.jsonl.gz"))
    assert paths
    for row in (row for path in paths for row in rows(path)):
        yield from (message["content"] for message in row["state"]["history"] if message["role"] == "assistant")


def samples(data: Path, name: str) -> Iterator[str]:
    for row in rows(data / "samples" / f"{name}.jsonl.gz"):
        yield from row.get("samples") or [row["solution"] if "solution" in row else row["completion"]]


def is_valid(source: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(source)
    except (SyntaxError, ValueError, MemoryError):
        return False
    return True


def python(text: str) -> list[str]:
    return [cell.source for cell in extract_cells(text) if cell.language == "python"]


def counts(texts: Iterable[str]) -> Counts:
    answers = [python(text) for text in texts]
    cells = [source for answer in answers for source in answer]
    return len(answers), sum(map(bool, answers)), len(cells), sum(not is_valid(source) for source in cells)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("CodeLlama-13b-Instruct-hf", (1405, 1396, 2541, 209)),  # 190 of the 209 are the last cell of a cut-off reply
        ("claude-2", (802, 801, 866, 5)),
        ("gpt-3.5-turbo-0613", (2937, 2850, 2860, 11)),
    ],
)
def test_every_reply_of_a_trajectory_is_read(data: Path, model: str, expected: Counts) -> None:
    assert counts(replies(data, model)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("humaneval-chat/gpt-4o-2024-08-06", (164, 164, 164, 0)),
        ("humaneval-chat/o3-mini-2025-01-31-low", (164, 164, 164, 0)),
        ("humaneval-chat/deepseek-coder_6.7b", (164, 164, 164, 1)),  # 5 end in the closing of the prompt's fence
        ("humaneval-chat/deepseek-coder_1.3b", (163, 138, 138, 95)),  # the other 25 are prose or comments
        ("qwen2.5-coder-1.5b-base/humaneval_generated", (164, 164, 164, 5)),  # the 5 are cut off
        ("qwen2.5-coder-1.5b-base/mbpp_generated", (399, 399, 399, 7)),  # the 7 are cut off
        ("passk/codet_codegen16B_humaneval_n100", (16400, 12, 12, 2)),  # bodies of functions, without the function
        ("passk/codet_codegen16B_humaneval_tests", (16400, 2818, 2818, 187)),  # the rest of a line after "assert "
    ],
)
def test_every_published_sample_is_read(data: Path, name: str, expected: Counts) -> None:
    assert counts(samples(data, name)) == expected


def test_replies_without_code_are_prose_answers_and_two_cases_left_alone(data: Path) -> None:
    models = ("CodeLlama-13b-Instruct-hf", "claude-2", "gpt-3.5-turbo-0613")
    silent = [text for model in models for text in replies(data, model) if not extract_cells(text)]
    code = [text for text in silent if re.search(r"^\s*(def|import|from|class) .*$", text, re.MULTILINE)]
    assert (len(silent), len(code)) == (97, 2)
    assert "<propose>" in code[0] or "<propose>" in code[1]  # a tag that one reply made up
    assert any(
        "Here is a revised solution:\n\ndef sorted_list_sum" in text for text in code
    )  # code with no marks at all


def test_python_blocks_of_real_documents_come_back_as_they_were_written(data: Path) -> None:
    block = re.compile(r"^```python\n(.*?)\n?^```$", re.MULTILINE | re.DOTALL)
    texts = [row["markdown"] for row in rows(data / "synth" / "doocs__leetcode__README_EN_first1500.jsonl.gz")]
    written = [[source for source in block.findall(text) if source.strip()] for text in texts]
    found = [extract_cells(text) for text in texts]
    assert [[cell.source for cell in cells if cell.language == "python"] for cells in found] == written
    assert (len(texts), sum(map(bool, written)), sum(map(len, written))) == (1500, 1380, 1704)
    others = Counter(cell.language for cells in found for cell in cells if cell.language != "python")
    assert others == {
        "bash": 4,
        "javascript": 2,
        "typescript": 2,
    }  # where there is no Python; most are functions in SQL
