"""What is written as Parquet is read as it was, and what is something else is refused."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pyarrow is not installed")

from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import DataError
from ocinterp.synth import parquet
from ocinterp.synth.queries import Facts, Origin, Query, Rejected, Solution
from ocinterp.synth.tables import Table
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
    Usage,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
origins = st.builds(Origin, texts, texts, st.integers(1, 2**40), texts, texts)
facts = st.builds(
    Facts, texts, texts, texts, texts,
    st.lists(st.builds(Solution, texts, texts, texts), max_size=2).map(tuple), st.lists(texts, max_size=2).map(tuple), texts,
)  # fmt: skip
messages = st.lists(st.builds(Message, st.sampled_from(["user", "assistant"]), texts), max_size=3).map(tuple)
queries = st.builds(Query, texts, origins, texts, texts, messages, facts)

SPOKEN = Trajectory(
    "t/1",
    (Message("user", "hi\n"),),
    (
        Turn(
            Completion("```python\nx\n```", "length", usage=Usage(3, 4)),
            (
                Run(
                    Cell("1.1", "x"),
                    ExecutionResult(
                        "1.1", Outcome.ERROR, "o", "e", Failure("NameError", "x", "..."),
                        (Display({"text/plain": "1", "image/png": "aa"}),), 0.1, 0.2, truncated=True,
                    ),
                ),
            ),
            (Feedback(Source.TESTS, "no", "bad"), Feedback(Source.HUMAN, "")),
        ),
        Turn(Completion("")),
    ),
    StopReason.DONE,
    {"model": "m", "": "?"},
)  # fmt: skip


@given(st.lists(queries, max_size=5))
def test_questions_come_back_as_they_were(rows: list[Query]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        assert Table(Query).write(path, rows) == len(rows)
        assert list(Table(Query).read(path)) == rows
        assert [each.name for each in Path(folder).iterdir()] == ["rows.parquet"]


def test_a_trajectory_comes_back_with_its_executions(tmp_path: Path) -> None:
    bare = Trajectory("t/2", ())
    table = Table(Trajectory)
    table.write(tmp_path / "t.parquet", [SPOKEN, bare])
    assert list(table.read(tmp_path / "t.parquet")) == [SPOKEN, bare]


def test_there_is_no_map_among_the_columns() -> None:
    assert Table(Trajectory).schema["provenance"] == [{"name": "string", "value": "string"}]


def test_more_rows_than_a_batch(tmp_path: Path) -> None:
    rows = [Rejected("f", number, "why") for number in range(2500)]
    Table(Rejected).write(tmp_path / "r.parquet", rows)
    assert list(Table(Rejected).read(tmp_path / "r.parquet")) == rows


def test_rows_that_are_left_out_are_given_and_the_others_are_kept_as_they_are(tmp_path: Path) -> None:
    table, (whole, kept) = Table(Rejected), (tmp_path / f"{name}.parquet" for name in "ab")
    rows = [Rejected("f", at, "no", "text") for at in range(2500)]
    table.write(whole, rows)
    left_out = table.sift(whole, kept, [at % 3 != 0 for at in range(2500)])
    assert next(left_out) == rows[0]
    assert not kept.exists()
    assert [rows[0], *left_out] == rows[::3]
    assert list(table.read(kept)) == [each for at, each in enumerate(rows) if at % 3]
    assert list(table.sift(kept, whole, [True] * 1666)) == []
    whole.write_bytes(kept.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"a\.parquet: damaged"):
        list(table.sift(whole, kept, [True] * 1666))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.parquet", "b.parquet"]


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    Table(Rejected).write(tmp_path / "r.parquet", [Rejected("f", 1, "why")])
    with pytest.raises(DataError, match=r"no table of Query: \w+: "):
        list(Table(Query).read(tmp_path / "r.parquet"))


def test_what_is_written_in_part_is_not_there(tmp_path: Path) -> None:
    def rows() -> list[dict[str, str]]:
        raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        parquet.write(tmp_path / "r.parquet", (each for each in [{"a": "1"}] * 1024 + rows()))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(DataError, match="make its folder first"):
        parquet.write(tmp_path / "no" / "r.parquet", [{"a": "1"}])


def test_a_value_without_one_type_has_no_column() -> None:
    @dataclass(frozen=True)
    class Odd:
        pair: tuple[int, str]

    with pytest.raises(TypeError):
        assert Table(Odd).schema
