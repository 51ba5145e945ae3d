"""The journal's file: its tables, how it is opened by one process at a time, and how anybody reads it.

SQLite with a write-ahead log and `synchronous=FULL`: a commit is one wait for the disk, and survives `kill -9` and a
power cut; readers never wait for the writer. docs/journal.md describes the tables.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shlex
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from ocinterp.errors import DataError, UsageError
from ocinterp.files import make_private, refuse_newer
from ocinterp.journal.contents import Entry, Report, State
from ocinterp.journal.costs import Cost

SCHEMA: Final = 2
PATIENCE_SECONDS: Final = 30.0  # for another program that holds the file; ours takes milliseconds
_MARK: Final = 0x6F63696A  # "ocij": says that a database is a journal
_PAGE: Final = 500  # entries read at a time, so that no long read keeps the log from being folded in

_TABLES = """
CREATE TABLE entries (
    id INTEGER PRIMARY KEY NOT NULL,
    key BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    model TEXT NOT NULL,
    scope TEXT NOT NULL,
    sample INTEGER NOT NULL,
    state TEXT NOT NULL,
    answer TEXT,
    digest BLOB
);
CREATE TABLE attempts (
    id INTEGER PRIMARY KEY NOT NULL,
    entry INTEGER NOT NULL REFERENCES entries (id),
    state TEXT NOT NULL,
    begun REAL NOT NULL,
    ended REAL,
    known INTEGER NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    cached_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    nanodollars INTEGER NOT NULL,
    error TEXT,
    way TEXT NOT NULL DEFAULT ''
);
CREATE INDEX attempts_by_entry ON attempts (entry);
"""
_TO_2 = "ALTER TABLE attempts ADD COLUMN way TEXT NOT NULL DEFAULT '';"
_COSTS = ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "nanodollars")


def _sums(which: str) -> str:
    return ", ".join(f"COALESCE(SUM({each}) FILTER (WHERE {which}), 0)" for each in _COSTS)


_SPENT, _POSSIBLE, _HELD = _sums("known"), _sums("NOT known AND a.state != 'begun'"), _sums("a.state = 'begun'")
_REPORT = f"SELECT COUNT(*) FILTER (WHERE a.state = 'doubt'), {_SPENT}, {_POSSIBLE}, {_HELD} FROM attempts a"
_STATES = "SELECT state, COUNT(*) FROM entries GROUP BY state"
_ENTRIES = f"""
SELECT e.id, e.key, e.kind, e.model, e.scope, e.sample, e.state, e.answer, e.digest, COUNT(a.id),
    (SELECT error FROM attempts WHERE entry = e.id ORDER BY id DESC LIMIT 1), {_SPENT}, {_POSSIBLE}
