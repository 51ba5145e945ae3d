"""From the words of a command line to live parts: a model, a sandbox, the contents of files."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer

from ocinterp.cli.settings import Settings
from ocinterp.errors import UsageError
from ocinterp.feedback import execution_output, failures
from ocinterp.protocols import FeedbackProvider, Model
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import sandbox_named
from ocinterp.sandboxes.zygotes import DATA_LIBRARIES, NamespaceSandbox
from ocinterp.types import Trajectory

if TYPE_CHECKING:
    from ocinterp.models.resolve import Choice

T = TypeVar("T")

_PACKAGES = ("numpy", "pandas", "matplotlib", "scipy", "openpyxl", "tabulate")


def run_to_end(work: Coroutine[object, object, T], *, saved: bool = True) -> T:
    """Run a command's work; Ctrl-C ends it with a word on what is left, and exit code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        where = "; the turns that were finished: ocinterp sessions show last" if saved else ""
        print(f"\nocinterp: interrupted{where}", file=sys.stderr)
        raise typer.Exit(130) from None


def packages() -> list[str]:
    """What model-written code may import beside the standard library, of what we name to models."""
    return [name for name in _PACKAGES if importlib.util.find_spec(name) is not None]


def sandbox(name: str, timeout_seconds: float, *, preload: Sequence[str] = DATA_LIBRARIES) -> NamespaceSandbox:
    """The sandbox of that name. Raises UsageError for an unknown one."""
    if timeout_seconds <= 0:
        raise UsageError(f"--timeout must be more than 0 seconds, not {timeout_seconds:g}")
    return sandbox_named(name, Resources(timeout_seconds=timeout_seconds), preload=tuple(preload))


def feedback_of(*, answer: bool) -> FeedbackProvider:
    """With `answer` the model sees every result, and speaks until it has no more code to run."""
    return execution_output if answer else failures


def read_files(paths: Sequence[Path]) -> dict[str, bytes]:
    """Name -> content of the person's files. Raises UsageError for one that cannot be read, or a name used twice."""
    found: dict[str, bytes] = {}
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
        if path.name in found:
            raise UsageError(f"two files are named {path.name}: rename one, the session has one folder for both")
        found[path.name] = content
    return found


@asynccontextmanager
async def live_model(choice: Choice, replayed: Trajectory | None = None) -> AsyncGenerator[Model]:
    """The chosen model, ready to speak."""
    if replayed is not None:
        from ocinterp.models.replay import ReplayModel

        yield ReplayModel(replayed)
        return
    from ocinterp.models.resolve import Served

    if not isinstance(choice.model, Served):
        yield _person()
        return
    from ocinterp.models.http import HttpModel

    served = choice.model
    async with HttpModel(
        served.base_url, served.name, served.api_key, key_name=served.key_name, proxy=served.proxy, notice=_notice
    ) as model:
        yield model


def is_typed(choice: Choice) -> bool:
    """Whether a person types the answers at this terminal, and so sees them without our doing."""
    from ocinterp.models.resolve import Person

    return isinstance(choice.model, Person) and sys.stdin.isatty()


def name_of(choice: Choice) -> str:
    """The model's name, for the record."""
    from ocinterp.models.resolve import Person, Served

    match choice.model:
        case Served(name=name):
            return name
        case Person():
            return "person"
        case _:
            return f"replay:{choice.model.path}"


def replayed_by(choice: Choice) -> Trajectory | None:
    """The record that `replay:FILE` names; None for every other choice."""
    from ocinterp.models.resolve import Replay

    if not isinstance(choice.model, Replay):
        return None
    from ocinterp.models.replay import load, pick

    path, _, which = choice.model.path.partition("#")
    return pick(load(Path(path)), which or None)


def _notice(text: str) -> None:
    print(f"ocinterp: {text}", file=sys.stderr)


def _person() -> Model:
    from ocinterp.models.person import PersonModel

    return PersonModel(show=_show_prompt, read=_read_reply, copy=_copy)


def _show_prompt(prompt: str) -> None:
    print(f"\n── prompt, for you to answer or to paste anywhere ──\n{prompt}", file=sys.stderr)
    print("── paste the reply; end it with a line that holds only a dot ──", file=sys.stderr)


async def _read_reply() -> str:
    return await asyncio.to_thread(_read_until_dot)


def _read_until_dot() -> str:
    lines: list[str] = []
    for line in sys.stdin:
        if line.rstrip("\r\n") == ".":
            break
        lines.append(line)
    return "".join(lines)


def _copy(text: str) -> bool:
    """Put the prompt on the clipboard, where a program for that is at hand."""
    from ocinterp.models.person import clipboard_command

    command = clipboard_command(os.environ)
    if command is None:
        return False
    try:
        done = subprocess.run(command, input=text.encode(), check=False, capture_output=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def settings_timeout(settings: Settings, given: float | None) -> float:
    """Seconds a cell may run: as given, else as configured, else 30."""
    return settings.number("timeout", 30.0) if given is None else given
