"""A worker that runs one program of another language, and ends.

It reads one frame as kernel.py does, with the commands beside it (recipes.py), writes the source into a folder of its
own, runs the commands one after another, and answers as kernel.py does. What they print goes to the host's pipes. The
program is a child of this process, which takes over what the program leaves running; the host ends all of it together.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocinterp.sandboxes.ns import kernel, syscalls, wire

_FOLDER = ".cell"


def serve() -> None:
    """Run the program that the host sends, and wait to be ended."""
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)  # the program cannot look into this process
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    program = _Program()
    wire.write(kernel.CONTROL, {"ready": True})
    frame = wire.read(kernel.CONTROL)
    if frame is not None:
        order, source = frame
        program.carry_out(order, source)
        wire.read(kernel.CONTROL)  # until the host hangs up
    os._exit(0)


@dataclass(frozen=True, slots=True)
class _Error:
    name: str
    message: str


class _Program:
    def __init__(self) -> None:
        self._child = 0
        self._interrupted = False
        signal.signal(signal.SIGINT, self._interrupt)

    def carry_out(self, order: wire.Header, source: bytes) -> None:
        """Compile, run, report."""
        wall = time.perf_counter()
        try:
            error = self._attempt(order["program"], source)
        except (OSError, subprocess.SubprocessError) as failed:  # no process to be had, no room for a file
            error = _Error(type(failed).__name__, str(failed))
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        parts = [text.encode("utf-8", "backslashreplace") for text in (error.name, error.message, "")] if error else []
        header = {
            "done": order["cell"],
            "key": order["key"],
            "cpu": used.ru_utime + used.ru_stime,
            "wall": time.perf_counter() - wall,
            "error": [len(part) for part in parts] or None,
        }
        wire.write(kernel.CONTROL, header, parts)

    def _attempt(self, recipe: dict[str, Any], source: bytes) -> _Error | None:
        temporary = tempfile.gettempdir()
        cell = _fresh(Path(temporary, _FOLDER))
        try:
            file = cell / recipe["file"]
            file.write_bytes(source)
            places = {"{cell}": str(cell), "{workspace}": str(Path.cwd()), "{temporary}": temporary}
            os.environ.update({name: _filled(text, places) for name, text in recipe["environment"].items()})
            if recipe["compile"]:
                command = [_filled(word, places) for word in recipe["compile"]]
                code = self._run(command, cwd=str(cell), stdout=2)
                if code:
                    return _Error("CompileError", f"{Path(command[0]).name} {_ending(code)}")
            command = [_filled(word, places) for word in recipe["run"]]
            if command[0].startswith(str(cell)):
                _make_executable(command[0])
            code = self._run(command, stdin=str(file) if recipe["piped"] else os.devnull)
            return _failure(code) if code else None
        finally:
            shutil.rmtree(cell, ignore_errors=True)

    def _run(self, command: list[str], *, cwd: str | None = None, stdin: str = os.devnull, stdout: int = 1) -> int:
        """Run a command to its end: its exit code, or minus the number of the signal that killed it."""
        with open(stdin, "rb") as file:  # noqa: PTH123  a device or a file
            process = subprocess.Popen(command, stdin=file, stdout=stdout, stderr=2, cwd=cwd, process_group=0)
        self._child = process.pid
        if self._interrupted:
            self._pass_on()
        while True:
            pid, status = os.wait()  # orphans too
            if pid == self._child:
                process.returncode = os.waitstatus_to_exitcode(status)
                self._child = 0
                return process.returncode

    def _interrupt(self, *_: Any) -> None:
        self._interrupted = True
        self._pass_on()

    def _pass_on(self) -> None:
        if self._child:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child, signal.SIGINT)


def _fresh(folder: Path) -> Path:
    """The folder, empty, in place of what a program that was stopped has left; another where that does not go away."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return Path(tempfile.mkdtemp(prefix=f"{_FOLDER}-"))
    return folder


def _filled(text: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


def _make_executable(path: str) -> None:
    """Where Landlock stands alone chmod does nothing, a linker's included: only a new file can be executable."""
    if os.access(path, os.X_OK):
        return
    written = Path(path).rename(f"{path}.written")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o700)
    with os.fdopen(fd, "wb") as file:
        file.write(written.read_bytes())
    written.unlink()


def _failure(code: int) -> _Error:
    if code > 0:
        return _Error("ExitStatus", f"the program {_ending(code)}")
    return _Error(_signal_name(-code), f"the program {_ending(code)}")


def _ending(code: int) -> str:
    if code < 0:
        return f"was killed by {_signal_name(-code)} ({signal.strsignal(-code)})"
    return f"ended with exit status {code}"


def _signal_name(number: int) -> str:
    known = {each.value: each.name for each in signal.Signals}  # real-time signals have no names
    return known.get(number, f"signal {number}")
