from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocinterp.chat.store import SessionStore
from ocinterp.records import loads
from ocinterp.testing import Refuses, Says, code
from ocinterp.types import Source, Trajectory

Run = Callable[..., Any]


def last(home: Path) -> Trajectory:
    with SessionStore(home / "data") as store:
        return store.load("last").trajectory


def test_variables_survive_from_message_to_message_and_the_model_sees_the_output(
    ocinterp: Run, serve: Run, home: Path
) -> None:
    model = serve(Says(code("x = 41\nprint(x)")), Says(code("print(x + 1)")))
    ended = ocinterp("chat", "--model", model, stdin="set x\nadd one\n")
    assert ended.code == 0
    assert "42" in ended.out
    saved = last(home)
    assert [each.source for each in saved.turns[0].feedback] == [Source.EXECUTION, Source.HUMAN]
    assert "41" in saved.turns[0].feedback[0].text


def test_a_failure_is_refined_without_being_asked(ocinterp: Run, serve: Run, home: Path) -> None:
    ocinterp("chat", "--model", serve(Says(code("prnt(1)")), Says(code("print(1)"))), stdin="print one\n")
    assert [turn.clean for turn in last(home).turns] == [False, True]


def test_feedback_is_recorded_with_its_rating(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("print(1)")), Says(code("print(2)")))
    ocinterp("chat", "--model", model, stdin="one\n/feedback bad wrong number\ntwo\n/feedback good\n")
    first, second = last(home).turns
    rated = [(each.rating, each.text) for each in first.feedback if each.source is Source.HUMAN]
    assert rated == [("bad", "wrong number"), (None, "two")]
    assert second.feedback[-1].rating == "good"


def test_undo_forgets_a_turn_and_keeps_the_variables(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("x = 1")), Says(code("x = 2")), Says(code("print(x)")))
    ended = ocinterp("chat", "--model", model, stdin="a\nb\n/undo\nshow x\n")
    assert [turn.runs[0].cell.source for turn in last(home).turns] == ["x = 1", "print(x)"]
    assert "\n2\n" in ended.out


def test_retry_asks_again(ocinterp: Run, serve: Run, home: Path) -> None:
    ocinterp("chat", "--model", serve(Says(code("print(1)")), Says(code("print(2)"))), stdin="go\n/retry\n")
    assert [turn.runs[0].result.stdout for turn in last(home).turns] == ["2\n"]


def test_a_model_that_fails_loses_no_message(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("x = 1")), Refuses.because(401, "no"), Says(code("print(x)")))
    ended = ocinterp("chat", "--model", model, stdin="a\nshow x\n/retry\n")
    assert ended.code == 0
    assert "/retry" in ended.out
    assert last(home).turns[1].runs[0].result.stdout == "1\n"


