"""What is written is read back the same, or refused before anything is touched."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import threading
from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ocinterp
from ocinterp import records, types
from ocinterp.errors import DataError, UsageError
from ocinterp.types import (
    AskEvent,
    Cell,
    CellEvent,
    Completion,
    Display,
    DisplayEvent,
    DoneEvent,
    Event,
    ExecutionResult,
    Failure,
    Feedback,
    FeedbackEvent,
    Message,
    Outcome,
    OutputEvent,
    ResultEvent,
    Run,
    Source,
    StopReason,
    TextEvent,
    Tokens,
    Trajectory,
    Turn,
    TurnEvent,
    Usage,
)

FORMATS = Path(__file__).resolve().parent.parent / "docs" / "formats.md"

finite = st.floats(allow_nan=False, allow_infinity=False)
count = st.integers(min_value=0)
bundles = st.dictionaries(st.text(), st.text(), max_size=3)


@st.composite
def tokens(draw: st.DrawFn) -> Tokens:
    pairs = draw(st.lists(st.tuples(count, finite), max_size=4))
    ids, logprobs = zip(*pairs, strict=True) if pairs else ((), ())
    return Tokens(tuple(draw(st.lists(count, max_size=4))), ids, logprobs)


cells = st.builds(Cell, id=st.text(), source=st.text(), language=st.text())
displays = st.builds(Display, data=bundles)
results = st.builds(
    ExecutionResult,
    cell_id=st.text(),
    outcome=st.sampled_from(Outcome),
    stdout=st.text(),
    stderr=st.text(),
    error=st.none() | st.builds(Failure, name=st.text(), message=st.text(), traceback=st.text()),
    displays=st.lists(displays, max_size=2).map(tuple),
    cpu_seconds=finite,
    wall_seconds=finite,
    truncated=st.booleans(),
)
feedback = st.builds(
    Feedback, source=st.sampled_from(Source), text=st.text(), rating=st.none() | st.sampled_from(["good", "bad"])
)
turns = st.builds(
    Turn,
    completion=st.builds(
        Completion,
        text=st.text(),
        finish_reason=st.sampled_from(["stop", "length"]),
        tokens=st.none() | tokens(),
        usage=st.none() | st.builds(Usage, prompt_tokens=count, completion_tokens=count),
    ),
    runs=st.lists(st.builds(Run, cell=cells, result=results), max_size=2).map(tuple),
    feedback=st.lists(feedback, max_size=2).map(tuple),
)
trajectories = st.builds(
    Trajectory,
    task_id=st.text(),
    prompt=st.lists(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=st.text()), max_size=3
    ).map(tuple),
    turns=st.lists(turns, max_size=2).map(tuple),
    stop=st.none() | st.sampled_from(StopReason),
    provenance=bundles,
)
events = st.one_of(
    st.builds(TextEvent, text=st.text()),
    st.builds(CellEvent, cell=cells),
    st.builds(OutputEvent, cell_id=st.text(), stream=st.sampled_from(["stdout", "stderr"]), text=st.text()),
    st.builds(DisplayEvent, cell_id=st.text(), display=displays),
    st.builds(ResultEvent, result=results),
    st.builds(TurnEvent, turn=turns),
    st.builds(AskEvent),
    st.builds(FeedbackEvent, feedback=st.lists(feedback, max_size=2).map(tuple)),
    st.builds(DoneEvent, stop=st.sampled_from(StopReason)),
)

SMALL = Trajectory("t/1", (Message("user", "how many “é” are in 𝒳?\u2028"),), (Turn(Completion("none")),))
OTHER = Trajectory("t/2", (Message("user", "again"),))


@given(trajectories)
def test_any_trajectory_is_read_back_the_same(trajectory: Trajectory) -> None:
    line = records.dumps(trajectory)
    assert "\n" not in line
    assert json.loads(line)["format"] == "ocinterp-trajectory/1"
    assert records.loads(line) == trajectory


@given(events)
def test_any_event_is_read_back_the_same(event: Event) -> None:
    data = records.event_to_json(event)
    assert data["kind"] == event.kind
    assert json.loads(json.dumps(data)) == data
    assert records.event_from_json(data) == event


@given(st.lists(trajectories, max_size=3), st.sampled_from(["t.jsonl", "t.jsonl.gz"]))
def test_any_file_is_read_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, written: list[Trajectory], name: str
) -> None:
    path = tmp_path_factory.getbasetemp() / name
    records.write(path, written)
    assert list(records.read(path)) == written


def test_text_is_written_as_itself() -> None:
    assert "“é” are in 𝒳?" in records.dumps(SMALL)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_not_written(number: float) -> None:
    result = ExecutionResult("1", Outcome.OK, cpu_seconds=number)
    with pytest.raises(DataError, match="not finite"):
        records.event_to_json(ResultEvent(result))
    turn = Turn(Completion(""), (Run(Cell("1", ""), result),))
    with pytest.raises(DataError, match="not finite"):
        records.dumps(SMALL.plus(turn))


def test_half_a_surrogate_pair_is_neither_written_nor_read() -> None:
    with pytest.raises(DataError, match=r"not valid Unicode.*'.*loud \\ud83d here"):
        records.dumps(SMALL.plus(Turn(Completion("loud \ud83d here"))))
    with pytest.raises(DataError, match="not valid Unicode"):
        records.event_to_json(TextEvent("\udc80"))
    with pytest.raises(DataError, match="not valid Unicode"):
        records.loads(records.dumps(SMALL).replace("none", "\udc80"))
    with pytest.raises(DataError, match="not JSON"):
        records.loads(records.dumps(SMALL).replace("none", r"\ud83d"))


def test_what_json_does_not_know_is_not_written() -> None:
    class Strange:
        pass

    with pytest.raises(DataError, match="a Strange cannot be written"):
        records.event_from_json({"kind": "text", "text": Strange()})


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"task_id":"t/1",', "", "task_id: is missing"),
        ('"stop":null', '"stop":"tired"', "stop: input should be 'done', 'max-turns' or 'length' (found \"tired\")"),
        ('"stop":null', '"halt":null', "halt: is not a field of this format"),
        ('"content":', '"colour":"red","content":', "prompt[0].colour: is not a field of this format"),
        ('"none"', "3", "turns[0].completion.text: input should be a valid string (found 3)"),
        ('"role":"user"', '"role":"me"', "prompt[0].role: input should be 'system', 'user' or 'assistant' (found \"me\")"),
        ("trajectory/1", "trajectory/2", 'found format "ocinterp-trajectory/2", expected "format": "ocinterp-trajectory/1"'),
        ('"format":"ocinterp-trajectory/1",', "", 'found no format field, expected "format": "ocinterp-trajectory/1"'),
    ],
)  # fmt: skip
def test_a_malformed_record_is_refused_with_a_short_reason(old: str, new: str, reason: str) -> None:
    line = records.dumps(SMALL)
    assert old in line
    with pytest.raises(DataError) as caught:
        records.loads(line.replace(old, new, 1))
    assert str(caught.value) == reason


@pytest.mark.parametrize("text", ["[]", "3", "null", '"ocinterp-trajectory/1"'])
def test_json_that_is_no_object_is_no_record(text: str) -> None:
    with pytest.raises(DataError, match=r"^found .*, expected an object with"):
        records.loads(text)


def test_a_number_that_is_not_finite_is_not_read() -> None:
    turn = Turn(Completion("", tokens=Tokens((1,), (2,), (-0.5,))))
    line = records.dumps(SMALL.plus(turn))
    for number in ("NaN", "Infinity", "1e999"):
        with pytest.raises(DataError, match="finite"):
            records.loads(line.replace("-0.5", number))
    with pytest.raises(DataError, match="0 tokens but 1 logprobs"):
        records.loads(line.replace('"completion_ids":[2]', '"completion_ids":[]'))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({}, "kind"),
        ({"kind": "sneeze"}, "'sneeze'"),
        ({"kind": "text"}, "text: is missing"),
        ({"kind": "ask", "extra": 1}, "ask.extra: is not a field"),
        ({"kind": "text", "text": 1}, "valid string"),
    ],
)
def test_a_malformed_event_is_refused(data: dict[str, object], reason: str) -> None:
    with pytest.raises(DataError, match=reason):
        records.event_from_json(data)


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    text = f"\ufeff{records.dumps(SMALL)}\r\n\r\n  \n{records.dumps(OTHER)}"
    path.write_bytes(text.encode())
    assert list(records.read(path)) == [SMALL, OTHER]


def test_a_torn_last_line_is_named_after_the_whole_ones_were_given(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    whole = records.dumps(SMALL).encode()
    for kept in (1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole + b"\n" + whole[:kept])
        reading = records.read(path)
        assert next(reading) == SMALL
        with pytest.raises(DataError, match=rf"^{re.escape(str(path))}:2: the last line is cut short"):
            next(reading)


def test_a_bad_line_is_named_by_path_and_number(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(f"{records.dumps(SMALL)}\n\n{{}}\n{records.dumps(SMALL)}\n")
    with pytest.raises(DataError, match=rf"^{re.escape(str(path))}:3: found no format field"):
        list(records.read(path))


def test_bytes_that_are_not_utf8_are_named_by_path_and_number(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_bytes(records.dumps(SMALL).replace("none", "é").encode("latin-1", "replace") + b"\n")
    with pytest.raises(DataError, match=":1: not JSON"):
        list(records.read(path))


def test_a_compressed_file_is_smaller_the_same_every_time_and_gzip_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    records.write(path, [SMALL] * 100)
    first = path.read_bytes()
    records.write(path, [SMALL] * 100)
    assert path.read_bytes() == first
    assert gzip.decompress(first).decode() == (records.dumps(SMALL) + "\n") * 100


def test_a_damaged_compressed_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl.gz"
    records.write(path, [SMALL])
    whole = path.read_bytes()
    for broken in (whole[:-9], whole[:12] + b"\xff\xff\xff" + whole[15:]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match=rf"^{re.escape(str(path))}:\d: the compressed file is damaged"):
            list(records.read(path))


def test_a_missing_file_and_a_missing_folder_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or directory"):
        list(records.read(tmp_path / "absent.jsonl"))
    with pytest.raises(DataError, match=r"make its folder first \(mkdir -p "):
        records.write(tmp_path / "no" / "such" / "t.jsonl", [SMALL])


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records.write(path, [SMALL])
    bad = SMALL.plus(Turn(Completion("\ud800")))
    with pytest.raises(DataError):
        records.write(path, [OTHER, bad])
    assert list(records.read(path)) == [SMALL]
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_filtered_into_itself(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records.write(path, [SMALL, OTHER, SMALL])
    records.write(path, (each for each in records.read(path) if each.turns))
    assert list(records.read(path)) == [SMALL, SMALL]


def test_a_link_is_followed_and_permissions_are_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.touch(mode=0o640)
    real.chmod(0o640)
    link.symlink_to(real)
    records.write(link, [SMALL])
    assert link.is_symlink()
    assert list(records.read(real)) == [SMALL]
    assert real.stat().st_mode & 0o777 == 0o640


def test_what_is_not_a_regular_file_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(DataError, match="not a regular file"):
        records.write(pipe, [SMALL])
    assert pipe.is_fifo()


def test_appended_lines_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    for each in (SMALL, OTHER, SMALL):
        records.append(path, each)
    assert list(records.read(path)) == [SMALL, OTHER, SMALL]


def test_what_is_appended_after_a_torn_line_is_not_part_of_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(records.dumps(SMALL)[:30])
    records.append(path, OTHER)
    torn, whole = path.read_text().splitlines()
    assert torn == records.dumps(SMALL)[:30]
    assert records.loads(whole) == OTHER


def test_lines_appended_at_once_are_all_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    large = SMALL.plus(Turn(Completion("x" * 100_000)))
    threads = [threading.Thread(target=records.append, args=(path, large)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(records.read(path)) == [large] * 8


def test_a_compressed_file_is_not_appended_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="append to a plain one"):
        records.append(tmp_path / "t.jsonl.gz", SMALL)


FULL = """
import resource, sys
from pathlib import Path
from ocinterp import records
from ocinterp.errors import DataError
from ocinterp.types import Completion, Message, Trajectory, Turn
path = Path(sys.argv[1])
large = Trajectory("large", (Message("user", "x" * 50_000),))
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
for act in (lambda: records.append(path, large), lambda: records.write(path, [large])):
    try:
        act()
    except DataError as error:
        sys.stdout.write(f"{error}\\n")
