"""The chat at a real terminal: Ctrl-C, editing keys, leaving; and what survives a kill."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ocinterp.chat.store import SessionStore
from ocinterp.testing import Says, code
from ocinterp.types import Turn

Run = Callable[..., Any]

COMMAND = """
import sys
from ocinterp.cli import setup
from ocinterp.cli.main import main
from ocinterp.sandboxes.profiles import Profile
sys.argv[0] = "ocinterp"
setup.DATA = Profile()  # to import libraries ahead that none of these programs uses takes long
main()
"""
PATH = os.pathsep.join(filter(None, sys.path))
PATIENCE_SECONDS = 20.0
PROMPT = "\n>"
_ESCAPE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[=>]|\r")


@dataclass
class Terminal:
    """A program at a terminal of its own: what it shows is read, what is typed is sent."""

    process: subprocess.Popen[bytes]
    master: int
    shown: str = ""
    everything: str = ""

    def expect(self, text: str) -> None:
        """Read until `text` has been shown after what was expected before."""
        while text not in self.shown:
            ready, _, _ = select.select([self.master], [], [], PATIENCE_SECONDS)
            assert ready, f"waited for {text!r}, shown so far: {self.shown[-2000:]!r}"
            self.shown += _ESCAPE.sub("", os.read(self.master, 65536).decode(errors="replace"))
        before, _, self.shown = self.shown.partition(text)
        self.everything += before + text

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Read what is left, and the exit code."""
        try:
            while os.read(self.master, 65536):
                pass
        except OSError:  # EIO: the last program at the terminal is gone
            pass
        return self.process.wait()


