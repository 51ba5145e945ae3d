"""A conversation: its record so far, its interpreter, its model; the one loop extends it, commands change it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ocinterp.chat.opening import opening
from ocinterp.chat.store import Recorder, SessionStore
from ocinterp.cli import setup
from ocinterp.cli.keep import Keeper
from ocinterp.cli.lines import Lines
from ocinterp.cli.live import Live
from ocinterp.cli.settings import Settings
from ocinterp.errors import ModelError
from ocinterp.feedback import execution_output
from ocinterp.loop import Limits, rollout
from ocinterp.protocols import Model, Session, ignore
from ocinterp.sandboxes.held import Held
from ocinterp.types import (
    Cell,
    CellEvent,
    Event,
    ExecutionResult,
    Failure,
    Feedback,
    FileInfo,
    LiveEvent,
    Outcome,
    ResultEvent,
    Source,
    Task,
    Trajectory,
    Turn,
    TurnEvent,
)

if TYPE_CHECKING:
    from ocinterp.sandboxes.layers import Layer


@dataclass(frozen=True, slots=True)
class ChatWish:
    """What was asked for on the command line."""

    files: tuple[Path, ...] = ()
    model: str | None = None
    rounds: int = 4
    timeout_seconds: float | None = None
    sandbox: str | None = None
    answer: bool = False
    network: bool = False
    added: Layer | None = None
    resume: str | None = None


class Chat:
    """One conversation: its record so far, its interpreter, its model. Commands change the record; `work` extends it.

    `unanswered` is the person's last message while no answer to it has come.
    """

    def __init__(
        self,
        wish: ChatWish,
        settings: Settings,
        *,
        session: Session,
        model: Model,
        store: SessionStore,
        live: Live,
        lines: Lines,
        origin: dict[str, str],
    ) -> None:
        self.wish, self.settings, self.session, self.model = wish, settings, session, model
        self.store, self.live, self.lines = store, live, lines
        self.trajectory = Trajectory("chat", (), provenance=origin)
        self.session_id = ""
        self.given: dict[str, bytes] = {}
        self.stack = AsyncExitStack()  # models chosen on the way, closed at the end
        self.unanswered: Feedback | None = None
        self.saved = True
        self.failed = False  # the last line that was read led to an error
        self._stopped = False
        self._running_cell = False
        self._working: asyncio.Task[None] | None = None

    async def say(self, text: str) -> None:
        """A message of the person: the first request, or an answer to the last turn; then let the model work.

        One that was not answered is dropped for it: the person has thought better of it, or it was what failed.
        """
        if self.unanswered is not None:
            self.live.line("(this takes the place of your message before, which was not answered)", "dim")
        message = Feedback(Source.HUMAN, text)
        if not self.trajectory.turns:
            network = self.trajectory.provenance.get("network") != "off"
            others = setup.languages(self.trajectory.provenance.get("sandbox", ""))
            prompt = opening(text, self.given, setup.packages(self.wish.added), languages=others, network=network)
            self.trajectory = replace(self.trajectory, prompt=prompt)
        else:
            before, last = replace(self.trajectory, turns=self.trajectory.turns[:-1]), self.trajectory.turns[-1]
            said = tuple(each for each in last.feedback if each.source is Source.HUMAN and each != self.unanswered)
            seen = await execution_output(self.task, before, last)
            self.trajectory = self.trajectory.answered((*seen, *said, message))
        self.unanswered = message
        await self.work()

    @property
    def task(self) -> Task:
        return Task("chat", self.trajectory.prompt)

    async def work(self) -> None:
        """Let the loop run until nobody but the person has anything to add."""
        self.save()
        try:
            await self.interruptibly(self._roll())
        except ModelError as error:
            self.failed = True
            said = str(error).rstrip(".")
            self.live.line(f"{said}. /retry sends your message again; another one takes its place.", "bold red")

    async def interruptibly(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that Ctrl-C stops: a running cell, whose session is kept; or, a second time, all of it."""
        self._stopped = self._running_cell = False
        self._working = asyncio.create_task(work)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            await self._working
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            lost = ", and the interpreter with its variables" if self._running_cell else ""
            self.live.line(f"stopped; what was under way is lost{lost}", "yellow")
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            self._working = None

    @contextmanager
    def deaf(self) -> Generator[None]:
        """Let Ctrl-C pass by: it is meant for a program that has the terminal meanwhile."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)

    def save(self) -> None:
        """Keep what there is. A session exists from its first message on. Raises DataError."""
        if not (self.trajectory.prompt or self.session_id):
            return
        self.saved = False
        if not self.session_id:
            self.become(self.store.create(self.trajectory))
            for name, content in self.given.items():
                self.store.attach(self.session_id, name, content)
        self.store.save(self.session_id, self.trajectory)
        self.saved = True

    def become(self, session_id: str) -> None:
        """Be the saved session of that id. Raises UsageError while another process is."""
        self.store.hold(session_id)
        self.session_id = session_id
        self.live.keeper = Keeper(self.settings.data_folder / "figures" / session_id, careful=True)

    async def run(self, cell: Cell) -> ExecutionResult:
        """Run a cell of the person's own, shown as the model's are."""
        self.live(CellEvent(cell))
        self._running_cell = True
        result = await self.session.run(cell, on_output=self.live)
        self._running_cell = False
        self.live(ResultEvent(result))
        return result

    async def _roll(self) -> None:
        recorder = Recorder(self.store, self.session_id, self.trajectory)

        def listen(event: Event) -> None:
            self._running_cell = isinstance(event, CellEvent) or (
                self._running_cell and not isinstance(event, ResultEvent)
            )
            if isinstance(event, TurnEvent):
                self.unanswered = None
            self.saved = False
            try:
                recorder(event)
                self.saved = True
            finally:
                self.trajectory = recorder.trajectory
                self.live(event)

        await rollout(
            self.task,
            model=self.model,
            sandbox=Held(_Obedient(self.session, lambda: self._stopped)),
            feedback=self._feedback,
            limits=Limits(len(self.trajectory.turns) + self.wish.rounds),
            again=setup.others(self.model),
            start=self.trajectory,
            listen=listen,
        )

    async def _feedback(self, task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        if self._stopped:
            return ()  # the person has stopped this: it is theirs to speak
        return await setup.feedback_of(answer=self.wish.answer)(task, before, turn)

    def _interrupt(self) -> None:
        """Ctrl-C: stop the running cell and keep the session; while the model speaks, or a second time, stop that."""
        if self._working is None:
            return
        if self._running_cell and not self._stopped:
            self._stopped = True
            self._interrupting = asyncio.create_task(self.session.interrupt())
        else:
            self._stopped = True
            self._working.cancel()


@dataclass(frozen=True)
class _Obedient:
    """A session that runs no further cell once the person has said stop: the rest of an answer is not run either."""

    session: Session
    stopped: Callable[[], bool]

    async def run(self, cell: Cell, /, *, on_output: Callable[[LiveEvent], None] = ignore) -> ExecutionResult:
        if self.stopped():
            return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("KeyboardInterrupt", "not run: you said stop"))
        return await self.session.run(cell, on_output=on_output)

    async def interrupt(self) -> None:
        await self.session.interrupt()

    async def put(self, name: str, content: bytes, /) -> None:
        await self.session.put(name, content)

    async def get(self, name: str, /) -> bytes:
        return await self.session.get(name)

    async def files(self) -> tuple[FileInfo, ...]:
        return await self.session.files()
