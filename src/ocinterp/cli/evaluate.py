"""`ocinterp eval`: a model at a benchmark, in the settings of the paper and in honest ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_MODEL = "Which model (`ocinterp doctor`), or replay:FILES."
_SETTINGS = "Of single, resample, visible, execution, human, oracle, blank, mismatched, conv; separated by commas."
_CRITIC = "The model that speaks in human, oracle and conv; rule: a person by rule, for pocket."
_TURNS = "Answers in a dialogue, and samples of resample where nothing refines: 2; in conv 10."
_GLUED = "Put dialogues of execution, human and oracle as one prompt, as in the paper."
_AGAIN = "Draw another answer, at this temperature, where one is a program that has failed before: three times at most."
_JSON = "Where the numbers go; the trajectories (.jsonl) and the journal (.journal) go beside it."


def command(
    bench: Annotated[str, typer.Argument(help="A dataset, as `ocinterp data list` names it.", metavar="BENCH")],
    model: Annotated[str | None, typer.Option("--model", "-m", help=_MODEL)] = None,
    setting: Annotated[str, typer.Option(help=_SETTINGS, metavar="S,S")] = "single",
    critic: Annotated[str | None, typer.Option(help=_CRITIC)] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N tasks.", metavar="N", min=1)] = None,
    turns: Annotated[int | None, typer.Option(help=_TURNS, metavar="N", min=1, max=100)] = None,
    glued: Annotated[bool, typer.Option("--glued", help=_GLUED)] = False,
    temperature: Annotated[float, typer.Option(help="Of all settings but resample.", min=0)] = 0.0,
    spread: Annotated[float, typer.Option(help="The temperature of resample.", min=0)] = 0.8,
    again: Annotated[float | None, typer.Option(help=_AGAIN, metavar="T", min=0)] = None,
    max_tokens: Annotated[int, typer.Option(help="Of one answer.", min=1)] = 4096,
    profile: Annotated[str, typer.Option(help="strict, evalplus-0.2 or evalplus-0.3 (docs/judging.md).")] = "strict",
    concurrency: Annotated[int, typer.Option(help="Requests at once.", metavar="N", min=1)] = 64,
    workers: Annotated[int | None, typer.Option(help="Programs judged at once.", metavar="N", min=1)] = None,
    budget: Annotated[str | None, typer.Option(help="5 (dollars), 200000tokens or 500calls.", metavar="X")] = None,
    price: Annotated[str | None, typer.Option(help="Dollars per million tokens: IN,OUT.", metavar="P,P")] = None,
    critic_price: Annotated[str | None, typer.Option(help="The same of the critic.", metavar="P,P")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an earlier run ended.")] = False,
    json: Annotated[Path | None, typer.Option(help=_JSON, metavar="FILE")] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with everything there.", metavar="FILE")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a row for each attempt there.", metavar="FILE")] = None,
    sandbox: Annotated[str | None, typer.Option(help="Where programs run: auto, ns, bwrap, landlock, ...")] = None,
) -> None:
    """Evaluate a model on a benchmark, in one or more settings; what is paid for is kept (docs/evaluation.md)."""
    from ocinterp.cli import campaign, report, settings, setup

    report.check(html, csv)
    asked = campaign.Campaign(
        settings=settings.load(),
        bench=bench,
        model=model,
        names=tuple(each.strip() for each in setting.split(",") if each.strip()),
        critic=critic,
        limit=limit,
        turns=turns,
        glued=glued,
        warmth=campaign.Warmth(temperature, spread, again),
        max_tokens=max_tokens,
        profile=campaign.profile_of(profile),
        concurrency=concurrency,
        workers=workers,
        budget=campaign.budget_of(budget),
        price=campaign.price_of(price),
        critic_price=campaign.price_of(critic_price),
        resume=resume,
        file=json,
        sandbox=sandbox,
    )
    report.finish(setup.run_to_end(asked.carry_out(), saved=False), html, csv)
