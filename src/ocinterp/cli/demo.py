"""`ocinterp demo`: the main job on real input, with nothing configured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_EXAMPLE = Path(__file__).parent / "example"
# What is left open, by how much, only a failing test tells.
_REQUEST = "Write a function solve(nums) that takes a list of numbers. Sort the list, then increase each number."
_TESTS = ("solve([3, 1, 2]) == [4, 5, 6]", "solve([10]) == [13]", "solve([]) == []")
_LIVE = """1 of 2. The built-in model, which was trained by this package, answers live. It is told how its code ended and which
tests do not hold, and nothing else.
"""
_REPLAY = """
2 of 2. A replay: a larger model's recorded answers. All of its code runs live, in the sandbox, on sales.csv.
"""
_NEXT = """
The second answer was recorded; its code was run here and now. To have a real model answer:

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
    """Show the loop at work: the built-in model corrects its own code; a larger one's recorded code runs on a real file."""
    from ocinterp.cli import run, settings, setup
    from ocinterp.cli.job import Wish

    loaded = settings.load()
    ended = []
    for words, wish in (
        (_LIVE, Wish(_REQUEST, tests=_TESTS, model="pocket", rounds=4)),
        (_REPLAY, Wish("-", (_EXAMPLE / "sales.csv",), model=f"replay:{_EXAMPLE / 'replay.jsonl'}", out=out)),
    ):
        print(words, flush=True)
        ended.append(setup.run_to_end(run.fulfil(wish, loaded)))
    print(_NEXT)
    raise typer.Exit(0 if all(each.ok for each in ended) else 1)
