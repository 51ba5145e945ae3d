"""Counts of rows, and the card that tells of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest

from ocinterp.synth import card, charts, croissant
from ocinterp.synth.charts import Chart, Figures, figures
from ocinterp.synth.folder import Done
from ocinterp.synth.plan import Plan, Player
from ocinterp.synth.queries import Origin
from ocinterp.synth.rows import Execution, Heard, Method, Row, Said
from ocinterp.types import Message, Outcome, Source


def row(number: int, method: Method = "simulation", licence: str = "MIT", *, ran: int = 1) -> Row:
    """A dialogue of two answers, whose code first ran at the answer `ran` (0: never)."""
    executions = tuple(
        Execution(at, f"{at + 1}.1", "python", "x", "0", Outcome.OK if at + 1 == ran else Outcome.ERROR, error="" if at + 1 == ran else "NameError")
        for at in range(2)
    )  # fmt: skip
    return Row(
        str(number),
        method,
        (Message("user", "Ask."), Message("assistant", "Say " * 200)),
        (Said(0, "One.", "weak"), Said(1, "Two.", "rule")),
        executions,
        (Heard(0, Source.SIMULATED_HUMAN, "No.", category="syntax", followed="yes: judge"),),
        verified=ran > 0,
        verify_kind="executed" if ran else "",
        solved_turn=ran,
        sources=(Origin("evol", "f", number, "0", licence),),
        languages=("python",),
    )


def facts(
    found: Figures, contamination: card.Contamination = MappingProxyType({}), benchmarks: tuple[str, ...] = ()
) -> card.Facts:
    plan = Plan((), {}, benchmarks=benchmarks)
    return card.Facts("Title", plan, found, [("ingest", Done(5, 1, {"near": 1}))], contamination, 0.5)


def bars(found: Figures) -> dict[str, dict[str, float]]:
    return {each.title: dict(each.bars) for each in charts.charts(found)}


def test_rows_are_counted_by_all_that_is_known_of_them() -> None:
    found = bars(figures([row(1), row(2, ran=2), row(3, "correction", ran=0)]))
    assert found["rows by method"] == {"simulation": 2, "correction": 1}
    assert found["last program"] == {"executed": 2, "not run to its end": 1}
    assert found["answers of a row"] == {"2": 3}
    assert found["tokens of a row (about)"] == {"under 256": 3}
    assert found["answers by"] == {"weak": 3, "rule": 3}
    assert found["ran, and no test refutes it"] == {"by answer 1": 1, "by answer 2": 2, "never": 1}
    assert found["what stopped programs"] == {"NameError": 4}
    assert found["what simulated people spoke of"] == {"syntax": 3}
    assert found["feedback by"] == {"simulated-human": 3}


def test_what_nothing_is_known_of_has_no_bars() -> None:
    found = bars(Figures())
    assert "languages of code" not in found
    assert found["answers of a row"] == {}


def test_many_bars_end_with_one_for_the_rest() -> None:
    found = Figures()
    found.languages.update({f"l{each}": 20 - each for each in range(15)})
    shown = bars(found)["languages of code"]
    assert list(shown)[-1] == "3 others"
    assert shown["3 others"] == sum((8, 7, 6))
    assert sum(shown.values()) == found.languages.total()


def test_the_licence_of_all_rows_is_the_datasets_and_several_are_none() -> None:
    assert card.licence(figures([row(1), row(2)])) == "mit"
    assert card.licence(figures([row(1), row(2, licence="Apache-2.0")])) == "other"
    assert card.licence(figures([row(1, licence="unknown")])) == "other"
    assert card.licence(Figures()) == "other"


def test_a_rule_is_not_called_a_model() -> None:
    told = card.write(facts(figures([row(1)])))
    assert "| 1 | a rule of this program, no model |" in told
    assert "| 1 | the model `weak` |" in told
    assert "No model was asked." not in told
    alone = replace(row(1), turns=(Said(0, "One.", "rule"), Said(1, "Two.", "source")))
    assert "No model was asked." in card.write(facts(figures([alone])))
    found = facts(figures([row(1)]))
    told = card.write(replace(found, plan=Plan((), {"strong": Player("rule"), "weak": Player("a-model")})))
    assert "By rule, and no model: strong." in told
    assert "Models of the plan: weak: `a-model` at temperature 0." in told
    assert "| ingest | 5 | 1 (1 near) |" in told


def test_benchmarks_are_told_task_by_task_as_far_as_there_is_room() -> None:
    tasks = {f"humaneval@2021 HumanEval/{at}": {"words": 30 - at, "function": 1, "solved": at % 2} for at in range(25)}
    whole = {"humaneval@2021": {"tasks": 25, "rows": 40, "solved": 12}, "mbpp@1": {"tasks": 0, "rows": 0, "solved": 0}}
    told = card.write(facts(figures([row(1)]), {"benchmarks": whole, "tasks": tasks}, ("humaneval", "mbpp")))
    assert "| humaneval@2021 | 25 | 40 | 12 |" in told
    assert "| mbpp@1 | 0 | 0 | 0 |" in told
    assert told.count("| humaneval@2021 HumanEval/") == 20
    assert "The counts of all 25 are in `contamination.json`" in told


def test_columns_within_columns_are_described_as_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"rows")
    schema: dict[str, croissant.Kind] = {
        "id": "string",
        "said": [{"text": "string", "at": "int64"}],
        "names": ["string"],
    }
    found = json.loads(croissant.write("n", "a", "mit", [tmp_path / "a.parquet"], schema, "2024-02-22"))
    one, said, names = found["recordSet"][0]["field"]
    assert (one["dataType"], one["source"]["extract"]) == ("sc:Text", {"column": "id"})
    assert said["repeated"]
    assert [(each["@id"], each["dataType"], each["source"]["transform"]) for each in said["subField"]] == [
        ("rows/said/text", "sc:Text", {"jsonPath": "text"}),
        ("rows/said/at", "sc:Integer", {"jsonPath": "at"}),
    ]
    assert (names["repeated"], names["dataType"]) == (True, "sc:Text")


def test_a_picture_has_all_charts(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    charts.draw([Chart("one", {"a": 1, "b": 0}, 1), Chart("two", {}), Chart("three", {"c": 5})], tmp_path / "p.png")
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
