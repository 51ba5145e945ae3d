from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocinterp import records
from ocinterp.chat.store import SessionStore
from ocinterp.testing import Raw, Refuses, Says, code

Run = Callable[..., Any]

BAD = Says(code("prnt('hi')"))
GOOD = Says(code("def double(x):\n    return 2 * x\nprint(double(21))"))


def test_a_failing_run_is_fed_back_and_refined_until_it_is_clean(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "double 21", "--model", serve(BAD, GOOD))
    assert ended.code == 0
    assert "NameError: name 'prnt' is not defined" in ended.out
    assert "feedback: how the run ended" in ended.out
    assert "42" in ended.out
    assert ended.err.startswith("ocinterp: Model: scripted at 127.0.0.1")


def test_the_request_may_come_from_standard_input(ocinterp: Run, serve: Run) -> None:
    assert ocinterp("run", "--model", serve(GOOD), stdin="double 21\r\n").code == 0


@pytest.mark.parametrize("stdin", ["", " \n\t"])
def test_an_empty_request_is_refused_in_one_line(ocinterp: Run, stdin: str) -> None:
    ended = ocinterp("run", "--model", "m@http://127.0.0.1:9/v1", stdin=stdin)
    assert (ended.code, ended.err.splitlines()[-1]) == (2, "ocinterp: the request is empty")


def test_tests_that_hold_make_it_a_success(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "double", "--test", "double(2) == 4", "--test", "double(0) == 0", "--model", serve(GOOD))
    assert ended.code == 0


def test_tests_that_do_not_hold_are_fed_back_with_what_came_instead(ocinterp: Run, serve: Run) -> None:
    wrong = Says(code("def double(x):\n    return x"))
    ended = ocinterp("run", "double", "--test", "double(2) == 4", "--model", serve(wrong, GOOD))
    assert ended.code == 0
    assert "but it is 2" in ended.out


def test_tests_that_never_hold_end_in_failure(ocinterp: Run, serve: Run) -> None:
    wrong = Says(code("def double(x):\n    return x"))
    model = serve(wrong, repeat_last=True)
    ended = ocinterp("run", "double", "--test", "double(2) == 4", "--rounds", "2", "--model", model)
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "ocinterp: 1 of 1 tests do not hold: double(2) == 4"


@pytest.mark.parametrize("leaving", ["import os\nos._exit(0)", "import sys\nsys.exit(0)", "exit()", "quit(0)"])
def test_a_program_cannot_pass_its_tests_by_ending_early(ocinterp: Run, serve: Run, leaving: str) -> None:
    program = Says(code(f"def double(x):\n    return x\n{leaving}"))
    model = serve(program, repeat_last=True)
    ended = ocinterp("run", "double", "--test", "double(2) == 4", "--rounds", "1", "--model", model)
    assert ended.code == 1


def test_a_test_that_is_no_expression_is_refused_before_anything_runs(ocinterp: Run) -> None:
    ended = ocinterp("run", "x", "--test", "x = 1")
    assert ended.code == 2
    assert "one Python expression" in ended.err


def test_giving_up_says_how_and_what_to_try(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "x", "--rounds", "2", "--model", serve(BAD, repeat_last=True))
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("ocinterp: still failing after 2 rounds: NameError")


def test_an_answer_without_code_is_a_failure_in_one_line(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "hello", "--model", serve(Says("Hello! How can I help?")))
    assert ended.code == 1
    assert "no code to run" in ended.err.splitlines()[-1]


def test_files_go_in_and_what_was_made_comes_out(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "in.csv").write_text("a\n1\n2\n")
    program = "import matplotlib.pyplot as plt\ntotal = sum(int(x) for x in open('in.csv').read().split()[1:])\n"
    program += "open('total.txt', 'w').write(str(total))\nplt.plot([1, 2])\nplt.show()"
    ended = ocinterp("run", "sum", "in.csv", "--out", "made", "--model", serve(Says(code(program))))
    assert ended.code == 0
    assert (home / "made" / "total.txt").read_text() == "3"
    assert (home / "made" / "figure-1.png").read_bytes().startswith(b"\x89PNG")
    assert not (home / "made" / "in.csv").exists()


