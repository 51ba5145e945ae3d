"""Rows of every form become questions that know where they stand; what cannot be read says why, and the rest is read."""

from __future__ import annotations

import gzip
import importlib.util
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import DataError, UsageError
from ocinterp.synth import cases, forms, parquet, reading
from ocinterp.synth.ingest import Given, queries
from ocinterp.synth.queries import Query, Rejected
from ocinterp.types import Message

ROWS: dict[str, dict[str, Any]] = {
    "magicoder-oss-instruct": {
        "lang": "cpp", "raw_index": 7, "index": 1, "seed": "int n;", "openai_fingerprint": "fp",
        "problem": "Sum two arrays.", "solution": "```cpp\nint main() {}\n```",
    },
    "magicoder-evol-instruct": {"instruction": "Sum two arrays.", "response": "```cpp\nint main() {}\n```"},
    "evol-instruct-code-80k": {"instruction": "Sum two arrays.", "output": "```cpp\nint main() {}\n```"},
    "alpaca": {"instruction": "Sum", "input": "two arrays.", "output": "```cpp\nint main() {}\n```"},
    "sharegpt": {"id": "0", "conversations": [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Sum two arrays."}, {"from": "gpt", "value": "```cpp\nint main() {}\n```"},
    ]},
    "codefeedback-filtered-instruction": {
        "query": "Sum two arrays.", "answer": "```cpp\nint main() {}\n```", "resource": "magicoder", "lang": "cpp",
    },
    "code-feedback": {"id": 1, "messages": [
        {"role": "user", "content": "Sum two arrays."}, {"role": "assistant", "content": "```cpp\nint main() {}\n```"},
        {"role": "user", "content": "In C."}, {"role": "assistant", "content": "```c\n```"},
    ]},
    "openai": {"messages": [
        {"role": "user", "content": [{"type": "text", "text": "Sum "}, {"type": "text", "value": "two arrays."}]},
        {"role": "assistant", "content": "```cpp\nint main() {}\n```"},
    ]},
    "query": {"query": "Sum two arrays."},
}  # fmt: skip


