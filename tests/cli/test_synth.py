"""Data is made from the command line."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from cli.conftest import Command
from ocinterp import records


def methods(path: Path) -> Counter[str]:
    return Counter(each.provenance["method"] for each in records.read(path))


def test_as_many_dialogues_as_asked_for_are_written_and_the_seed_decides_which(home: Path, ocinterp: Command) -> None:
    ended = ocinterp("synth", "pocket", "a.jsonl", "--count", "40", "--seed", "x")
    assert (ended.code, ended.out) == (0, "")
    assert "40 dialogues in a.jsonl: " in ended.err
    assert sum(methods(home / "a.jsonl").values()) == 40
    ocinterp("synth", "pocket", "b.jsonl.gz", "--count", "40", "--seed", "x")
    ocinterp("synth", "pocket", "c.jsonl", "--count", "40", "--seed", "y")
    assert list(records.read(home / "b.jsonl.gz")) == list(records.read(home / "a.jsonl"))
    assert list(records.read(home / "c.jsonl")) != list(records.read(home / "a.jsonl"))


def test_only_some_forms_can_be_had(home: Path, ocinterp: Command) -> None:
    assert ocinterp("synth", "pocket", "a.jsonl", "--count", "30", "--forms", "single").code == 0
    assert methods(home / "a.jsonl") == {"pocket-single": 30}
    ended = ocinterp("synth", "pocket", "a.jsonl", "--forms", "single,double")
    assert (ended.code, "there is no form 'double' of a dialogue" in ended.err) == (2, True)
    ended = ocinterp("synth", "pocket", "a.jsonl", "--forms", "")
    assert ended.code == 2


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_made(ocinterp: Command) -> None:
    ended = ocinterp("synth", "pocket", "no/where.jsonl", "--count", "1000000000")
    assert (ended.code, "there is no folder no" in ended.err) == (2, True)
