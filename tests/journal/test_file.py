"""A journal that cannot be used says so in one sentence, and one that is damaged never gives a wrong answer."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import ocinterp
from ocinterp.errors import DataError, OcinterpError, UsageError
from ocinterp.journal import Cost, Done, Journal, Reader, Request, holder, ticket
from ocinterp.journal.file import PATIENCE_SECONDS, SCHEMA


def request(name: object) -> Request:
    return Request("test", "m", name, scope=f"s{name}")


async def fill(path: Path, entries: int = 40) -> None:
    async with Journal(path) as journal:
        for number in range(entries):

            async def act(number: int = number) -> Done:
                return Done(f"answer {number} " + "x" * 200, Cost(1, nanodollars=2))

            await journal.once(request(number), act)


async def fresh() -> Done:
    return Done("fresh")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


async def test_entries_come_in_the_order_of_their_first_asking_and_all_of_them(path: Path) -> None:
    await fill(path, 1203)
    with Reader(path) as reader:
        assert [each.scope for each in reader.entries()] == [f"s{number}" for number in range(1203)]
        assert reader.report().spent == Cost(1203, nanodollars=2406)
    (entry, *_) = Reader(path).entries()
    assert entry.answer is not None
    assert entry.answer.startswith("answer 0 ")
    assert (entry.kind, entry.model, entry.sample, entry.state) == ("test", "m", 0, "settled")


async def test_a_journal_can_be_read_while_it_is_written(path: Path) -> None:
    async with Journal(path) as journal:
        with Reader(path) as reader:
            listing = reader.entries()
            await journal.once(request(1), fresh)
            assert next(listing).state == "settled"
            await journal.once(request(2), fresh)
            assert [each.scope for each in listing] == ["s2"]


async def test_only_its_owner_may_read_a_journal(path: Path) -> None:
    await fill(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_journal_that_was_closed_is_one_file_and_its_lock(path: Path) -> None:
    await fill(path)
    assert {each.name for each in path.parent.iterdir()} == {"journal.sqlite", "journal.sqlite.lock"}


HOLDING = """
import asyncio, sys
from pathlib import Path
from ocinterp.journal import Journal
async def main():
    async with Journal(Path(sys.argv[1])):
        print("open", flush=True)
        sys.stdin.read()
asyncio.run(main())
"""


async def test_a_second_process_is_refused_and_told_which_is_the_first(path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__path__[0]).parent)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline()
        with pytest.raises(UsageError, match=rf"in use by process {holder.pid}: wait for it to end, or stop it"):
            await fill(path)
        holder.kill()
    await fill(path, 1)


async def test_a_journal_is_open_once_in_a_process_too(path: Path) -> None:
    async with Journal(path):
        with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
            await fill(path)


async def test_a_journal_that_another_program_locks_is_said_to_be_busy(path: Path) -> None:
    await fill(path, 1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(
            UsageError, match="database is locked: another program keeps it busy: close that and run it"
        ):
            async with Journal(path, patience_seconds=0.01):
                pass
    assert PATIENCE_SECONDS >= 1
    await fill(path, 2)


async def test_a_newer_journal_is_not_touched(path: Path) -> None:
    await fill(path)
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    for use in (fill(path), fill(path)):
        with pytest.raises(
            DataError, match=r"written by a newer ocinterp \(schema 7; this one knows 2\): upgrade with"
        ):
            await use
    with pytest.raises(DataError, match="newer"):
        Reader(path)
    assert path.read_bytes() == before


async def test_a_database_of_something_else_is_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is a database, but no journal: choose another name"):
        await fill(path)
    assert path.read_bytes() == before


async def test_what_is_no_database_is_not_touched(path: Path) -> None:
    path.write_text("my shopping list, which is long enough to be taken for something\n" * 20)
    before = path.read_bytes()
    with pytest.raises(
        DataError, match="file is not a database: it is damaged, or something else: choose another name"
    ):
        await fill(path)
    assert path.read_bytes() == before


async def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    path.touch()
    await fill(path, 2)
    with Reader(path) as reader:
        assert reader.report().settled == 2


async def test_a_folder_that_is_not_there_is_told_how_to_be_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such file or directory: make its folder first \(mkdir -p .*below\)"):
        await fill(tmp_path / "below" / "journal.sqlite")
    with pytest.raises(UsageError, match="there is no journal at"):
        Reader(tmp_path / "none.sqlite")
    with pytest.raises(UsageError, match="must be writable"):
        await fill(tmp_path)


async def test_what_cannot_be_written_is_said_to_be(unprivileged: Path) -> None:
    path = unprivileged / "journal.sqlite"
    await fill(path, 1)
    path.chmod(0o400)
    with pytest.raises(UsageError, match="readonly database: it and its folder must be writable: change their perm"):
        await fill(path)
    path.chmod(0o600)
    (unprivileged / "journal.sqlite.lock").unlink()
    unprivileged.chmod(0o500)
    with pytest.raises(UsageError, match="permission denied: choose a folder that you can write to"):
        await fill(path)
    with Reader(path) as reader:
        assert list(reader.entries())
    unprivileged.chmod(0o700)


FILLING = """
import asyncio, resource, sys
from pathlib import Path
from ocinterp.errors import DataError
from ocinterp.journal import Done, Journal, Request

path, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
given, done = {}, []

async def ask(journal, number):
    async def act():
        done.append(number)
        return Done(f"{number} " + "x" * 20_000)
    given[number] = await journal.once(Request("t", "m", number), act)

async def main():
    async with Journal(path) as journal:
        try:
            for number in range(1000):
                await ask(journal, number)
        except DataError as error:
            print(error)
        paid = len(done)
        for number in range(1000, 1010):
            try:
                await ask(journal, number)
            except DataError as error:
                assert "free some space" in str(error)
        assert len(done) == paid, "an act was begun that could not be settled"
        assert len(given) > 3
        for number in list(given):
            assert (await journal.once(Request("t", "m", number), None)) == given[number]
    async with Journal(path) as journal:
        for number in list(given):
            assert (await journal.once(Request("t", "m", number), None)) == given[number]

asyncio.run(main())
"""


def filling(path: Path, limit: int, prefix: tuple[str, ...] = ()) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__path__[0]).parent)}
    command = [*prefix, sys.executable, "-c", FILLING, str(path), str(limit)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.stdout


def test_a_limit_on_file_sizes_loses_no_answer_and_begins_nothing_that_cannot_be_kept(path: Path) -> None:
    said = filling(path, 600_000)
    assert "disk I/O error: free some space on its disk and run it again; what was settled before is safe" in said


def test_a_full_disk_loses_no_answer_and_begins_nothing_that_cannot_be_kept(tmp_path: Path) -> None:
    mount = 'mount -t tmpfs -o size=1m tmpfs "$0" && exec "$@"'
    alone = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, str(tmp_path))
    try:
        subprocess.run([*alone, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no small disk can be mounted here: {error}")
    said = filling(tmp_path / "journal.sqlite", 0, prefix=alone)
    assert "is full: free some space on its disk and run it again; what was settled before is safe" in said


@pytest.mark.parametrize("seed", range(60))
async def test_a_damaged_journal_gives_the_right_answer_or_none(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "whole.sqlite"
    if not path.exists():
        await fill(path)
    chance = random.Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(chance.choice([1, 3, 30])):
        content[chance.randrange(len(content))] = chance.randrange(256)
    if chance.random() < 0.2:
        del content[chance.randrange(len(content)) :]
    damaged = tmp_path_factory.mktemp("damaged") / "journal.sqlite"
    damaged.write_bytes(content)
    said = str(damaged)
    try:
        async with Journal(damaged) as journal:
            for number in range(40):
                answer = await journal.once(request(number), fresh)
                assert answer in {"fresh", f"answer {number} " + "x" * 200}
            list(journal.entries())
            str(journal.report())
    except OcinterpError as error:
        said = str(error)
    assert str(damaged) in said


async def test_a_damaged_answer_is_not_given_and_the_way_out_is_told(path: Path) -> None:
    await fill(path)
    content = path.read_bytes()
    assert content.count(b"answer 7 ") == 1
    path.write_bytes(content.replace(b"answer 7 ", b"answer 8 "))
    async with Journal(path) as journal:
        assert (await journal.once(request(6), fresh)).startswith("answer 6 ")
        with pytest.raises(DataError, match=r"the answer of entry \w+ is not what was written: move it aside \(mv "):
            await journal.once(request(7), fresh)
        with pytest.raises(DataError, match="is not what was written"):
            list(journal.entries())


async def test_a_journal_of_the_first_format_is_brought_to_this_one(path: Path) -> None:
    await fill(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript("ALTER TABLE attempts DROP COLUMN way; PRAGMA user_version = 1;")
    with Reader(path) as reader:
        before = list(reader.entries())
    async with Journal(path) as journal:
        assert list(journal.entries()) == before
        await journal.once(request("new"), fresh, way="batch")
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        assert database.execute("SELECT DISTINCT way FROM attempts").fetchall() == [("",), ("batch",)]


async def test_a_link_to_a_journal_is_the_same_journal(path: Path) -> None:
    await fill(path)
    (path.parent / "link").mkdir()
    link = path.parent / "link" / path.name
    link.symlink_to(path)
    async with Journal(path):
        assert holder(link) == os.getpid()
        with pytest.raises(UsageError, match=f"in use by process {os.getpid()}"):
            async with Journal(link):
                pass


async def test_a_copy_has_all_and_is_its_owners_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "j.sqlite", tmp_path / "other.sqlite"
    asked = 0

    async def act() -> Done:
        nonlocal asked
        asked += 1
        return Done("1")

    async with Journal(path) as journal:
        await journal.once(request("one"), act)
        with Reader(path) as reader:
            reader.copy(other)
            with pytest.raises(UsageError, match="there is a journal already"):
                reader.copy(other)
    assert other.stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*"))
    async with Journal(other) as journal:
        assert await journal.once(request("one"), act) == "1"
    assert asked == 1


async def test_who_reads_last_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    async with Journal(path) as journal:
        await journal.once(request("one"), fresh)
        with Reader(path) as reader:
            assert reader.report().settled == 1
        assert (tmp_path / "run.journal-wal").exists()  # which is the writer's
    with Reader(path) as reader:
        assert reader.report().settled == 1
    assert {each.name for each in tmp_path.iterdir()} == {"run.journal", "run.journal.lock"}


def test_a_database_of_something_else_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    script = (
        "import os, sqlite3, sys; other = sqlite3.connect(sys.argv[1]); other.execute('PRAGMA journal_mode = WAL')\n"
        "other.execute('CREATE TABLE mine (x)'); other.commit(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, path], check=True)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir() if not each.name.endswith("-shm")}
    assert "other.sqlite-wal" in before
    with pytest.raises(UsageError, match="no journal"):
        Reader(path)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


async def test_what_was_under_way_elsewhere_stays_in_doubt_where_nobody_can_go_on_with_it(tmp_path: Path) -> None:
    path, cost = tmp_path / "run.journal", Cost(1, 0, 0, 0, 7)

    async def broken_off() -> Done:
        raise asyncio.CancelledError

    async def gone_on_with() -> Done:
        found = ticket()
        assert found is not None
        found.go_on()
        return Done("1", cost)

    async with Journal(path) as journal:
        with pytest.raises(asyncio.CancelledError):
            await journal.once(request("one"), broken_off, reserve=cost, way="gateway")
    possible: dict[str, int] = {}
    for lost in ("gateway", "batch"):
        with Reader(path) as reader:
            reader.copy(tmp_path / lost, lost=lost)
        async with Journal(tmp_path / lost) as journal:
            assert await journal.once(request("one"), gone_on_with, reserve=cost, way="gateway") == "1"
            possible[lost] = journal.report().possible.nanodollars
    assert possible == {"gateway": 7, "batch": 0}
