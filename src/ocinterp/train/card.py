"""The model card of a run: what was trained on what, from the run's own numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ocinterp import __version__
from ocinterp.train.mixing import Used, left_out
from ocinterp.train.recipe import Recipe

NO_RESULTS: Final = "None were given: `ocinterp eval` measures them."


@dataclass(frozen=True, slots=True)
class Facts:
    """What a card says beside the recipe. `metrics` are the lines of metrics.jsonl; `results` is Markdown, or empty."""

    data: Sequence[Used]
    metrics: Sequence[dict[str, Any]]
    parameters: int
    device: str
    processes: int
    licence: str = ""  # of the data
    results: str = ""


def write(recipe: Recipe, facts: Facts) -> str:
    """The card, in Markdown with the header that the Hugging Face hub reads."""
    return "\n".join([*header(recipe), *_body(recipe, facts)]) + "\n"


def metrics(text: str) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def header(recipe: Recipe) -> Iterator[str]:
    """What the Hugging Face hub reads."""
    yield "---"
    yield "library_name: transformers"
    yield "pipeline_tag: text-generation"
    if recipe.base and not Path(recipe.base).exists():  # a folder here is nothing that the hub knows
        yield f"base_model: {recipe.base}"
    if recipe.licence:
        yield f"license: {'other' if recipe.licence in {'deepseek', 'gemma'} else recipe.licence}"
    yield "tags: [code, ocinterp]"
    yield "---"


def _body(recipe: Recipe, facts: Facts) -> Iterator[str]:
    last = facts.metrics[-1]
    yield f"\n# {recipe.title or recipe.name}\n"
    begun = f"from `{recipe.base}`" if recipe.base else "from nothing"
    yield (
        f"Trained {begun} by the recipe `{recipe.name}` of ocinterp {__version__}: {facts.parameters:,} parameters. "
        "Only answers that nothing calls wrong were learnt: those whose code failed, or that somebody rejected, are context."
    )
    yield f"\nLicence of the model it begins from: {recipe.licence or 'none was named'}. " if recipe.base else ""
    yield f"Licence of the data: {facts.licence or 'none was named'}."
    yield "\n## Data\n"
    yield "| file | rows used | rows | tokens | learnt | SHA-256 |"
    yield "|---|---:|---:|---:|---:|---|"
    for each in facts.data:
        counts = each.counts
        yield f"| {each.path} | {each.rows:,} | {counts.rows:,} | {counts.tokens:,} | {counts.learnt:,} | `{each.sha256}` |"
    for each in facts.data:
        for number, what in left_out(each.counts):
            yield f"\n{number:,} rows of {each.path} {what}."
    yield "\n## Training\n"
    yield f"{last['tokens']:,} tokens in {last['step']:,} steps, {last['seconds']:,.0f} seconds on {facts.device}"
    yield f"({facts.processes} process{'es' if facts.processes > 1 else ''}); loss {facts.metrics[0]['loss']:.4f} at the first step,"
    yield f"{last['loss']:.4f} at the last. Every step is in `metrics.jsonl`.\n"
    yield "```json"
    yield json.dumps({name: value for name, value in recipe.plain().items() if value not in (None, "")}, indent=1)
    yield "```"
    yield "\n## Results\n"
    yield facts.results.strip() or NO_RESULTS
