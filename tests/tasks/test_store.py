"""Importing: what is known is known by its hash, what is wrong is refused, and a copy is checked whenever it is read."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ocinterp import files
from ocinterp.errors import DataError, UsageError
from ocinterp.tasks import catalogue, formats, store, texts
from ocinterp.tasks.catalogue import Dataset, Text
from ocinterp.tasks.pocket import benchmark as pocket

ROW: dict[str, Any] = {
    "task_id": "a/1",
    "prompt": "def half(x):\n",
    "entry_point": "half",
    "canonical_solution": "    return x / 2\n",
    "test": "def check(candidate):\n    assert candidate(4) == 2\n",
}
OLD = (json.dumps(ROW) + "\n").encode()
NEW = (json.dumps(ROW) + "\n" + json.dumps({**ROW, "task_id": "a/2"}) + "\n").encode()
MINE = b'{"task_id": "m", "prompt": "Add.", "entry_point": "add", "tests": "assert add(1, 2) == 3"}\n'


def published(version: str, text: bytes, rows: int) -> Dataset:
    known = (Text(texts.md5(text), texts.sha256(text)),)
    return Dataset("halves", version, "humaneval", rows, rows, known, f"https://example.org/{version}.jsonl.gz")


@pytest.fixture(autouse=True)
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of one small dataset in two versions."""
    monkeypatch.setattr(catalogue, "PUBLISHED", (published("1", OLD, 1), published("2", NEW, 2)))
    monkeypatch.setattr(catalogue, "BUILT_IN", ())
    monkeypatch.setattr(catalogue, "REFUSED", {texts.md5(b"[3]"): "a list of no use"})


