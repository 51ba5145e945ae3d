"""What every sandbox must do: the language, from cell to cell."""

from __future__ import annotations

import asyncio
import base64
import textwrap
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from ocinterp.protocols import Session
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell, ExecutionResult, Outcome

pytestmark = pytest.mark.asyncio(loop_scope="module")

Open = Callable[..., AbstractAsyncContextManager[Session]]
PNG = b"\x89PNG\r\n\x1a\n"


async def run(session: Session, source: str, name: str = "cell") -> ExecutionResult:
    return await session.run(Cell(name, textwrap.dedent(source)))


async def shown(session: Session, source: str) -> list[str]:
    """The text of what a cell that ends well displays."""
    result = await run(session, source)
    assert result.ok, result
    return [display.data["text/plain"] for display in result.displays]


async def test_variables_imports_and_files_survive_from_cell_to_cell(session: Session) -> None:
    await run(session, "import math as m\nx = 41\nopen('note', 'w').write('hi')\n_ = 0")
    assert await shown(session, "x + 1, m.floor(2.5), open('note').read()") == ["(42, 2, 'hi')"]


async def test_sessions_share_neither_variables_nor_files(sandbox: NamespaceSandbox) -> None:
    async with sandbox.open() as one, sandbox.open() as other:
        await run(one, "x = 1; open('note', 'w').close()")
        result = await run(other, "import os; print(os.listdir()); x")
    assert result.stdout == "[]\n"
    assert result.error is not None
    assert result.error.name == "NameError"


async def test_twenty_sessions_run_at_once_and_keep_apart(sandbox: NamespaceSandbox) -> None:
    async def one(number: int) -> None:
        async with sandbox.open() as session:
            await run(session, f"x = {number}; open('mine', 'w').write(str(x))")
            assert await shown(session, "x, open('mine').read()") == [f"({number}, '{number}')"]

    async with asyncio.TaskGroup() as group:
        for number in range(20):
            group.create_task(one(number))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 1", ["2"]),
        ("None", []),
        ("1 + 1;", []),
        ("x = 5", []),
        ("", []),
        ("# only a remark", []),
        ("'a'\n'b'", ["'b'"]),
        ("x = 3\r\nx\r\n", ["3"]),
        ("größe = '東京 🐍'\ngröße", ["'東京 🐍'"]),
        ("display(1, 'two')", ["1", "'two'"]),
    ],
)
async def test_the_last_expression_is_shown(session: Session, source: str, expected: list[str]) -> None:
    assert await shown(session, source) == expected


async def test_the_value_shown_last_is_at_hand_as_underscore(session: Session) -> None:
    await run(session, "6 * 7")
    assert await shown(session, "_ + 1") == ["43"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import asyncio\nawait asyncio.sleep(0)\n'done'", "'done'"),
        ("import asyncio\nasync def f():\n    return 5\nawait f()", "5"),
        ("import asyncio\nasync def f():\n    return 6\nasyncio.run(f())", "6"),
        ("import pickle\nclass C:\n    v = 3\npickle.loads(pickle.dumps(C())).v", "3"),
        ("from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\nP(2)", "P(x=2)"),
        ("def f():\n    return 1\n\nimport inspect\ninspect.getsource(f)", "'def f():\\n    return 1\\n'"),
        ("__name__", "'__main__'"),
        ("import sys\nsys.stdin.read()", "''"),
        ("%matplotlib inline\n4", "4"),
        ("import subprocess\nsubprocess.run(['sh', '-c', 'exit 3']).returncode", "3"),
        (f"x = '{'a' * 5_000_000}'\nlen(x)", "5000000"),
    ],
)
async def test_python_is_all_there(session: Session, source: str, expected: str) -> None:
    assert await shown(session, source) == [expected]


