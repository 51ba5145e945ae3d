"""`ocinterp data`: benchmarks are imported, listed and verified."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluations import write_benchmark
from ocinterp.tasks import catalogue, texts
from ocinterp.tasks.catalogue import Dataset, Text

Run = Callable[..., Any]

ROW: dict[str, Any] = {"task_id": "m/1", "prompt": "Add.", "entry_point": "add", "tests": "assert add(1, 2) == 3"}
MINE = (json.dumps(ROW) + "\n").encode()
SUMS = (json.dumps({**ROW, "task_id": "s/1", "reference": "def add(a, b): return a + b"}) + "\n").encode()


@pytest.fixture
def sums(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """The only published dataset there is."""
    known = Dataset("sums", "1", "generic", 1, 1, (Text(texts.md5(SUMS), texts.sha256(SUMS)),), "https://127.0.0.1:9/x")
    monkeypatch.setattr(catalogue, "PUBLISHED", (known,))
    monkeypatch.setattr(catalogue, "BUILT_IN", ())
    return known


@pytest.fixture
def address(home: Path) -> Iterator[str]:
    """The address of a server that gives out the files of a folder `site`."""
    (home / "site").mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(home / "site"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_a_folder_is_searched_and_each_file_is_accounted_for(ocinterp: Run, home: Path, sums: Dataset) -> None:
    folder = home / "files"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "sums.json.gz").write_bytes(texts.pack(SUMS))
    (folder / "mine.jsonl").write_bytes(MINE)
    (folder / "cut.jsonl.gz").write_bytes(texts.pack(MINE)[:-9])
    (folder / "notes.txt").write_bytes(SUMS)
    ended = ocinterp("data", "import", folder)
    assert ended.code == 0
    assert ended.out == (
        f"imported sums@1  1 tasks, 1 tests  from {folder}/deep/sums.json.gz\n"
        "not known, so not taken: mine.jsonl (name a file of your own to import it)\n"
    )
    assert ended.err.startswith(f"ocinterp: {folder}/cut.jsonl.gz:1: the compressed file is damaged or cut short")


def test_a_folder_without_anything_known_is_an_error(ocinterp: Run, home: Path, sums: Dataset) -> None:
    (home / "mine.jsonl").write_bytes(MINE)
    ended = ocinterp("data", "import", home)
    assert ended.code == 2
    assert f"there is no known dataset among the files of {home}" in ended.err


def test_the_list_shows_what_is_imported(ocinterp: Run, home: Path, sums: Dataset) -> None:
    assert ocinterp("data", "list").out.splitlines() == [
        "name  version  tasks  tests  md5                               imported",
        f"sums  1            1      1  {hashlib.md5(SUMS).hexdigest()}  no",
    ]
    (home / "sums.jsonl").write_bytes(SUMS)
    (home / "mine.jsonl").write_bytes(MINE)
    assert ocinterp("data", "import", "sums.jsonl", "mine.jsonl").code == 0
    assert [line.split()[0::5] for line in ocinterp("data", "list").out.splitlines()[1:]] == [
        ["sums", "yes"],
        ["mine", "yes"],
    ]


def test_a_file_of_ones_own_is_imported_with_a_warning(ocinterp: Run, home: Path) -> None:
    (home / "x.jsonl").write_bytes(MINE)
    ended = ocinterp("data", "import", "--as", "mine", "x.jsonl")
    assert ended.code == 0
    assert ended.out == "imported mine@own  1 tasks, 1 tests  from x.jsonl\n"
    assert ended.err == f"ocinterp: mine is no published dataset (md5 {texts.md5(MINE)}): reports will say so\n"


def test_a_file_that_is_not_what_it_is_called_is_refused(ocinterp: Run, home: Path, sums: Dataset) -> None:
    (home / "x.jsonl").write_bytes(MINE)
    ended = ocinterp("data", "import", "--as", "sums@1", "x.jsonl")
    assert ended.code == 2
    assert f"x.jsonl is not sums@1: its text has the md5 {texts.md5(MINE)}; expected {texts.md5(SUMS)}" in ended.err


def test_a_file_without_tests_is_refused_by_its_line(ocinterp: Run, home: Path) -> None:
    (home / "x.jsonl").write_text(json.dumps({**ROW, "tests": ""}))
    ended = ocinterp("data", "import", "x.jsonl")
    assert ended.code == 3
    assert ended.err == 'ocinterp: x.jsonl:1: tests: expected at least one test, found ""\n'


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "nothing to import: name files or folders, or --from-web NAME"),
        (["--as", "mine"], "nothing to import"),
        (["--as", "mine", "a", "b"], "--as NAME says what one file is"),
        (["--as", "mine", "."], "--as NAME says what one file is"),
        (["absent.jsonl"], "cannot read absent.jsonl: No such file or directory"),
        (["--from-web", "humanevl"], "there is no dataset 'humanevl': do you mean humaneval"),
        (["--from-web", "mbpp+@9"], "mbpp+ has no version '9': there is 0.1.0, 0.2.0"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_one_clear_line(
    ocinterp: Run, arguments: list[str], complaint: str
) -> None:
    ended = ocinterp("data", "import", *arguments)
    assert ended.code == 2
    assert complaint in ended.err
    assert ended.err.count("\n") == 1


def test_verify_reads_everything_again(ocinterp: Run, home: Path, sums: Dataset) -> None:
    assert ocinterp("data", "verify").out == "nothing is imported yet: ocinterp data import PATH\n"
    (home / "sums.jsonl").write_bytes(SUMS)
    ocinterp("data", "import", "sums.jsonl")
    ended = ocinterp("data", "verify")
    assert (ended.code, ended.out) == (0, "sums@1: sound\n")
    (home / "cache" / "benchmarks" / f"{texts.md5(SUMS)}.gz").write_bytes(texts.pack(MINE))
    ended = ocinterp("data", "verify")
    assert ended.code == 3
    assert ended.out.startswith("sums@1: the copy of sums@1 is damaged: import it again")
    assert ended.err == "ocinterp: 1 of 1 datasets are not as they should be: import them again\n"


def test_a_dataset_is_fetched_only_when_asked_for_and_compared_with_its_hash(
    ocinterp: Run, home: Path, sums: Dataset, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(sums, address=f"{address}/sums.jsonl.gz"),))
    (home / "site" / "sums.jsonl.gz").write_bytes(texts.pack(MINE))
    ended = ocinterp("data", "import", "--from-web", "sums")
    assert ended.code == 2
    assert f"its text has the md5 {texts.md5(MINE)}; expected {texts.md5(SUMS)}" in ended.err
    (home / "site" / "sums.jsonl.gz").write_bytes(texts.pack(SUMS))
    ended = ocinterp("data", "import", "--from-web", "sums")
    assert (ended.code, ended.out) == (0, f"imported sums@1  1 tasks, 1 tests  from {address}/sums.jsonl.gz\n")


def test_without_a_network_a_sentence_says_how_to_do_without(ocinterp: Run, sums: Dataset) -> None:
    ended = ocinterp("data", "import", "--from-web", "sums")
    assert ended.code == 2
    assert "fetch the file where there is a network, then `ocinterp data import --as sums@1 FILE`" in ended.err
    assert ended.err.count("\n") == 1


def test_the_real_benchmarks_are_found_among_the_test_data(ocinterp: Run, data: Path) -> None:
    if not (data / "benchmarks").is_dir():
        pytest.skip(f"no benchmarks in {data}")
    ended = ocinterp("data", "import", "--no-answers", data / "benchmarks")
    assert ended.code == 0
    assert "imported humaneval+@0.1.10  164 tasks, 124,253 tests" in ended.out
    assert "is not taken: it is HumanEvalPack in JavaScript" in ended.err or "humanevalpack-js" not in ended.err


def test_references_answer_at_import_once(ocinterp: Run, home: Path) -> None:
    path = write_benchmark(home)
    ended = ocinterp("data", "import", path)
    assert ended.out.endswith("the references of own@own have answered its tests\n")
    kept = list((home / "cache" / "expected").iterdir())
    assert len(kept) == 1
    again = ocinterp("data", "import", path)
    assert (again.code, again.out.count("\n")) == (0, 1)
    assert list((home / "cache" / "expected").iterdir()) == kept


def test_answers_can_be_left_to_the_first_score(ocinterp: Run, home: Path) -> None:
    assert ocinterp("data", "import", "--no-answers", write_benchmark(home)).code == 0
    assert not (home / "cache" / "expected").exists()


def test_a_reference_that_fails_its_own_tests_is_named_and_the_dataset_imported(ocinterp: Run, home: Path) -> None:
    path = write_benchmark(home)
    path.write_text(path.read_text("utf-8").replace("return text * 2", "return text * undefined"), "utf-8")
    ended = ocinterp("data", "import", path)
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "the reference of own/twice does not answer its own tests: exception, NameError" in ended.err
    assert "own" in ocinterp("data", "list").out


def test_a_setting_that_judges_nothing_does_not_hinder_the_import(ocinterp: Run, home: Path) -> None:
    (home / "config.toml").write_text('sandbox = "container"\n', "utf-8")
    ended = ocinterp("data", "import", write_benchmark(home))
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert "jobs do not run in containers" in ended.err
    assert ended.err.rstrip().endswith("the first score computes them")


def test_what_is_built_in_is_listed_and_not_fetched(ocinterp: Run) -> None:
    (line,) = [each for each in ocinterp("data", "list").out.splitlines() if each.startswith("pocket")]
    assert line.split() == ["pocket", "1", "1,200", "19,094", catalogue.BUILT_IN[0].texts[0].md5, "built", "in"]
    ended = ocinterp("data", "import", "--from-web", "pocket")
    assert (ended.code, ended.err) == (2, "ocinterp: pocket@1 is built in: there is nothing to import\n")