def test_a_known_text_is_imported_and_opened_by_its_name(tmp_path: Path) -> None:
    (dataset,) = store.add(NEW, "x", tmp_path)
    assert dataset.full_name == "halves@2"
    for name in ("halves", "halves@2", "Halves@v2"):
        benchmark = store.load(name, tmp_path)
        assert (benchmark.name, benchmark.version, benchmark.known) == ("halves", "2", True)
        assert benchmark.md5 == texts.md5(NEW)
        assert list(benchmark.problems) == ["a/1", "a/2"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_may_be_packed_or_not(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "data"
    path.write_bytes(gzip.compress(OLD) if packed else OLD)
    store.add_file(path, tmp_path / "kept")
    assert len(store.load("halves@1", tmp_path / "kept").problems) == 1


@pytest.mark.parametrize(
    "spoilt", [files.MARK + OLD, OLD.replace(b"\n", b"\r\n"), files.MARK + OLD.replace(b"\n", b"\r\n")]
)
def test_a_byte_order_mark_and_windows_line_ends_do_not_make_another_text(tmp_path: Path, spoilt: bytes) -> None:
    store.add(spoilt, "x", tmp_path, "halves@1")
    assert store.load("halves@1", tmp_path).md5 == texts.md5(OLD)


def test_a_name_without_a_version_is_the_newest_even_where_only_an_older_one_is_here(tmp_path: Path) -> None:
    store.add(OLD, "x", tmp_path)
    with pytest.raises(UsageError, match="halves@2 is not imported; imported is halves@1: `ocinterp data import FILE`"):
        store.load("halves", tmp_path)


def test_a_file_that_is_not_what_it_is_called_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        store.add(OLD, "some.jsonl", tmp_path, "halves")
    assert str(caught.value) == (
        f"some.jsonl is not halves@2: it is halves@1; expected {texts.md5(NEW)}, 2 tasks, "
        "as from https://example.org/2.jsonl.gz"
    )
    with pytest.raises(UsageError, match=f"its text has the md5 {texts.md5(MINE)}; expected"):
        store.add(MINE, "some.jsonl", tmp_path, "halves")
    assert list(tmp_path.iterdir()) == []


def test_two_texts_of_one_md5_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forged = replace(published("1", OLD, 1), texts=(Text(texts.md5(OLD), texts.sha256(NEW)),))
    monkeypatch.setattr(catalogue, "PUBLISHED", (forged,))
    with pytest.raises(UsageError, match="is not halves@1"):
        store.add(OLD, "x", tmp_path, "halves@1")


def test_one_text_may_be_two_datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = published("1", OLD, 1)
    monkeypatch.setattr(catalogue, "PUBLISHED", (one, replace(one, name="other")))
    assert [each.full_name for each in store.add(OLD, "x", tmp_path)] == ["halves@1", "other@1"]
    assert store.load("other", tmp_path).name == "other"


def test_a_dataset_may_be_known_by_another_text_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaced = json.dumps([ROW], indent=2).encode()
    both = (*published("1", OLD, 1).texts, Text(texts.md5(spaced), texts.sha256(spaced)))
    monkeypatch.setattr(catalogue, "PUBLISHED", (replace(published("1", OLD, 1), texts=both),))
    store.add(spaced, "x", tmp_path)
    assert store.load("halves", tmp_path).md5 == texts.md5(spaced)
    store.add(OLD, "x", tmp_path)
    assert store.load("halves", tmp_path).md5 == texts.md5(OLD)


def test_a_text_that_is_known_to_be_of_no_use_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="x is not taken: it is a list of no use"):
        store.add(b"[3]", "x", tmp_path)


def test_an_own_dataset_gets_the_name_of_its_file_or_the_one_given_and_is_not_known(tmp_path: Path) -> None:
    (dataset,) = store.add(MINE, "/some/My tasks.v1.jsonl.gz", tmp_path)
    assert (dataset.full_name, dataset.tasks, dataset.tests, dataset.known) == ("my-tasks.v1@own", 1, 1, False)
    store.add(MINE.replace(b"Add.", b"Sum."), "x", tmp_path, "Sums")
    assert not store.load("sums", tmp_path).known
    assert store.load("sums@own", tmp_path).version == "own"
    assert [each.dataset.name for each in store.entries(tmp_path)] == ["halves", "halves", "my-tasks.v1", "sums"]


def test_an_own_dataset_may_be_in_a_published_format(tmp_path: Path) -> None:
    store.add(OLD.replace(b"x / 2", b"x * 0.5"), "mini.jsonl", tmp_path)
    assert store.load("mini", tmp_path).problems["a/1"].reference.endswith("return x * 0.5\n")


def test_an_own_dataset_is_replaced_by_a_new_one_of_its_name(tmp_path: Path) -> None:
    store.add(MINE, "mine.jsonl", tmp_path)
    store.add(MINE + MINE.replace(b'"m"', b'"n"'), "mine.jsonl", tmp_path)
    assert list(store.load("mine", tmp_path).problems) == ["m", "n"]
    assert len(store.entries(tmp_path)) == 3


def test_an_own_dataset_may_not_take_a_published_name(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"halves\.jsonl is no published dataset .* give it a name of its own with --as"
    ):
        store.add(MINE, "halves.jsonl", tmp_path)
    with pytest.raises(UsageError, match="so it cannot be called mine@3"):
        store.add(MINE, "x", tmp_path, "mine@3")
    with pytest.raises(UsageError, match="x is halves@1: it keeps that name"):
        store.add(OLD, "x", tmp_path, "mine")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "x:1: the file is empty"),
        (b"words", "x:1: not JSON"),
        (b'{"a": 1}', "x:1: not a row of a benchmark"),
        (MINE + MINE, "x:2: task 'm' was there already, at x:1"),
        (MINE.replace(b"assert add", b"assert ("), "x: m: the tests are not a Python program"),
        (MINE.replace(b"Add.", b"\xff"), "x:1: not UTF-8: byte 0xff"),
    ],
)
def test_what_cannot_be_read_is_not_imported(tmp_path: Path, text: bytes, complaint: str) -> None:
    with pytest.raises(DataError) as caught:
        store.add(text, "x", tmp_path)
    assert str(caught.value).startswith(complaint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "../x", "a b", "@1", "é", ".hidden"])
def test_a_name_that_could_be_a_path_is_no_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="a dataset's name is made of"):
        store.add(MINE, "x", tmp_path, name)


def test_an_unknown_name_is_answered_with_what_is_near_and_what_there_is(tmp_path: Path) -> None:
    store.add(MINE, "mine.jsonl", tmp_path)
    with pytest.raises(UsageError) as caught:
        store.load("halfs", tmp_path)
    assert str(caught.value) == "there is no dataset 'halfs': do you mean halves? there are halves, mine"
    with pytest.raises(UsageError, match="halves has no version '3': there is 1, 2"):
        store.load("halves@3", tmp_path)


