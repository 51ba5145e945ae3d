"""What was saved is there, whatever happens to the process, the disk or the file."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import ocinterp
from ocinterp.chat import store as module
from ocinterp.chat.store import FILENAME, Recorder, SessionStore, salvage
from ocinterp.errors import DataError, ModelError, UsageError
from ocinterp.loop import Limits, rollout
from ocinterp.testing import FakeSandbox, ScriptedModel, code
from ocinterp.types import (
    Cell,
    Completion,
    Event,
    ExecutionResult,
    Failure,
    Feedback,
    Message,
    Outcome,
    Source,
    StopReason,
    Task,
    TextEvent,
    Trajectory,
    Turn,
    TurnEvent,
)


def asked(text: str, **provenance: str) -> Trajectory:
    return Trajectory("chat", (Message("system", "be brief"), Message("user", text)), provenance=provenance)


def answer(text: str) -> Turn:
    return Turn(Completion(text))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ocinterp"


@pytest.fixture
def store(folder: Path) -> Iterator[SessionStore]:
    with SessionStore(folder) as opened:
        yield opened


def test_a_session_is_loaded_as_it_was_last_saved(store: SessionStore) -> None:
    trajectory = asked("what is 2 + 2?", model="m/1")
    session_id = store.create(trajectory)
    assert store.load(session_id).trajectory == trajectory
    longer = trajectory.plus(answer("4")).answered((Feedback(Source.HUMAN, "", "good"),))
    store.save(session_id, longer)
    stored = store.load(session_id)
    assert stored.trajectory == longer
    assert (stored.id, stored.summary.title, stored.summary.model) == (session_id, "what is 2 + 2?", "m/1")
    assert (stored.summary.turns, stored.summary.good, stored.summary.bad) == (1, 1, 0)
    assert stored.summary.created <= stored.summary.updated


def test_what_one_store_saved_the_next_one_finds(folder: Path) -> None:
    with SessionStore(folder) as first:
        session_id = first.create(asked("hello"))
    with SessionStore(folder) as second:
        assert second.load(session_id).trajectory == asked("hello")


def test_a_title_is_the_first_thing_the_person_said_on_one_short_line(store: SessionStore) -> None:
    session_id = store.create(asked("  plot\n\tthis " + "x" * 100))
    title = store.load(session_id).summary.title
    assert title.startswith("plot this xxx")
    assert title.endswith("…")
    assert len(title) == 80
    assert not store.load(store.create(Trajectory("empty", ()))).summary.title


def test_a_title_is_the_request_without_what_follows_it(store: SessionStore) -> None:
    session_id = store.create(asked("sort\nthem\n\nThese expressions must be true: f(2)"))
    assert store.load(session_id).summary.title == "sort them"


def test_a_session_has_one_holder_at_a_time(folder: Path) -> None:
    with SessionStore(folder) as first, SessionStore(folder) as second:
        session_id = first.create(asked("mine"))
        first.hold(session_id)
        with pytest.raises(UsageError, match="another process"):
            second.hold(session_id)
        first.close()
        second.hold(session_id)
    assert not list(folder.glob("*.lock"))


def test_ids_are_two_words_and_unique(store: SessionStore) -> None:
    ids = {store.create(asked("again")) for _ in range(200)}
    assert len(ids) == 200
    assert all(re.fullmatch(r"[a-z]+-[a-z]+(-\d+)?", each) for each in ids)
    assert len(store.list()) == 200
    assert len(store.list(limit=3)) == 3


def test_the_last_used_session_comes_first_and_is_called_last(store: SessionStore) -> None:
    first, second = store.create(asked("1")), store.create(asked("2"))
    assert [each.id for each in store.list()] == [second, first]
    store.save(first, asked("1 again"))
    assert [each.id for each in store.list()] == [first, second]
    assert store.load("last").id == first


def test_the_beginning_of_an_id_is_enough_when_only_one_begins_so(store: SessionStore) -> None:
    for session_id in ("calm-otter", "calm-owl", "bold-fir", "bold-fir-2"):
        store.save(session_id, asked(session_id))
    assert store.load("calm-ot").id == "calm-otter"
    assert store.load("bold-fir").id == "bold-fir"
    with pytest.raises(UsageError, match="'calm-o' begins several sessions: calm-owl, calm-otter; type more"):
        store.load("calm-o")


def test_an_unknown_session_is_answered_with_the_closest_ones(store: SessionStore) -> None:
    with pytest.raises(UsageError, match="no saved sessions"):
        store.load("last")
    for session_id in ("calm-otter", "bold-fir", "red-robin"):
        store.save(session_id, asked(session_id))
    with pytest.raises(UsageError, match=r"there is no session 'clam-oter'; close to it: calm-otter$"):
        store.load("clam-oter")
    for name in ("", "%", "zzz"):
        with pytest.raises(UsageError, match="the last ones are: red-robin, bold-fir, calm-otter"):
            store.remove(name)


def test_a_removed_session_is_gone_with_its_files(store: SessionStore) -> None:
    kept, removed = store.create(asked("1")), store.create(asked("2"))
    store.attach(removed, "data.csv", b"a,b")
    store.remove(removed)
    assert [each.id for each in store.list()] == [kept]
    store.save(removed, asked("2"))
    assert store.attachments(removed) == ()


def test_attached_files_come_back_and_the_newer_of_a_name_wins(store: SessionStore) -> None:
    session_id = store.create(asked("1"))
    store.attach(session_id, "b.bin", bytes(range(256)))
    store.attach(session_id, "a.txt", b"old")
    store.attach(session_id, "a.txt", b"")
    first, second = store.attachments("last")
    assert (first.name, first.size, first.content) == ("a.txt", 0, b"")
    assert (second.name, second.size, second.content) == ("b.bin", 256, bytes(range(256)))
    assert second.sha256 == "40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880"


def test_a_file_over_the_limit_is_remembered_without_its_content(store: SessionStore) -> None:
    session_id = store.create(asked("1"))
    store.attach(session_id, "large", bytes(module.FILE_LIMIT + 1))
    store.attach(session_id, "most", bytes(module.FILE_LIMIT))
    large, most = store.attachments(session_id)
    assert (large.size, large.content) == (module.FILE_LIMIT + 1, None)
    assert most.content == bytes(module.FILE_LIMIT)
    assert len(large.sha256) == 64


def test_a_name_that_is_not_unicode_is_refused(store: SessionStore) -> None:
    session_id = store.create(asked("1"))
    with pytest.raises(DataError, match="not valid Unicode"):
        store.attach(session_id, os.fsdecode(b"caf\xe9.csv"), b"")


def test_a_trajectory_that_cannot_be_written_leaves_the_one_before(store: SessionStore) -> None:
    session_id = store.create(asked("1"))
    with pytest.raises(DataError, match="not valid Unicode"):
        store.save(session_id, asked("\ud800"))
    assert store.load(session_id).trajectory == asked("1")


def test_sessions_are_private(folder: Path) -> None:
    before = os.umask(0)
    try:
        with SessionStore(folder) as opened:
            opened.create(asked("secret"))
            modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys((FILENAME, f"{FILENAME}-wal", f"{FILENAME}-shm"), 0o600)


def python(script: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__file__).parent.parent), "PYTHONUNBUFFERED": "1"}
    command = [*prefix, sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


SAVING = """
import sys
from itertools import count
from pathlib import Path
from ocinterp.chat.store import SessionStore
from ocinterp.types import Completion, Message, Trajectory, Turn
store = SessionStore(Path(sys.argv[1]))
trajectory = Trajectory("chat", (Message("user", "go on"),))
store.save("endless", trajectory)
for number in count(1):
    trajectory = trajectory.plus(Turn(Completion(f"turn {number}")))
    store.save("endless", trajectory)
    print(number)