def written(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return path


def taken(path: Path, **known: str) -> list[Query]:
    return [each for each in queries(Given(path, **known)) if isinstance(each, Query)]


def refused(path: Path) -> list[Rejected]:
    return [each for each in queries(Given(path)) if isinstance(each, Rejected)]


@pytest.mark.parametrize("name", ROWS)
def test_each_form_is_told_by_its_fields_and_says_the_same(name: str, tmp_path: Path) -> None:
    (query,) = taken(written(tmp_path / "rows.jsonl", ROWS[name]))
    form = forms.named(name)
    assert form is not None
    assert (query.origin.dataset, query.origin.licence) == (name, form.licence)
    assert " ".join(query.text.split()) == "Sum two arrays."
    if name != "query":
        assert query.answer == "```cpp\nint main() {}\n```"
        assert query.language == "cpp"


def test_a_dialogue_keeps_what_was_said_after_the_first_answer(tmp_path: Path) -> None:
    (query,) = taken(written(tmp_path / "rows.jsonl", ROWS["code-feedback"]))
    assert query.later == (Message("user", "In C."), Message("assistant", "```c\n```"))


def test_a_row_of_leetcode_has_its_tests_and_solution_and_the_code_to_begin_with(tmp_path: Path) -> None:
    row = {
        "task_id": "two", "prompt": "import math\n", "completion": "class Solution: pass\n",
        "entry_point": "Solution().two", "test": "def check(candidate):\n    assert candidate() == 2\n",
        "input_output": [{"input": "x = 1", "output": "2"}], "problem_description": "Return two.",
        "starter_code": "class Solution:\n    def two(self):\n        ", "tags": ["Math"], "difficulty": "Easy",
        "query": "You are an expert.", "response": "Here it is.",
    }  # fmt: skip
    (query,) = taken(written(tmp_path / "rows.jsonl", row))
    assert query.text == "Return two.\n\n```python\nclass Solution:\n    def two(self):\n```"
    assert query.facts.entry_point == "Solution().two"
    assert [each.source for each in query.facts.solutions] == ["class Solution: pass\n"]
    assert (query.facts.tags, query.facts.difficulty) == (("Math",), "Easy")


def test_a_row_of_taco_has_json_and_lists_in_its_texts(tmp_path: Path) -> None:
    row = {
        "question": "Add.", "solutions": json.dumps(["print(sum(map(int, input().split())))"]), "starter_code": "",
        "input_output": json.dumps({"inputs": ["1 2\n", [3]], "outputs": ["3\n", 4], "fn_name": "add"}),
        "difficulty": "EASY", "raw_tags": "['x']", "tags": "['Math', 'Greedy']", "skill_types": '["Greedy"]',
        "source": "codeforces", "url": "", "name": "",
    }  # fmt: skip
    (query,) = taken(written(tmp_path / "rows.jsonl", row))
    assert query.text == "Add."
    assert query.facts.tests == "assert add('1 2\\n') in ('3\\n',)\nassert add(3) in (4,)\n"
    assert query.facts.tags == ("Math", "Greedy")
    assert query.facts.entry_point == "add"
    assert len(query.facts.solutions) == 1
    methods = {**row, "starter_code": "class Solution:\n    def add(self, a):\n"}
    (query,) = taken(written(tmp_path / "rows.jsonl", methods))
    assert query.facts.entry_point == "Solution().add"
    printed = {**row, "input_output": json.dumps({"inputs": ["1 2\n", ["3", "4"]], "outputs": ["3\n", ["7"]]})}
    (query,) = taken(written(tmp_path / "rows.jsonl", printed))
    assert query.facts.tests == (
        f"assert {cases.PRINTED}('1 2\\n').split() == ['3']\nassert {cases.PRINTED}('3\\n4').split() == ['7']\n"
    )


def test_rows_have_names_that_stay_and_differ(tmp_path: Path) -> None:
    first = written(tmp_path / "rows.jsonl", ROWS["query"], ROWS["alpaca"])
    (tmp_path / "there").mkdir()
    other = written(tmp_path / "there" / "others.jsonl", ROWS["openai"], ROWS["alpaca"], ROWS["query"], ROWS["query"])
    one, two = taken(first)
    assert one.id != two.id
    assert [each.id for each in taken(other)][1:] == [
        two.id,
        one.id,
        one.id,
    ]  # a row that is there twice goes in `dedup`


def test_what_the_caller_knows_goes_before_what_the_form_has(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", ROWS["openai"])
    (query,) = taken(path, dataset="mine", licence="MIT")
    assert (query.origin.dataset, query.origin.licence) == ("mine", "MIT")
    with pytest.raises(DataError, match="there is no form 'nothing'; there are taco"):
        taken(path, form="nothing")
    with pytest.raises(DataError, match=r"no row in it could be taken; row 1: the question is empty"):
        taken(path, form="query")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b'{"a": 1}', "no form has the fields a"),
        (b'{"query": 1}', "query: expected a text, found 1"),
        (b'{"query": "  "}', "the question is empty"),
        (b'{"query": "a\\u0000"}', "a NUL character"),
        (b'{"query": "\\ud800"}', "not valid Unicode: '\\ud800'"),
        (b'{"query": "\xff"}', "not UTF-8: byte 0xff at 12"),
        (b'{"messages": []}', "messages: expected a list, and something in it, found []"),
        (b'{"messages": [{"role": "tool", "content": "x"}]}', 'role: expected user or assistant, found "tool"'),
        (b'{"messages": [{"role": "user", "content": 3}]}', "content: expected a text, found 3"),
        (b'{"messages": [{"role": "assistant", "content": "x"}]}', "nobody asks anything"),
        (b'{"instruction": "a", "input": "", "output": "", "history": [["x"]]}', "history: expected pairs"),
        (b'{"query": %s}' % (b"[" * 100_000), "JSON that cannot be read"),
        (b'{"query": "%s"}' % (b"x" * 5_000_000), "a row of more than 4 MiB"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_taken_says_why_and_the_others_are(line: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    good = json.dumps(ROWS["query"]).encode()
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\r\n\r\n" + line + b"\n" + good + b"\n")
    assert [each.origin.row for each in taken(path)] == [1, 4]
    (found,) = refused(path)
    assert reason in found.reason
    assert found.row == 3
    assert len(found.head) <= 200


def test_a_torn_last_line_is_one_row_less(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", ROWS["query"])
    path.write_bytes(path.read_bytes() + b'{"query": "cut')
    assert len(taken(path)) == 1
    assert refused(path)[0].reason.startswith("the last line is cut short: not JSON")


def test_a_list_is_read_to_where_it_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([ROWS["query"], ROWS["alpaca"]], indent=2))
    assert [each.origin.row for each in taken(path)] == [1, 2]
    path.write_text(path.read_text()[:-20])
    assert [each.origin.row for each in taken(path)] == [1]
    assert refused(path)[0].reason.endswith("nothing after it was read")


def test_gzip_is_unpacked_and_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(ROWS["query"]) + "\n").encode() * 50))
    assert len(taken(path)) == 50
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(DataError, match="damaged or cut short"):
        taken(path)


def test_files_that_are_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    with pytest.raises(DataError, match=r"no row in it could be taken$"):
        taken(tmp_path / "empty.jsonl")
    (tmp_path / "wide.jsonl").write_text('{"query": "x"}', "utf-16")
    with pytest.raises(DataError, match="UTF-16"):
        taken(tmp_path / "wide.jsonl")
    with pytest.raises(DataError, match="no such file"):
        taken(tmp_path / "none.jsonl")
    (tmp_path / "list.json").write_bytes(b'[{"query": "\xff"}]')
    with pytest.raises(DataError, match=r"list.json:1: not UTF-8"):
        taken(tmp_path / "list.json")


