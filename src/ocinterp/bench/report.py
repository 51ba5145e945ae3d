"""What a page shows: one evaluation with its settings side by side, or several models side by side in each setting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ocinterp.bench import notes
from ocinterp.bench.comparison import Comparison, Match, Pair
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.notes import Note
from ocinterp.bench.numbers import short
from ocinterp.bench.recorded import Difference
from ocinterp.bench.results import Dataset
from ocinterp.bench.standings import Dollars, Standing
from ocinterp.journal import NOTHING, Cost

_MODEL: Final = 48  # signs of a model's name in a title; all of it is among the facts


@dataclass(frozen=True, slots=True)
class Column:
    """A setting of a model. `name` is what tells it from the others of its `group`; a report of one model has one group."""

    group: str
    name: str
    standing: Standing
    dollars: Dollars | None


@dataclass(frozen=True, slots=True)
class Report:
    """`facts` are names and values of how the runs were made. `noun` says what the columns are, in the singular."""

    title: str
    noun: str
    dataset: Dataset
    facts: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    pairs: tuple[Pair, ...]  # `setting` is the group
    matches: tuple[Match, ...]  # as well
    notes: tuple[Note, ...]
    task_ids: tuple[str, ...]
    paid: Cost
    differences: tuple[tuple[str, Difference], ...] = ()  # with the name of the run

    @property
    def groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.group for each in self.columns))

    def label(self, column: Column) -> str:
        """A column's name in all of the report."""
        return f"{column.name} · {column.group}" if len(self.groups) > 1 else column.name

    def of_group(self, group: str) -> tuple[Column, ...]:
        return tuple(each for each in self.columns if each.group == group)


def of_evaluation(found: Evaluation) -> Report:
    """One model, its settings side by side."""
    model = found.origin.get("model", "")
    pairs = (
        Pair("", one.setting.name, other.setting.name, measure, each) for one, other, measure, each in found.pairs()
    )
    return Report(
        f"{short(model, _MODEL)} on {found.dataset.name}",
        "setting",
        found.dataset,
        tuple((name, value) for name, value in found.origin.items() if value and name != "md5"),
        tuple(Column("", each.setting.name, each, found.dollars(each)) for each in found.standings),
        tuple(pairs),
        tuple(Match("", each.rival.name, drawn.setting.name, each) for drawn, each in found.matches()),
        tuple(notes.of(found)),
        found.task_ids,
        found.paid,
        tuple((model, each) for each in found.differences),
    )


def of_comparison(found: Comparison) -> Report:
    """Several models, side by side in each setting."""
    columns = (
        Column(setting, name, each, found.models[name].dollars(each))
        for setting in found.settings
        for name, each in found.standings(setting).items()
    )
    models = found.models.items()
    return Report(
        f"{len(found.models)} models on {found.dataset.name}",
        "model",
        found.dataset,
        (("profile", found.profile), *((name, each.origin.get("model", name)) for name, each in models)),
        tuple(columns),
        tuple(found.pairs()),
        tuple(found.matches()),
        tuple(notes.of_comparison(found)),
        found.tasks,
        sum((each.paid for _, each in models), NOTHING),
        tuple((name, each) for name, run in models for each in run.differences),
    )
