from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocinterp import __version__, records
from ocinterp.models.pocket import card
from ocinterp.sandboxes import toolchains
from ocinterp.testing import Says, code

Run = Callable[..., Any]
BUILT_IN = card.BUILT_IN  # as it is outside of these tests


def test_version_and_help(ocinterp: Run) -> None:
    assert ocinterp("--version").out == f"ocinterp {__version__}\n"
    for command in ("run", "chat", "exec", "doctor", "sessions", "data", "demo"):
        assert command in ocinterp("--help").out
        assert "--help" in ocinterp(command, "--help").out


def test_doctor_names_the_sandbox_the_packages_and_every_place_it_looked_for_a_model(ocinterp: Run) -> None:
    ended = ocinterp("doctor")
    assert ended.code == 0
    for word in ("sandbox", "ns: works", "container  ", "numpy", "Ollama at", "provider keys", "config"):
        assert word in ended.out


def test_doctor_says_which_settings_it_does_not_know(ocinterp: Run, home: Path) -> None:
    (home / "config.toml").write_text("modle = 'x'\n")
    assert "unknown setting 'modle'" in ocinterp("doctor").out


def test_exec_runs_a_file_and_exits_0(ocinterp: Run, home: Path) -> None:
    (home / "a.py").write_bytes(b"\xef\xbb\xbfimport sys\r\nprint('out')\r\nprint('err', file=sys.stderr)\r\n")
    ended = ocinterp("exec", "a.py")
    assert (ended.code, ended.out, ended.err) == (0, "out\n", "err\n")


def test_exec_reads_standard_input_and_shows_the_last_value(ocinterp: Run) -> None:
    assert ocinterp("exec", "-", stdin="6 * 7").out == "42\n"


def test_exec_tells_the_language_by_the_end_of_the_files_name(ocinterp: Run, home: Path) -> None:
    (home / "a.sh").write_text("ls; echo out; echo err >&2")
    (home / "q.sql").write_text(".mode list\n.headers off\nSELECT 6 * 7;")
    ended = ocinterp("exec", "a.sh", "q.sql")
    assert (ended.code, ended.out, ended.err) == (0, "q.sql\nout\n", "err\n")


def test_exec_is_told_the_language_of_standard_input(ocinterp: Run) -> None:
    ended = ocinterp("exec", "-", "--language", "sh", stdin="echo hi\nexit 3")
    assert (ended.code, ended.out) == (1, "hi\n")
    assert ended.err == "ExitStatus: the program ended with exit status 3\n"
    assert "there is no language 'cobol'" in ocinterp("exec", "-", "--language", "cobol").err


def test_doctor_names_the_languages_that_run_and_what_the_others_need(ocinterp: Run) -> None:
    (line,) = [line for line in ocinterp("doctor").out.splitlines() if line.startswith("languages  python, bash")]
    missing = line.partition("; missing: ")[2]
    for language in toolchains.LANGUAGES[1:]:
        lacking = f"{language} (needs {toolchains.tools_for(language)})"
        assert language in toolchains.find() or lacking in missing


def test_exec_of_nothing_is_nothing(ocinterp: Run) -> None:
    ended = ocinterp("exec", "-", stdin="")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.parametrize("leaving", ["import sys; sys.exit()", "import sys; sys.exit(0)", "exit()"])
def test_exec_of_a_script_that_exits_with_0_is_clean(ocinterp: Run, leaving: str) -> None:
    assert ocinterp("exec", "-", stdin=leaving).code == 0


@pytest.mark.parametrize(
    "failing", ["1/0", "import sys; sys.exit(3)", "import os; os._exit(0)", "x = (", "[0] * 10**12"]
)
def test_exec_exits_1_when_the_code_failed(ocinterp: Run, failing: str) -> None:
    ended = ocinterp("exec", "-", stdin=failing)
    assert ended.code == 1
    assert ended.err


def test_exec_stops_at_its_time_limit_and_keeps_what_was_printed(ocinterp: Run) -> None:
    ended = ocinterp("exec", "-", "--timeout", "0.3", stdin="print('begun')\nwhile True: pass")
    assert (ended.code, ended.out) == (1, "begun\n")
    assert "timeout: stopped after 0.3 s" in ended.err


def test_exec_takes_files_in_and_out(ocinterp: Run, home: Path) -> None:
    (home / "in.txt").write_text("abc")
    ended = ocinterp("exec", "-", "in.txt", "--out", "made", stdin="open('o.txt','w').write(open('in.txt').read()*2)")
    assert ended.code == 0
    assert (home / "made" / "o.txt").read_text() == "abcabc"


def test_exec_of_an_unreadable_file_is_one_clear_line(ocinterp: Run, home: Path) -> None:
    (home / "binary.py").write_bytes(b"\xff\xfe\x00")
    assert ocinterp("exec", "missing.py").err == "ocinterp: cannot read missing.py: No such file or directory\n"
    assert "not a text file in UTF-8" in ocinterp("exec", "binary.py").err
    assert ocinterp("exec", str(home)).code == 2


def test_sessions_are_listed_shown_exported_and_removed(ocinterp: Run, serve: Run, home: Path) -> None:
    assert "no sessions yet" in ocinterp("sessions", "list").out
    ocinterp("run", "print the answer", "--model", serve(Says(code("print(42)"))))
    name = ocinterp("sessions", "list").out.split()[0]
    shown = ocinterp("sessions", "show", name).out
    for part in ("print the answer", "print(42)", "42", "ran clean"):
        assert part in shown
    for ending in ("ipynb", "md", "json", "py"):
        assert ocinterp("sessions", "export", name, f"x.{ending}").code == 0
        assert "42" in (home / f"x.{ending}").read_text()
    assert ocinterp("sessions", "export", name, "x.doc").code == 2
    assert ocinterp("sessions", "rm", name).out == f"removed {name}\n"
    assert ocinterp("sessions", "show", name).code == 2