FROM entries e LEFT JOIN attempts a ON a.entry = e.id
WHERE e.id > ? GROUP BY e.id ORDER BY e.id LIMIT {_PAGE}
"""


class Reader:
    """A journal for reading, while another process writes it or after. Use as a context manager.

    UsageError when there is no journal at `path`; DataError when it is damaged or newer than this program.
    """

    def __init__(self, path: Path, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.path: Final = path
        if not path.is_file():
            raise UsageError(f"there is no journal at {path}")
        with explained(path):
            real = path.resolve()  # where nothing can be written nobody does, and there is no room for a reader's notes
            ours = os.access(real.parent, os.W_OK)
            still = "" if ours or Path(f"{real}-wal").exists() else "&immutable=1"
            source = f"{real.as_uri()}?mode=ro{still}"
            self._last = f"{real.as_uri()}?mode=rw" if ours and os.access(real, os.W_OK) else ""
            self._database = sqlite3.connect(
                source, uri=True, timeout=patience_seconds, isolation_level=None, check_same_thread=False
            )
            try:
                self._version = check(self._database, path)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Where nobody else is there, SQLite's files beside the journal go: a reader's connection cannot remove them."""
        self._database.close()
        with suppress(sqlite3.Error, DataError):
            if self._last and holder(self.path) is None:
                with closing(sqlite3.connect(self._last, uri=True)) as last:
                    last.execute("SELECT id FROM entries LIMIT 1").fetchall()

    def copy(self, path: Path, *, lost: str = "") -> None:
        """Write it into a new file in one step, where nothing can be gone on with by the way `lost`. UsageError where there is one."""
        if path.exists():
            raise UsageError(f"there is a journal already: {path}")
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        with explained(path):
            try:
                make_private(temporary)
                with closing(sqlite3.connect(temporary)) as other:
                    self._database.backup(other)
                    if lost and self._version > 1:
                        other.execute("UPDATE attempts SET way = '' WHERE way = ?", (lost,)).connection.commit()
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def answer(self, key: bytes) -> str | None:
        """The settled answer, or None. DataError when it is not what was written."""
        with explained(self.path):
            row = self._database.execute(
                "SELECT answer, digest FROM entries WHERE key = ? AND state = 'settled'", (key,)
            ).fetchone()
        if row is None:
            return None
        return self._sound(key, *row)

    def doubts(self, key: bytes, way: str) -> list[tuple[int, Cost]]:
        """The attempts at an entry that went this way and of which nobody knows the end: their numbers, and what each may have cost."""
        with explained(self.path):
            rows = self._database.execute(
                f"SELECT a.id, {', '.join(_COSTS)} FROM attempts a JOIN entries e ON a.entry = e.id "
                "WHERE e.key = ? AND a.way = ? AND NOT a.known AND a.state IN ('doubt', 'failed') ORDER BY a.id",
                (key, way),
            ).fetchall()
        return [(row[0], Cost(*row[1:])) for row in rows]

    def cost(self, key: bytes, *, known: bool = False) -> Cost:
        """What an entry has cost so far, and may have cost besides unless only what is `known` counts; nothing where there is none."""
        with explained(self.path):
            row = self._database.execute(
                f"SELECT {', '.join(f'COALESCE(SUM(a.{each}), 0)' for each in _COSTS)} "
                "FROM attempts a JOIN entries e ON a.entry = e.id WHERE e.key = ? AND a.known >= ?",
                (key, known),
            ).fetchone()
        return Cost(*row)

    def unfinished(self, way: str) -> int:
        """How many entries have no answer yet and an attempt that went this way, of which nobody knows the end."""
        with explained(self.path):
            return self._database.execute(
                "SELECT COUNT(DISTINCT e.id) FROM attempts a JOIN entries e ON a.entry = e.id "
                "WHERE a.way = ? AND NOT a.known AND a.state = 'doubt' AND e.state != 'settled'",
                (way,),
            ).fetchone()[0]

    def last_attempt(self) -> int:
        """The number of the last attempt; 0 when there was none."""
        with explained(self.path):
            return self._database.execute("SELECT COALESCE(MAX(id), 0) FROM attempts").fetchone()[0]

    def report(self, *, hits: int = 0) -> Report:
        with explained(self.path):
            states: dict[State, int] = dict(self._database.execute(_STATES).fetchall())
            doubts, *sums = self._database.execute(_REPORT).fetchone()
        return Report(
            states.get("settled", 0),
            states.get("failed", 0),
            states.get("doubt", 0),
            states.get("begun", 0),
            doubts,
            Cost(*sums[:5]),
            Cost(*sums[5:10]),
            Cost(*sums[10:]),
            hits,
        )

    def entries(self) -> Iterator[Entry]:
        """All entries in the order in which they were first asked for; those that are added meanwhile come last."""
        last = 0
        while True:
            with explained(self.path):
                rows = self._database.execute(_ENTRIES, (last,)).fetchall()
            if not rows:
                return
            for row in rows:
                yield self._entry(*row[1:])
            last = rows[-1][0]

    def _entry(
        self, key: bytes, kind: str, model: str, scope: str, sample: int, state: State, answer: object,
        digest: object, attempts: int, error: str | None, *sums: int,
    ) -> Entry:  # fmt: skip
        spent, possible = Cost(*sums[:5]), Cost(*sums[5:])
        sound = None if answer is None else self._sound(key, answer, digest)
        return Entry(key.hex(), kind, model, scope, sample, state, attempts, spent, possible, sound, error or "")

    def _sound(self, key: bytes, answer: object, digest: object) -> str:
        if not isinstance(answer, str) or digest_of(key, answer) != digest:
            raise DataError(
                f"{self.path}: the answer of entry {key.hex()} is not what was written: {_aside(self.path)}"
            )
        return answer


def digest_of(key: bytes, answer: str) -> bytes:
    """What tells an answer that was damaged on the disk from the one that was written, and from another entry's."""
    return hashlib.blake2b(answer.encode(), key=key, digest_size=8).digest()


