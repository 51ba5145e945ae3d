"""From the words of a command line to live parts: a model, a sandbox, the contents of files."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console

from ocinterp import __version__
from ocinterp.cli.lines import Lines
from ocinterp.cli.settings import Settings
from ocinterp.errors import UsageError
from ocinterp.feedback import execution_output, failures
from ocinterp.problems import Benchmark, Script
from ocinterp.protocols import FeedbackProvider, Fickle, Model, ignore
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.probe import ISOLATING, AnySandbox, sandbox_named
from ocinterp.sandboxes.profiles import DATA, Profile
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Trajectory

if TYPE_CHECKING:
    from ocinterp.models.resolve import Choice
    from ocinterp.sandboxes.layers import Layer

T = TypeVar("T")

_WORKERS, _WORKERS_A_CORE = 16, 4  # the most that are started, all in all and for each core
_PACKAGES = ("numpy", "pandas", "matplotlib", "scipy", "openpyxl", "tabulate")


def run_to_end(work: Coroutine[object, object, T], *, saved: bool = True, hint: str = "") -> T:
    """Run a command's work; Ctrl-C ends it with a word on what is left or to be done, and exit code 130."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        where = "; the turns that were finished: ocinterp sessions show last" if saved else ""
        where += f"; {hint}" if hint else ""
        print(f"\nocinterp: interrupted{where}", file=sys.stderr)
        raise typer.Exit(130) from None


def packages(added: Layer | None = None) -> list[str]:
    """What model-written code may import beside the standard library, of what we name to models."""
    there = [name for name in _PACKAGES if importlib.util.find_spec(name) is not None]
    return list(dict.fromkeys([*there, *(added.names if added else ())]))


def languages(sandbox_name: str) -> tuple[str, ...]:
    """What runs in a sandbox beside Python, by the tools that this machine has."""
    return () if sandbox_name.startswith("jupyter") else tuple(toolchains.find())


def sandbox(
    settings: Settings,
    name: str | None,
    timeout_seconds: float | None,
    *,
    profile: Profile | None = None,
    network: bool = False,
    added: Layer | None = None,
) -> AnySandbox:
    """The sandbox as asked for, else as configured; its profile is DATA where none is given. Raises UsageError for an unknown one, and for a silly time."""
    limits = Resources(timeout_seconds=settings.timeout(timeout_seconds))
    asked = name or settings.get("sandbox", "auto")
    token = settings.environ.get("JUPYTER_TOKEN", "")
    profile = replace(
        DATA if profile is None else profile, layers=(added.folder,) if added else (), available=tuple(packages(added))
    )
    box = sandbox_named(asked, limits, profile=profile, network=network, jupyter_token=token)
    if asked == "auto" and box.name != ISOLATING[0]:
        _notice(f"namespaces are refused here, so code runs in the {box.name} sandbox: `ocinterp doctor` says more")
    return box


def workers_of(asked: int | None) -> int:
    """How many programs are judged at once: as asked, else one for each core that is ours. UsageError for far more than cores."""
    cores = len(os.sched_getaffinity(0))
    most = max(_WORKERS, _WORKERS_A_CORE * cores)
    if asked and asked > most:
        raise UsageError(
            f"--workers {asked}: each is processes of its own, and with {cores} cores more than {most} are in each other's way"
        )
    return asked or cores


def judging_sandbox(settings: Settings, name: str | None, workers: int) -> NamespaceSandbox:
    """Where programs are judged. UsageError for a sandbox that cannot do that."""
    from ocinterp.verifiers import court

    asked = name or settings.get("sandbox", "auto")
    box = sandbox_named(
        asked,
        Resources(memory_bytes=court.MEMORY_BYTES, output_bytes=court.ANSWER_BYTES),
        profile=Profile(guests=(court.GUEST,)),
        service=Service(zygotes=workers, sessions=2 * workers),  # a verdict of tests that are code takes two processes
    )
    if not isinstance(box, NamespaceSandbox):
        raise UsageError(f"programs are not judged in the sandbox {asked}: choose ns, bwrap, landlock or unsafe")
    return box


