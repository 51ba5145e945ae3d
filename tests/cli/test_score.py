"""`ocinterp score`: samples are judged, and what is wrong with them is told."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def task(number: int, body: str, base: list[Any], plus: list[Any]) -> dict[str, Any]:
    return {
        "task_id": f"Tiny/{number}",
        "prompt": f"def f{number}(x):\n",
        "entry_point": f"f{number}",
        "canonical_solution": f"    return {body}\n",
        "base_input": base,
        "plus_input": plus,
        "atol": 0,
    }


TASKS = [
    task(0, "x + 1", [[1], [2]], [[-5], [10**30]]),
    task(1, "[x] * x", [[3]], [[0], [5000]]),
    task(2, "x / 3", [[1]], [[2]]),
]
RIGHT = {"Tiny/0": "x + 1", "Tiny/1": "[x for _ in range(x)]", "Tiny/2": "x * (1 / 3)"}


def rows(**bodies: str) -> list[dict[str, str]]:
    return [{"task_id": f"Tiny/{name[1:]}", "completion": f"    return {body}\n"} for name, body in bodies.items()]


@pytest.fixture
def samples(ocinterp: Run, home: Path) -> Callable[[list[dict[str, str]]], Path]:
    (home / "tiny.jsonl").write_text("".join(json.dumps(each) + "\n" for each in TASKS), "utf-8")
    assert ocinterp("data", "import", home / "tiny.jsonl", "--as", "tiny").code == 0

    def write(found: list[dict[str, str]]) -> Path:
        (home / "samples.jsonl").write_text("".join(json.dumps(each) + "\n" for each in found), "utf-8")
        return home / "samples.jsonl"

    return write


Samples = Callable[[list[dict[str, str]]], Path]


def scored(ocinterp: Run, home: Path, path: Path, *options: str) -> dict[str, Any]:
    ended = ocinterp("score", "tiny", path, "--json", home / "out.json", *options)
    assert ended.code == 0, ended.err
    return json.loads((home / "out.json").read_text("utf-8"))


def test_right_programs_pass_under_every_profile(ocinterp: Run, home: Path, samples: Samples) -> None:
    path = samples([{"task_id": name, "completion": f"    return {body}\n"} for name, body in RIGHT.items()])
    for profile in ("evalplus-0.2", "evalplus-0.3", "strict"):
        found = scored(ocinterp, home, path, "--profile", profile)
        assert (found["pass@1"], found["profile"], found["differing"]) == (1.0, profile, [])


def test_each_way_to_fail_is_told_apart(ocinterp: Run, home: Path, samples: Samples) -> None:
    found = scored(
        ocinterp, home, samples([*rows(t0="x + (x > 0)", t1="[x] * 3"), *rows(t2="1 / 0", t0="x.y", t1="exit(0)")])
    )
    assert found["tasks"]["Tiny/0"] == [{"base": "pass", "plus": "wrong"}, {"base": "exception", "plus": "exception"}]
    assert found["tasks"]["Tiny/1"] == [{"base": "pass", "plus": "wrong"}, {"base": "exited", "plus": "exited"}]
    assert found["tasks"]["Tiny/2"] == [{"base": "exception", "plus": "exception"}]
    assert (found["pass@1"], found["base"]["pass@1"]) == (0.0, pytest.approx(1 / 3))


def test_a_run_goes_on_where_it_was_and_begins_again_when_asked(ocinterp: Run, home: Path, samples: Samples) -> None:
    first = scored(ocinterp, home, samples(rows(t0="x + 1")))
    ended = ocinterp("score", "tiny", samples(rows(t0="x + 1", t1="x")), "--json", home / "out.json")
    assert "1 verdicts are of an earlier run" in ended.err
    assert json.loads((home / "out.json").read_text("utf-8"))["tasks"]["Tiny/0"] == first["tasks"]["Tiny/0"]
    assert "earlier" not in ocinterp("score", "tiny", home / "samples.jsonl", "--again").err


def test_fast_passes_and_fails_the_same_samples(ocinterp: Run, home: Path, samples: Samples) -> None:
    path = samples(rows(t0="x + (x > 0)", t1="[x] * x", t2="1 / 0"))
    slow, fast = scored(ocinterp, home, path), scored(ocinterp, home, path, "--fast")
    assert fast["tasks"] == slow["tasks"]
    assert fast["pass@1"] == slow["pass@1"] == pytest.approx(1 / 3)


def test_what_profiles_see_differently_is_shown_with_its_reason(ocinterp: Run, home: Path, samples: Samples) -> None:
    ended = ocinterp("score", "tiny", samples(rows(t0="float(x + 1)")), "--profile", "evalplus-0.3")
    assert ended.code == 0
    assert "that profiles judge differently" in ended.out
    assert "wrong type" in ended.out


def test_irregular_samples_are_counted(ocinterp: Run, home: Path, samples: Samples) -> None:
    path = samples([*rows(t0="x + 1"), *rows(t0="x + 1"), *rows(t9="x"), {"task_id": "Tiny/1", "solution": ""}])
    shown = ocinterp("score", "tiny", path).out
    for words in ("not one that was published", "Tiny/2", "1 row", "same program", "without any text"):
        assert words in " ".join(shown.split()), words


def test_windows_line_ends_and_gzip_are_read(ocinterp: Run, home: Path, samples: Samples) -> None:
    text = samples(rows(t0="x + 1")).read_text("utf-8").replace("\n", "\r\n").replace("\\n", "\\r\\n")
    (home / "samples.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert scored(ocinterp, home, home / "samples.jsonl.gz")["tasks"]["Tiny/0"] == [{"base": "pass", "plus": "pass"}]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing", "samples.jsonl"], "nothing"),
        (["tiny", "absent.jsonl"], "there are no samples at"),
        (["tiny", "tiny.jsonl", "--sandbox", "container"], "not judged in the sandbox|do not run in containers"),
        (["tiny", "tiny.jsonl", "--profile", "lenient"], "lenient"),
        (["tiny", "tiny.jsonl", "--workers", "0"], "--workers"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_refused(
    ocinterp: Run, home: Path, samples: Samples, arguments: list[str], words: str
) -> None:
    samples(rows(t0="x"))
    where = [arguments[0], str(home / arguments[1]), *arguments[2:]]
    ended = ocinterp("score", *where)
    assert ended.code == 2
    assert re.search(words, ended.err)
