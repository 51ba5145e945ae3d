"""What every sandbox must do with what a program prints."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from ocinterp.protocols import Session
from ocinterp.types import Cell, DisplayEvent, ExecutionResult, LiveEvent, Outcome, OutputEvent

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]
MIB = 1024 * 1024


async def run(session: Session, source: str, name: str = "cell") -> ExecutionResult:
    return await session.run(Cell(name, textwrap.dedent(source)))


async def until_there(session: Session, name: str) -> None:
    while name not in {each.name for each in await session.files()}:
        pass


async def test_stdout_and_stderr_are_apart(session: Session) -> None:
    result = await run(session, "import sys\nprint('out')\nprint('err', file=sys.stderr)")
    assert (result.stdout, result.stderr) == ("out\n", "err\n")


async def test_output_arrives_while_the_cell_still_runs(session: Session) -> None:
    heard: asyncio.Queue[LiveEvent] = asyncio.Queue()
    source = "import os, time\nprint('go')\nwhile not os.path.exists('answer'): time.sleep(0.001)\nprint('end')"
    task = asyncio.create_task(session.run(Cell("c", source), on_output=heard.put_nowait))
    assert await heard.get() == OutputEvent("c", "stdout", "go\n")
    await session.put("answer", b"")  # the cell cannot end before this, so the event came before its end
    assert (await task).stdout == "go\nend\n"
    assert heard.get_nowait() == OutputEvent("c", "stdout", "end\n")


@pytest.mark.parametrize("source", ["print('a')\nimport time\ntime.sleep(1000)", "display(1)", "print('a')"])
async def test_what_the_listener_raises_ends_the_cell_and_reaches_the_caller(session: Session, source: str) -> None:
    def refuse(event: LiveEvent) -> None:
        raise BrokenPipeError(32, "nobody reads this")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        await session.run(Cell("c", source), on_output=refuse)
    assert (await run(session, "print('next')")).stdout == "next\n"


async def test_what_is_shown_comes_after_what_was_printed_before_it(session: Session) -> None:
    heard: list[LiveEvent] = []
    await session.run(Cell("c", "print('a')\ndisplay(1)"), on_output=heard.append)
    kinds = ["1" if isinstance(event, DisplayEvent) else event.text for event in heard]
    assert kinds == ["a\n", "1"]


async def test_children_and_raw_writes_are_captured_in_order(session: Session) -> None:
    result = await run(
        session, "import os, subprocess\nprint('a')\nsubprocess.run(['echo', 'b'])\nos.write(1, b'c\\n')\nprint('d');"
    )
    assert result.stdout == "a\nb\nc\nd\n"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"caf\xc3", "caf\ufffd"),
        (b"a\0b", "a\0b"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("ü€🐍".encode(), "ü€🐍"),
    ],
)
async def test_any_bytes_may_be_printed(session: Session, written: bytes, read: str) -> None:
    assert (await run(session, f"import os\nos.write(1, {written!r});")).stdout == read


async def test_a_character_cut_in_two_by_a_flush_is_one(session: Session) -> None:
    result = await run(session, "import os, time\nos.write(1, b'\\xc3'); time.sleep(0.01); os.write(1, b'\\xa9');")
    assert result.stdout == "é"


async def test_surrogates_are_printed_as_escapes(session: Session) -> None:
    assert (await run(session, "print('\\ud800')")).stdout == "\\ud800\n"


async def test_ten_megabytes_and_a_long_line_arrive_whole(limited: Open) -> None:
    async with limited(output_bytes=16 * MIB) as session:
        result = await run(session, "for i in range(100_000): print('x' * 99)")
        assert (result.outcome, len(result.stdout), result.truncated) == (Outcome.OK, 10_000_000, False)
        assert len((await run(session, "print('x' * 5_000_000)")).stdout) == 5_000_001


@pytest.mark.parametrize("source", ["while True: print('x' * 1000)", "import os\nwhile True: os.write(2, b'x' * 9000)"])
async def test_endless_output_is_stopped_and_the_variables_kept(limited: Open, source: str) -> None:
    async with limited(output_bytes=10_000, grace_seconds=5) as session:
        result = await run(session, f"x = 41\n{source}")
        assert (result.outcome, result.truncated) == (Outcome.OUTPUT, True)
        assert len(result.stdout) + len(result.stderr) == 10_000
        assert (await run(session, "print(x)")).stdout == "41\n"


async def test_what_is_shown_is_bounded_too(limited: Open) -> None:
    async with limited(display_bytes=10_000) as session:
        result = await run(session, "display('x' * 20_000)\nfor i in range(300): display(i)")
    assert result.truncated
    assert len(result.displays) == 101
    assert "more than it may" in result.displays[0].data["text/plain"]


async def test_what_a_thread_prints_after_its_cell_is_not_the_next_cells(session: Session) -> None:
    source = """
        import os, threading, time
        def late():
            while not os.path.exists("go"): time.sleep(0.001)
            print("late")
            open("done", "w").close()
        threading.Thread(target=late).start()
        """
    assert (await run(session, source)).stdout == ""
    await session.put("go", b"")
    await until_there(session, "done")
    result = await run(session, "print('next')")
    assert result.stdout == "next\n"
    assert "late" in result.stderr


async def test_a_child_that_never_stops_printing_does_not_hold_the_session_up(limited: Open) -> None:
    async with limited(output_bytes=1024 * MIB) as session:
        assert (await run(session, "import subprocess\nnoise = subprocess.Popen(['yes'])")).ok
        assert (await run(session, "noise.kill()\nnoise.wait();")).ok
        assert (await run(session, "print('quiet')")).stdout == "quiet\n"


@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.stdout = None",
        "import sys; sys.stdout.close()",
        "import sys; del sys.stdout, sys.stderr",
        "import sys\nclass Odd:\n    def flush(self): raise RuntimeError\nsys.stdout = Odd()",
    ],
)
async def test_a_program_that_breaks_its_streams_gets_new_ones(session: Session, source: str) -> None:
    assert (await run(session, source)).ok
    assert (await run(session, "print('here')")).stdout == "here\n"


async def test_a_program_may_put_its_own_stream_in_place(session: Session) -> None:
    await run(session, "import io, sys\nold, sys.stdout = sys.stdout, io.StringIO()\nprint('kept')")
    assert (await run(session, "text = sys.stdout.getvalue()\nsys.stdout = old\nprint(text)")).stdout == "kept\n\n"
