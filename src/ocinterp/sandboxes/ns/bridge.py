"""The worker of the local `jupyter` tier: PID 1 of a session, with an ipykernel for its child.

It reads the frames that kernel.py reads, has the ipykernel run the cells, and answers with the frames that kernel.py
answers with; the host does not know the difference, and parses no message of Jupyter's. The two speak over UNIX sockets
in the session's own /tmp. What the program writes to descriptors 1 and 2 goes to the host's pipes, as everywhere else:
ipykernel's own streams, which arrive late, are not used. The program cannot reach this process's descriptors by
accident, and a signal of its cannot end it.
"""

from __future__ import annotations

import importlib
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from ocinterp.sandboxes.ns import ipython, kernel, wire

PRELOAD = ("zmq", "jupyter_client.session", "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell")
ENVIRONMENT = {
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "IPYTHONDIR": "/tmp/.ipython",
    "JUPYTER_RUNTIME_DIR": "/tmp/.jupyter",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # it warns on stderr
}
_PORTS = ("shell", "iopub", "stdin", "hb", "control")  # numbered from 1, at the end of a socket's name
_TICKS = os.sysconf("SC_CLK_TCK")
_CONNECT_MILLISECONDS = 50
_SHOWN = {"display_data", "execute_result", "update_display_data"}


def serve(display_bytes: int) -> None:
    """Run cells until the host hangs up, or the ipykernel ends."""
    folder = tempfile.mkdtemp(prefix="ipykernel-")
    key = secrets.token_hex(16)
    pid = os.fork()
    if not pid:
        try:
            _be_ipykernel(folder, key)
        except BaseException as error:  # noqa: BLE001  the host must hear why there is no kernel
            os.write(2, f" ({type(error).__name__}: {error})".encode())
        finally:
            os._exit(1)
    bridge = Bridge(pid, folder, key, display_bytes)
    bridge.connect()
    wire.write(kernel.CONTROL, {"ready": True})
    while True:
        bridge.step()


def _be_ipykernel(folder: str, key: str) -> None:
    os.setsid()
    os.close(kernel.CONTROL)
    sys.argv = [""]
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    kernel.open_streams()
    kernelapp: Any = importlib.import_module("ipykernel.kernelapp")
    kernelapp.IOPubThread = _without_pipe(kernelapp.IOPubThread)
    app: Any = kernelapp.IPKernelApp.instance(
        config=importlib.import_module("traitlets.config").Config(
            {"Session": {"key": key.encode()}, "HistoryManager": {"enabled": False}}
        ),
        connection_file=f"{folder}/connection.json",
        transport="ipc",
        ip=f"{folder}/socket",
        outstream_class=None,
        log_level=50,
        **{f"{name}_port": number for number, name in enumerate(_PORTS, 1)},
    )
    if app.ipython_dir != folder:  # nothing that the program has left elsewhere configures the next kernel
        app.ipython_dir = folder
    app.initialize([])
    ipython.adapt(app.shell, kernel.describe, kernel.NO_INPUT, kernel.open_streams)
    app.start()


def _without_pipe(thread: Callable[..., Any]) -> Callable[..., Any]:
    """The pipe is for streams of forked children, which are not used here, and needs a TCP socket."""

    def started(socket: Any, **named: Any) -> Any:
        return thread(socket, **named | {"pipe": False})

    return started


@dataclass
class _Cell:
    """The cell that runs, and what has been heard of it."""

    address: wire.Header
    request: str
    cpu: float
    wall: float = field(default_factory=time.perf_counter)
    begun: bool = False
    replied: bool = False
    idle: bool = False
    error: tuple[str, str, str] | None = None


