"""`ocinterp exec`: run a file of code in the sandbox, without any model."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from ocinterp import languages
from ocinterp.cli.added import With, advice, layer
from ocinterp.cli.keep import Keeper
from ocinterp.cli.live import decoded
from ocinterp.errors import UsageError
from ocinterp.render import printable
from ocinterp.sandboxes.profiles import Profile
from ocinterp.types import Cell, ExecutionResult, LiveEvent, Outcome, OutputEvent

if TYPE_CHECKING:
    from ocinterp.sandboxes.probe import AnySandbox

_AFTERMATH = re.compile(r"The variables are kept|The interpreter was started again")


def command(
    file: Annotated[str, typer.Argument(help="A file of code, or - for standard input.", metavar="FILE|-")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files the code may read.", readable=False)] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds the code may run.", metavar="S")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files that the code makes.", metavar="DIR")] = None,
    sandbox: Annotated[
        str | None, typer.Option(help="auto, ns, bwrap, landlock, container[:IMAGE], jupyter[:URL], unsafe.")
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="Of the code; else the file's name tells.", metavar="NAME")
    ] = None,
    net: Annotated[bool, typer.Option("--net", help="Let the code use the network; the record says so.")] = False,
    added: With = None,
) -> None:
    """Run code in the sandbox, without a model. Exits 1 when the code failed."""
    from ocinterp.cli import settings, setup

    loaded = settings.load()
    box = setup.sandbox(loaded, sandbox, timeout, profile=Profile(), network=net, added=layer(loaded, added))
    cell = Cell("stdin" if file == "-" else Path(file).name, _source(file), _language(file, language))
    given = setup.read_files(files or [])
    keeper = None if out is None else Keeper(out, spare=files or ())
    if keeper is not None:
        keeper.prepare()
    clean = setup.run_to_end(_execute(cell, box, given, keeper), saved=False)
    raise typer.Exit(0 if clean else 1)


def _language(file: str, asked: str | None) -> str:
    if asked is None:
        return languages.of_file(file) or "python"
    if not (known := languages.named(asked)):
        raise UsageError(f"there is no language {asked!r}: choose one of {', '.join(languages.NAMES)}")
    return known


def _source(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not a text file in UTF-8: {error.reason} at byte {error.start}") from error


@dataclass
class _Screen:
    """Where a program's output goes: as it is into a file, without terminal escapes onto a screen."""

    keeper: Keeper | None

    def __call__(self, event: LiveEvent) -> None:
        if isinstance(event, OutputEvent):
            self.say(event.text, sys.stderr if event.stream == "stderr" else sys.stdout, end="")
        elif "image/png" not in event.display.data:
            self.say(event.display.data.get("text/plain", ""), sys.stdout)
        elif self.keeper is None:
            self.say("ocinterp: [figure: --out DIR keeps it as a file]", sys.stderr)
        else:
            path = self.keeper.figure(decoded(event.display.data["image/png"]))
            self.say(f"ocinterp: wrote {path}", sys.stderr)

    def say(self, text: str, stream: TextIO | None, end: str = "\n") -> None:
        if stream is not None:  # Python's name for a stream that was closed before it began
            print(printable(text) if stream.isatty() else text, end=end, flush=True, file=stream)


async def _execute(cell: Cell, box: AnySandbox, given: dict[str, bytes], keeper: Keeper | None) -> bool:
    from ocinterp.chat.session import made
    from ocinterp.cli.keep import save_files

    screen = _Screen(keeper)
    unsaved: list[str] = []
    async with box as sandbox, sandbox.open() as session:
        for name, content in given.items():
            await session.put(name, content)
        before = await session.files()
        result = await session.run(cell, on_output=screen)
        if not result.ok:
            screen.say(_told(result), sys.stderr)
            if cure := advice(result):
                screen.say(f"ocinterp: {cure}", sys.stderr)
        new = await made(session, before)
        if keeper is not None:
            for path in (await save_files(session, new, keeper, unsaved.append)).values():
                screen.say(f"ocinterp: wrote {path}", sys.stderr)
        elif new:
            names = ", ".join(file.name for file in new[:5]) + (", …" if len(new) > 5 else "")
            screen.say(f"ocinterp: made {names}; --out DIR keeps what a program makes", sys.stderr)
    if unsaved:
        raise UsageError(unsaved[0])
    return result.ok


def _told(result: ExecutionResult) -> str:
    """How a program failed. Nothing of its session is left, so nothing is said of that."""
    error = result.error
    if error is None:
        return f"ocinterp: {result.outcome}"
    lines = [error.traceback.rstrip()] if error.traceback.strip() else []
    if result.outcome not in {Outcome.ERROR, Outcome.MEMORY}:
        lines.append(f"ocinterp: {result.outcome}: {_AFTERMATH.split(error.message)[0].strip()}")
    elif not lines:
        lines.append(f"{error.name}: {error.message}")
    return "\n".join(lines)
