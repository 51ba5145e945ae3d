"""What every sandbox must do with files."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from ocinterp.errors import UsageError
from ocinterp.protocols import Session
from ocinterp.types import Cell, ExecutionResult

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]


async def run(session: Session, source: str) -> ExecutionResult:
    return await session.run(Cell("cell", textwrap.dedent(source)))


async def names(session: Session) -> list[str]:
    return [each.name for each in await session.files()]


@pytest.mark.parametrize("name", ["a.txt", "data/deep/b.bin", "ü 東京.txt", "..txt", "-rf"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"x" * 300_000])
async def test_a_file_put_in_can_be_read_by_the_program_and_got_out(
    session: Session, name: str, content: bytes
) -> None:
    await session.put(name, content)
    await session.put(name, content)  # and once more over itself
    assert (await run(session, f"print(len(open({name!r}, 'rb').read()))")).stdout == f"{len(content)}\n"
    assert await session.get(name) == content


async def test_files_of_the_program_are_listed_by_name_with_their_size(session: Session) -> None:
    await run(session, "import os\nos.mkdir('d')\nopen('d/b', 'w').write('12')\nopen('a', 'w').close()")
    assert [(each.name, each.size) for each in await session.files()] == [("a", 0), ("d/b", 2)]


async def test_hidden_files_are_not_listed_but_can_be_read(session: Session) -> None:
    await run(session, "import os\nopen('.hidden', 'w').write('h')\nos.mkdir('.git')\nopen('.git/x', 'w').close()")
    assert await names(session) == []
    assert await session.get(".hidden") == b"h"


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "/etc/passwd", "a/../b", "a//b", "a/", "x\0y", "n" * 300_000])
async def test_a_name_that_leads_elsewhere_is_refused(session: Session, name: str) -> None:
    with pytest.raises(UsageError):
        await session.put(name, b"x")
    with pytest.raises(UsageError):
        await session.get(name)
    assert (await run(session, "1")).ok


async def test_what_is_not_a_regular_file_is_neither_listed_nor_read(session: Session) -> None:
    source = """
        import contextlib, os
        os.symlink("/etc/passwd", "link")
        os.symlink("/etc", "folder-link")
        os.symlink("link", "link-to-link")
        os.mkdir("folder")
        with contextlib.suppress(PermissionError):
            os.mkfifo("fifo")
        """
    assert (await run(session, source)).ok
    assert await names(session) == []
    for name in ("link", "link-to-link", "folder-link/passwd", "folder", "fifo", "missing"):
        with pytest.raises(UsageError):
            await session.get(name)
    with pytest.raises(UsageError):
        await session.put("folder-link/new", b"x")


async def test_putting_a_file_over_a_link_replaces_the_link(session: Session) -> None:
    await run(session, "import os\nopen('target', 'w').write('old')\nos.symlink('target', 'link')")
    await session.put("link", b"new")
    assert (await session.get("target"), await session.get("link")) == (b"old", b"new")


async def test_all_files_are_listed_however_many(session: Session) -> None:
    deep = """
        import os
        for i in range(1200): open(f"f{i:04}", "w").close()
        for i in range(30):
            os.mkdir("d" * 150)
            os.chdir("d" * 150)
        for i in range(100):
            open(f"{i}" + "ü" * 90, "w").close()
        """
    assert (await run(session, deep)).ok
    names = [file.name for file in await session.files()]
    assert len(names) == len(set(names)) == 1300
    assert names == sorted(names)


async def test_a_listing_ends_while_files_are_made(session: Session) -> None:
    endless = """
        import itertools, threading
        open("first", "w").close()
        def fill():
            for i in itertools.count():
                try: open(f"f{i}", "w").close()
                except OSError: return
        threading.Thread(target=fill, daemon=True).start()
        """
    assert (await run(session, endless)).ok
    assert await session.files()
    assert (await run(session, "1")).ok


async def test_files_have_a_largest_size(limited: Open) -> None:
    async with limited(file_bytes=1000) as session:
        with pytest.raises(UsageError, match="a file may have"):
            await session.put("big", b"x" * 1001)
        await session.put("fits", b"x" * 1000)
        await run(session, "open('big', 'w').write('x' * 1001)")
        with pytest.raises(UsageError, match="larger"):
            await session.get("big")
        assert len(await session.get("fits")) == 1000


async def test_files_outlive_the_interpreter_but_not_the_session(session: Session) -> None:
    await run(session, "open('a', 'w').close()\nimport os\nos._exit(1)")
    assert await names(session) == ["a"]
