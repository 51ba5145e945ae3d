"""Answers are read from every packing they come in; what is irregular is counted or refused with its place."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ocinterp.bench.identity import digest
from ocinterp.bench.python import holds, parse
from ocinterp.bench.samples import PROGRAM_LIMIT, Irregularities, Sample, Samples
from ocinterp.bench.sanitize import sanitize
from ocinterp.errors import DataError, UsageError
from ocinterp.problems import Calls, Problem
from ocinterp.types import Task

STEM = 'def f(x):\n    """Double.\n\n    >>> f(1)\n    2\n    """\n'
BODY = "    return 2 * x\n"
PROGRAM = "def f(x):\n    return 2 * x\n"


def problem(name: str, entry_point: str = "f", stem: str = STEM) -> Problem:
    return Problem(Task(name, (), entry_point), stem + BODY, Calls(((1,),)), stem)


PROBLEMS = {name: problem(name) for name in ("HumanEval/0", "HumanEval/1")}


def write(folder: Path, *rows: object, name: str = "samples.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path, *, sanitize: bool = False) -> tuple[list[Sample], Irregularities]:
    samples = Samples(path, PROBLEMS, sanitize=sanitize)
    return list(samples), samples.irregularities


def row(number: int, **fields: object) -> dict[str, object]:
    return {"task_id": f"HumanEval/{number}", **fields}


def test_a_completion_continues_the_stem_and_a_solution_is_whole(tmp_path: Path) -> None:
    path = write(tmp_path, row(0, completion=BODY), row(1, solution=PROGRAM, completion="ignored"))
    assert read(path) == (
        [
            Sample("HumanEval/0", 0, STEM + BODY, f"{path}:1"),
            Sample("HumanEval/1", 0, PROGRAM, f"{path}:2"),
        ],
        Irregularities(samples=2),
    )


def test_line_ends_make_no_other_program(tmp_path: Path) -> None:
    ends = [PROGRAM.replace("\n", end) for end in ("\n", "\r\n", "\r")]
    found, irregular = read(write(tmp_path, *(row(0, solution=each) for each in ends), row(0, text=ends[1])))
    assert {each.program for each in found} == {PROGRAM}
    assert (len(found), len({digest(each) for each in found}), irregular.repeated) == (4, 1, 3)


def test_packings_make_no_difference(tmp_path: Path) -> None:
    rows = [row(0, solution=PROGRAM), row(1, solution="x = 1\n"), row(1, solution=PROGRAM)]
    plain = write(tmp_path, *rows)
    listed = tmp_path / "list.json"
    listed.write_text(json.dumps(rows, indent=1))
    packed = tmp_path / "packed"  # told by its content, not by its name
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    windows = tmp_path / "windows.jsonl"
    windows.write_bytes(b"\xef\xbb\xbf" + plain.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    folder = tmp_path / "folder"
    for name, text in {"0/0": PROGRAM, "1/0": "x = 1\n", "1/1": PROGRAM}.items():
        file = folder / f"HumanEval_{name}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    expected = [(each.task_id, each.index, each.program) for each in read(plain)[0]]
    for path in (listed, packed, windows, folder):
        assert [(each.task_id, each.index, each.program) for each in read(path)[0]] == expected


def test_the_tenth_file_of_a_folder_comes_after_the_ninth(tmp_path: Path) -> None:
    folder = tmp_path / "HumanEval_0"
    folder.mkdir()
    for number in range(11):
        (folder / f"{number}.py").write_text(f"n = {number}\n")
    assert [each.program for each in read(tmp_path)[0]] == [f"n = {number}\n" for number in range(11)]


def test_a_folder_may_have_one_file_a_task(tmp_path: Path) -> None:
    (tmp_path / "HumanEval_1.py").write_bytes(b"\xef\xbb\xbf" + PROGRAM.encode())
    assert [(each.task_id, each.program) for each in read(tmp_path)[0]] == [("HumanEval/1", PROGRAM)]


def test_a_row_of_many_samples_names_its_task_by_its_id_or_its_prompt(tmp_path: Path) -> None:
    problems = {
        "HumanEval/0": problem("HumanEval/0"),
        "HumanEval/1": problem("HumanEval/1", "g", "def g():\n    'G.'\n"),
    }
    without_examples = 'def f(x):\n    """Double.\n    """\n'
    path = write(
        tmp_path, {"prompt": without_examples, "samples": [BODY, "    pass\n"]}, row(1, samples=["    return 1\n"])
    )
    samples = list(Samples(path, problems))
    assert [(each.task_id, each.index, each.origin) for each in samples] == [
        ("HumanEval/0", 0, f"{path}:1[0]"),
        ("HumanEval/0", 1, f"{path}:1[1]"),
        ("HumanEval/1", 0, f"{path}:2"),
    ]
    assert samples[0].program == STEM + BODY


@pytest.mark.parametrize(
    "answer",
    [
        {"response": f"Sure:\n```python\n{PROGRAM}```\nDone."},
        {"text": f"```\n{PROGRAM}```"},
        {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": f"```\n{PROGRAM}```"}]},
        {"messages": [{"role": "assistant", "content": [{"type": "text", "text": f"```\n{PROGRAM}```"}]}]},
    ],
)
def test_the_program_in_a_chat_is_found_without_being_asked(tmp_path: Path, answer: dict[str, Any]) -> None:
    [sample], irregular = read(write(tmp_path, row(0, **answer)))
    assert sample.program == PROGRAM.rstrip("\n")
    assert irregular.sanitized == 1


def test_a_solution_is_sanitized_only_when_asked(tmp_path: Path) -> None:
    fenced = f"```python\n{PROGRAM}```"
    path = write(tmp_path, row(0, solution=fenced), row(1, solution=PROGRAM))
    kept, irregular = read(path)
    assert kept[0].program == fenced
    assert (irregular.fenced, irregular.sanitized) == (1, 0)
    found, irregular = read(path, sanitize=True)
    assert [each.program for each in found] == [PROGRAM.rstrip("\n"), PROGRAM]
    assert (irregular.fenced, irregular.sanitized) == (0, 1)


def test_what_is_irregular_is_counted(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        row(0, solution=PROGRAM),
        row(0, solution=PROGRAM.replace("\n", "\r\n")),
        row(0, solution=" \n"),
        row(0, solution="x" * 10_000_000),
        row(0, solution="x = '\ud800'"),
        row(7, solution=PROGRAM),
    )
    samples, irregular = read(path)
    assert [each.program for each in samples] == [PROGRAM, PROGRAM, " \n", "", ""]
    assert irregular == Irregularities(
        samples=5, unknown={"HumanEval/7": 1}, missing=("HumanEval/1",), repeated=2, empty=1, refused=2
    )
    assert PROGRAM_LIMIT < 10_000_000


def test_tasks_with_more_samples_than_most_are_named(tmp_path: Path) -> None:
    problems = {name: problem(name) for name in ("A/0", "A/1", "A/2")}
    samples = Samples(write(tmp_path, *({"task_id": f"A/{n}", "solution": ""} for n in (0, 1, 2, 2))), problems)
    assert len(list(samples)) == 4
    assert samples.irregularities.uneven == ("A/2",)


def test_iterating_again_counts_anew(tmp_path: Path) -> None:
    samples = Samples(write(tmp_path, row(0, solution="")), PROBLEMS)
    assert [list(samples), samples.irregularities] == [list(samples), samples.irregularities]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"task_id": "HumanEval/0", "solution": ""}\n{"task_id": "\xff', r":2: not UTF-8 \(byte 0xff at 14\)"),
        (b'{"task_id": "HumanEval/0", "solution": ""}\n\n{"task_id": ', ":3: not JSON: expecting value at column 13"),
        (b'[\n{"task_id": 1},\n{]', ":3: not JSON"),
        (b'{"solution": "x"}\n', ":1: it names no task, expected task_id"),
        (b'{"task_id": "HumanEval/0", "code": "x"}\n', r":1: it has no answer, expected solution, .*\(task_id, code\)"),
        (b'{"task_id": "HumanEval/0", "solution": null}\n', ":1: solution is None, expected a text"),
        (b'{"task_id": "HumanEval/0", "messages": [{"role": "user", "content": ""}]}', ":1: no assistant speaks"),
        (b'"text"\n', ":1: found a text, expected an object"),
        (b"[1]", r"\[0\]: found a number, expected an object"),
        (b'{"a":' * 100_000, ":1: not a row: it is nested too deeply"),
        (b'{"task_id": ' + b"9" * 5000 + b"}", ":1: Exceeds the limit"),
        (
            gzip.compress(b'{"task_id": "HumanEval/0", "solution": ""}\n' * 9, mtime=0)[:-9],
            ":10: the compressed file is damaged",
        ),
        (b"\n\n", "no rows in it"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_place(tmp_path: Path, content: bytes, expected: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=f"bad.jsonl.*{expected}"):
        read(path)


def test_a_file_of_another_benchmark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="found 'Mbpp/2', expected such as 'HumanEval/0'"):
        read(write(tmp_path, {"task_id": "Mbpp/2", "solution": ""}))


def test_a_place_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="expected files like HumanEval_0"):
        read(tmp_path)


def test_many_samples_need_little_memory(tmp_path: Path) -> None:
    path = write(tmp_path, *(row(n % 2, solution=f"{'#' * 2000}\nn = {n}\n") for n in range(16_400)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in Samples(path, PROBLEMS)) == 16_400
        assert tracemalloc.get_traced_memory()[1] < 8_000_000  # the file has 34 MB
    finally:
        tracemalloc.stop()


def real(data: Path, name: str, *, stems: bool) -> dict[str, Problem]:
    with gzip.open(data / "benchmarks" / name) as file:
        rows = [json.loads(line) for line in file]
    return {
        each["task_id"]: problem(each["task_id"], each["entry_point"], each["prompt"] if stems else "") for each in rows
    }


@pytest.mark.parametrize(
    ("samples", "benchmark", "expected"),  # how many there are, parse, and hold their entry point
    [
        ("qwen2.5-coder-1.5b-base/humaneval_generated", "HumanEvalPlus-v0.1.9", (164, 159, 159)),
        ("qwen2.5-coder-1.5b-base/mbpp_generated", "MbppPlus-v0.1.0", (399, 392, 382)),
        ("passk/codet_codegen16B_humaneval_n100", "HumanEval", (16_400, 15_613, 15_613)),
        ("humaneval-chat/deepseek-coder_1.3b", "HumanEval", (163, 39, 34)),
        ("humaneval-chat/gpt-4o-2024-08-06", "HumanEval", (164, 164, 164)),
    ],
)
def test_published_samples_are_read(data: Path, samples: str, benchmark: str, expected: tuple[int, int, int]) -> None:
    problems = real(data, f"{benchmark}.jsonl.gz", stems=True)
    reader = Samples(data / "samples" / f"{samples}.jsonl.gz", problems)
    found = Counter[str]()
    for sample in reader:
        found["all"] += 1
        try:
            tree = parse(sample.program)
        except SyntaxError:
            continue
        found["parse"] += 1
        found["hold"] += holds(tree, problems[sample.task_id].task.entry_point)
    assert (found["all"], found["parse"], found["hold"]) == expected
    assert reader.irregularities.unknown == {}
    assert len(reader.irregularities.missing) == (1 if expected[0] == 163 else 0)


@pytest.mark.parametrize(
    ("name", "benchmark", "tasks"), [("humaneval", "HumanEvalPlus-v0.1.9", 164), ("mbpp", "MbppPlus-v0.1.0", 399)]
)
def test_programs_are_those_that_evalplus_judged(data: Path, name: str, benchmark: str, tasks: int) -> None:
    folder = data / "samples" / "qwen2.5-coder-1.5b-base"
    with gzip.open(folder / f"{name}_generated_eval_results.json.gz") as file:
        judged = json.load(file)["eval"]
    problems = real(data, f"{benchmark}.jsonl.gz", stems=True)
    found = {each.task_id: each.program for each in Samples(folder / f"{name}_generated.jsonl.gz", problems)}
    assert found == {task: rows[0]["solution"] for task, rows in judged.items()}
    assert len(found) == tasks


def test_every_sampled_continuation_can_be_cut_to_a_program(data: Path) -> None:
    problems = real(data, "HumanEval.jsonl.gz", stems=True)
    path = data / "samples" / "passk" / "codet_codegen16B_humaneval_n100.jsonl.gz"
    whole = {(each.task_id, each.index): each.program for each in Samples(path, problems)}
    cut = 0
    for (task, index), program in whole.items():
        if index % 20 == 0:
            entry_point = problems[task].task.entry_point
            found = sanitize(program, entry_point)
            assert holds(parse(found), entry_point)
            cut += found != program
    assert 0 < cut < 100  # of 820