class Bridge:
    """What stands between the host's frames and an ipykernel's messages."""

    def __init__(self, pid: int, folder: str, key: str, display_bytes: int) -> None:
        self._pid = pid
        self._display_bytes = display_bytes
        self._cell: _Cell | None = None
        self._interrupted = False
        self._wake, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._note_end)
        signal.signal(signal.SIGINT, self._note_interrupt)
        zmq: Any = importlib.import_module("zmq")
        self._again: type[Exception] = zmq.Again
        self._no_wait: int = zmq.NOBLOCK
        self._session: Any = importlib.import_module("jupyter_client.session").Session(key=key.encode())
        context = zmq.Context()
        self._shell = context.socket(zmq.DEALER)
        self._iopub = context.socket(zmq.SUB)
        self._iopub.subscribe(b"")
        self._poller = zmq.Poller()
        for number, socket in ((1, self._shell), (2, self._iopub)):
            socket.reconnect_ivl = 5
            socket.connect(f"ipc://{folder}/socket-{number}")
            self._poller.register(socket, zmq.POLLIN)
        self._poller.register(self._wake, zmq.POLLIN)

    def connect(self) -> None:
        """Ask until something is heard on iopub: what is published to nobody is lost."""
        while True:
            self._session.send(self._shell, "kernel_info_request")
            ready = dict(self._poller.poll(_CONNECT_MILLISECONDS))
            self._reap()
            if self._iopub in ready:
                break
        self._poller.register(kernel.CONTROL, 1)

    def step(self) -> None:
        """Wait for something to happen, and see to it. The host's frames come first: an interrupt is for what it sent."""
        ready = dict(self._poller.poll())
        if kernel.CONTROL in ready:
            self._take_order()
        for socket in (self._shell, self._iopub):
            if socket in ready:
                self._take_messages(socket)
        if self._wake in ready:
            os.read(self._wake, 4096)
            self._reap()
        if self._interrupted and self._cell is None:
            self._interrupted = False
        elif self._interrupted and self._cell is not None and self._cell.begun:
            self._interrupted = False
            os.killpg(self._pid, signal.SIGINT)  # what it waits for is to hear it too

    def _note_end(self, *_: Any) -> None:
        """Only the waking counts."""

    def _note_interrupt(self, *_: Any) -> None:
        self._interrupted = True

    def _take_order(self) -> None:
        frame = wire.read(kernel.CONTROL)
        if frame is None:
            os._exit(0)
        order, source = frame
        if order["stale_interrupt"]:
            self._interrupted = False
        content: dict[str, Any] = {
            "code": source.decode("utf-8", "replace"),
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        request = self._session.msg("execute_request", content, metadata={"cellId": order["cell"]})
        self._cell = _Cell({"cell": order["cell"], "key": order["key"]}, request["header"]["msg_id"], self._cpu())
        self._session.send(self._shell, request)

    def _take_messages(self, socket: Any) -> None:
        while True:
            try:
                _, message = self._session.recv(socket, self._no_wait)
            except (self._again, ValueError, TypeError, KeyError):  # nothing more; or the program has forged it
                return
            if message is None:
                return
            cell = self._cell
            if cell is not None and message["parent_header"].get("msg_id") == cell.request:
                self._take(cell, message["msg_type"], message["content"])

    def _take(self, cell: _Cell, kind: str, content: dict[str, Any]) -> None:
        if kind == "execute_input":
            cell.begun = True
        elif kind in _SHOWN:
            self._show(cell, content.get("data"))
        elif kind == "error" or (kind == "execute_reply" and content.get("status") != "ok"):
            cell.error = cell.error or _error(content)
        cell.replied |= kind == "execute_reply"
        cell.idle |= kind == "status" and content.get("execution_state") == "idle"
        if cell.replied and cell.idle:
            self._report(cell)

    def _show(self, cell: _Cell, data: Any) -> None:
        bundle = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
        contents = [value if isinstance(value, str) else json.dumps(value) for value in bundle.values()]
        parts = [content.encode("utf-8", "backslashreplace") for content in contents]
        if sum(map(len, parts)) > self._display_bytes:
            bundle, parts = {}, []  # the host puts a line of text in its place
        shows = [(mime, len(part)) for mime, part in zip(bundle, parts, strict=True)]
        wire.write(kernel.CONTROL, {"shows": shows, **cell.address}, parts)

    def _report(self, cell: _Cell) -> None:
        self._cell = None
        parts = [text.encode("utf-8", "backslashreplace") for text in cell.error or ()]
        header = {
            "done": cell.address["cell"],
            "key": cell.address["key"],
            "cpu": max(0.0, self._cpu() - cell.cpu),
            "wall": time.perf_counter() - cell.wall,
            "error": [len(part) for part in parts] or None,
        }
        wire.write(kernel.CONTROL, header, parts)

    def _cpu(self) -> float:
        """What the ipykernel has used, and its children that have ended."""
        try:
            with open(f"/proc/{self._pid}/stat", "rb") as file:  # noqa: PTH123  quicker, and once a cell
                used = file.read().rpartition(b")")[2].split()[11:15]
        except OSError:
            return 0.0
        return sum(map(int, used)) / _TICKS

    def _reap(self) -> None:
        """Wait for what has ended, orphans included; end with the ipykernel, and as it did."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid == self._pid:
                code = os.waitstatus_to_exitcode(status)
                os._exit(code if code >= 0 else 128 - code)


def _error(content: dict[str, Any]) -> tuple[str, str, str]:
    return str(content.get("ename")), str(content.get("evalue")), "\n".join(map(str, content.get("traceback") or []))
