"""`ocinterp demo`: the main job twice, with nothing configured: the built-in model live, and a recorded answer on real data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

_EXAMPLE = Path(__file__).parent / "example"
REQUEST: Final = (
    "Write a function process(words) that takes a list of words. "
    "Reverse each word, then put together the words into one string."
)
TESTS: Final = ("process(['tea', 'bat', 'eat']) == 'aet-tab-tae'", "process(['bee', 'cat', 'ant']) == 'eeb-tac-tna'")
_LIVE = f"""1. The model that comes with ocinterp answers, live: no key, no server, no network.

{REQUEST}

What stands between the words is not said. Tests show it; the model hears of them only where they fail.
"""
_RECORDED = """
2. A larger model's answers to a request about a file, recorded; all of their code runs here and now, on sales.csv.
"""
_NEXT = """
The built-in model knows small functions on lists, texts, numbers, words and tables. To have a larger one answer:

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
    """Show the loop at work: the built-in model mends its answer after a test; a recorded one fails on a real file, and is corrected."""
    from ocinterp.cli import run, settings, setup
    from ocinterp.cli.job import Wish

    loaded = settings.load()
    live = Wish(request=REQUEST, tests=TESTS, shown=False, model="pocket")
    recorded = Wish(request="-", files=(_EXAMPLE / "sales.csv",), model=f"replay:{_EXAMPLE / 'replay.jsonl'}", out=out)
    failed = False
    for words, wish in ((_LIVE, live), (_RECORDED, recorded)):
        print(words, flush=True)
        outcome = setup.run_to_end(run.fulfil(wish, loaded))
        failed = failed or not outcome.ok
    print(_NEXT)
    raise typer.Exit(1 if failed else 0)