def test_sessions_that_were_rated_are_exported_as_rows(ocinterp: Run, serve: Run, home: Path) -> None:
    ocinterp("run", "print the answer", "--model", serve(Says(code("print(41)"))))
    none = ocinterp("sessions", "export", "all", "rated.jsonl", "--as-dataset")
    assert (none.code, "none of 1 sessions was rated: /feedback good" in none.err) == (2, True)
    ocinterp("chat", "--model", serve(Says(code("print(42)"))), stdin="go\n/feedback good\n")
    ended = ocinterp("sessions", "export", "all", "rated.jsonl", "--as-dataset")
    assert (ended.code, ended.out) == (0, "1 session: rated.jsonl\n")
    assert "read them before you hand them on" in ended.err
    (row,) = records.read(home / "rated.jsonl")
    assert row.turns[0].feedback[-1].rating == "good"
    assert ocinterp("sessions", "export", "last", "one.jsonl", "--as-dataset").code == 0
    assert list(records.read(home / "one.jsonl")) == [row]


def test_a_damaged_database_still_yields_its_sessions(ocinterp: Run, serve: Run, home: Path) -> None:
    ocinterp("run", "print the answer", "--model", serve(Says(code("print(42)"))))
    name = ocinterp("sessions", "list").out.split()[0]
    database = home / "data" / "sessions.sqlite"
    content = database.read_bytes()
    database.write_bytes(content[: len(content) - 4096])
    ended = ocinterp("sessions", "export", name, "saved.json")
    if ended.code == 0:
        assert "print(42)" in (home / "saved.json").read_text()
    else:
        assert str(database) in ended.err
    assert database.read_bytes() == content[: len(content) - 4096]


def test_the_demo_refines_an_answer_of_the_built_in_model_and_then_a_recorded_one(
    ocinterp: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card, "BUILT_IN", BUILT_IN)
    ended = ocinterp("demo")
    assert ended.code == 0
    live, recorded = ended.out.split("2. A larger model's answers")
    assert live.startswith("1. The model that comes with ocinterp answers, live")
    for part in (
        "return ' '.join(words)",
        "These tests do not hold",
        "Step 2: ",
        "return '-'.join(words)",
        "✓ all 2 tests hold",
    ):
        assert part in live
    assert "that know small Python functions and nothing else; of 1,200 tasks" in ended.err
    assert "its answer is a guess" not in ended.err
    for part in (
        "could not convert string to float",
        "feedback: how the run ended",
        "South grew fastest",
        "growth.csv",
        "--model person",
    ):
        assert part in recorded
    assert "≠" not in recorded, "the live run differs from the recorded one"
    assert (home / "out" / "demo" / "revenue.png").read_bytes().startswith(b"\x89PNG")


def test_exec_keeps_figures_and_says_what_it_does_not_keep(ocinterp: Run, home: Path) -> None:
    source = "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nopen('made.txt', 'w').write('x');"
    ended = ocinterp("exec", "-", stdin=source)
    assert "figure: --out DIR keeps it" in ended.err
    assert "made made.txt; --out DIR" in ended.err
    assert ocinterp("exec", "-", "--out", "out", stdin=source).code == 0
    assert sorted(path.name for path in (home / "out").iterdir()) == ["figure-1.png", "made.txt"]


def test_exec_tells_how_a_program_failed_once_and_nothing_of_a_session(ocinterp: Run) -> None:
    ended = ocinterp("exec", "-", stdin="import os\nos._exit(3)")
    assert ended.err == "ocinterp: killed: The program ended the interpreter (exit code 3).\n"


def test_exec_shows_its_failure_although_files_cannot_be_kept(ocinterp: Run, home: Path) -> None:
    (home / "out" / "x").mkdir(parents=True)
    ended = ocinterp("exec", "-", "--out", "out", stdin="open('x', 'w').write('y')\nraise ValueError('important')")
    assert ended.code == 2
    assert "ValueError: important" in ended.err
    assert "cannot write out/x" in ended.err


def test_exec_uses_the_configured_sandbox(ocinterp: Run, home: Path) -> None:
    (home / "config.toml").write_text("sandbox = 'unsafe'\n")
    assert ocinterp("exec", "-", stdin=f"import os; print(os.path.exists({str(home)!r}))").out == "True\n"


def test_show_prints_what_was_displayed(ocinterp: Run, serve: Run) -> None:
    ocinterp("run", "go", "--model", serve(Says(code("6 * 7 * 100"))))
    assert "4200" in ocinterp("sessions", "show", "last").out


def test_doctor_sees_a_database_that_cannot_be_used(ocinterp: Run, home: Path) -> None:
    (home / "data").mkdir()
    (home / "data" / "sessions.sqlite").write_bytes(b"no database" * 1000)
    ended = ocinterp("doctor")
    assert ended.code == 1
    assert "DO NOT WORK" in ended.out


def test_long_names_are_kept(ocinterp: Run, home: Path) -> None:
    name = "雪" * 84 + "."  # 253 of the 255 bytes that a name may have
    assert ocinterp("exec", "-", "--out", "out", stdin=f"open({name!r}, 'w').write('x');").code == 0
    assert (home / "out" / name).read_text() == "x"


def test_the_package_is_the_command_too() -> None:
    done = subprocess.run([sys.executable, "-m", "ocinterp", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ocinterp {__version__}\n", "")


def test_who_changes_their_mind_while_it_loads_is_told_nothing(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt\n")
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])}
    done = subprocess.run(
        [sys.executable, "-m", "ocinterp", "--version"], capture_output=True, env=environ, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")
