"""How far the judge of feedback can be believed, as a table."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from ocinterp.bench.statistics import wilson
from ocinterp.cli import progress, steps
from ocinterp.errors import UsageError
from ocinterp.files import replace_file

if TYPE_CHECKING:
    from ocinterp.cli.making import Making
    from ocinterp.synth.probe import Kind, Verdict

TOLD: Final = "probe.md"  # in the run's folder; the card has it


async def probe(made: Making, count: int) -> bool:
    """Ask, print the table, and keep it for the card; whether all were asked. UsageError for a run in which nobody was answered."""
    from ocinterp.synth import plan
    from ocinterp.synth import probe as probes
    from ocinterp.synth.folder import made as made_rows
    from ocinterp.synth.rows import Row

    chosen = plan.load(made.folder)
    asked = probes.cases(made_rows(made.folder).rows(Row), count, chosen.seed)
    if not asked:
        raise UsageError(f"{made.folder} has no row in which a person's words were answered by a program")
    wish = steps.Wish(told="ending after the answers that are under way")
    found: list[Verdict] = []
    with wish.heard():
        async with made.desk(chosen, wish) as (desk, journal):
            name = desk.players("judge", "probe").name
            with progress.shown("asked about", len(asked)) as tick:
                async for each in probes.verdicts(desk, asked):
                    found.append(each)
                    tick()
            print(f"ocinterp: {journal.report()}", file=sys.stderr)
    if wish.made:
        return False
    text = "\n".join(table(name, probes.counts(found)))
    print(text)
    replace_file(made.folder / TOLD, [f"{text}\n".encode()])
    return True


def table(name: str, counts: Mapping[Kind, tuple[int, int, int]]) -> Iterator[str]:
    """In Markdown: of each kind how many the judge lets pass, and how many of those that were planted it finds."""
    yield f"The judge `{name}`, asked about answers of which it is known that they did not follow what was said, and about the real ones:\n"
    yield "| answer | asked | followed, it says | 95 % | unclear |"
    yield "|---|---:|---:|---:|---:|"
    for kind, (yes, no, unclear) in counts.items():
        share, between = _of(yes, yes + no)
        yield f"| {kind} | {yes + no + unclear} | {share} | {between} | {unclear} |"
    planted = [numbers for kind, numbers in counts.items() if kind not in {"real", "the same program"}]
    missed, caught = sum(each[0] for each in planted), sum(each[1] for each in planted)
    share, between = _of(caught, caught + missed)
    yield (
        f"\nOf {caught + missed} planted answers with another program it finds {share} ({between}); the same program is found without it. "
        "Of the real answers nobody knows the truth."
    )


def _of(count: int, total: int) -> tuple[str, str]:
    """A share, and its interval of 95 %, in percent."""
    if not total:
        return "-", "-"
    found = wilson(count, total)
    return f"{100 * count / total:.1f} %", f"{100 * found.low:.1f} to {100 * found.high:.1f}"
