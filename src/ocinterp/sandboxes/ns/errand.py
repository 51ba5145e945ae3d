"""The host's side of a job: its answer is taken in while it runs, and its end judged."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import math
import os
import signal
from collections.abc import Callable

from ocinterp.errors import SandboxError
from ocinterp.jobs import Enough, Job, JobEnd, Rest
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns.supervisor import Exit, Supervisor
from ocinterp.types import Outcome

_LOOK_SECONDS = 0.01
_WATCH_SECONDS = 1.0  # between looks at whether it sleeps; most jobs have ended before the first
_AWAKE = 0.1  # of the time in which it used a processor or waited for one
_PIPE_BYTES = 1 << 20  # what an ordinary user may ask for (pipe(7)); a program waits when it is full
_MAX_WORDS = 2000
# Of its time, from which on a killed process was out of it: the kernel kills by a count of ticks, which on a busy machine
# was up to 12 % ahead of what it reports. Who kills itself after half of its time is called late: no harm.
_LATE_FROM = 0.5
_STANDING = b"+"  # the walls stand: what follows is the job's own answer


class Errand:
    """One job under way."""

    def __init__(
        self, supervisor: Supervisor, resources: Resources, job: Job, on_bytes: Callable[[bytes], None]
    ) -> None:
        self._supervisor = supervisor
        self._resources = resources
        self._job = job
        self._on_bytes = on_bytes
        self._key = supervisor.new_key()
        self._answers = -1
        self._confirmed = False
        self._words = b""  # why it could not be confined
        self._taken = 0
        self._failed: Exception | None = None  # what the listener raised
        self._stopped_for: Outcome | None = None
        self._killing: asyncio.Task[object] | None = None
        self._rest = job.rest or Rest()
        self._seen = 0.0, 0.0, 0  # at the last look: when, how active it had been, and how much it had said

    async def run(self) -> JobEnd:
        """Carry it out. Raises SandboxError, and what the listener raises but for Enough."""
        await self._supervisor.wait_ready()
        ended = self._supervisor.exit_of(self._key)
        guard = self._supervisor.guard_of_jobs(self._resources)
        breaches = guard.breaches()
        self._answers, theirs = os.pipe2(os.O_CLOEXEC)
        try:
            os.set_blocking(self._answers, False)
            with contextlib.suppress(PermissionError):  # this user has many large pipes already
                fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            try:
                await self._supervisor.start_job(self._key, [theirs, *self._job.inputs], **self._terms())
            finally:
                os.close(theirs)
            end = await self._until(ended)
        finally:
            os.close(self._answers)
        return self._judged(end, out_of_memory=guard.breaches() > breaches)

    async def _until(self, ended: asyncio.Future[Exit]) -> Exit:
        loop = asyncio.get_running_loop()
        late = loop.call_later(self._job.wall_seconds, self._stop, Outcome.TIMEOUT)
        self._seen = loop.time(), 0.0, 0
        try:
            while not ended.done():
                # A reader would be woken by each write: looking now and then costs both sides less.
                await asyncio.wait({ended}, timeout=_LOOK_SECONDS)
                self._take_all()
                if loop.time() - self._seen[0] > _WATCH_SECONDS and not ended.done():
                    await self._watch()
            self._take_all()  # what came, and was the last, while it was watched
            return ended.result()
        except asyncio.CancelledError:
            self._stop(Outcome.KILLED)
            await asyncio.wait({ended})
            raise
        finally:
            late.cancel()
            self._rest.leave(self)

    async def _watch(self) -> None:
        """Note whether it sleeps, and end it when it has done so too long."""
        then, active_then, taken_then = self._seen
        active, awake = await self._supervisor.activity_of_job(self._key)
        now = asyncio.get_running_loop().time()
        worked = not 0 <= active - active_then < _AWAKE * (now - then)
        self._seen = now, active, self._taken
        self._rest.saw(self, asleep=not (awake or worked or self._taken > taken_then))
        if self._rest.looks * _WATCH_SECONDS > self._job.idle_seconds:
            self._stop(Outcome.TIMEOUT)

    def _terms(self) -> dict[str, object]:
        limits = self._resources
        cpu = math.ceil(self._job.cpu_seconds)
        return {
            "entry": self._job.entry,
            "order": dict(self._job.order),
            "walls": [limits.memory_bytes, limits.disk_bytes, limits.processes, cpu],
            "files": limits.files,
        }

    def _take_all(self) -> None:
        """Hand on what the pipe holds at this moment."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._answers, _PIPE_BYTES):
                self._take(data)
                if len(data) < _PIPE_BYTES:
                    break  # what comes meanwhile is for the next look

    def _take(self, data: bytes) -> None:
        if not self._confirmed:
            self._confirmed = not self._words and data[:1] == _STANDING
            if not self._confirmed:
                self._words = (self._words + data)[:_MAX_WORDS]
                return
            data = data[1:]
        if data and self._stopped_for is None:
            self._hand_on(data)

    def _hand_on(self, data: bytes) -> None:
        self._taken += len(data)
        if self._taken > self._resources.output_bytes:
            self._stop(Outcome.OUTPUT)
            return
        try:
            self._on_bytes(data)
        except Enough:
            self._stop(Outcome.KILLED)
        except Exception as error:  # noqa: BLE001  the caller's own, raised to it once the job is gone
            self._failed = error
            self._stop(Outcome.KILLED)

    def _stop(self, why: Outcome) -> None:
        if self._stopped_for is None:
            self._stopped_for = why
            self._killing = asyncio.ensure_future(self._supervisor.kill_job(self._key))

    def _judged(self, end: Exit, *, out_of_memory: bool) -> JobEnd:
        if self._failed is not None:
            raise self._failed
        if not self._confirmed:
            why = self._words[1:].decode(errors="replace") or f"it ended with status {end.status}"
            raise SandboxError(f"the sandbox could not start a job: {why}")
        return JobEnd(self._outcome(end, out_of_memory), end.status, end.cpu_seconds)

    def _outcome(self, end: Exit, out_of_memory: bool) -> Outcome:
        if out_of_memory and end.status < 0:
            return Outcome.MEMORY
        if self._stopped_for is not None:
            return self._stopped_for
        if end.status == -signal.SIGKILL and end.cpu_seconds > _LATE_FROM * math.ceil(self._job.cpu_seconds):
            return Outcome.TIMEOUT
        if end.status < 0:
            return Outcome.KILLED
        return Outcome.ERROR if end.status else Outcome.OK