def test_edit_runs_the_changed_code_and_tells_the_model(
    ocinterp: Run, serve: Run, home: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/41/42/")
    ended = ocinterp("chat", "--model", serve(Says(code("print(41)"))), stdin="go\n/edit\n")
    assert "42" in ended.out
    (turn,) = last(home).turns
    assert "print(42)" in turn.feedback[-1].text
    assert [run.result.stdout for run in turn.runs] == ["41\n", "42\n"]


def test_a_program_of_another_language_is_edited_as_what_it_is(
    ocinterp: Run, serve: Run, home: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/41/42/")
    ended = ocinterp("chat", "--model", serve(Says("So:\n```sh\necho 41\n```")), stdin="go\n/edit\n")
    assert "42" in ended.out
    (turn,) = last(home).turns
    assert "```bash\necho 42\n```" in turn.feedback[-1].text
    assert [(run.cell.language, run.result.stdout) for run in turn.runs] == [("bash", "41\n"), ("bash", "42\n")]
    assert "may hold programs in bash, c" in last(home).prompt[0].content


def test_files_come_in_are_listed_and_go_out(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "in.txt").write_text("abc")
    (home / "more.txt").write_text("d")
    program = Says(code("open('out.txt', 'w').write(open('in.txt').read() + open('more.txt').read())"))
    ended = ocinterp("chat", "in.txt", "--model", serve(program), stdin="/add more.txt\njoin\n/files\n/save out.txt\n")
    assert "in.txt  3 bytes" in ended.out
    assert (home / "out.txt").read_text() == "abcd"


def test_export_writes_every_format_and_refuses_others(ocinterp: Run, serve: Run, home: Path) -> None:
    lines = "".join(f"/export x.{ending}\n" for ending in ("ipynb", "md", "json", "doc"))
    ended = ocinterp("chat", "--model", serve(Says(code("print(42)"))), stdin=f"go\n{lines}")
    assert json.loads((home / "x.ipynb").read_text())["nbformat"] == 4
    assert "42" in (home / "x.md").read_text()
    assert ended.code == 1  # the last line asked for what cannot be done
    assert not (home / "x.doc").exists()


def test_another_model_takes_over(ocinterp: Run, serve: Run, home: Path) -> None:
    second = serve(Says(code("print(x)")))
    model = serve(Says(code("x = 7")))
    ended = ocinterp("chat", "--model", model, stdin=f"set\n/model\n/model {second}\nshow\n")
    assert "\n7\n" in ended.out
    assert last(home).provenance["model"] == "scripted"


def test_a_session_is_resumed_with_its_variables_and_files(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "in.txt").write_text("abc")
    ocinterp("chat", "in.txt", "--model", serve(Says(code("x = open('in.txt').read()"))), stdin="read\n")
    name = ocinterp("sessions", "list").out.split()[0]
    ended = ocinterp("sessions", "resume", name, "--model", serve(Says(code("print(x)"))), stdin="show\n")
    assert "\nabc\n" in ended.out
    assert len(last(home).turns) == 2


def test_commands_that_make_no_sense_yet_say_so(ocinterp: Run, serve: Run) -> None:
    lines = "/undo\n/retry\n/edit\n/feedback good\n/export\n/nonsense\n/save nothing.txt\n/help\n/quit\nnever read\n"
    ended = ocinterp("chat", "--model", serve(), stdin=lines)
    assert ended.code == 0
    for said in ("nothing to undo", "nothing to try", "no code to edit", "no answer to rate", "/export chat.ipynb"):
        assert said in ended.out
    assert "there is no command /nonsense" in ended.out
    assert "no file nothing.txt" in ended.out


def test_a_message_that_failed_gives_way_to_the_next(ocinterp: Run, serve: Run, home: Path) -> None:
    for first in ([], [Says(code("x = 1"))]):
        model = serve(*first, Refuses.because(401, "no"), Says(code("print(7)")))
        ended = ocinterp("chat", "--model", model, stdin="set\n" * len(first) + "wrong\nright\n")
        assert "takes the place" in ended.out
        trajectory = last(home)
        said = [message.content for message in trajectory.messages() if message.role == "user"]
        assert not any("wrong" in each for each in said)
        assert any("right" in each for each in said)
        assert trajectory.turns[-1].runs[0].result.stdout == "7\n"


def test_undo_takes_back_only_a_message_that_was_not_answered(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("print('finished work')")), Refuses.because(401, "no"))
    ended = ocinterp("chat", "--model", model, stdin="work\nbad\n/undo\n")
    assert "not answered, is forgotten" in ended.out
    (turn,) = last(home).turns
    assert turn.runs[0].result.stdout == "finished work\n"
    assert not any(each.text == "bad" for each in turn.feedback)


def test_a_resumed_session_tells_of_a_message_that_was_not_answered(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("x = 41")), Refuses.because(401, "no"))
    assert ocinterp("chat", "--model", model, stdin="set\nadd one\n").code == 1
    ended = ocinterp("sessions", "resume", "last", "--model", serve(Says(code("print(x + 1)"))), stdin="/retry\n")
    assert "your last message was not answered: 'add one'" in ended.out
    assert "\n42\n" in ended.out
    assert last(home).provenance["model"] == "scripted"


