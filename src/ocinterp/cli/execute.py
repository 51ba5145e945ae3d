"""`ocinterp exec`: run a file of Python in the sandbox, without any model."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ocinterp.errors import UsageError
from ocinterp.render import printable
from ocinterp.types import Cell, DisplayEvent, ExecutionResult, LiveEvent

if TYPE_CHECKING:
    from ocinterp.sandboxes.zygotes import NamespaceSandbox


def command(
    file: Annotated[str, typer.Argument(help="A Python file, or - for standard input.", metavar="FILE|-")],
    files: Annotated[list[Path] | None, typer.Argument(help="Files the code may read.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds the code may run.", metavar="S")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the files that the code makes.", metavar="DIR")] = None,
    sandbox: Annotated[str, typer.Option(help="auto, ns, or unsafe (no isolation at all).")] = "auto",
) -> None:
    """Run code in the sandbox, without a model. Exits 1 when the code failed."""
    from ocinterp.cli import settings, setup

    loaded = settings.load()
    box = setup.sandbox(sandbox, setup.settings_timeout(loaded, timeout), preload=())
    clean = setup.run_to_end(_execute(_source(file), box, setup.read_files(files or []), out), saved=False)
    raise typer.Exit(0 if clean else 1)


def _source(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return content.decode("utf-8-sig").replace("\r\n", "\n")
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not a text file in UTF-8: {error.reason} at byte {error.start}") from error


async def _execute(source: str, box: NamespaceSandbox, given: dict[str, bytes], out: Path | None) -> bool:
    from ocinterp.chat.session import made
    from ocinterp.cli.outcome import save_files

    async with box as sandbox, sandbox.open() as session:
        for name, content in given.items():
            await session.put(name, content)
        before = await session.files()
        result = await session.run(Cell("1", source), on_output=_print)
        if out is not None:
            for path in await save_files(session, await made(session, before), out):
                print(f"ocinterp: wrote {path}", file=sys.stderr)
    if _left_cleanly(result):
        return True
    if result.error is not None:
        print(result.error.traceback.rstrip() or f"{result.error.name}: {result.error.message}", file=sys.stderr)
        if result.outcome not in {"error", "memory"}:
            print(f"ocinterp: {result.outcome}: {result.error.message}", file=sys.stderr)
    return False


def _left_cleanly(result: ExecutionResult) -> bool:
    """A script may end with `sys.exit()`; any other code than 0 is a failure."""
    error = result.error
    return result.ok or (error is not None and error.name == "SystemExit" and error.message in {"", "0", "None"})


def _print(event: LiveEvent) -> None:
    if isinstance(event, DisplayEvent):
        print(event.display.data.get("text/plain", ""), flush=True)
        return
    stream = sys.stderr if event.stream == "stderr" else sys.stdout
    print(printable(event.text) if stream.isatty() else event.text, end="", flush=True, file=stream)
