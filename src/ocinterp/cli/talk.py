"""A conversation: its record so far, its interpreter, its model; the one loop extends it, commands change it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from ocinterp.chat.opening import opening
from ocinterp.chat.session import Held
from ocinterp.chat.store import Recorder, SessionStore
from ocinterp.cli import setup
from ocinterp.cli.live import Live
from ocinterp.cli.settings import Settings
from ocinterp.errors import ModelError
from ocinterp.feedback import execution_output, led_by
from ocinterp.loop import Limits, rollout
from ocinterp.protocols import FeedbackProvider, Model, Session
from ocinterp.types import CellEvent, Event, Feedback, ResultEvent, Source, Task, Trajectory, Turn


@dataclass(frozen=True, slots=True)
class ChatWish:
    """What was asked for on the command line."""

    files: tuple[Path, ...] = ()
    model: str | None = None
    rounds: int = 4
    timeout_seconds: float = 30.0
    sandbox: str = "auto"
    answer: bool = False
    resume: str | None = None


class Chat:
    """One conversation: its record so far, its interpreter, its model. Commands change the record; `work` extends it."""

    def __init__(
        self, wish: ChatWish, settings: Settings, *, session: Session, model: Model, store: SessionStore, live: Live
    ) -> None:
        self.wish, self.settings, self.session, self.model, self.store, self.live = (
            wish, settings, session, model, store, live,
        )  # fmt: skip
        self.trajectory = Trajectory("chat", ())
        self.session_id = ""
        self.given: dict[str, bytes] = {}
        self.stack = AsyncExitStack()  # models chosen on the way, closed at the end
        self._stopped = False
        self._running_cell = False
        self._working: asyncio.Task[None] | None = None

    async def say(self, text: str) -> None:
        """A message of the person: the first request, or an answer to the last turn; then let the model work."""
        if not self.trajectory.turns:
            self.trajectory = replace(self.trajectory, prompt=opening(text, self.given, setup.packages()))
        else:
            before, last = replace(self.trajectory, turns=self.trajectory.turns[:-1]), self.trajectory.turns[-1]
            kept = tuple(each for each in last.feedback if each.source is Source.HUMAN)
            said = await led_by(execution_output, _saying(text))(self.task, before, last)
            self.trajectory = self.trajectory.answered((*said[:-1], *kept, said[-1]))
        await self.work()

    @property
    def task(self) -> Task:
        return Task("chat", self.trajectory.prompt)

    async def work(self) -> None:
        """Let the loop run until nobody but the person has anything to add. Ctrl-C stops it."""
        self.save()
        self._stopped = False
        self._working = asyncio.create_task(self._roll())
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            await self._working
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            self.live.line("stopped; nothing of this answer was kept", "yellow")
        except ModelError as error:
            self.live.line(f"{error}. Your message is kept: /retry sends it again.", "bold red")
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            self._working = None

    def save(self) -> None:
        """Keep what there is. A session exists from its first message on."""
        if not self.trajectory.prompt:
            return
        if not self.session_id:
            self.become(self.store.create(self.trajectory))
            for name, content in self.given.items():
                self.store.attach(self.session_id, name, content)
        self.store.save(self.session_id, self.trajectory)

    def become(self, session_id: str) -> None:
        """Be the saved session of that id. Raises UsageError while another process is."""
        self.store.hold(session_id)
        self.session_id = session_id
        self.live.figures = self.settings.data_folder / "figures" / session_id

    async def _roll(self) -> None:
        recorder = Recorder(self.store, self.session_id, self.trajectory)

        def listen(event: Event) -> None:
            self._running_cell = isinstance(event, CellEvent) or (
                self._running_cell and not isinstance(event, ResultEvent)
            )
            recorder(event)
            self.trajectory = recorder.trajectory
            self.live(event)

        await rollout(
            self.task,
            model=self.model,
            sandbox=Held(self.session),
            feedback=self._feedback,
            limits=Limits(len(self.trajectory.turns) + self.wish.rounds),
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


def _saying(text: str) -> FeedbackProvider:
    async def provide(task: Task, before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
        return (Feedback(Source.HUMAN, text),)

    return provide