@given(st.lists(st.one_of(st.text(), st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none())))))
def test_whatever_stands_in_a_file_is_taken_or_refused(rows: list[object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder, "rows.jsonl"), ROWS["query"], *rows)
        assert len(list(queries(Given(path)))) == len(rows) + 1


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="pyarrow is not installed")
def test_parquet_is_read_like_the_same_rows_in_json(tmp_path: Path) -> None:
    rows = [ROWS["code-feedback"], ROWS["code-feedback"]]
    parquet.write(tmp_path / "rows.parquet", rows)
    found = taken(tmp_path / "rows.parquet")
    same = taken(written(tmp_path / "rows.jsonl", *rows))
    assert [(each.text, each.answer, each.later) for each in found] == [(e.text, e.answer, e.later) for e in same]
    whole = (tmp_path / "rows.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged, or no Parquet"):
        taken(tmp_path / "cut.parquet")


def test_parquet_without_what_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1....PAR1")

    def nothing(_: str) -> None:
        return None

    monkeypatch.setattr(parquet, "find_spec", nothing)
    with pytest.raises(UsageError, match=r"pip install 'ocinterp\[data\]'"):
        taken(tmp_path / "rows.parquet")


def test_a_long_line_is_skipped_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"query": "x" * 1000}) + "\n" + json.dumps(ROWS["query"]) + "\n")
    assert [each.origin.row for each in taken(path)] == [2]


def test_real_files_are_taken_whole(data: Path) -> None:
    counts = {
        "newfacade__LeetCodeDataset__data_LeetCodeDataset-v0.2.0-train.jsonl.gz": ("leetcode-dataset", 1890),
        "newfacade__LeetCodeDataset__data_LeetCodeDataset-v0.3.1-test.jsonl.gz": ("leetcode-dataset", 228),
        "hiyouga__LLaMA-Factory__data_alpaca_en_demo.json": ("alpaca", 999),
        "hiyouga__LLaMA-Factory__data_v1_sft_demo.jsonl": ("openai", 500),
        "lm-sys__FastChat__data_dummy_conversation.json": ("sharegpt", 500),
    }
    for name, (form, count) in counts.items():
        found = taken(data / "synth" / name)
        assert ({each.origin.dataset for each in found}, len(found)) == ({form}, count)
    for path in sorted((data / "synth" / "formats").glob("*.jsonl")):
        assert len(taken(path)) == 1


@pytest.mark.parametrize(
    ("row", "dataset", "licence", "asked"),
    [
        ({"instruction": "Add.", "response": "1"}, "magicoder-evol-instruct", "unknown", "Add."),
        ({"instruction": "Add.", "context": "2 and 3", "response": "5", "category": "sums"}, "instruction-response", "unknown", "Add.\n\n2 and 3"),
        ({"instruction": "Add.", "output": "1", "license": "MIT"}, "instruction-output", "MIT", "Add."),
        ({"id": "a", "messages": [{"role": "user", "content": "Add."}], "licences": ["MIT", "CC-BY-NC-4.0"]}, "openai", "CC-BY-NC-4.0 AND MIT", "Add."),
        ({"id": "a", "messages": [{"role": "user", "content": "Add."}]}, "code-feedback", "unknown", "Add."),
    ],
)  # fmt: skip
def test_a_licence_is_what_a_row_says_and_not_guessed_from_fields_that_many_have(
    tmp_path: Path, row: dict[str, object], dataset: str, licence: str, asked: str
) -> None:
    path = written(tmp_path / "rows.jsonl", row)
    (query,) = taken(path)
    assert (query.origin.dataset, query.origin.licence, query.text) == (dataset, licence, asked)
    (query,) = taken(path, licence="Apache-2.0")
    assert query.origin.licence == "Apache-2.0"


def test_half_of_a_pair_is_found_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = ['{"query": "a", "licence": "\\ud800"}', '{"query": "b", "\\uDFFF": 1}', '{"query": "\\ud83d\\ude00"}']
    path.write_text("\n".join(lines) + "\n")
    assert [each.text for each in taken(path)] == ["\U0001f600"]
    assert [each.reason for each in refused(path)] == [
        f"a text is not valid Unicode: {half!a}" for half in ("\ud800", "\udfff")
    ]


def test_half_of_a_pair_in_json_in_a_text_is_replaced(tmp_path: Path) -> None:
    row = {"question": "Add.", "solutions": json.dumps(["print('\ud83d')"]), "starter_code": "", "input_output": "{}"}
    (query,) = taken(written(tmp_path / "rows.jsonl", row))
    assert [each.source for each in query.facts.solutions] == ["print('\ufffd')"]


def test_a_first_row_that_is_too_long_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"query": "%s"}\n{"query": "\xff"}\n{"query": "a"}\n' % (b"x" * 5_000_000))
    assert [each.text for each in taken(path)] == ["a"]
    assert [each.row for each in refused(path)] == [1, 2]
    packed = tmp_path / "rows.json.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf  \n [" + b'{"query": "a"}' + b"]"))
    assert [each.text for each in taken(packed)] == ["a"]


def test_a_parquet_file_that_is_damaged_says_so(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    path = tmp_path / "rows.parquet"
    parquet.write(path, [{"query": f"Question {at} " * 50} for at in range(3000)])
    content = bytearray(path.read_bytes())
    content[200:2000] = b"\0" * 1800
    path.write_bytes(bytes(content))
    with pytest.raises(DataError, match="damaged, or no Parquet"):
        taken(path)
