"""A score is its verdicts; its numbers follow from them, and are withheld while a sandbox failed."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ocinterp.bench import evalplus, results, table
from ocinterp.bench.evalplus import Difference, differences
from ocinterp.bench.results import Dataset, Differing, Judged, Score
from ocinterp.bench.samples import Irregularities
from ocinterp.bench.statistics import wilson
from ocinterp.errors import DataError, UsageError
from ocinterp.types import Status

DATASET = Dataset("humaneval+", "0.1.10", "fe585eb4df8c88d844eeb463ea4d0302")
PASS, WRONG, FAILED = Status.PASS, Status.WRONG, Status.SANDBOX_FAILURE

texts = st.text(st.characters(codec="utf-8"))
counts = st.integers(0, 10**6)
judged = st.builds(Judged, st.sampled_from(Status), st.none() | st.sampled_from(Status), texts)
irregularities = st.builds(
    Irregularities,
    samples=counts,
    unknown=st.dictionaries(texts, counts, max_size=2),
    missing=st.lists(texts, max_size=2).map(tuple),
    uneven=st.lists(texts, max_size=2).map(tuple),
    **dict.fromkeys(("repeated", "empty", "refused", "sanitized", "fenced"), counts),
)
scores = st.builds(
    Score,
    dataset=st.builds(Dataset, texts, texts, texts, st.booleans()),
    profile=texts,
    tasks=st.dictionaries(texts, st.lists(judged, max_size=3).map(tuple), max_size=4),
    irregularities=irregularities,
)


def of(*rows: Judged, **more: tuple[Judged, ...]) -> Score:
    return Score(DATASET, "strict", {**{f"t/{n}": (row,) for n, row in enumerate(rows)}, **more})


def shown(score: Score) -> str:
    console = Console(file=io.StringIO(), width=110)
    console.print(table.render(score))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@given(scores)
def test_what_is_written_is_read_back(score: Score) -> None:
    assert results.loads(results.dumps(score).encode()) == score


def test_a_file_has_the_headline_and_both_suites(tmp_path: Path) -> None:
    score = of(Judged(PASS, PASS), Judged(PASS, WRONG), Judged(WRONG, PASS), Judged(Status.TIMEOUT, WRONG))
    path = tmp_path / "score.json"
    results.write(path, score)
    assert results.read(path) == score
    data = json.loads(path.read_text("utf-8"))
    assert data["format"] == "ocinterp-score/1"
    assert data["tasks"]["t/1"] == [{"base": "pass", "plus": "wrong"}]
    assert (data["pass@1"], data["base"]["pass@1"], data["plus"]["pass@1"]) == (0.25, 0.5, 0.25)
    assert data["ci95"] == [wilson(1, 4).low, wilson(1, 4).high]
    assert data["dataset"]["known"] is True
    assert [each.name for each in tmp_path.iterdir()] == ["score.json"]


def test_every_field_of_a_file_is_in_its_description() -> None:
    description = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    section = description.partition("## Scores\n")[2].partition("\n## ")[0]
    differing = Differing("t/0", 0, "base", "strict", Status.PASS, Status.WRONG, "wrong value")
    written = json.loads(results.dumps(replace(of(Judged(PASS, PASS)), differing=(differing,))))
    assert not [
        field for field in (*written, *written["dataset"], *written["differing"][0]) if f"`{field}`" not in section
    ]


def test_there_is_no_number_while_a_sample_has_no_verdict() -> None:
    for row in (Judged(FAILED, PASS, "the tests need\nflask"), Judged(PASS, FAILED, "the tests need\nflask")):
        score = of(Judged(PASS, PASS), row)
        data = json.loads(results.dumps(score))
        assert (score.crashed, score.estimate("base"), score.estimate("plus")) == (1, None, None)
        assert (data["crashed"], data["pass@1"], data["ci95"], data["base"]["pass@1"]) == (1, None, None, None)
        assert "1 sample without a verdict: no pass@k" in shown(score)
        assert "  1: the tests need flask" in " ".join(shown(score).split("\n")[-3:])
        assert not re.search(r"\d\.\d to", shown(score))


def test_a_task_without_samples_counts_as_unsolved() -> None:
    found = of(Judged(PASS), more=()).estimate("base")
    assert found is not None
    assert found.value == 0.5


def test_pass_at_k_is_given_where_there_are_samples_enough() -> None:
    score = of(more=(Judged(PASS),) * 3 + (Judged(WRONG),) * 7)
    assert score.ks == (1, 10)
    assert json.loads(results.dumps(score))["pass@10"] == 1
    with pytest.raises(UsageError, match="pass@100 needs"):
        score.estimate("base", 100)


def test_a_score_of_no_task_has_no_number() -> None:
    score = Score(DATASET, "strict", {})
    assert score.estimate("base") is None
    assert "-" in shown(score)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"pass@1": 1.0', '"pass@1": 0.5', "pass@1 is 0.5, but its verdicts give 1.0"),
        ('"pass@1": 1.0', '"pass@1": NaN', "a number is not finite: NaN"),
        ('"base": "pass"', '"base": "passed"', "found status 'passed', expected one of pass, wrong"),
        ("ocinterp-score/1", "ocinterp-score/2", "found format 'ocinterp-score/2'"),
        ('"profile"', '"Profile"', "profile is missing"),
        ('"known": true', '"known": 1', "dataset.known is 1"),
        ('"repeated": 0', '"repeated": -1', "found -1, expected a count"),
        ('"tasks": {', '"tasks": [{', "not JSON"),
    ],
)
def test_a_file_that_is_not_as_written_is_refused(tmp_path: Path, old: str, new: str, expected: str) -> None:
    path = tmp_path / "score.json"
    path.write_text(results.dumps(of(Judged(PASS))).replace(old, new))
    with pytest.raises(DataError, match=f"score.json: {re.escape(expected)}"):
        results.read(path)


def test_a_text_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(DataError, match="cannot hold"):
        results.dumps(Score(DATASET, "\ud800", {}))


def test_differences_are_of_passing_or_not() -> None:
    first = {"a": (Judged(PASS, PASS), Judged(WRONG, WRONG)), "b": (Judged(PASS, "timeout"),), "c": (Judged(PASS),)}
    second = {"a": (Judged("fail", "pass"), Judged("timeout", "fail")), "b": (Judged("pass", "fail"),)}
    assert differences(first, second) == (
        Difference("a", 0, "base", "pass", "fail"),
        Difference("a", 0, "plus", "pass", "fail"),
        Difference("c", 0, "base", "pass", None),
    )
    assert differences(first, first) == ()


@pytest.mark.parametrize("content", ["[]", "{}", '{"hash": "", "eval": {"a": [{"base_status": "won"}]}}', "{"])
def test_a_file_that_is_not_of_evalplus_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "eval_results.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"eval_results\.json: not EvalPlus's results"):
        evalplus.read(path)


@pytest.mark.parametrize(("name", "base", "plus"), [("humaneval", 43.9, 36.6), ("mbpp", 69.2, 58.6)])
def test_published_verdicts_give_the_published_numbers(data: Path, name: str, base: float, plus: float) -> None:
    path = data / "samples" / "qwen2.5-coder-1.5b-base" / f"{name}_generated_eval_results.json.gz"
    published = evalplus.read(path)
    assert published.md5.startswith("84f4b93a" if name == "humaneval" else "ebe95df0")
    score = Score(DATASET, "evalplus-0.2", published.tasks)
    found = [score.estimate("base"), score.estimate("plus")]
    assert [round(100 * each.value, 1) for each in found if each] == [base, plus]


def test_a_table_says_what_is_irregular() -> None:
    irregular = Irregularities(
        unknown={"x/1": 2}, missing=("t/7", "t/8", "t/9", "t/10"), repeated=1, empty=1, refused=1, sanitized=1, fenced=2
    )
    score = Score(Dataset("mbpp+", "mine", "00", known=False), "strict", {"t": (Judged(PASS, WRONG),)}, irregular)
    text = " ".join(shown(score).split())
    for expected in (
        "mbpp+ mine, md5 00, profile strict",
        "base 100.0 20.7 to 100.0",
        "base + plus 0.0 0.0 to 79.3",
        "4 tasks without a sample, counted as unsolved: t/7, t/8, t/9 and 1 more",
        "2 rows for tasks of no such name, left out: x/1",
        "the dataset's md5 is not one that was published",
        "1 sample with the same program",
        "2 samples with Markdown fences",
    ):
        assert expected in text