"""


@pytest.mark.parametrize("seen", [1, 7, 40])
def test_everything_that_was_saved_survives_kill_9(folder: Path, seen: int) -> None:
    with python(SAVING, folder) as process:
        assert process.stdout
        for _ in range(seen):
            assert process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        printed = [seen, *(int(line) for line in process.stdout.read().splitlines(keepends=True) if line[-1] == "\n")]
    assert process.returncode == -signal.SIGKILL
    with SessionStore(folder) as opened:
        turns = opened.load("endless").trajectory.turns
    assert len(turns) >= printed[-1] >= seen
    assert [turn.completion.text for turn in turns] == [f"turn {number + 1}" for number in range(len(turns))]


CREATING = """
import sys
from pathlib import Path
from ocinterp.chat.store import SessionStore
from ocinterp.types import Message, Trajectory
with SessionStore(Path(sys.argv[1])) as store:
    for number in range(30):
        trajectory = Trajectory(f"{sys.argv[2]}/{number}", (Message("user", "x"),))
        name = store.create(trajectory)
        store.save(name, trajectory)
"""


def test_processes_that_open_and_write_at_once_wait_for_each_other(folder: Path) -> None:
    writers = [python(CREATING, folder, number) for number in range(4)]
    for writer in writers:
        _, complaints = writer.communicate()
        assert (writer.returncode, complaints) == (0, "")
    with SessionStore(folder) as opened:
        saved = {opened.load(each.id).trajectory.task_id for each in opened.list()}
    assert saved == {f"{writer}/{number}" for writer in range(4) for number in range(30)}


def test_a_database_that_stays_busy_is_said_to_be(folder: Path) -> None:
    with SessionStore(folder, patience_seconds=0) as opened, closing(sqlite3.connect(folder / FILENAME)) as other:
        session_id = opened.create(asked("1"))
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="another process keeps it busy; what was saved before is safe"):
            opened.save(session_id, asked("2"))
        assert opened.load(session_id).trajectory == asked("1")


def filled(folder: Path, number: int = 60) -> dict[str, Trajectory]:
    with SessionStore(folder) as opened:
        return {opened.create(each): each for each in (asked(f"{n} " + "x" * 5_000) for n in range(number))}


def test_a_file_that_is_no_database_is_left_alone_and_the_advice_works(folder: Path) -> None:
    folder.mkdir(parents=True)
    garbage = random.Random(0).randbytes(20_000)
    (folder / FILENAME).write_bytes(garbage)
    with pytest.raises(DataError) as caught:
        SessionStore(folder)
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(str(folder / FILENAME))
    assert "ocinterp sessions export" in said
    assert (folder / FILENAME).read_bytes() == garbage
    assert list(salvage(folder)) == []
    subprocess.run(["sh", "-c", said.partition("aside: ")[2]], check=True)
    with SessionStore(folder) as fresh:
        assert fresh.list() == ()
    assert [path.read_bytes() for path in folder.glob(f"damaged-*/{FILENAME}")] == [garbage]


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_what_is_left_of_a_truncated_database_can_be_salvaged(folder: Path, kept: float) -> None:
    sessions = filled(folder)
    path = folder / FILENAME
    os.truncate(path, int(path.stat().st_size * kept) // 4096 * 4096)
    before = path.read_bytes()
    with pytest.raises(DataError, match="the database is damaged"):
        SessionStore(folder)
    saved = {each.id: each.trajectory for each in salvage(folder)}
    assert len(saved) >= kept * len(sessions) - 6
    assert saved.items() <= sessions.items()
    assert path.read_bytes() == before


def test_a_damaged_page_costs_only_the_sessions_on_it(folder: Path) -> None:
    sessions = filled(folder)
    path = folder / FILENAME
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = random.Random(1).randbytes(4096)
    path.write_bytes(content)
    saved = {each.id: each.trajectory for each in salvage(folder)}
    assert len(sessions) - 10 <= len(saved) < len(sessions)
    assert saved.items() <= sessions.items()


def test_salvage_says_when_there_is_nothing_to_open(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unable to open database file"):
        list(salvage(tmp_path))


def test_a_session_that_is_no_record_is_named_and_hides_no_other(store: SessionStore) -> None:
    good, bad = store.create(asked("1")), store.create(asked("2"))
    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("UPDATE sessions SET trajectory = '{}' WHERE id = ?", (bad,))
    with pytest.raises(DataError, match=f"session {bad} cannot be read: found no format field"):
        store.load(bad)
    assert {each.id for each in store.list()} == {good, bad}
    assert [each.id for each in salvage(store.path.parent)] == [good]


def test_a_database_of_a_newer_version_is_not_touched(folder: Path) -> None:
    filled(folder, 1)
    with closing(sqlite3.connect(folder / FILENAME)) as newer:
        newer.execute("PRAGMA user_version = 7")
    with pytest.raises(DataError, match=r"written by a newer ocinterp \(schema 7; this one knows 1\): upgrade"):
        SessionStore(folder)


def test_a_folder_that_cannot_be_written_is_said_to_be(unprivileged: Path) -> None:
    filled(unprivileged, 1)
    unprivileged.chmod(0o500)
    with pytest.raises(DataError, match=r"must be writable: change their permissions or choose another"):
        SessionStore(unprivileged).close()
    with pytest.raises(DataError, match="permission denied: choose a folder that you can write to"):
        SessionStore(unprivileged / "below")
    unprivileged.chmod(0o700)
    (unprivileged / FILENAME).chmod(0o400)
    with pytest.raises(DataError, match="must be writable"), SessionStore(unprivileged) as opened:
        opened.create(asked("1"))


def test_a_file_in_place_of_the_folder_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="file exists: choose a folder"):
        SessionStore(tmp_path / "file")


FILLING = """
import resource, sys
from pathlib import Path
from ocinterp.chat.store import SessionStore
from ocinterp.errors import DataError
from ocinterp.types import Completion, Message, Trajectory, Turn
trajectory = Trajectory("chat", (Message("user", "fill it"),))
if limit := int(sys.argv[2]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
with SessionStore(Path(sys.argv[1])) as store:
    session = store.create(trajectory)
    try:
        while True:
            longer = trajectory.plus(Turn(Completion("x" * 20_000)))
            store.save(session, longer)
            trajectory = longer
    except DataError as error:
        print(error)
    assert store.load(session).trajectory == trajectory, "a turn was lost"
    assert len(trajectory.turns) > 3
with SessionStore(Path(sys.argv[1])) as store:
    assert store.load(session).trajectory == trajectory, "a turn was lost"
"""


def test_a_limit_on_file_sizes_loses_no_finished_turn(folder: Path) -> None:
    said, complaints = python(FILLING, folder, 600_000).communicate()
    assert complaints == ""
    assert "disk I/O error: free some space on its disk and try again; what was saved before is safe" in said


def test_a_full_disk_loses_no_finished_turn(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path))
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    said, complaints = python(FILLING, tmp_path / "state", 0, prefix=alone).communicate()
    assert complaints == ""
    assert "is full: free some space on its disk and try again; what was saved before is safe" in said


TASK = Task("chat", (Message("user", "print 1"),))
START = Trajectory(TASK.id, TASK.prompt, provenance={"model": "scripted"})


def fails_once(cell: Cell) -> ExecutionResult:
    if "prnt" in cell.source:
        return ExecutionResult(cell.id, Outcome.ERROR, error=Failure("NameError", "prnt"))
    return ExecutionResult(cell.id, Outcome.OK, stdout="1\n")


async def complains_of_failures(_task: Task, _before: Trajectory, turn: Turn, /) -> tuple[Feedback, ...]:
    return () if turn.clean else (Feedback(Source.EXECUTION, "NameError: prnt", "bad"),)


async def test_a_recorder_holds_and_saves_what_the_loop_returns(store: SessionStore) -> None:
    recorder = Recorder(store, store.create(START), START)
    model = ScriptedModel([code("prnt(1)"), code("print(1)")])
    trajectory = await rollout(
        TASK, model=model, sandbox=FakeSandbox(fails_once), feedback=complains_of_failures, start=START, listen=recorder
    )
    assert trajectory.stop is StopReason.DONE
    assert len(trajectory.turns) == 2
    assert recorder.trajectory == trajectory
    stored = store.load(recorder.session_id)
    assert stored.trajectory == trajectory
    assert (stored.summary.turns, stored.summary.bad, stored.summary.model) == (2, 1, "scripted")


async def test_a_recorder_saves_after_every_turn_answer_and_end(store: SessionStore) -> None:
    recorder = Recorder(store, store.create(START), START)
    seen: list[tuple[str, Trajectory]] = []

    def listen(event: Event) -> None:
        recorder(event)
        if event.kind in {"turn", "feedback", "done"}:
            seen.append((event.kind, store.load(recorder.session_id).trajectory))

    await rollout(
        TASK,
        model=ScriptedModel([code("prnt(1)"), code("prnt(2)")]),
        sandbox=FakeSandbox(fails_once),
        feedback=complains_of_failures,
        limits=Limits(max_turns=2),
        start=START,
        listen=listen,
    )
    assert [kind for kind, _ in seen] == ["turn", "feedback", "turn", "feedback", "done"]
    shapes = [(len(each.turns), len(each.turns[-1].feedback), each.stop) for _, each in seen]
    assert shapes == [(1, 0, None), (1, 1, None), (2, 0, None), (2, 1, None), (2, 1, StopReason.MAX_TURNS)]


async def test_a_session_goes_on_where_the_model_failed(store: SessionStore) -> None:
    class Outage:
        async def generate(self, _messages: object, /, *, on_text: object = None) -> Completion:
            raise ModelError("the provider is away")

    session_id = store.create(START)
    first = Recorder(store, session_id, START)
    await rollout(
        TASK,
        model=ScriptedModel([code("prnt(1)")]),
        sandbox=FakeSandbox(fails_once),
        feedback=complains_of_failures,
        limits=Limits(max_turns=1),
        start=START,
        listen=first,
    )
    again = store.load(session_id).trajectory
    with pytest.raises(ModelError):
        await rollout(
            TASK,
            model=Outage(),
            sandbox=FakeSandbox(),
            feedback=complains_of_failures,
            start=again,
            listen=Recorder(store, session_id, again),
        )
    again = store.load(session_id).trajectory
    second = Recorder(store, session_id, again)
    end = await rollout(
        TASK,
        model=ScriptedModel([code("print(1)")]),
        sandbox=FakeSandbox(fails_once),
        feedback=complains_of_failures,
        start=again,
        listen=second,
    )
    assert store.load(session_id).trajectory == second.trajectory == end
    assert [turn.clean for turn in end.turns] == [False, True]


def test_a_recorder_holds_what_could_not_be_saved(folder: Path) -> None:
    with SessionStore(folder, patience_seconds=0) as opened, closing(sqlite3.connect(folder / FILENAME)) as other:
        recorder = Recorder(opened, opened.create(START), START)
        recorder(TextEvent("not worth a commit"))
        assert recorder.trajectory == START
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError):
            recorder(TurnEvent(answer("kept")))
        assert recorder.trajectory == START.plus(answer("kept"))
        assert opened.load(recorder.session_id).trajectory == START