def open_to_write(path: Path, patience_seconds: float) -> sqlite3.Connection:
    """The database at `path`, made if there is none; what a crash left begun is put in doubt.

    The connection may be used in any thread, in one at a time. To be called by the process that holds the lock.
    """
    with explained(path):
        make_private(path)
        database = sqlite3.connect(path, timeout=patience_seconds, isolation_level=None, check_same_thread=False)
        try:
            if _is_empty(database):
                mark = f"PRAGMA application_id = {_MARK}; PRAGMA user_version = {SCHEMA};"
                database.executescript(f"BEGIN IMMEDIATE; {_TABLES} {mark} COMMIT;")
            if check(database, path) < SCHEMA:
                database.executescript(f"BEGIN IMMEDIATE; {_TO_2} PRAGMA user_version = {SCHEMA}; COMMIT;")
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            database.execute("UPDATE entries SET state = 'doubt' WHERE state = 'begun'")
            database.execute("UPDATE attempts SET state = 'doubt' WHERE state = 'begun'")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
    return database


def check(database: sqlite3.Connection, path: Path) -> int:
    """The version of its format. UsageError for a database of something else, DataError for a newer one. Nothing is written."""
    mark, version = (database.execute(f"PRAGMA {each}").fetchone()[0] for each in ("application_id", "user_version"))
    if mark != _MARK:
        raise UsageError(f"{path} is a database, but no journal: choose another name")
    refuse_newer(path, version, SCHEMA)
    return version


def _is_empty(database: sqlite3.Connection) -> bool:
    return not database.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()[0]


def holder(path: Path) -> int | None:
    """The process that writes the journal at `path` now; None where nobody does."""
    name = _lock(path)
    if not name.exists():
        return None
    with explained(path), name.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            said = file.read(20).strip()
            return int(said) if said.isdigit() else None
    return None


def _lock(path: Path) -> Path:
    """One for a file, by whatever name it is known."""
    real = path.resolve()
    return real.with_name(f"{real.name}.lock")


def compact(path: Path) -> None:
    """Give back the room that is empty in the file of a journal that nobody has open. UsageError where somebody has."""
    with alone(path), closing(open_to_write(path, PATIENCE_SECONDS)) as database, explained(path):
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def alone(path: Path) -> Generator[None]:
    """Be the only one who writes the journal at `path`. UsageError names the process that already does."""
    name = _lock(path)
    with explained(path):
        handle = os.open(name, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    with closing(os.fdopen(handle, "r+b", buffering=0)) as file:  # closing it gives the lock back, as any death does
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = file.read(20).decode("ascii", "replace").strip() or "unknown"
            raise UsageError(
                f"the journal {path} is in use by process {holder}: wait for it to end, or stop it"
            ) from None
        with explained(path):
            file.truncate(0)
            file.write(b"%d\n" % os.getpid())
        yield


@contextmanager
def explained(path: Path) -> Generator[None]:
    """Say what went wrong with the file, and what to do about it."""
    try:
        yield
    except OSError as error:
        advice = "choose a folder that you can write to"
        if isinstance(error, FileNotFoundError):
            advice = f"make its folder first (mkdir -p {shlex.quote(str(path.parent))})"
        said = f"the journal {path} cannot be opened: {(error.strerror or str(error)).lower()}"
        raise UsageError(f"{said}: {advice}") from error
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # a mistake of ours, such as using a journal that was closed
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite's own sentence quotes the damage
        raise complaint(path, error) from error


def complaint(path: Path, error: Exception) -> UsageError | DataError:
    """An error of SQLite's as one of ours."""
    said = f"the journal {path}: {error}"
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:  # the rest of the code is detail
        case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
            return DataError(f"{said}: free some space on its disk and run it again; what was settled before is safe")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_AUTH:
            return UsageError(f"{said}: it and its folder must be writable: change their permissions or choose another")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return UsageError(f"{said}: another program keeps it busy: close that and run it again")
        case sqlite3.SQLITE_NOTADB:
            return DataError(f"{said}: it is damaged, or something else: choose another name, or {_aside(path)}")
        case _:
            return DataError(f"{said}: it is damaged: {_aside(path)}")


def _aside(path: Path) -> str:
    name = shlex.quote(str(path))
    return f"move it aside (mv {name} {name}.damaged; rm -f {name}-wal {name}-shm) and what it holds is asked for again"
