"""Sessions on disk: one SQLite database in a private folder, committed after every turn.

Write-ahead log with `synchronous=FULL`: a commit waits for the disk, so what was saved survives `kill -9` and a power
cut, at the price of a few milliseconds a turn. Several processes may use one database; a writer waits for another.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shlex
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ocinterp import records
from ocinterp.errors import DataError, UsageError
from ocinterp.files import make_private, refuse_newer
from ocinterp.loop import followed
from ocinterp.types import DoneEvent, Event, FeedbackEvent, Rating, Trajectory, TurnEvent

FILENAME: Final = "sessions.sqlite"
SCHEMA: Final = 1
FILE_LIMIT: Final = 64 * 1024 * 1024  # bytes; what is larger is remembered by name, size and hash
PATIENCE_SECONDS: Final = 30.0  # for another process that is writing; a write takes milliseconds
TITLE_LENGTH: Final = 80

_TABLES = """
CREATE TABLE sessions (
    id TEXT PRIMARY KEY NOT NULL,
    created REAL NOT NULL,
    updated REAL NOT NULL,
    title TEXT NOT NULL,
    model TEXT NOT NULL,
    turns INTEGER NOT NULL,
    good INTEGER NOT NULL,
    bad INTEGER NOT NULL,
    trajectory TEXT NOT NULL
);
CREATE INDEX sessions_by_time ON sessions (updated);
CREATE TABLE files (
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    content BLOB,
    PRIMARY KEY (session_id, name)
);
"""
_SAVE = """
INSERT INTO sessions (id, created, updated, title, model, turns, good, bad, trajectory)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_REPLACE = """
ON CONFLICT (id) DO UPDATE SET updated = excluded.updated, title = excluded.title, model = excluded.model,
    turns = excluded.turns, good = excluded.good, bad = excluded.bad, trajectory = excluded.trajectory
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """A session as a list shows it: `good` and `bad` count the ratings given in it."""

    id: str
    created: datetime
    updated: datetime
    title: str
    model: str
    turns: int
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it was last saved."""

    summary: Summary
    trajectory: Trajectory

    @property
    def id(self) -> str:
        return self.summary.id


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that the person attached; `content` is None when it was larger than FILE_LIMIT."""

    name: str
    size: int
    sha256: str
    content: bytes | None


class SessionStore:
    """The sessions of one folder, which is made, for its owner alone, if there is none.

    Every method raises DataError when the database cannot do its part, with what to do about it; nothing that was
    saved before is ever deleted or changed by that. UsageError when there is no such session.
    """

    def __init__(self, directory: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.path: Final = directory / FILENAME
        self._held = ExitStack()
        with _explained(self.path):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            make_private(self.path)
            self._database = sqlite3.connect(self.path, timeout=patience_seconds, isolation_level=None)
            try:
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._held.close()
        with _explained(self.path):
            self._database.close()

    def hold(self, session_id: str) -> None:
        """Be the only one who goes on with this session, until the store is closed or the process ends.

        Raises UsageError while another process does: each would overwrite what the other saves.
        """
        with _explained(self.path):
            if not self._held.enter_context(_only_one(self.path.with_name(f"{session_id}.lock"))):
                raise UsageError(f"session {session_id} is open in another process: leave it there first")

    def create(self, trajectory: Trajectory) -> str:
        """Save a new session and return its id, such as "calm-otter"."""
        with _explained(self.path):
            for session_id in _ids():
                row = _row(session_id, trajectory)
                if self._database.execute(f"{_SAVE} ON CONFLICT DO NOTHING", row).rowcount:
                    return session_id
        raise AssertionError("the ids never end")

    def save(self, session_id: str, trajectory: Trajectory) -> None:
        """Make this what the session holds; when it returns, it is on the disk. `session_id` is a whole id."""
        with _explained(self.path):
            self._database.execute(_SAVE + _REPLACE, _row(session_id, trajectory))

    def load(self, name: str) -> Stored:
        """The session called `name`: an id, the beginning of exactly one id, or "last"."""
        with _explained(self.path):
            query = f"SELECT {_COLUMNS}, trajectory FROM sessions WHERE id = ?"
            row = self._database.execute(query, (self._resolve(name),)).fetchone()
        if row is None:
            raise UsageError(f"session {name!r} was removed by another process just now")
        return _stored(row)

    def list(self, limit: int | None = None) -> tuple[Summary, ...]:
        """The sessions, the last used one first; at most `limit` of them."""
        query = f"SELECT {_COLUMNS} FROM sessions ORDER BY updated DESC, rowid DESC LIMIT ?"
        with _explained(self.path):
            return tuple(_summary(row) for row in self._database.execute(query, (-1 if limit is None else limit,)))

    def remove(self, name: str) -> None:
        """Delete a session and its files."""
        with _explained(self.path):
            self._database.execute("DELETE FROM sessions WHERE id = ?", (self._resolve(name),))

    def attach(self, name: str, filename: str, content: bytes) -> None:
        """Keep a file with a session, in place of one with the same name; one over FILE_LIMIT by size and hash only."""
        digest = hashlib.sha256(content).hexdigest()
        kept = content if len(content) <= FILE_LIMIT else None
        with _explained(self.path):
            row = (self._resolve(name), filename, len(content), digest, kept)
            self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)", row)

    def attachments(self, name: str) -> tuple[Attachment, ...]:
        """The files of a session, by name."""
        query = "SELECT name, size, sha256, content FROM files WHERE session_id = ? ORDER BY name"
        with _explained(self.path):
            return tuple(Attachment(*row) for row in self._database.execute(query, (self._resolve(name),)))

    def _prepare(self) -> None:
        with _alone(self.path.parent):  # the switch to the write-ahead log does not wait for its turn by itself
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version == 0:
                self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        refuse_newer(self.path, version, SCHEMA)

    def _resolve(self, name: str) -> str:
        ids = [row[0] for row in self._database.execute("SELECT id FROM sessions ORDER BY updated DESC, rowid DESC")]
        if name in ids:
            return name
        if name == "last" and ids:
            return ids[0]
        found = [each for each in ids if name and each.startswith(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise UsageError(f"{name!r} begins several sessions: {_some(found)}; type more of the one you mean")
        if not ids:
            raise UsageError("there are no saved sessions")
        if close := get_close_matches(name, ids, n=5, cutoff=0.6):
            raise UsageError(f"there is no session {name!r}; close to it: {_some(close)}")
        raise UsageError(f"there is no session {name!r}; the last ones are: {_some(ids)}")


class Recorder:
    """A listener that keeps a trajectory up to date from events, and saves it whenever a turn or an answer is complete.

    When saving fails, `trajectory` still holds everything, so that it can be written elsewhere.
    """

    def __init__(self, store: SessionStore, session_id: str, start: Trajectory) -> None:
        self.store: Final = store
        self.session_id: Final = session_id
        self.trajectory = start

    def __call__(self, event: Event, /) -> None:
        match event:
            case TurnEvent() | FeedbackEvent():
                self.trajectory = followed(self.trajectory, event)
            case DoneEvent(stop):
                self.trajectory = self.trajectory.stopped(stop)
            case _:
                return
        self.store.save(self.session_id, self.trajectory)


def salvage(directory: Path) -> Iterator[Stored]:
    """Whatever can still be read from a damaged database, without writing to it.

    Sessions are looked up one by one, so that a damaged page costs those on it and not those after it.
    """
    path = directory / FILENAME
    with _explained(path):
        source = f"{path.resolve().as_uri()}?mode=ro"
        database = sqlite3.connect(source, uri=True, timeout=PATIENCE_SECONDS, isolation_level=None)
    with closing(database):
        database.execute("PRAGMA writable_schema = ON")  # else a file shorter than it says cannot be opened at all
        missed, rowid = 0, 0
        while missed < 10_000:  # a run of removed or unreadable sessions as long as this is taken for the end
            missed, rowid = missed + 1, rowid + 1
            if stored := _readable(database, rowid):
                missed = 0
                yield stored


def _readable(database: sqlite3.Connection, rowid: int) -> Stored | None:
    query = f"SELECT {_COLUMNS}, trajectory FROM sessions WHERE rowid = ?"
    with suppress(sqlite3.DatabaseError, DataError):
        if row := database.execute(query, (rowid,)).fetchone():
            return _stored(row)
    return None


_COLUMNS = "id, created, updated, title, model, turns, good, bad"


def _row(session_id: str, trajectory: Trajectory) -> tuple[object, ...]:
    now = datetime.now(UTC).timestamp()
    title, model = title_of(trajectory), trajectory.provenance.get("model", "")
    good, bad = _ratings(trajectory, "good"), _ratings(trajectory, "bad")
    return session_id, now, now, title, model, len(trajectory.turns), good, bad, records.dumps(trajectory)


def title_of(trajectory: Trajectory) -> str:
    """The first paragraph of the first request, on one line of at most TITLE_LENGTH characters."""
    said = next((each.content for each in trajectory.prompt if each.role == "user"), "")
    title = " ".join(re.split(r"\n\s*\n", said.strip(), maxsplit=1)[0].split())
    return title if len(title) <= TITLE_LENGTH else f"{title[: TITLE_LENGTH - 1]}…"


def _ratings(trajectory: Trajectory, rating: Rating) -> int:
    return sum(each.rating == rating for turn in trajectory.turns for each in turn.feedback)


def _summary(row: tuple[str, float, float, str, str, int, int, int]) -> Summary:
    session_id, created, updated, title, model, turns, good, bad = row
    begun, used = (datetime.fromtimestamp(moment, UTC) for moment in (created, updated))
    return Summary(session_id, begun, used, title, model, turns, good, bad)


def _stored(row: tuple[str, float, float, str, str, int, int, int, str]) -> Stored:
    try:
        return Stored(_summary(row[:-1]), records.loads(row[-1]))
    except DataError as error:
        raise DataError(f"session {row[0]} cannot be read: {error}") from error


_FIRST = """able amber bold brave brief bright brisk calm clear clever cosy deft eager early fair fast fine fond fresh
gentle glad golden good green handy happy keen kind light lively lucky mellow merry mild neat new nimble noble pale
plain polite proud quick quiet rapid ready red rich ripe robust rosy shy silver smart snug soft solid spry still sunny
sure swift tidy true vivid warm wise young"""
_SECOND = """acorn alder aspen badger bear beaver birch brook cedar cloud comet coral crane creek curlew daisy deer dove
eagle elm falcon fern finch fir fjord forest fox gull hare harbor hawk hazel heron hill iris island ivy jay juniper
lake lark leaf lily lynx maple marten meadow moon moss newt oak olive orchid otter owl pebble pine plover pond poppy
raven reed river robin rose sage seal shore sparrow spruce star stone stork swan thrush tulip valley willow wren
yew"""


def _ids() -> Iterator[str]:
    """Names to try, in random order: short ones, then ones with a number."""
    for attempt in count():
        pair = f"{secrets.choice(_FIRST.split())}-{secrets.choice(_SECOND.split())}"
        yield pair if attempt < 4 else f"{pair}-{secrets.randbelow(10**attempt)}"


def _some(ids: list[str]) -> str:
    return ", ".join(ids[:5]) + (f" and {len(ids) - 5} more" if len(ids) > 5 else "")


@contextmanager
def _alone(directory: Path) -> Generator[None]:
    """Wait until no other process is opening a database in this folder."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def _only_one(path: Path) -> Generator[bool]:
    """Whether the lock file at `path` could be taken; it goes with its holder, however that ends."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            yield False
            return
        if os.fstat(handle).st_nlink:  # else its last holder has just removed it: take the next one
            break
        os.close(handle)
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        said = f"sessions cannot be kept in {path.parent}: {(error.strerror or str(error)).lower()}"
        raise DataError(f"{said}: choose a folder that you can write to") from error
    except UnicodeEncodeError as error:
        raise DataError(f"{error.object!a} is not valid Unicode and cannot be saved") from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # a mistake of ours, such as using a store that was closed
    except sqlite3.Error as error:
        raise DataError(f"{path}: {error}: {_advice(path, getattr(error, 'sqlite_errorcode', 0))}") from error


def _advice(path: Path, code: int) -> str:
    match code & 0xFF:  # the rest of the code is detail
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return "free some space on its disk and try again; what was saved before is safe"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return "it and its folder must be writable: change their permissions or choose another folder"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return "another process keeps it busy; what was saved before is safe, try again"
        case sqlite3.SQLITE_CONSTRAINT:
            return "the session was removed by another process just now"
        case _:
            aside = path.parent / f"damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}"
            folder, files = shlex.quote(str(aside)), f"{shlex.quote(str(path))}*"
            return (
                "the database is damaged. Save what can still be read with `ocinterp sessions export last x.md`, then move it "
                f"aside: mkdir {folder} && mv {files} {folder}"
            )