def test_json_is_all_there_is_on_standard_output(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "double", "--json", "--test", "double(2) == 4", "--model", serve(BAD, GOOD))
    told = json.loads(ended.out)
    assert (told["ok"], told["rounds"], told["error"]) == (True, 2, None)
    assert told["tests"] == [{"expression": "double(2) == 4", "held": True, "got": ""}]
    assert records.loads(json.dumps(told["trajectory"])).turns[1].clean


def test_a_model_that_dies_half_way_loses_nothing_that_was_finished(ocinterp: Run, serve: Run, home: Path) -> None:
    ended = ocinterp("run", "double", "--model", serve(BAD, Refuses.because(401, "wrong key")))
    assert ended.code == 3
    assert ended.err.count("\n") == 2, "which model, and what is wrong"
    with SessionStore(home / "data") as store:
        saved = store.load("last").trajectory
    assert len(saved.turns) == 1
    assert "NameError" in saved.turns[0].feedback[0].text


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Refuses.because(401, "Incorrect API key provided"), "key"),
        (Refuses.because(404, "The model `scripted` does not exist", "model_not_found"), "scripted"),
        (Refuses.because(400, "maximum context length is 8192 tokens", "context_length_exceeded"), "context"),
    ],
)
def test_what_the_server_refuses_is_one_clear_line(ocinterp: Run, serve: Run, reply: Refuses, said: str) -> None:
    ended = ocinterp("run", "x", "--model", serve(reply))
    assert ended.code == 3
    assert said in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err


def test_a_dead_server_is_one_clear_line(ocinterp: Run) -> None:
    ended = ocinterp("run", "x", "--model", "m@http://127.0.0.1:9/v1")
    assert ended.code == 3
    assert "127.0.0.1:9" in ended.err.splitlines()[-1]


