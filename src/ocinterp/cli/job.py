"""One request on its way through the loop: what `run` and `demo` do once everything is set up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp.chat.session import made
from ocinterp.chat.store import Recorder, SessionStore
from ocinterp.cli.keep import Keeper, save_files
from ocinterp.cli.live import Live
from ocinterp.cli.outcome import RunOutcome
from ocinterp.cli.setup import feedback_of, others
from ocinterp.feedback import VisibleTests, first_of
from ocinterp.loop import Limits, rollout
from ocinterp.protocols import FeedbackProvider, Model, Session
from ocinterp.render import printable
from ocinterp.sandboxes.held import Held
from ocinterp.sandboxes.probe import AnySandbox
from ocinterp.types import Event, FileInfo, Task, Trajectory, TurnEvent

if TYPE_CHECKING:
    from rich.console import Console

    from ocinterp.sandboxes.layers import Layer


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    request: str
    files: tuple[Path, ...] = ()
    tests: tuple[str, ...] = ()
    shown: bool = True  # whether the request names the tests, or the model hears of them only where they fail
    model: str | None = None
    rounds: int | None = None
    timeout_seconds: float | None = None
    as_json: bool = False
    out: Path | None = None
    sandbox: str | None = None
    answer: bool = False
    network: bool = False
    added: Layer | None = None


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
    rounds: int | None  # None: as many as the record has
    typed: bool = False

    async def carry_out(self, sandbox: AnySandbox, model: Model, replayed: Trajectory | None) -> RunOutcome:
        """Run the loop to its end. What was finished is in the store even when this raises."""
        keeper = None if self.wish.out is None else Keeper(self.wish.out, spare=self.wish.files)
        if keeper is not None:
            keeper.prepare()  # before a model is paid for what could then not be kept
        live = Live(self.console, keeper=keeper)
        live.typed = self.typed
        recorder = Recorder(self.store, self.session_id, self.start)
        for name, content in self.given.items():
            self.store.attach(self.session_id, name, content)
        async with sandbox.open() as session:
            for name, content in self.given.items():
                await session.put(name, content)
            before = await session.files()
            tests = VisibleTests(session)
            if replayed is not None:
                live.heading("recorded request")
                live.line(printable(self.task.prompt[-1].content if self.task.prompt else ""))
                live.heading("recorded answers, run live")
            try:
                trajectory = await rollout(
                    self.task,
                    model=model,
                    sandbox=Held(session),
                    feedback=self._feedback(tests, replayed),
                    limits=Limits(max_turns=self.rounds),
                    again=others(model),
                    start=self.start,
                    listen=_all(recorder, live, _Comparison(replayed, live)),
                )
            finally:
                live.end_line()
            if tests.judged < len(trajectory.turns):  # the loop asks for them only where nothing else was to be said
                await tests(self.task, replace(trajectory, turns=trajectory.turns[:-1]), trajectory.turns[-1])
            if tests.last and all(each.held for each in tests.last):
                live.line(
                    "✓ " + ("the test holds" if len(tests.last) == 1 else f"all {len(tests.last)} tests hold"), "green"
                )
            advice = "; try more --rounds" if replayed is None else ""
            files = await made(session, before)
            saved = await self._keep(session, files, live)
        return RunOutcome(trajectory, tests.last, self.session_id, files, saved, tuple(live.complaints), advice=advice)

    def _feedback(self, tests: VisibleTests, replayed: Trajectory | None) -> FeedbackProvider:
        if replayed is not None:
            from ocinterp.models.replay import ReplayFeedback

            return ReplayFeedback(replayed)
        return first_of(feedback_of(answer=self.wish.answer), tests)

    async def _keep(self, session: Session, files: tuple[FileInfo, ...], live: Live) -> dict[str, Path]:
        if files:
            live.heading("files made")
        saved = {} if live.keeper is None else await save_files(session, files, live.keeper, live.complain)
        for file in files:
            where = f" -> {saved[file.name]}" if file.name in saved else ""
            live.line(f"{file.name}  {file.size} bytes{where}")
        if files and live.keeper is None:
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