"""


def test_a_full_disk_leaves_the_file_as_it_was_and_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    records.write(path, [SMALL])
    environment = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.count("file too large: raise the limit on file sizes") == 2
    assert list(records.read(path)) == [SMALL]
    assert list(tmp_path.iterdir()) == [path]


def documented() -> dict[str, dict[str, bool]]:
    """Heading -> the fields of its table -> whether the field has a default."""
    tables: dict[str, dict[str, bool]] = {}
    for part in re.split(r"^### ", FORMATS.read_text(), flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        lines = [line for line in body.partition("\n## ")[0].splitlines() if line.startswith("| `")]
        rows = [[column.strip() for column in line.split("|")] for line in lines]
        tables[heading] = {row[1].strip("`"): bool(row[3]) for row in rows}
    return tables


def test_the_documented_example_is_a_record_in_its_written_form() -> None:
    found = re.search(r"^```json\n(.*)\n```$", FORMATS.read_text(), re.MULTILINE)
    assert found
    assert records.dumps(records.loads(found[1])) == found[1]


def test_the_documented_tables_are_the_types() -> None:
    said = documented()
    assert said["Trajectory"].pop("format") is False
    actual = {
        name: {
            field.name: field.default is not MISSING or field.default_factory is not MISSING
            for field in fields(getattr(types, name))
        }
        for name in said
    }
    assert said == actual
    assert [list(rows) for rows in said.values()] == [list(rows) for rows in actual.values()]
    assert len(said) == 12


def test_the_documented_events_are_all_there_are() -> None:
    text = FORMATS.read_text().partition("\n## Events\n")[2].partition("\n## ")[0]
    documented_kinds = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)[1:]  # after the heading
    with pytest.raises(DataError) as caught:
        records.event_from_json({"kind": "?"})
    assert re.findall(r"'(\w+)'", str(caught.value).partition("expected tags")[2]) == documented_kinds


def test_a_verdict_is_kept_beside_the_trajectory_and_is_no_part_of_it(tmp_path: Path) -> None:
    trajectory, verdict = Trajectory("own/1", ()), {"setting": "visible", "turns": [{"base": "pass", "plus": None}]}
    line = records.dumps(trajectory, verdict)
    assert records.loads_judged(line) == (trajectory, verdict)
    assert records.loads(line) == trajectory
    assert records.loads_judged(records.dumps(trajectory)) == (trajectory, None)
    records.append(tmp_path / "run.jsonl", trajectory, verdict)
    assert list(records.read(tmp_path / "run.jsonl")) == [trajectory]
    with pytest.raises(DataError, match="verdict"):
        records.loads(line.replace(json.dumps(verdict, separators=(",", ":")), "[]"))
