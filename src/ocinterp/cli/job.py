"""One request on its way through the loop: what `run` and `demo` do once everything is set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp.chat.session import Held, made
from ocinterp.chat.store import Recorder, SessionStore
from ocinterp.cli.live import Live
from ocinterp.cli.outcome import RunOutcome, save_files
from ocinterp.cli.setup import feedback_of
from ocinterp.feedback import VisibleTests, first_of
from ocinterp.loop import Limits, rollout
from ocinterp.protocols import FeedbackProvider, Model, Session
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Event, FileInfo, Task, Trajectory, TurnEvent

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    request: str
    files: tuple[Path, ...] = ()
    tests: tuple[str, ...] = ()
    model: str | None = None
    rounds: int = 4
    timeout_seconds: float = 30.0
    as_json: bool = False
    out: Path | None = None
    sandbox: str = "auto"
    answer: bool = False


@dataclass
class Job:
    """Everything one request needs but the model and the sandbox."""

    wish: Wish
    task: Task
    start: Trajectory
    given: dict[str, bytes]
    store: SessionStore
    session_id: str
    console: Console
    typed: bool = False

    async def carry_out(self, sandbox: NamespaceSandbox, model: Model, replayed: Trajectory | None) -> RunOutcome:
        """Run the loop to its end. What was finished is in the store even when this raises."""
        live = Live(self.console, figures=self.wish.out)
        live.typed = self.typed
        recorder = Recorder(self.store, self.session_id, self.start)
        for name, content in self.given.items():
            self.store.attach(self.session_id, name, content)
        async with sandbox.open() as session:
            for name, content in self.given.items():
                await session.put(name, content)
            before = await session.files()
            tests = VisibleTests(session)
            trajectory = await rollout(
                self.task,
                model=model,
                sandbox=Held(session),
                feedback=self._feedback(tests, replayed),
                limits=Limits(max_turns=self.wish.rounds if replayed is None else None),
                start=self.start,
                listen=_all(live, recorder, _Comparison(replayed, live)),
            )
            if replayed is not None:
                await tests(self.task, trajectory, trajectory.turns[-1])
            files = await made(session, before)
            saved = await self._keep(session, files, live)
        return RunOutcome(trajectory, tests.last, self.session_id, files, saved)

    def _feedback(self, tests: VisibleTests, replayed: Trajectory | None) -> FeedbackProvider:
        if replayed is not None:
            from ocinterp.models.replay import ReplayFeedback

            return ReplayFeedback(replayed)
        return first_of(feedback_of(answer=self.wish.answer), tests)

    async def _keep(self, session: Session, files: tuple[FileInfo, ...], live: Live) -> tuple[Path, ...]:
        saved = await save_files(session, files, self.wish.out) if self.wish.out is not None else ()
        if files:
            live.heading("files made")
        for number, file in enumerate(files):
            where = f" -> {saved[number]}" if saved else ""
            live.line(f"{file.name}  {file.size} bytes{where}")
        if files and not saved:
            live.line("(--out DIR keeps them)", "dim")
        return saved


class _Comparison:
    """Tells where a live run differs from the recorded one."""

    def __init__(self, recorded: Trajectory | None, live: Live) -> None:
        self._recorded = recorded
        self._live = live
        self._count = 0

    def __call__(self, event: Event, /) -> None:
        if self._recorded is None or not isinstance(event, TurnEvent):
            return
        from ocinterp.models.replay import differences

        lines = differences(self._recorded.turns[self._count], event.turn)
        self._count += 1
        for line in lines:
            self._live.line(f"≠ {line}", "bold yellow")


def _all(*listeners: Callable[[Event], None]) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell
