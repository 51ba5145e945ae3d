"""What an evaluation leaves on the disk, and what a person sees of it while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ocinterp.bench import attempts, evaluation
from ocinterp.bench.attempts import Attempt, Key
from ocinterp.bench.evaluation import Evaluation
from ocinterp.bench.recorded import Archive, Difference
from ocinterp.bench.results import Dataset
from ocinterp.bench.run import Crash, Ended
from ocinterp.bench.settings import Setting
from ocinterp.errors import UsageError
from ocinterp.journal import FREE, NOTHING, Cost, Price, Reader
from ocinterp.protocols import ignore


@dataclass
class Kept:
    """The files of an evaluation: its numbers in `file`, its trajectories and its journal beside it.

    A trajectory is on the disk as soon as its attempt has ended, the numbers when the run begins and when it ends, however
    it does: after a crash, they and the trajectories are enough to give the numbers anew.
    """

    file: Path
    dataset: Dataset
    origin: Mapping[str, str]
    settings: tuple[Setting, ...]
    task_ids: tuple[str, ...]
    archive: Archive | None = None  # what is given again, where no model is asked
    explained: tuple[Difference, ...] | None = None  # to what that says of itself
    price: Price = FREE
    critic_price: Price = FREE
    ended: dict[Key, Attempt | Crash] = field(default_factory=dict[Key, Attempt | Crash], init=False)
    _on_end: Callable[[Key], None] = field(default_factory=lambda: ignore, init=False)

    @property
    def trajectories(self) -> Path:
        return self.file.with_suffix(".jsonl")

    @property
    def journal(self) -> Path:
        return self.file.with_suffix(".journal")

    def begin(self, *, resume: bool) -> None:
        """Read what is there. UsageError where there is something and nobody said to go on, or that is of another run."""
        if self.file.suffix == ".jsonl":
            raise UsageError(f"{self.file} is for the numbers, and the trajectories go beside it: call it .json")
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{self.file.parent} cannot be made: {error.strerror or error}") from error
        found = attempts.read(self.trajectories)
        if found and not resume:
            raise UsageError(
                f"{self.trajectories} holds {len(found)} attempts: --resume goes on with them, --json FILE begins anew"
            )
        attempts.check_origin(found, self.origin, self.trajectories)
        self.ended.update(found)
        evaluation.write(self.file, self.evaluation())

    def hear(self, ended: Ended) -> None:
        """Keep an attempt. One that crashed is not written, so that a later run makes it again."""
        if isinstance(ended, Crash):
            print(f"ocinterp: {ended.key.task_id}, {ended.key.setting}: {ended.reason}", file=sys.stderr)
        else:
            attempts.append(self.trajectories, ended)
        self.ended[ended.key] = ended
        self._on_end(ended.key)

    @property
    def made(self) -> list[Attempt]:
        """Those of `ended` that nobody has to make again."""
        return [each for each in self.ended.values() if isinstance(each, Attempt)]

    def evaluation(self) -> Evaluation:
        """What has ended, in numbers."""
        found = evaluation.gathered(self.dataset, self.origin, self.settings, self.task_ids, self.ended)
        found = replace(found, price=self.price, critic_price=self.critic_price, paid=self._paid())
        if self.archive is None:
            return found
        differences = tuple(self.archive.differences(self.made)) if self.explained is None else self.explained
        return replace(found, differences=differences)

    def _paid(self) -> Cost:
        """What everything cost, also in earlier runs; nothing where no model was asked."""
        if not self.journal.exists():
            return NOTHING
        with Reader(self.journal) as reader:
            return reader.report().spent

    def finish(self) -> None:
        """Write the numbers, as far as there are any, and say where everything is."""
        found = self.evaluation()
        evaluation.write(self.file, found)
        left = f"; {found.missing} attempts are left: --resume goes on" if found.missing else ""
        print(f"ocinterp: numbers in {self.file}, trajectories in {self.trajectories}{left}", file=sys.stderr)

    @contextmanager
    def shown(self) -> Generator[Callable[[str], None]]:
        """A bar for each setting, on a terminal. What is yielded takes note of a reference that was run."""
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
            references = progress.add_task("references", total=None, visible=False)
            bars = {each.name: progress.add_task(each.name, total=self._total(each)) for each in self.settings}
            for key in self.ended:
                if key.setting in bars:
                    progress.advance(bars[key.setting])
            self._on_end = lambda key: progress.advance(bars[key.setting])
            yield lambda _: progress.update(references, advance=1, visible=True)

    def _total(self, setting: Setting) -> int | None:
        """How many attempts it takes, where that is known before they are made."""
        return None if setting.equal_budget else len(self.task_ids) * setting.samples
