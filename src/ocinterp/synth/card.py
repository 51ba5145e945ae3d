"""The card of a dataset: what is in it, who said it, from where, under which licences, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ocinterp import __version__
from ocinterp.synth.charts import Chart, Figures, charts
from ocinterp.synth.folder import Done
from ocinterp.synth.plan import Plan
from ocinterp.synth.queries import UNKNOWN

_SIZES: Final = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MOST_TASKS: Final = 20  # that are named; the counts of all are in contamination.json
_WHO: Final = {
    "source": "the source of the question", "rule": "a rule of this program, no model",
    "recorded": "a recorded session", "person": "a person",
}  # fmt: skip

_MADE: Final = {"pocket": "pocket (words, programs and tests by rule: `ocinterp synth questions`)"}

Contamination = Mapping[str, Mapping[str, Mapping[str, int]]]  # as sources.CONTAMINATION has it


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says. `dollars` is what all calls have cost, also those of which nothing is in the rows."""

    title: str
    plan: Plan
    figures: Figures
    funnel: Sequence[tuple[str, Done]]
    contamination: Contamination
    dollars: float
    results: str = ""  # Markdown: what a model has learnt from it
    probe: str = ""  # Markdown: what is known of the judge of feedback
    sample: bool = False  # of some questions of a run, drawn by lot


def write(facts: Facts) -> str:
    """The card, in Markdown with the header that the Hugging Face hub reads."""
    return "\n".join(line for part in (_header, _rows, _speakers, _funnel, _sources, _benchmarks, _fields) for line in part(facts)) + "\n"  # fmt: skip


def licence(found: Figures) -> str:
    """The one of all rows, as SPDX has it; `other` where there are several, or one is not known."""
    names = {name for _, name in found.sources}
    return names.pop().lower() if len(names) == 1 and UNKNOWN not in names else "other"


def _header(facts: Facts) -> Iterator[str]:
    rows = facts.figures.rows
    yield "---"
    yield f"license: {licence(facts.figures)}"
    yield "task_categories: [text-generation]"
    yield "language: [en]"
    yield "tags: [code, multi-turn, execution-feedback, ocinterp]"
    yield f"size_categories: ['{next((name for most, name in _SIZES if rows < most), 'n>1M')}']"
    yield "configs:\n- config_name: default\n  data_files: data/*.parquet"
    yield "---"


def _rows(facts: Facts) -> Iterator[str]:
    found = facts.figures
    answers = sum(number * count for number, count in found.answers.items())
    verified = sum(found.verified[each] for each in ("tests", "cross-checked", "executed"))
    yield f"\n# {facts.title}\n"
    yield (
        f"{found.rows:,} dialogues with {answers:,} answers, made by ocinterp {__version__} after the methods of Code-Feedback "
        f"(arXiv 2402.14658, section 2). Of {verified:,} the last program was run, and is right as far as its tests, or its running to the end, "
        "can tell."
    )
    if facts.sample:
        yield "\nIt is a sample: of questions drawn by lot of those that are left after `decontaminate`. The stages before that are the whole run's."
    for chart in charts(found):
        if chart.title != "answers by":
            yield from _table(chart)


def _speakers(facts: Facts) -> Iterator[str]:
    yield "\n## Who said it\n"
    yield "| answers | by |"
    yield "|---:|---|"
    for name, count in facts.figures.speakers.most_common():
        yield f"| {count:,} | {_WHO.get(name, f'the model `{name}`')} |"
    players = {part: each for part, each in facts.plan.players.items() if each.model not in _WHO}
    by_rule = sorted(part for part, each in facts.plan.players.items() if each.model in _WHO)
    if by_rule:
        yield f"\nBy rule, and no model: {', '.join(by_rule)}."
    if players:
        said = ", ".join(
            f"{part}: `{each.model}` at temperature {each.temperature:g}" for part, each in players.items()
        )
        yield f"\nModels of the plan: {said}. All calls together cost ${facts.dollars:,.4f}."
    if not facts.plan.players and not set(facts.figures.speakers) - set(_WHO):
        yield "\nNo model was asked."


def _funnel(facts: Facts) -> Iterator[str]:
    yield "\n## What became of the questions\n"
    yield "| stage | rows | refused |"
    yield "|---|---:|---:|"
    for name, done in facts.funnel:
        more = ", ".join(f"{number:,} {what}" for what, number in done.numbers.items() if number)
        yield f"| {name} | {done.rows:,} | {done.rejected:,}{f' ({more})' if more else ''} |"


def _sources(facts: Facts) -> Iterator[str]:
    yield "\n## Sources and licences\n"
    yield "| dataset | licence | questions in rows |"
    yield "|---|---|---:|"
    for (dataset, name), count in facts.figures.sources.most_common():
        yield f"| {_MADE.get(dataset, dataset)} | {name} | {count:,} |"
    if licence(facts.figures) == "other":
        yield "\nA row is under the licences of all its `sources`: choose by them."


def _benchmarks(facts: Facts) -> Iterator[str]:
    yield "\n## Benchmarks\n"
    if not facts.plan.benchmarks:
        yield "**Nothing was left out:** the plan names no benchmark. Rows may have the tasks of one in them."
        return
    yield (
        f"Questions with tasks of {', '.join(facts.plan.benchmarks)} were left out: by runs of eight words, and by functions that are the same but for "
        "their names. A task is solved where a question's own function passes its tests."
    )
    yield "\n| benchmark | tasks found | questions left out | of them solved |"
    yield "|---|---:|---:|---:|"
    for name, found in facts.contamination.get("benchmarks", {}).items():
        yield f"| {name} | {found['tasks']:,} | {found['rows']:,} | {found['solved']:,} |"
    tasks = facts.contamination.get("tasks", {})
    most = sorted(tasks.items(), key=lambda each: (-sum(each[1].values()), each[0]))
    if most:
        yield "\n| task | by words | by function | solved |"
        yield "|---|---:|---:|---:|"
        for task, counts in most[:_MOST_TASKS]:
            yield f"| {task} | {counts.get('words', 0):,} | {counts.get('function', 0):,} | {counts.get('solved', 0):,} |"
    if len(most) > _MOST_TASKS:
        yield f"\nThe counts of all {len(most):,} are in `contamination.json`."


def _fields(facts: Facts) -> Iterator[str]:
    yield "\n## Fields\n"
    yield (
        "`messages` is the dialogue, as chat templates read it. `turns` says who gave each answer, and whether it should be learnt (`train`); "
        "`executions` is every cell with what came of it; `feedback` what was said of an answer; `sources` where its question "
        "is from; `calls` what was paid for it; `verify_kind` how its last program was verified. `croissant.json` has all of "
        "them (MLCommons Croissant 1.0)."
    )
    if facts.probe.strip():
        yield f"\n## Whether feedback was followed, and who says so\n\n{facts.probe.strip()}"
    if facts.results.strip():
        yield f"\n## What a model learns from it\n\n{facts.results.strip()}"


def _table(chart: Chart) -> Iterator[str]:
    yield f"\n| {chart.title} | {chart.what} | share |"
    yield "|---|---:|---:|"
    yield from (f"| {name} | {value:,.0f} | {value / (chart.of or 1):.1%} |" for name, value in chart.bars.items())
