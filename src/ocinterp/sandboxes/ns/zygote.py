"""The trusted process inside: imports the libraries once, forks a worker per session, keeps the sessions' files.

It answers the supervisor over a SOCK_SEQPACKET socket: one JSON object a message, file descriptors beside it. It runs
no model-written code itself, and is one thread, so that it can fork.

    {"op": "open",  "key": k, "session": s, "disk": bytes, "files": n}      -> {"done": k}
    {"op": "spawn", "key": k, "session": s, "program": bool, limits...} + 3 descriptors   -> {"done": k} + a pidfd
                                              (with "disk" and "files" too: opens the session first)
    {"op": "list",  "key": k, "session": s, "after": name}   -> {"done": k, "files": [[name, size, mtime]], "more": bool}
    {"op": "file",  "key": k, "session": s, "name": n, "write": bool}       -> {"done": k} + a descriptor
    {"op": "close", "key": k, "session": s}                                 -> {"done": k}
    {"op": "job",   "key": k, "entry": module, "order": {...}, limits...} + descriptors   -> {"exit": k, ...} once it ended
    {"op": "kill",  "key": k, "victim": the key of a job}                                 -> {"done": k}
    {"op": "look", "key": k, "victim": the key of a job}     -> {"done": k, "active": seconds, "awake": bool} (activity.py)
    the worker of spawn k died                                              -> {"exit": k, "status": n, "cpu": seconds}

`status` is negative for a signal (as in os.waitstatus_to_exitcode). A refused request answers {"done": k, "refused":
why}. The end of the socket is the end of everything.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ocinterp.sandboxes.ns import bridge, isolation, keeper, kernel, program, workspace
from ocinterp.sandboxes.ns.activity import activity

MAX_MESSAGE = 1 << 17
# What a program commonly imports; having it in the parent makes every session cheaper.
COMMON = (
    "abc array ast asyncio base64 bisect calendar codecs collections contextlib copy csv ctypes dataclasses datetime "
    "decimal enum fractions functools glob hashlib heapq inspect io itertools json linecache math numbers operator os "
    "pathlib pickle pprint queue random re shutil statistics string struct subprocess tempfile textwrap threading time "
    "traceback types typing unittest urllib.parse uuid warnings weakref zoneinfo"
)

Request = dict[str, Any]
Reply = tuple[dict[str, Any], int | None]  # and a descriptor to go with it


def main(plan: dict[str, Any]) -> None:
    """Get ready, say so, and serve until the supervisor goes away."""
    control = socket.socket(fileno=plan["control"])
    zygote = Zygote(plan, control)
    try:
        zygote.isolate(plan)
        zygote.warm_up()
        zygote.serve()
    except Exception as error:  # noqa: BLE001  whatever it is, the supervisor must hear of it
        zygote.say({"failed": f"{type(error).__name__}: {error}"})
    zygote.end()


@dataclass(frozen=True, slots=True)
class _Served:
    """Whom a worker serves."""

    key: str  # of its spawn
    session: str  # empty: it is a job
    end: int  # the zygote's own pidfd


class Zygote:
    """The state of the service: which sessions are open, and which worker serves whom."""

    def __init__(self, plan: dict[str, Any], control: socket.socket) -> None:
        self._control = control
        self._root: str = plan["sessions"]
        self._walled = plan["isolation"] == "walled"
        self._preload: list[str] = plan["preload"]
        self._packages: list[str] = plan["packages"]
        self._available: list[str] = plan["available"]
        self._entries: dict[str, Callable[..., None]] = {}  # of guests, by their modules' names
        self._guests: list[tuple[str, str]] = plan["guests"]
        self._workers: dict[int, _Served] = {}  # by their pids
        self._ends: dict[int, int] = {}  # the pidfd that tells of a worker's end -> its pid
        self._poll = select.poll()
        self._nowhere = -1  # where the output of jobs goes
        self._serve = bridge.serve if plan["worker"] == "bridge" else kernel.serve
        self._isolation: isolation.Isolation  # once `isolate` has found it
        self._operations = {
            "open": self._open,
            "spawn": self._spawn,
            "list": self._list,
            "file": self._file,
            "close": self._close,
            "kill": self._kill,
            "look": self._look,
        }
        control.set_inheritable(False)

    def isolate(self, plan: dict[str, Any]) -> None:
        """Find the way in which sessions are kept apart. Raises OSError where the machine lacks it."""
        self._isolation = isolation.chosen(plan)

    def warm_up(self) -> None:
        """Import what sessions will want, and report which of it there is."""
        for name in COMMON.split():
            importlib.import_module(name)
        sys.path.extend(self._packages)
        os.environ.update(PYTHONPATH=":".join(self._packages))
        present = [name for name in self._preload if _can_import(name)]
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        unread, nowhere = os.pipe()
        os.close(unread)  # nobody reads what the zygote says any more, and a full pipe would stop it
        for number in (1, 2):
            os.dup2(nowhere, number)
        os.close(nowhere)
        kernel.prepare(self._available)
        self._nowhere = os.open(os.devnull, os.O_WRONLY)
        for package, folder in self._guests:
            self._entries |= _entries_of(package, folder)
        gc.collect()
        gc.freeze()
        own = os.pidfd_open(os.getpid())
        self.say({"ready": present, "missing": sorted(set(self._preload) - set(present))}, own)
        os.close(own)

    def serve(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, children would not wait to be waited for
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        control = self._control.fileno()
        self._poll.register(control, select.POLLIN)
        while True:
            ready = [fd for fd, _ in self._poll.poll()]
            for fd in ready:
                if fd in self._ends:
                    self._bury(self._ends[fd])
            if control in ready and not self._answer():
                return

    def end(self) -> None:
        """Take everything down."""
        self._isolation.end(self._root)
        os._exit(0)

    def say(self, message: dict[str, Any], fd: int | None = None) -> None:
        data = json.dumps(message).encode()
        ancillary = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # serve() will see the end of the socket
            self._control.sendmsg([data], ancillary)

    def _answer(self) -> bool:
        data, fds, _, _ = socket.recv_fds(self._control, MAX_MESSAGE, 4, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return False
        request: Request = json.loads(data)
        fd = None
        try:
            if request["op"] == "job":
                self._job(request, fds)
                return True  # its end is the answer
            reply, fd = self._operations[request["op"]](request, fds)
        except (OSError, ValueError) as error:
            reply = {"refused": str(error)}
        finally:
            for each in fds:
                os.close(each)
        self.say({"done": request["key"], **reply}, fd)
        if fd is not None:
            os.close(fd)
        return True

    def _open(self, request: Request, _: list[int]) -> Reply:
        self._isolation.open(self._folder(request), size_bytes=request["disk"], files=request["files"])
        return {}, None

    def _spawn(self, request: Request, fds: list[int]) -> Reply:
        if "disk" in request:
            self._open(request, fds)
        walls = isolation.Walls(request["memory"], request["file"], request["processes"], request["program"])
        pid, pidfd = self._isolation.fork()
        if not pid:
            serve = program.serve if request["program"] else lambda: self._serve(request["display"])
            self._become_worker(self._folder(request), walls, fds, serve)
        try:
            self._await(pid, request)
        except OSError:
            os.close(pidfd)
            raise
        return {}, pidfd

    def _await(self, pid: int, request: Request) -> None:
        end = keeper.hold_of(pid, pid)
        self._workers[pid] = _Served(request["key"], request["session"], end)
        self._ends[end] = pid
        self._poll.register(end, select.POLLIN)

    def _become_worker(self, folder: str, walls: isolation.Walls, fds: list[int], serve: Callable[[], None]) -> None:
        """In the child: never returns."""
        try:
            os.setsid()
            self._control.detach()  # or its number would be closed again, whatever it means by then
            for number, fd in ((1, fds[1]), (2, fds[2]), (kernel.CONTROL, fds[0])):
                os.dup2(fd, number, inheritable=number != kernel.CONTROL)
            os.closerange(kernel.CONTROL + 1, 1 << 16)
            self._isolation.enter(folder, walls)
            serve()
        except BaseException as error:  # noqa: BLE001  the host must hear why there is no worker
            with contextlib.suppress(OSError):  # the program may have closed the channel
                kernel.say_failed(error)
        finally:
            os._exit(1)  # whatever happens, a child never goes on as a zygote

    def _job(self, request: Request, fds: list[int]) -> None:
        if request["entry"] not in self._entries:
            raise ValueError(f"no guest has an entry {request['entry']}")
        pid, pidfd = self._isolation.fork()
        if not pid:
            self._become_job(request, fds)
        os.close(pidfd)
        self._await(pid, request)

    def _become_job(self, request: Request, fds: list[int]) -> None:
        """In the child: never returns. The first byte of its answer says whether the walls stand."""
        answers, *inputs = fds
        try:
            os.setsid()
            self._control.detach()
            self._keep_only(fds)
            memory, file, processes, cpu = request["walls"]
            walls = isolation.Walls(memory, file, processes, cpu_seconds=cpu)
            self._isolation.enter_once(self._place(request["key"]), walls, size_bytes=file, files=request["files"])
        except BaseException as error:  # noqa: BLE001  the host must hear why there is no job
            with contextlib.suppress(OSError):
                os.write(answers, f"-{type(error).__name__}: {error}".encode())
            os._exit(1)
        try:
            os.write(answers, b"+")
            self._entries[request["entry"]](answers, inputs, request["order"])
            os._exit(0)
        finally:
            os._exit(1)  # whatever happens, a child never goes on as a zygote

    def _keep_only(self, fds: list[int]) -> None:
        os.dup2(self._nowhere, 1)
        os.dup2(self._nowhere, 2)
        start = 3
        for fd in sorted(fds):
            os.closerange(start, fd)
            start = fd + 1
        os.closerange(start, 1 << 16)

    def _kill(self, request: Request, _: list[int]) -> Reply:
        for pid, served in self._workers.items():
            if served.key == request["victim"]:
                os.kill(pid, signal.SIGKILL)
        return {}, None

    def _look(self, request: Request, _: list[int]) -> Reply:
        found = [activity(pid) for pid, served in self._workers.items() if served.key == request["victim"]]
        active, awake = found[0] if found else (0.0, True)
        return {"active": active, "awake": awake}, None

    def _place(self, key: str) -> str:
        return self._root if self._walled else f"{self._root}/job-{key}"

    def _list(self, request: Request, _: list[int]) -> Reply:
        files, more = workspace.regular_files(f"{self._folder(request)}/workspace", request["after"])
        return {"files": files, "more": more}, None

    def _file(self, request: Request, _: list[int]) -> Reply:
        folder = f"{self._folder(request)}/workspace"
        opened = workspace.create if request["write"] else workspace.open_regular
        return {}, opened(folder, request["name"])

    def _close(self, request: Request, _: list[int]) -> Reply:
        for pid, served in list(self._workers.items()):
            if served.session == request["session"]:
                os.kill(pid, signal.SIGKILL)
                self._bury(pid)
        folder = self._folder(request)
        if os.path.exists(folder):  # noqa: PTH110  or whoever asked was cancelled before it was opened
            self._isolation.close(folder)
        return {}, None

    def _folder(self, request: Request) -> str:
        return self._root if self._walled else f"{self._root}/{request['session']}"

    def _bury(self, pid: int) -> None:
        """Tell of a worker that has ended, or that is about to."""
        _, status, usage = os.wait4(pid, 0)
        served = self._workers.pop(pid)
        del self._ends[served.end]
        self._poll.unregister(served.end)
        os.close(served.end)
        self._isolation.tidy(set(self._workers))
        if not served.session:
            self._isolation.forget(self._place(served.key))
        code = os.waitstatus_to_exitcode(status)
        self.say({"exit": served.key, "status": code, "cpu": usage.ru_utime + usage.ru_stime})


def _entries_of(package: str, folder: str) -> dict[str, Callable[..., None]]:
    """Import the modules of a folder as those of `package`, without what stands above it on the host."""
    parts = package.split(".")
    for count in range(1, len(parts) + 1):
        name = ".".join(parts[:count])
        module = sys.modules.setdefault(name, types.ModuleType(name))
        module.__path__ = [folder] if name == package else getattr(module, "__path__", [])
    modules = [importlib.import_module(f"{package}.{found.name}") for found in pkgutil.iter_modules([folder])]
    return {module.__name__: module.main for module in modules if hasattr(module, "main")}


def _can_import(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