def warn_of_forgery(benchmark: Benchmark) -> None:
    """Say so where tests run beside the program that they judge."""
    if any(isinstance(each.tests, Script) and each.tests.kind == "unittest" for each in benchmark.problems.values()):
        _notice(f"the tests of {benchmark.name} run beside the program: a verdict could be forged (docs/judging.md)")


def origin(choice: Choice, box: AnySandbox, added: Layer | None = None) -> dict[str, str]:
    """What a record says of how it came about."""
    made_by = {"model": name_of(choice), "sandbox": box.name, "network": box.network, "version": __version__}
    return made_by | ({"packages": ", ".join(added.packages)} if added and added.packages else {})


class _Console(Console):
    """One that falls silent when nobody reads any more: an answer that was paid for is still finished and saved."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def console(*, quiet: bool = False) -> Console:
    """Where a conversation is shown."""
    return _Console(quiet=quiet, highlight=False)


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
async def live_model(choice: Choice, lines: Lines) -> AsyncGenerator[Model]:
    """The chosen model, ready to speak. A person speaks in `lines`."""
    from ocinterp.models.resolve import InProcess, Person, Served

    if (replayed := replayed_by(choice)) is not None:
        from ocinterp.models.replay import ReplayModel

        yield ReplayModel(replayed)
        return
    if isinstance(choice.model, Person):
        yield _person(lines)
        return
    if isinstance(choice.model, InProcess):
        from ocinterp.models import inprocess

        async with await asyncio.to_thread(inprocess.load_to_talk, choice.model, _notice) as loaded:
            yield loaded
        return
    assert isinstance(choice.model, Served)
    from ocinterp.models.http import HttpModel

    served = choice.model
    async with HttpModel(
        served.base_url, served.name, served.api_key, key_name=served.key_name, proxy=served.proxy, notice=_notice
    ) as model:
        yield model


def others(model: Model) -> Sequence[Model]:
    """Who is asked where a model says a program that has failed before: itself by chance, if it runs in this process."""
    return model.others() if isinstance(model, Fickle) else ()


def is_typed(choice: Choice) -> bool:
    """Whether a person types the answers at this terminal, and so sees them without our doing."""
    from ocinterp.models.resolve import Person

    return isinstance(choice.model, Person) and sys.stdin.isatty()


def name_of(choice: Choice) -> str:
    """The model's name, for the record."""
    from ocinterp.models.resolve import InProcess, Person, Served

    match choice.model:
        case Served(name=name) | InProcess(name=name):
            return name
        case Person():
            return "person"
        case _:
            return f"replay:{choice.model.path}"


def replayed_by(choice: Choice, tell: Callable[[str], None] = ignore) -> Trajectory | None:
    """The record that `replay:FILE` names, and a word on which of its file it is; None for every other choice."""
    from ocinterp.models.resolve import Replay

    if not isinstance(choice.model, Replay):
        return None
    from ocinterp.models.replay import load, pick

    path, _, which = choice.model.path.partition("#")
    if not path:
        raise UsageError("say which record: --model replay:FILE")
    records = load(Path(path))
    replayed = pick(records, which or None)
    if len(records) > 1:
        number = records.index(replayed) + 1
        tell(
            f"record {number} of {len(records)}: {replayed.task_id}; replay:{path}#{number % len(records) + 1} is the next"
        )
    return replayed


def _notice(text: str) -> None:
    print(f"ocinterp: {text}", file=sys.stderr)


def _person(lines: Lines) -> Model:
    from ocinterp.models.person import PersonModel

    async def read() -> str:
        found: list[str] = []
        while (line := await lines.next()) is not None and line.rstrip() != ".":
            found.append(line)
        return "\n".join(found)

    return PersonModel(show=_show_prompt, read=read, copy=_copy)


def _show_prompt(prompt: str) -> None:
    print(f"\n── prompt, for you to answer or to paste anywhere ──\n{prompt}", file=sys.stderr)
    print("── paste the reply; end it with a line that holds only a dot ──", file=sys.stderr)


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