def test_without_any_model_the_end_of_the_chain_says_what_to_do(ocinterp: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocinterp.models import resolve

    monkeypatch.setattr(resolve, "LOCAL_SERVERS", ())
    monkeypatch.setattr(resolve.resolve, "__kwdefaults__", {**(resolve.resolve.__kwdefaults__ or {}), "local": ()})
    ended = ocinterp("run", "x")
    assert ended.code == 2
    for advice in ("OPENAI_API_KEY", "Ollama", "--model person", "--model replay:FILE", "doctor"):
        assert advice in ended.err


def test_a_file_that_cannot_be_read_is_one_clear_line(ocinterp: Run) -> None:
    ended = ocinterp("run", "x", "missing.csv", "--model", "m@http://127.0.0.1:9/v1")
    assert (ended.code, ended.err.splitlines()[-1]) == (
        2,
        "ocinterp: cannot read missing.csv: No such file or directory",
    )


def test_two_files_of_one_name_are_refused(ocinterp: Run, home: Path) -> None:
    for folder in ("a", "b"):
        (home / folder).mkdir()
        (home / folder / "x.csv").write_text("1")
    ended = ocinterp("run", "x", "a/x.csv", "b/x.csv", "--model", "m@http://127.0.0.1:9/v1")
    assert ended.code == 2
    assert "two files are named x.csv" in ended.err


def test_ten_megabytes_of_output_stop_the_cell_and_say_so(ocinterp: Run, serve: Run) -> None:
    flood = Says(code("for _ in range(10_000): print('x' * 1000)"))
    ended = ocinterp("run", "x", "--rounds", "1", "--model", serve(flood))
    assert ended.code == 1
    assert "OutputLimit" in ended.err.splitlines()[-1]


def test_binary_output_neither_breaks_nor_drives_the_terminal(ocinterp: Run, serve: Run) -> None:
    program = Says(code("import sys\nsys.stdout.buffer.write(bytes(range(256)) + b'\\x1b[2Jend')\nNone"))
    ended = ocinterp("run", "x", "--model", serve(program))
    assert ended.code == 0
    assert "\x1b" not in ended.out
    assert "end" in ended.out


def test_a_stream_of_garbage_is_one_clear_line(ocinterp: Run, serve: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from ocinterp.models.http import Patience

    patient = Patience.__init__

    def impatient(self: Patience, **given: Any) -> None:
        patient(self, **{"retries": 0, **given})

    monkeypatch.setattr(Patience, "__init__", impatient)
    ended = ocinterp("run", "x", "--model", serve(Raw((b"data: {not json\n\n",))))
    assert ended.code == 3
    assert "Traceback" not in ended.err


def test_a_corrupt_session_database_is_one_clear_line_and_is_left_alone(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "data").mkdir()
    database = home / "data" / "sessions.sqlite"
    database.write_bytes(b"this is no database" * 100)
    ended = ocinterp("run", "x", "--model", serve(GOOD))
    assert ended.code == 3
    assert str(database) in ended.err.splitlines()[-1]
    assert database.read_bytes() == b"this is no database" * 100


def test_person_reads_a_pasted_reply_up_to_a_dot(ocinterp: Run) -> None:
    ended = ocinterp("run", "say 42", "--model", "person", stdin="```python\nprint(6 * 7)\n```\n.\n")
    assert ended.code == 0
    assert "42" in ended.out
    assert "say 42" in ended.err


def test_person_who_says_nothing_is_nobody(ocinterp: Run) -> None:
    ended = ocinterp("run", "say 42", "--model", "person", stdin="")
    assert (ended.code, ended.err.splitlines()[-1]) == (3, "ocinterp: nobody answered")


def test_answer_lets_the_model_speak_after_it_saw_its_result(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "double 21", "--answer", "--model", serve(GOOD, Says("It is forty-two.")))
    assert ended.code == 0
    assert "It is forty-two." in ended.out


def test_the_config_file_names_the_model(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "config.toml").write_text(f'model = "{serve(BAD, BAD)}"\nrounds = 1\n')
    ended = ocinterp("run", "x")
    assert "after 1 round:" in ended.err


@pytest.mark.parametrize(("text", "said"), [("model = ", "cannot be read"), ("timeout = 'x'", "must be a number")])
def test_a_config_file_that_makes_no_sense_is_one_clear_line(ocinterp: Run, home: Path, text: str, said: str) -> None:
    (home / "config.toml").write_text(text)
    ended = ocinterp("run", "x")
    assert ended.code == 2
    assert said in ended.err


def test_an_unknown_sandbox_and_a_silly_timeout_are_refused(ocinterp: Run, serve: Run) -> None:
    assert "there is no sandbox 'docker'" in ocinterp("run", "x", "--sandbox", "docker", "--model", serve(GOOD)).err
    assert "seconds above 0" in ocinterp("run", "x", "--timeout", "0", "--model", serve(GOOD)).err


def test_unsafe_runs_without_isolation_only_by_its_name(ocinterp: Run, serve: Run) -> None:
    program = Says(code("print(open('/etc/hostname').read() and 'host')"))
    assert ocinterp("run", "x", "--rounds", "1", "--model", serve(program)).code == 1
    assert ocinterp("run", "x", "--rounds", "1", "--sandbox", "unsafe", "--model", serve(program)).code == 0


def test_a_folder_that_cannot_be_written_is_one_clear_line(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "file").write_text("in the way")
    program = Says(code("open('a.txt', 'w').write('x')"))
    ended = ocinterp("run", "x", "--out", "file", "--model", serve(program))
    assert ended.code == 2
    assert "cannot write into file" in ended.err


@pytest.mark.parametrize(
    "reply",
    [Says(code("def double(x): return 2 * x"), finish_reason="length"), Says(code("def double(x): return 2 * x"))],
)
def test_every_test_is_evaluated_whoever_else_had_something_to_say(ocinterp: Run, serve: Run, reply: Says) -> None:
    for test, exit_code in (("double(2) == 5", 1), ("double(2) == 4  # easy", 0)):
        ended = ocinterp("run", "double", "--answer", "--rounds", "1", "--test", test, "--model", serve(reply))
        assert ended.code == exit_code, ended


def test_a_test_is_evaluated_once_a_turn(ocinterp: Run, serve: Run) -> None:
    counting = Says(code("calls = 0\ndef count():\n    global calls\n    calls += 1\n    return calls"))
    assert ocinterp("run", "count", "--test", "count() == 1", "--model", serve(counting)).code == 0


def test_a_program_that_leaves_with_0_has_ended_well(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "go", "--model", serve(Says(code("import sys\nprint(1)\nsys.exit(0)"))))
    assert ended.code == 0
    assert "ran clean" in ended.out


FIGURE = Says(
    code("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.show()\nopen('figure-1.png', 'w').write('own');")
)


def test_what_cannot_be_kept_is_known_before_a_model_is_asked(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "file").write_text("")
    ended = ocinterp("run", "go", "--out", "file", "--model", serve())  # asked, this server would have nothing to say
    assert ended.code == 2
    assert ended.err.splitlines()[-1] == "ocinterp: cannot write into file: File exists; choose another --out"


def test_a_figure_that_cannot_be_written_loses_nothing_else(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "out" / "figure-1.png").mkdir(parents=True)
    ended = ocinterp("run", "go", "--out", "out", "--model", serve(FIGURE))
    assert ended.code == 1
    assert "cannot write out/figure-1.png" in ended.err
    with SessionStore(home / "data") as store:
        assert store.load("last").trajectory.turns[0].clean


def test_figures_and_files_of_one_name_are_both_kept(ocinterp: Run, serve: Run, home: Path) -> None:
    ended = ocinterp("run", "go", "--out", "out", "--json", "--model", serve(FIGURE))
    assert (home / "out" / "figure-1.png").read_bytes().startswith(b"\x89PNG")
    assert (home / "out" / "figure-1-2.png").read_text() == "own"
    assert json.loads(ended.out)["files"] == [{"name": "figure-1.png", "bytes": 3, "path": "out/figure-1-2.png"}]


def test_what_the_person_brought_is_never_overwritten(ocinterp: Run, serve: Run, home: Path) -> None:
    (home / "in.csv").write_text("mine")
    ocinterp("run", "go", "in.csv", "--out", ".", "--model", serve(Says(code("open('in.csv', 'w').write('changed');"))))
    assert (home / "in.csv").read_text() == "mine"
    assert (home / "in-2.csv").read_text() == "changed"


def test_a_file_that_is_too_large_does_not_keep_the_others_from_being_kept(
    ocinterp: Run, serve: Run, home: Path
) -> None:
    program = Says(code("open('big', 'wb').truncate(65 << 20); open('small', 'w').write('x');"))
    ended = ocinterp("run", "go", "--out", "out", "--model", serve(program))
    assert ended.code == 1
    assert "big is larger than 64 MiB" in ended.err
    assert (home / "out" / "small").read_text() == "x"


def test_json_is_printed_when_the_model_fails_too(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "go", "--json", "--model", serve(Refuses.because(401, "no")))
    assert ended.code == 3
    assert json.loads(ended.out)["ok"] is False


def test_a_request_that_is_no_text_is_one_clear_line(ocinterp: Run, serve: Run) -> None:
    ended = ocinterp("run", "--model", serve(), stdin=b"\xff\xfe")
    assert ended.code == 2
    assert "the request is not text in UTF-8" in ended.err


@pytest.mark.parametrize("text", ["rounds = 0", "rounds = 1.5", "timeout = -4", "timeout = nan", "sandbox = 'docker'"])
def test_a_silly_setting_is_one_clear_line_and_doctor_sees_it(ocinterp: Run, serve: Run, home: Path, text: str) -> None:
    (home / "config.toml").write_text(f"{text}\n")
    ended = ocinterp("run", "go", "--model", serve())
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert "WRONG" in ocinterp("doctor").out


def test_a_replay_shows_its_request_and_refuses_another(ocinterp: Run, home: Path) -> None:
    from ocinterp.cli import demo

    record = Path(demo.__file__).parent / "example" / "replay.jsonl"
    (home / "sales.csv").write_bytes((record.parent / "sales.csv").read_bytes())
    ended = ocinterp("run", "-", "sales.csv", "--model", f"replay:{record}")
    assert ended.code == 0
    assert "recorded request" in ended.out
    assert ocinterp("run", "something else", "--model", f"replay:{record}").code == 2
    assert "say which record" in ocinterp("run", "--model", "replay:").err
    assert ocinterp("run", "-", "sales.csv", "--rounds", "1", "--model", f"replay:{record}").code == 1


def test_the_record_says_what_really_ran_the_code(ocinterp: Run, serve: Run, home: Path) -> None:
    for options, expected in (
        ([], ("ns", "off")),
        (["--net"], ("ns", "host")),
        (["--sandbox", "unsafe"], ("unsafe", "host")),
    ):
        ocinterp("run", "go", *options, "--model", serve(Says(code("1"))))
        with SessionStore(home / "data") as store:
            trajectory = store.load("last").trajectory
        assert (trajectory.provenance["sandbox"], trajectory.provenance["network"]) == expected
        assert ("There is no network" in trajectory.prompt[0].content) == (expected[1] == "off")
