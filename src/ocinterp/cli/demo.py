"""`ocinterp demo`: the main job on real input, with nothing configured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_EXAMPLE = Path(__file__).parent / "example"
_NEXT = """
That answer was recorded; its code was run here and now. To have a real model answer:

  ocinterp doctor                                     what is there already
  ollama pull qwen2.5-coder:7b                        a local model; found by itself once it runs
  export OPENAI_API_KEY=…                             or any other provider that doctor lists
  ocinterp run "REQUEST" FILES… --model person        you are the model: paste a reply from anywhere

  ocinterp run "Which region grew fastest?" sales.csv
  ocinterp chat
"""


def command(
    out: Annotated[Path, typer.Option(help="Folder for the files the demo makes.", metavar="DIR")] = Path("out/demo"),
) -> None:
    """Show the loop at work: a recorded answer fails on a real file, is corrected, and leaves a table and a plot."""
    from ocinterp.cli import run, settings, setup
    from ocinterp.cli.job import Wish

    print(
        "This is a replay: a recorded model's answers. All of its code runs live, in the sandbox, on sales.csv.\n",
        flush=True,
    )
    loaded = settings.load()
    wish = Wish(
        request="-",
        files=(_EXAMPLE / "sales.csv",),
        model=f"replay:{_EXAMPLE / 'replay.jsonl'}",
        out=out,
    )
    outcome = setup.run_to_end(run.fulfil(wish, loaded))
    print(_NEXT)
    raise typer.Exit(0 if outcome.ok else 1)