def test_a_damaged_copy_is_never_used(tmp_path: Path) -> None:
    store.add(OLD, "x", tmp_path)
    path = tmp_path / f"{texts.md5(OLD)}.gz"
    whole = path.read_bytes()
    for broken in (whole[:-9], b"", texts.pack(NEW), whole[:12] + b"\xff\xff" + whole[14:]):
        path.write_bytes(broken)
        with pytest.raises(UsageError, match=r"the copy of halves@1 is damaged: import it again \("):
            store.load("halves@1", tmp_path)
        ((_, faults),) = store.verify(tmp_path)
        assert "import it again" in faults[0]
    store.add(OLD, "x", tmp_path)
    assert list(store.verify(tmp_path)) == [(catalogue.PUBLISHED[0], [])]


def test_verify_counts_and_looks_at_references(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = OLD.replace(b"return x / 2", b"return ((")
    monkeypatch.setattr(catalogue, "PUBLISHED", (published("1", text, 7),))
    store.add(text, "x", tmp_path)
    ((dataset, faults),) = store.verify(tmp_path)
    assert dataset.full_name == "halves@1"
    assert faults == ["1 tasks with 1 tests, expected 7 with 7", "a/1: the reference is not a Python program"]


def test_an_import_leaves_nothing_but_the_copy(tmp_path: Path) -> None:
    store.add(OLD, "x", tmp_path / "new" / "folder")
    (path,) = (tmp_path / "new" / "folder").iterdir()
    assert gzip.decompress(path.read_bytes()) == OLD


def test_a_folder_that_cannot_be_written_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        store.add(OLD, "x", tmp_path / "file" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_no_description_of_a_dataset_is_passed_over(tmp_path: Path) -> None:
    store.add(MINE, "mine.jsonl", tmp_path)
    about = json.loads((tmp_path / "mine.json").read_text())
    for name, content in {"a": "", "b": "[]", "c": "{}", "d": json.dumps({**about, "form": "other"}), "e": "3"}.items():
        (tmp_path / f"{name}.json").write_text(content)
    assert [each.dataset.name for each in store.entries(tmp_path)] == ["halves", "halves", "mine"]


def test_files_are_looked_for_by_their_endings_and_not_in_hidden_folders(tmp_path: Path) -> None:
    (tmp_path / "b" / ".git").mkdir(parents=True)
    for name in ("a.jsonl", "b/c.json.gz", "b/.git/d.json", "b/.e.json", "f.txt"):
        (tmp_path / name).touch()
    assert [str(path.relative_to(tmp_path)) for path in store.candidates(tmp_path)] == ["a.jsonl", "b/c.json.gz"]


def test_the_real_catalogue_has_unambiguous_names_and_a_reader_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names = [each.full_name for each in catalogue.PUBLISHED]
    assert len(set(names)) == len(names) == 12
    for each in catalogue.PUBLISHED:
        assert catalogue.find(each.full_name) == each
        assert each.form in formats.READERS
        assert each.address.startswith("https://")
        assert all((len(text.md5), len(text.sha256)) == (32, 64) for text in each.texts)
    newest = {
        name: found.version
        for name in ("humaneval+", "HumanEvalPlus", "mbpp_plus", "humanevalpack")
        if (found := catalogue.find(name))
    }
    assert newest == {"humaneval+": "0.1.10", "HumanEvalPlus": "0.1.10", "mbpp_plus": "0.2.0", "humanevalpack": "2023"}


def test_what_is_built_in_is_there_without_an_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (dataset,) = catalogue.BUILT_IN
    benchmark = store.load("pocket", tmp_path)
    assert (benchmark.name, benchmark.version, benchmark.known) == ("pocket", "1", True)
    assert benchmark.md5 == dataset.texts[0].md5 == texts.md5(pocket.text())
    assert texts.sha256(pocket.text()) == dataset.texts[0].sha256
    assert len(benchmark.problems) == dataset.tasks
    assert sum(map(formats.count_tests, benchmark.problems.values())) == dataset.tests
    assert dataset in [each.dataset for each in store.entries(tmp_path) if each.md5 is not None]
    assert list(store.verify(tmp_path)) == []
    with pytest.raises(UsageError, match="pocket is built in: there is nothing to import"):
        store.add(OLD, "x", tmp_path, "pocket")
