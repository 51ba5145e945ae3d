"""Several models side by side: the same numbers, on the tasks they have in common, and refusals of what is not alike."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from kept_runs import DATASET, ORIGIN, SINGLE, TASKS, VISIBLE, attempt, gathered, of_model, refined
from ocinterp.bench import comparison, evaluation, notes, versus
from ocinterp.bench.attempts import Key
from ocinterp.bench.comparison import Comparison, compare
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.run import Crash
from ocinterp.bench.settings import chosen
from ocinterp.bench.statistics import paired
from ocinterp.errors import UsageError
from ocinterp.journal import Price


def compared(*runs: Evaluation) -> Comparison:
    return compare([(f"run{number}", each) for number, each in enumerate(runs)])


def shown(found: Comparison, width: int = 160) -> str:
    console = Console(width=width)
    with console.capture() as printed:
        console.print(versus.render(found))
    return printed.get()


def test_models_are_paired_on_the_same_tasks() -> None:
    one, other = of_model("small", "a"), of_model("large", "abc")
    (pair,) = compared(one, other).pairs()
    assert (pair.first, pair.second, pair.setting, pair.measure) == ("small", "large", "single", "plus")
    assert pair.found == paired(one.standings[0].solved("plus"), other.standings[0].solved("plus"))
    assert (pair.found.gained, pair.found.lost) == (2, 0)


def test_only_tasks_that_all_have_count() -> None:
    one = of_model("small", "ab")
    other = gathered(*(attempt(SINGLE, each, "pass") for each in TASKS[1:3]), settings=[SINGLE], tasks=TASKS[1:3])
    found = compared(one, replace(other, origin={**ORIGIN, "model": "large"}))
    assert (found.tasks, found.left_out) == (("own/b", "own/c"), 2)
    estimate = found.models["small"].standings[0].estimate("plus")
    assert estimate is not None
    assert estimate.value == 0.5
    assert "2 tasks that not all runs have" in shown(found)


def test_a_model_with_a_crash_has_no_number_and_no_pair() -> None:
    crash = Crash(Key("single", "own/a"), "no more processes")
    broken = gathered(crash, *(attempt(SINGLE, each, "pass") for each in TASKS[1:]), settings=[SINGLE])
    found = compared(
        replace(broken, origin={**ORIGIN, "model": "broken"}), of_model("large", "a"), of_model("small", "")
    )
    assert {(each.first, each.second) for each in found.pairs()} == {("large", "small")}
    text = shown(found)
    assert "broken: 1 attempt without a verdict" in text
    assert "no more processes" in text
    content = json.loads(comparison.dumps(found))
    assert content["settings"]["single"]["broken"]["pass@1"] is None


def test_a_crash_on_a_task_that_does_not_count_does_not_matter() -> None:
    crash = Crash(Key("single", "own/a"), "no more processes")
    broken = gathered(crash, *(attempt(SINGLE, each, "pass") for each in TASKS[1:]), settings=[SINGLE])
    other = gathered(*(attempt(SINGLE, each, "pass") for each in TASKS[1:]), settings=[SINGLE], tasks=TASKS[1:])
    found = compared(broken, other)
    assert [each.crashed for each in found.models.values()] == [0, 0]
    assert len(list(found.pairs())) == 1


def test_settings_of_one_run_alone_are_named_and_left_out() -> None:
    found = compared(of_model("small", "a"), of_model("large", "a", settings=(SINGLE, VISIBLE)))
    assert (found.settings, found.alone) == (("single",), ("visible",))
    assert "settings of one run alone, left out: visible" in shown(found)


def test_options_that_are_not_the_same_are_told() -> None:
    found = compared(of_model("small", "a"), of_model("large", "a", turns="5"))
    assert found.options == {"turns": {"small": "2", "large": "5"}}
    assert "not made alike: turns is small 2, large 5" in shown(found)


def test_two_runs_of_one_model_are_told_apart_by_their_files() -> None:
    found = compared(of_model("same", "a"), of_model("same", "ab"))
    assert list(found.models) == ["same (run0)", "same (run1)"]
    again = compare([("run", of_model("same", "a")), ("run", of_model("same", "ab"))])
    assert list(again.models) == ["same (run)", "same (run) (2)"]


def test_what_all_names_share_is_left_out_of_them() -> None:
    names = ["replay:gpt__F=None__humaneval__results.jsonl.gz", "replay:claude__F=None__humaneval__results.jsonl.gz"]
    assert list(compared(*(of_model(each, "a") for each in names)).models) == ["gpt", "claude"]
    assert list(compared(of_model("qwen:7b", ""), of_model("qwen:1b", "")).models) == ["qwen:7b", "qwen:1b"]


def test_the_json_has_the_numbers_of_each_run_and_all_pairs() -> None:
    runs = of_model("small", "a"), of_model("middle", "ab"), of_model("large", "abc")
    content = json.loads(comparison.dumps(compared(*runs)))
    assert (content["format"], content["tasks"], content["left_out"]) == ("ocinterp-comparison/1", 4, 0)
    assert {name: each["pass@1"] for name, each in content["settings"]["single"].items()} == {
        "small": 0.25,
        "middle": 0.5,
        "large": 0.75,
    }
    assert [(each["first"], each["second"], each["gained"]) for each in content["pairs"]] == [
        ("small", "middle", 1),
        ("small", "large", 2),
        ("middle", "large", 1),
    ]
    assert "p is of each of 3 comparisons by itself" in shown(compared(*runs))


def test_the_table_has_the_numbers_on_a_narrow_terminal_too() -> None:
    runs = of_model("a-model-with-quite-a-long-name-32b-instruct", "a"), of_model("another-model-with-a-name", "abc")
    text = shown(compared(*runs), width=80)
    assert "25.0" in text
    assert "4.6 to 69.9" in text
    assert "+50.0" in text


def test_a_name_that_looks_like_a_colour_is_shown_as_it_is() -> None:
    text = shown(compared(of_model("[red]small[/]", "a"), of_model("[/x]\x1b[2J", "ab")))
    assert "[red]small[/]" in text
    assert "[/x]" in text
    assert "\x1b" not in text


def test_each_model_stands_beside_its_own_answers_for_as_many_tokens() -> None:
    one, other = refined(), replace(refined(), origin={**ORIGIN, "model": "other"})
    found = compared(one, other)
    told = json.loads(comparison.dumps(found))["equal_budget"]
    assert [(each["model"], each["rival"]) for each in told] == [
        (model, rival) for rival in ("visible", "human-base", "oracle-base") for model in ("scripted", "other")
    ]
    alone = {each["rival"]: each for each in json.loads(evaluation.dumps(one))["equal_budget"]}
    assert [{key: value for key, value in each.items() if key != "model"} for each in told] == [
        alone[each["rival"]] for each in told
    ]
    text = shown(found, width=80)
    assert text.count("as many tokens ") == 3
    assert notes.MATCHED in [each.text for each in notes.of_comparison(found)]
    assert notes.SOLUTION in text
    assert "critic's" in text


def test_what_is_not_drawn_yet_is_missing_among_the_tasks_that_count_alone() -> None:
    whole = refined()
    samples = [each for standing in whole.standings for each in standing.attempts()]
    torn = gathered(
        *(each for each in samples if each.key != Key("resample", "own/d", 9)),
        settings=[each.setting for each in whole.standings],
        origin={**ORIGIN, "model": "torn"},
    )
    assert [each.missing for each in compared(whole, torn).models.values()] == [0, 1]
    fewer = gathered(
        *(each for each in samples if each.key.task_id != "own/d"),
        settings=[each.setting for each in whole.standings],
        tasks=TASKS[:3],
    )
    found = compared(fewer, torn)
    assert [each.missing for each in found.models.values()] == [0, 0]
    assert len(list(found.matches())) == 6


def test_options_that_older_runs_did_not_have_are_no_difference() -> None:
    assert compared(of_model("old", "a"), of_model("new", "a", form="chat", conv_turns="10")).options == {}
    glued = compared(of_model("old", "a"), of_model("new", "a", form="glued"))
    assert glued.options == {"form": {"old": "chat", "new": "glued"}}


def test_what_answers_cost_is_told_where_a_price_is_known() -> None:
    priced = replace(of_model("small", "a"), price=Price("1000", "0"))
    text = shown(compared(priced, of_model("large", "a")))
    assert "$0.0400" in text
    assert "cost" not in shown(compared(of_model("small", "a"), of_model("large", "a")))


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (
            replace(of_model("other", ""), dataset=replace(DATASET, md5="1" * 32)),
            r"run0 is of own own \(00000000\) and run1 of own own \(11111111\): only runs over the same tasks",
        ),
        (of_model("other", "", profile="evalplus-0.3"), "judged by profile strict and run1 by evalplus-0.3"),
        (
            of_model("other", "", settings=chosen(["single"], suites=("base",))),
            "single is not measured by the same tests",
        ),
        (of_model("other", "", settings=(VISIBLE,)), r"no setting in common \(first: single; other: visible\)"),
        (
            gathered(settings=[SINGLE], tasks=["own/z"], origin={**ORIGIN, "model": "other"}),
            "the runs have no task in common",
        ),
    ],
)
def test_runs_that_are_not_alike_are_refused_in_a_sentence(other: Evaluation, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        compared(of_model("first", "a"), other)


def test_one_run_is_not_compared() -> None:
    with pytest.raises(UsageError, match="takes at least two runs"):
        compared(of_model("first", "a"))


def test_a_reader_is_told_when_scoring_tests_were_shown() -> None:
    shows = chosen(["execution-base"], suites=("base", "plus"))
    found = compared(of_model("small", "a", settings=shows), of_model("large", "a", settings=shows))
    assert notes.SHOWN in [each.text for each in notes.of_comparison(found)]