async def test_functions_of_a_cell_run_in_processes_of_a_pool(session: Session, tier: str) -> None:
    if tier == "landlock":
        pytest.skip("semaphores between processes lie in the host's /dev/shm, which is out of reach")
    source = """
        import concurrent.futures, multiprocessing
        def double(n):
            return 2 * n
        fork = multiprocessing.get_context("fork")
        with fork.Pool(2) as pool:
            first = pool.map(double, range(3))
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=fork) as pool:
            second = list(pool.map(double, range(3)))
        first, second
        """
    assert await shown(session, source) == ["([0, 2, 4], [0, 2, 4])"]


async def test_a_shell_command_says_that_it_cannot_run(session: Session) -> None:
    result = await run(session, "!ls")
    assert result.error is not None
    assert result.error.message == "shell commands do not run here: !ls"


async def test_another_language_is_refused_as_the_programs_error(session: Session) -> None:
    result = await session.run(Cell("c", "DISPLAY 'hi'.", language="cobol"))
    assert (result.cell_id, result.outcome) == ("c", Outcome.ERROR)
    assert result.error is not None
    assert result.error.name == "UnsupportedLanguage"
    assert result.error.message.startswith("cobol does not run ")


async def test_an_awaited_cell_that_was_stopped_does_not_go_on_under_the_next_one(limited: Open) -> None:
    async with limited(timeout_seconds=0.3, grace_seconds=5) as session:
        ticking = "import asyncio\nwhile True:\n    print('tick')\n    await asyncio.sleep(0.01)"
        assert (await run(session, ticking)).outcome is Outcome.TIMEOUT
        result = await run(session, "await asyncio.sleep(0.05)\nprint('next')")
    assert result.stdout == "next\n"


async def test_random_numbers_differ_between_sessions(limited: Open, sandbox: NamespaceSandbox) -> None:
    draw = "import random\nrandom.random()"
    async with sandbox.open() as one, sandbox.open() as other:
        assert await shown(one, draw) != await shown(other, draw)


async def test_numpys_random_numbers_differ_too(limited: Open) -> None:
    pytest.importorskip("numpy")
    async with limited(preload=("numpy",)) as session:
        draw = "import numpy\nnumpy.random.random()"
        first = await shown(session, draw)
        await run(session, "import os; os._exit(0)")
        assert await shown(session, draw) != first


async def test_frames_and_figures_are_shown(limited: Open) -> None:
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib")
    async with limited(preload=("pandas", "matplotlib.pyplot"), timeout_seconds=60) as session:
        result = await run(session, "import pandas as pd\npd.DataFrame({'a': [1, 2]})")
        assert "<table" in result.displays[0].data["text/html"]
        assert result.displays[0].data["text/plain"] == "   a\n0  1\n1  2"
        for source in ("plt.plot([1, 2]); plt.show()", "plt.plot([1, 2]);"):
            result = await run(session, f"import matplotlib.pyplot as plt\n{source}")
            figures = [each.data["image/png"] for each in result.displays if "image/png" in each.data]
            assert len(figures) == 1, source
            assert base64.b64decode(figures[0]).startswith(PNG)
        result = await run(session, "plt.plot([1, 2]); 1 / 0")
        assert (result.outcome, len(result.displays)) == (Outcome.ERROR, 1)
        assert not (await run(session, "1;")).displays


async def test_a_figure_that_is_the_last_value_is_shown_once(limited: Open) -> None:
    pytest.importorskip("matplotlib")
    async with limited(timeout_seconds=60) as session:
        result = await run(session, "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.gcf()")
        assert len([each for each in result.displays if "image/png" in each.data]) == 1


async def test_a_python_program_that_a_cell_starts_has_the_same_packages(limited: Open) -> None:
    pytest.importorskip("matplotlib")
    program = "import matplotlib.pyplot as plt, numpy; plt.plot([1, 2]); plt.savefig('x.png'); plt.show(); print(plt.__file__)"
    source = f"""
        import subprocess, sys, matplotlib.pyplot as plt
        for python, program in (("python3", {program!r}), (sys.executable, "from matplotlib import pyplot as plt; print(plt.__file__)")):
            print(subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == plt.__file__)
        """
    async with limited() as session:
        result = await run(session, source)
        assert result.stdout == "True\nTrue\n", result
        assert [each.name for each in await session.files()] == ["x.png"]