@pytest.fixture
def terminal(home: Path) -> Iterator[Run]:
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        master, slave = pty.openpty()
        environ = {
            **os.environ,
            "TERM": "xterm",
            "PROMPT_TOOLKIT_NO_CPR": "1",
            "PYTHONPATH": PATH,
        }
        line = [sys.executable, "-c", COMMAND, *arguments]
        process = subprocess.Popen(
            line,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            cwd=home,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(slave)
        opened.append(Terminal(process, master))
        return opened[-1]

    yield start
    for each in opened:
        each.process.kill()
        each.process.wait()
        os.close(each.master)


def _take_terminal() -> None:
    """Only a session's controlling terminal turns Ctrl-C into a signal; tests in the background are deaf to it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


WAITS = Says(code("x = 41\nprint('begun')\nimport time\ntime.sleep(1000)"))


def test_ctrl_c_stops_the_cell_and_keeps_its_variables(terminal: Run, serve: Run, home: Path) -> None:
    chat = terminal("chat", "--timeout", "900", "--model", serve(WAITS, Says(code("print(x + 1)"))))
    chat.expect(PROMPT)
    chat.type("wait\r")
    chat.expect("begun\n")
    chat.type("\x03")
    chat.expect("KeyboardInterrupt")
    chat.expect(PROMPT)
    chat.type("add one\r")
    chat.expect("42")
    chat.expect(PROMPT)
    chat.type("\x04")
    chat.expect("sessions resume")
    assert chat.end() == 0
    with SessionStore(home / "data") as store:
        first, second = store.load("last").trajectory.turns
    assert first.runs[0].result.stdout == "begun\n"
    assert second.clean


def test_ctrl_c_while_the_model_speaks_goes_back_to_the_prompt(terminal: Run, serve: Run) -> None:
    chat = terminal("chat", "--model", serve(Says("I am thinking about", ending="stall"), Says(code("print(42)"))))
    chat.expect(PROMPT)
    chat.type("think\r")
    chat.expect("about")
    chat.type("\x03")
    chat.expect("stopped")
    chat.expect(PROMPT)
    chat.type("/retry\r")
    chat.expect("42")


def test_ctrl_c_at_the_prompt_only_clears_the_line(terminal: Run, serve: Run) -> None:
    chat = terminal("chat", "--model", serve(Says(code("print(42)"))))
    chat.expect(PROMPT)
    chat.type("half a though\x03")
    chat.expect(PROMPT)
    chat.type("go\r")
    chat.expect("42")


def test_a_killed_chat_keeps_every_finished_turn_and_leaves_no_process(terminal: Run, serve: Run, home: Path) -> None:
    chat = terminal("chat", "--model", serve(Says(code("print(42)")), WAITS))
    chat.expect(PROMPT)
    chat.type("go\r")
    chat.expect("42")
    chat.expect(PROMPT)
    chat.type("wait\r")
    chat.expect("begun")
    chat.process.send_signal(signal.SIGKILL)
    chat.process.wait()
    with SessionStore(home / "data") as store:
        trajectory = store.load("last").trajectory
    assert len(trajectory.turns) == 1
    assert trajectory.turns[0].feedback[-1].text == "wait"


def test_ctrl_c_ends_a_run_with_a_word_on_what_is_left(terminal: Run, serve: Run) -> None:
    run = terminal("run", "wait", "--timeout", "900", "--model", serve(WAITS))
    run.expect("begun\n")
    run.type("\x03")
    run.expect("ocinterp: interrupted; the turns that were finished: ocinterp sessions show last")
    assert run.end() == 130


def test_a_session_that_is_open_is_not_opened_twice(terminal: Run, serve: Run, ocinterp: Run) -> None:
    model = serve(Says(code("print(42)")))
    chat = terminal("chat", "--model", model)
    chat.expect(PROMPT)
    chat.type("go\r")
    chat.expect("42")
    chat.expect(PROMPT)
    for command in (["resume", "last", "--model", model], ["rm", "last"]):
        second = ocinterp("sessions", *command)
        assert second.code == 2
        assert "is open in another process" in second.err
    chat.type("\x04")
    chat.expect("sessions resume")
    assert chat.end() == 0
    assert ocinterp("sessions", "rm", "last").code == 0


def test_an_answer_that_was_typed_is_not_shown_again(terminal: Run) -> None:
    run = terminal("run", "what is 6 * 7?", "--model", "person")
    run.expect("only a dot")
    run.type("```python\rprint(6 * 7)  # marker\r```\r.\r")
    run.expect("ran clean")
    assert run.end() == 0
    assert (run.everything + run.shown).count("marker") == 1


def read_a_little(home: Path, *arguments: str) -> tuple[int, str]:
    """Run a command whose output is read for a moment only; its exit code, and what it said on stderr."""
    line = [sys.executable, "-c", COMMAND, *arguments]
    environ = {**os.environ, "PYTHONPATH": PATH}
    with subprocess.Popen(line, env=environ, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(2)
        process.stdout.close()
        said = process.stderr.read().decode()
    return process.returncode, said


def test_a_reader_that_has_had_enough_ends_the_command_without_a_traceback(home: Path) -> None:
    (home / "long.py").write_text("for number in range(100_000): print(number)")
    exit_code, said = read_a_little(home, "exec", "long.py")
    assert exit_code != 0
    assert said == ""


def test_ctrl_c_stops_the_rest_of_an_answer_too(terminal: Run, serve: Run, home: Path) -> None:
    # In slices: an interrupt in the moment before a sleep begins is seen only after it.
    wait = "x = 41\nprint('begun')\nimport time\nwhile True:\n    time.sleep(0.1)"
    two = Says(code(wait) + "\n" + code("print('second')"))
    chat = terminal("chat", "--timeout", "900", "--model", serve(two, Says(code("print(x + 1)"))))
    chat.expect(PROMPT)
    chat.type("wait\r")
    chat.expect("begun\n")
    chat.type("\x03")
    chat.expect("not run: you said stop")
    chat.expect(PROMPT)
    chat.type("add one\r")
    chat.expect("42")
    chat.expect(PROMPT)
    chat.type("\x04")
    chat.expect("sessions resume")
    assert [run.result.stdout for run in last_turns(home)[0].runs] == ["begun\n", ""]


def last_turns(home: Path) -> tuple[Turn, ...]:
    with SessionStore(home / "data") as store:
        return store.load("last").trajectory.turns


def test_ctrl_c_stops_an_edited_cell_and_keeps_the_chat(terminal: Run, serve: Run, monkeypatch: Any) -> None:
    monkeypatch.setenv("EDITOR", "sed -i 's/print(1)/while True: print(1)/'")
    chat = terminal(
        "chat", "--timeout", "900", "--model", serve(Says(code("x = 41\nprint(1)")), Says(code("print(x + 1)")))
    )
    chat.expect(PROMPT)
    chat.type("go\r")
    chat.expect("clean")
    chat.expect(PROMPT)
    chat.type("/edit\r")
    chat.expect("edited")
    chat.expect("1\n1\n")
    chat.type("\x03")
    chat.expect(PROMPT)
    chat.type("add one\r")
    chat.expect("42")


def test_ctrl_c_at_a_persons_turn_gives_the_terminal_back(terminal: Run) -> None:
    chat = terminal("chat", "--model", "person")
    chat.expect(PROMPT)
    chat.type("a question\r")
    chat.expect("only a dot")
    chat.type("half an answer\r\x03")
    chat.expect("stopped")
    chat.expect(PROMPT)
    chat.type("/help\r")
    chat.expect("this list")
    chat.expect(PROMPT)
    chat.type("\x04")
    chat.expect("sessions resume")
    assert chat.end() == 0


def test_ctrl_c_ends_a_run_that_waits_for_a_person(terminal: Run) -> None:
    run = terminal("run", "a question", "--model", "person")
    run.expect("only a dot")
    run.type("\x03")
    run.expect("interrupted")
    assert run.end() == 130


def test_an_answer_in_words_stays_on_the_screen(terminal: Run, serve: Run) -> None:
    chat = terminal("chat", "--model", serve(Says("I cannot do that, sorry.")))
    chat.expect(PROMPT)
    chat.type("do it\r")
    chat.expect("sorry.\n")
    chat.expect(PROMPT)


def test_a_run_whose_reader_has_had_enough_is_still_saved(serve: Run, home: Path) -> None:
    model = serve(Says("word " * 20_000 + code("print(42)")))
    _, said = read_a_little(home, "run", "go", "--model", model)
    assert "Traceback" not in said
    assert last_turns(home)[0].clean


@pytest.mark.parametrize("command", [["exec", "long.py"], ["doctor"]])
def test_a_full_disk_under_the_output_is_one_clear_line(home: Path, command: list[str]) -> None:
    (home / "long.py").write_text("for number in range(100_000): print(number)")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", COMMAND, *command],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": PATH},
            cwd=home,
            check=False,
        )
    assert done.returncode == 3
    assert done.stderr == b"ocinterp: the output cannot be written: No space left on device\n"


def test_ctrl_c_in_the_editor_is_the_editors(terminal: Run, serve: Run, home: Path, monkeypatch: Any) -> None:
    # Not a shell: one that hears the signal just before it starts its child waits for the child all the same.
    editor = home / "slow.py"
    editor.write_text("import time; print('editing', flush=True); time.sleep(600)")
    monkeypatch.setenv("EDITOR", f"{sys.executable} -I -S {editor}")
    chat = terminal("chat", "--model", serve(Says(code("x = 41")), Says(code("print(x + 1)"))))
    chat.expect(PROMPT)
    chat.type("go\r")
    chat.expect(PROMPT)
    chat.type("/edit\r")
    chat.expect("editing")
    chat.type("\x03")
    chat.expect("nothing was changed")
    chat.expect(PROMPT)
    chat.type("add one\r")
    chat.expect("42")