def test_what_was_edited_or_failed_is_brought_back_too(ocinterp: Run, serve: Run, home: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/41/42/")
    model = serve(Says(code("x = 41")), Says(code("y = 7\n1 / 0")), Says("I give up."))
    ocinterp("chat", "--model", model, stdin="set\n/edit\nfail\n")
    ended = ocinterp("sessions", "resume", "last", "--model", serve(Says(code("print(x, y)"))), stdin="show\n")
    assert "\n42 7\n" in ended.out


def test_cells_that_had_to_be_stopped_are_not_run_again(ocinterp: Run, serve: Run, home: Path) -> None:
    model = serve(Says(code("while True: pass")), Says("I give up."))
    ocinterp("chat", "--timeout", "0.3", "--model", model, stdin="loop\n")
    ended = ocinterp("sessions", "resume", "last", "--model", serve(), stdin="/quit\n")
    assert "had to be stopped: 1.1" in ended.out


def test_save_takes_what_changed_and_overwrites_nothing(ocinterp: Run, serve: Run, home: Path) -> None:
    for name in ("same.txt", "changed.txt"):
        (home / name).write_text("mine")
    program = Says(code("open('changed.txt', 'w').write('new'); open('made.txt', 'w').write('made');"))
    ocinterp("chat", "same.txt", "changed.txt", "--model", serve(program), stdin="go\n")
    (home / "same.txt").write_text("mine, and newer")
    ended = ocinterp("sessions", "resume", "last", "--model", serve(), stdin="/save\n/save\n")
    assert ended.code == 0
    names = {path.name: path.read_text() for path in home.glob("*.txt")}
    assert names == {
        "same.txt": "mine, and newer",
        "changed.txt": "mine",
        "changed-2.txt": "new",
        "made.txt": "made",
    }


def test_a_replay_answers_in_a_chat_too(ocinterp: Run, home: Path) -> None:
    from ocinterp.cli import demo

    record = Path(demo.__file__).parent / "example" / "replay.jsonl"
    ended = ocinterp("chat", "--model", f"replay:{record}", record.parent / "sales.csv", stdin="which region?\n")
    assert "South grew fastest" in ended.out


def test_quotes_that_do_not_end_are_no_end_of_the_chat(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("chat", "--model", serve(), stdin="/add it's.csv\n/save 'x\n/files\n")
    assert ended.out.count("No closing quotation") == 2
    assert "no files yet" in ended.out


def test_turns_that_cannot_be_saved_are_written_down_elsewhere(serve: Run, home: Path) -> None:
    """A limit on the size of files stands for the full disk: the database's log runs into it, a small file does not."""
    program = "import sys; sys.argv[0] = 'ocinterp'; from ocinterp.cli.main import main; main()"
    turns = 12
    done = subprocess.run(
        [sys.executable, "-c", program, "chat", "--model", serve(*[Says(code("print(42)"))] * turns)],
        input="go\n" * turns,
        text=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        cwd=home,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (80_000, 80_000)),
        check=False,
    )
    assert done.returncode == 3, done
    assert "free some space" in done.stdout
    assert "saved as" not in done.stdout
    (path,) = home.glob("ocinterp-*.json")
    assert done.stderr.splitlines()[-1].endswith(f"the conversation is in {path} instead")
    written = loads(path.read_text())
    assert written.turns[0].clean
    assert written != last(home)  # what the person said last is in it, too
    assert len(written.turns) >= len(last(home).turns) > 0


def test_a_first_message_that_is_undone_stays_forgotten(ocinterp: Run, serve: Run) -> None:
    for first in (Refuses.because(401, "no"), Says(code("x = 1"))):
        ocinterp("chat", "--model", serve(first), stdin="first\n/undo\n/quit\n")
        ended = ocinterp("sessions", "resume", "last", "--model", serve(), stdin="/quit\n")
        assert "not answered" not in ended.out
