"""A plan is what was written, a run goes on only with the one that it began with, and mistakes in it are named."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocinterp.errors import DataError, UsageError
from ocinterp.synth import estimate, plan
from ocinterp.synth.plan import Input, Plan, Player, Sizes

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
PLAN = Plan((Input("a.jsonl", "ab"),), {"strong": Player("m", 2.5, 10)})

plans = st.builds(
    Plan,
    st.lists(st.builds(Input, texts, texts, texts, texts, texts), max_size=3).map(tuple),
    st.dictionaries(
        st.sampled_from(["weak", "strong", "judge"]), st.builds(Player, texts, st.floats(0, 9), st.floats(0, 9))
    ),
    benchmarks=st.lists(texts, max_size=2).map(tuple),
    sizes=st.builds(Sizes, st.integers(0, 10**6)),
    seed=texts,
)


@given(plans)
def test_a_plan_is_read_as_it_was_written(made: Plan) -> None:
    assert plan.parse(plan.written(made), "plan.toml") == made


def test_a_plan_is_pleasant_to_read() -> None:
    assert plan.written(PLAN).startswith("benchmarks = []\nlicences = []\nnear = 0.7\nleast = 4\n")
    assert '\n[[inputs]]\npath = "a.jsonl"\nsha256 = "ab"\n' in plan.written(PLAN)
    assert '\n[players.strong]\nmodel = "m"\nprice_in = 2.5\nprice_out = 10\n' in plan.written(PLAN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = ", "not TOML"),
        ("leest = 3", "leest is not known; known are apart, benchmarks"),
        ("[sizes]\nsimulations = 3", "sizes.simulations is not known; known are correction"),
        ('[players.strong]\nprise_in = 3', "players.strong.prise_in is not known"),
        ('[[inputs]]\nfile = "x"', "inputs.file is not known; known are dataset"),
        ("inputs = 3\nplayers = {}", "inputs: input should be a valid tuple"),
        ("players = {}", "inputs: field required"),
        ('inputs = []\n[players.strong]\nmodel = "m"\nprice_in = "much"', "players.strong.price_in: input should be a valid number"),
    ],
)  # fmt: skip
def test_a_mistake_is_named(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        plan.parse(text, "plan.toml")


def test_a_run_goes_on_only_with_the_plan_that_it_began_with(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    plan.save(PLAN, folder)
    assert plan.load(folder) == PLAN
    plan.freeze(folder, plan.written(PLAN))
    plan.unchanged(folder)
    path = folder / plan.NAME
    path.write_text(path.read_text().replace("least = 4", "least = 3"))
    with pytest.raises(UsageError, match=r"(?s)was changed.*-least = 4\n.*\+least = 3"):
        plan.unchanged(folder)
    assert plan.load(folder) == PLAN  # what its rows were made by
    path.unlink()
    with pytest.raises(UsageError, match="was changed"):
        plan.unchanged(folder)
    path.write_text(plan.written(PLAN))
    plan.unchanged(folder)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("near = 7.0", "near: 7 is not from 0 to 1"),
        ("least = 99", "least: 99 is not from 0 to 5"),
        ("cross_check = 1", "cross_check: 2 to 9 programs"),
        ('rule = "bogus"', "rule: bogus is none; there are free, paper"),
        ("timeout_seconds = -5.0", "timeout_seconds: -5 is not"),
        ("timeout_seconds = inf", "timeout_seconds: inf is not"),
        ("simulation = -3", "sizes.simulation: -3 is not"),
        ("max_tokens = 0", "players.strong.max_tokens: 0 is not"),
        ("price_in = -3.0", "players.strong.price_in: -3 is not"),
        ("temperature = 99.0", "players.strong.temperature: 99 is not"),
        ("[players.stronk]", "players.stronk is no part"),
        ('format = "ocinterp-plan/9"', "format: ocinterp-plan/9 is not ocinterp-plan/1"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(tmp_path: Path, line: str, said: str) -> None:
    plan.save(PLAN, tmp_path)
    path = tmp_path / plan.NAME
    key = line.partition(" = ")[0]
    text = path.read_text()
    path.write_text(
        text.replace("[players.strong]", line, 1)
        if line.startswith("[")
        else re.sub(rf"(?m)^{key} = .*$", line, text, count=1)
    )
    assert path.read_text() != text
    with pytest.raises(DataError, match=re.escape(said)):
        plan.load(tmp_path)


def test_a_plan_that_could_not_be_read_again_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="timeout_seconds: inf"):
        plan.save(replace(PLAN, timeout_seconds=float("inf")), tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / plan.NAME).write_bytes(b"least = 4 # \xff")
    with pytest.raises(DataError, match="not UTF-8 at byte 12"):
        plan.load(tmp_path)


def test_folders_with_and_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no plan in"):
        plan.load(tmp_path)
    plan.save(PLAN, tmp_path)
    with pytest.raises(UsageError, match="has a plan already"):
        plan.save(PLAN, tmp_path)
    plan.freeze(tmp_path, plan.written(PLAN))
    (tmp_path / plan.NAME).write_bytes(b"# \xff")
    with pytest.raises(DataError, match=r"plan.toml: not UTF-8 at byte 2"):
        plan.unchanged(tmp_path)
    (tmp_path / plan.NAME).unlink()
    with pytest.raises(UsageError, match="has a plan already"):  # its run goes by what it began with
        plan.save(PLAN, tmp_path)


def test_who_is_not_named_is_played_by_the_strong_model() -> None:
    assert PLAN.player("judge") == PLAN.players["strong"]
    with pytest.raises(UsageError, match="no model for the part weak"):
        replace(PLAN, players={}).player("weak")


def test_problems_are_alike_by_their_tags_and_followed_up_where_they_have_several_programs(tmp_path: Path) -> None:
    """As many as there are in the files, and none where there are none: so what it may cost is not more than it can."""

    def measured(tags: list[str], *programs: str) -> list[tuple[str, int, int]]:
        path = tmp_path / "q.jsonl"
        solutions = [{"language": "python", "source": each} for each in programs]
        line = {"format": "ocinterp-question/1", "question": "Add.", "tags": tags, "solutions": solutions}
        path.write_text("".join(json.dumps({**line, "name": str(at)}) + "\n" for at in range(5)))
        made = replace(PLAN, inputs=(Input(str(path), ""),), sizes=Sizes(0, 0, 4, 4))
        return [(each.stage, each.rows, each.calls) for each in estimate.estimates(made, estimate.measured(made))]

    assert measured(["sum", "list"], "a = 1", "a = 2")[1:3] == [("similar", 2, 6), ("follow-up", 4, 12)]
    assert measured(["sum"], "a = 1", " a = 1\n")[1:3] == [("similar", 0, 0), ("follow-up", 0, 0)]
    assert measured(["sum", "list"]) == [("judge", 5, 10), ("packing", 1, 0)]
