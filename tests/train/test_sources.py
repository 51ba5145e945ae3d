"""Files of dialogues become lessons, whatever form they have; what is wrong with a row is said with its line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.pocket.tiny import tokenizer
from ocinterp import records
from ocinterp.errors import DataError, UsageError
from ocinterp.train import mixing, sources
from ocinterp.train.lessons import Lesson, lesson
from ocinterp.train.rows import RoleTokens
from ocinterp.train.sources import Source, parse
from ocinterp.types import Cell, Completion, ExecutionResult, Message, Outcome, Run, Trajectory, Turn

TOKENIZER = tokenizer()
ROLES = {role: TOKENIZER.special[f"<|{role}|>"] for role in ("system", "user", "assistant")}
FORM = RoleTokens(TOKENIZER.encode, ROLES, TOKENIZER.special["<|end|>"])
DIALOGUE = Lesson((Message("user", "Ask."), Message("assistant", "Say.")), (0.0, 1.0))


def file(folder: Path, *rows: Any, name: str = "d.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def messages(*said: str) -> dict[str, Any]:
    return {"messages": [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(said)]}


@pytest.mark.parametrize(
    "row",
    [
        messages("Ask.", "Say."),
        {"conversations": [{"from": "human", "value": "Ask."}, {"from": "gpt", "value": "Say."}]},
        {"instruction": "Ask.", "response": "Say."},
        {"instruction": "Ask.", "input": "", "output": "Say."},
        {"query": "Ask.", "answer": "Say.", "resource": "x", "lang": "python"},
        {"problem": "Ask.", "solution": "Say.", "seed": ""},
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "value": "Ask."}], "loss_weight": 0.0},
                {"role": "assistant", "content": [{"type": "text", "text": "Say."}], "loss_weight": 1.0},
            ]
        },
    ],
)
def test_dialogues_are_read_in_the_forms_in_which_they_are_published(tmp_path: Path, row: Any) -> None:
    assert list(sources.read(file(tmp_path, row))) == [DIALOGUE]


def test_a_trajectory_is_a_lesson_of_what_its_execution_says(tmp_path: Path) -> None:
    runs = (Run(Cell("1.1", "x"), ExecutionResult("1.1", Outcome.ERROR)),)
    made = Trajectory("t", (Message("user", "Ask."),), (Turn(Completion("wrong"), runs), Turn(Completion("right"))))
    path = file(tmp_path, records.dumps(made), messages("Ask.", "Say."))
    assert list(sources.read(path)) == [lesson(made), DIALOGUE]
    assert lesson(made).weights == (0, 0, 1)


def test_an_answer_that_an_evaluation_judged_wrong_is_not_learnt(tmp_path: Path) -> None:
    made = Trajectory(
        "t", (Message("user", "Ask."),), tuple(Turn(Completion(text)) for text in ("one", "two", "three"))
    )
    passed = {"base": "pass", "plus": None, "unseen": "pass"}
    verdict = {"turns": [{**passed, "unseen": "wrong"}, {**passed, "base": "sandbox-failure"}, passed]}
    path = file(tmp_path, records.dumps(made, verdict), records.dumps(made))
    first, second = sources.read(path)
    assert (first.weights, second.weights) == ((0, 0, 1, 1), (0, 1, 1, 1))


def test_a_message_may_say_what_it_is_worth(tmp_path: Path) -> None:
    row = messages("Ask.", "wrong", "No.", "right", "And?", "half")
    row["messages"][1]["train"] = False
    row["messages"][3]["train"] = True
    row["messages"][5]["weight"] = 0.5
    (found,) = sources.read(file(tmp_path, row), others=0.1)
    assert found.weights == (0.1, 0, 0.1, 1, 0.1, 0.5)


def test_an_answer_without_words_is_not_learnt(tmp_path: Path) -> None:
    (found,) = sources.read(file(tmp_path, messages("Ask.", "  ")))
    assert not found.teaches


def test_compressed_files_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps(messages("Ask.", "Say.")).encode() + b"\n\n"))
    assert list(sources.read(path)) == [DIALOGUE]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"d\.jsonl\.gz:\d: the compressed file is damaged"):
        list(sources.read(path))


def test_texts_are_read_only_where_texts_are_learnt(tmp_path: Path) -> None:
    path = file(tmp_path, {"text": "Once."})
    (found,) = sources.read(path, texts=True)
    assert found.is_text
    with pytest.raises(DataError, match="no form that is known has the fields text"):
        list(sources.read(path))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "not JSON"),
        ("[1]", "this is a list: write each row on a line of its own"),
        ("3", "expected an object, found 3"),
        ({"messages": []}, "messages is empty"),
        ({"conversations": "x"}, "conversations is empty, or no list"),
        ({"messages": ["x"]}, "expected a role and a content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "nobody known speaks as 'robot'"),
        ({"messages": [{"role": "user"}]}, "expected a text"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "expected texts only"),
        ({"messages": [{"role": "assistant", "content": "x", "weight": -1}]}, "weight is -1"),
        ({"id": 3}, "no form that is known has the fields id"),
        ({"format": "ocinterp-trajectory/1"}, "is missing"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_with_its_line(tmp_path: Path, row: Any, said: str) -> None:
    path = file(tmp_path, messages("Ask.", "Say."), row)
    with pytest.raises(DataError, match=rf"d\.jsonl:2: .*{said}"):
        list(sources.read(path))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no rows"):
        list(sources.read(file(tmp_path, "")))


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), texts), min_size=1))
def test_what_is_said_comes_through_unchanged(
    tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str]]
) -> None:
    row = {"messages": [{"role": role, "content": text} for role, text in said]}
    (found,) = sources.read(file(tmp_path_factory.mktemp("said"), row))
    assert [(each.role, each.content) for each in found.messages] == said
    assert found.weights == tuple(float(role == "assistant") for role, _ in said)


def test_real_published_rows_are_read(data: Path) -> None:
    for path in sorted((data / "synth" / "formats").glob("*.jsonl")):
        assert all(each.teaches for each in sources.read(path))
    demo = data / "synth" / "hiyouga__LLaMA-Factory__data_v1_sft_demo.jsonl"
    found = list(sources.read(demo))
    assert len(found) > 50
    assert all(each.weights[-1] == 1 for each in found)


def test_a_file_and_its_share_are_told_apart(tmp_path: Path) -> None:
    assert parse("a.jsonl") == Source(Path("a.jsonl"))
    assert parse("a.jsonl:2") == Source(Path("a.jsonl"), 2)
    assert parse("a:b.jsonl") == Source(Path("a:b.jsonl"))
    odd = tmp_path / "a:2"
    odd.touch()
    assert parse(str(odd)) == Source(odd)
    with pytest.raises(UsageError, match="a share is a number from 0 on"):
        parse("a.jsonl:-1")


def mixed(*chosen: Source) -> tuple[int, list[int]]:
    rows, used = mixing.collect(chosen, FORM, 100, "seed")
    return len(rows), [each.rows for each in used]


def test_files_are_mixed_in_the_proportion_asked_for_and_no_row_comes_twice(tmp_path: Path) -> None:
    single = file(tmp_path, *(messages(f"Ask {n}.", "Say.") for n in range(10)), name="single.jsonl")
    multi = file(tmp_path, *(messages(f"Ask me {n}.", "Say.") for n in range(7)), name="multi.jsonl")
    assert mixed(Source(single), Source(multi)) == (17, [10, 7])
    assert mixed(Source(single, 2), Source(multi, 1)) == (15, [10, 5])
    assert mixed(Source(single, 1), Source(multi, 2)) == (11, [4, 7])
    assert mixed(Source(single, 0), Source(multi, 1)) == (7, [0, 7])
    rows, _ = mixing.collect([Source(single, 1), Source(multi, 2)], FORM, 100, "seed")
    again, _ = mixing.collect([Source(single, 1), Source(multi, 2)], FORM, 100, "seed")
    other, _ = mixing.collect([Source(single, 1), Source(multi, 2)], FORM, 100, "other")
    assert rows == again != other
    assert len({tuple(row.ids) for row in rows}) == 11


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=4))
def test_a_mix_is_as_large_as_its_proportion_allows(parts: list[tuple[int, int]]) -> None:
    if not any(share for _, share in parts):
        return
    read: list[Any] = [(Source(Path("x"), share), [None] * number, None) for number, share in parts]
    found = mixing._numbers(read)  # pyright: ignore[reportPrivateUsage]
    assert all(number <= of for number, (of, _) in zip(found, parts, strict=True))
    unit = min(of / share for of, share in parts if share)
    assert all(abs(number - unit * share) <= 0.5 for number, (_, share) in zip(found, parts, strict=True))
    assert any(number == of for number, (of, share) in zip(found, parts, strict=True) if share)


def test_a_mix_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    one = file(tmp_path, messages("Ask.", "Say."), name="one.jsonl")
    for chosen, said in (
        ([], "nothing to learn from"),
        ([Source(tmp_path / "none.jsonl")], "there is no such file"),
        ([Source(one), Source(one, 1)], "give each file a share"),
        ([Source(one, 0)], "all shares are 0"),
    ):
        with pytest.raises(UsageError, match=said):
            mixing.check(chosen)


def test_a_file_of_which_nothing_can_be_learnt_is_refused_with_the_reason(tmp_path: Path) -> None:
    no_answer = file(tmp_path, messages("Ask."), messages("Ask again."))
    with pytest.raises(DataError, match="nothing can be learnt from it: 2 left out: no answer in them is to be learnt"):
        mixed(Source(no_answer))
    long = file(tmp_path, messages("Ask.", "Say " * 100))
    with pytest.raises(DataError, match="1 left out: not even the first answer fits"):
        mixed(Source(long))


def test_what_is_cut_or_left_out_is_said(tmp_path: Path) -> None:
    path = file(tmp_path, messages("Ask.", "Say.", "More?", "much " * 50), messages("x " * 90, "y"), messages("Ask."))
    _, (used,) = mixing.collect([Source(path)], FORM, 60, "seed")
    assert [line.replace(str(tmp_path), "") for line in used.lines()] == [
        "/d.jsonl: 1 of 1 rows, 12 tokens, 5 of them learnt",
        "  1 cut at the end of a turn, because they are longer than the context",
        "  1 left out: not even the first answer fits into the context",
        "  1 left out: no answer in them is to be learnt",
    ]


def test_a_text_is_cut_into_rows_that_fit_and_ends_with_its_end(tmp_path: Path) -> None:
    path = file(tmp_path, {"text": "word " * 40})
    rows, (used,) = mixing.collect([Source(path)], FORM, 30, "seed", texts=True)
    ids = [number for row in rows for number in row.ids]
    assert TOKENIZER.decode(ids) == "word " * 40
    assert ids[-1] == FORM.end
    assert all(len(row.ids) <= 30 for row in rows)
    assert all(set(row.weights[1:]) == {1.0} for row in rows)
    assert used.counts.cut == 0
