"""What holds in the `ns` tier alone, seen from a host process of its own: one that is killed, one of an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from ocinterp.testing.processes import descendants, ended

SOURCES = Path(__file__).parents[2] / "src"


def started_host(
    script: str, *, python: str = sys.executable, wrap: tuple[str, ...] = (), path: Path = SOURCES
) -> subprocess.Popen[str]:
    """A host process of its own, which runs the body of an async function."""
    body = textwrap.indent(textwrap.dedent(script), "    ")
    program = f"""\
import asyncio, json, os, sys
sys.path.insert(0, {str(path)!r})
from ocinterp.sandboxes.container.sandbox import ContainerSandbox
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.types import Cell
async def main():
{body}
asyncio.run(main())
"""
    return subprocess.Popen([*wrap, python, "-c", program], stdout=subprocess.PIPE, text=True, cwd="/")


def test_killing_the_host_leaves_no_process_behind(namespaces: None) -> None:
    script = """
        async with NamespaceSandbox() as sandbox, sandbox.open() as session:
            busy = Cell("c", "import subprocess\\nsubprocess.Popen(['sleep', '600'])\\nprint('go')\\nwhile True: pass")
            await session.run(busy, on_output=lambda _: print("go", flush=True))
        """
    with started_host(script) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == "go\n"
        tree = descendants(host.pid)
        assert len(tree) == 4  # launcher, zygote, worker, sleep
        host.kill()
        assert ended(tree)


@pytest.fixture
def readable_sources() -> Iterator[Path]:
    """A copy of the package that any user may read; the sandbox needs the standard library only."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(SOURCES / "ocinterp", Path(folder, "ocinterp"), ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
        yield Path(folder)


def test_the_walls_stand_for_an_ordinary_user_too(namespaces: None, readable_sources: Path) -> None:
    if os.getuid():
        pytest.skip("the whole suite runs as an ordinary user already")
    wrap = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv to become another user with")
    python = next((each for each in (sys.executable, "/usr/bin/python3") if _runs(wrap, each)), None)
    if python is None:
        pytest.skip("no Python 3.11 or later is readable by other users")
    script = """
        async with NamespaceSandbox(Resources(timeout_seconds=0.5, grace_seconds=5, processes=20)) as sandbox:
            async with sandbox.open() as session, sandbox.open() as other:
                for number, source in enumerate([
                    "x = 41; open('kept', 'w').write('here');",
                    "print(x + 1)",
                    "while True: pass",
                    "print(x)",
                    "import os; os._exit(3)",
                    "print(open('kept').read())",
                    "import socket; socket.socket()",
                    "import os, time\\nfor _ in range(100):\\n    if os.fork() == 0: time.sleep(60)",
                    "print(os.getuid(), os.path.exists('/root'), os.listdir('/run/sessions'))",
                ]):
                    result = await session.run(Cell(str(number), source))
                    print(json.dumps([result.outcome, result.stdout, result.error and result.error.name]))
                print(json.dumps((await session.get("kept")).decode()))
                await session.put("new", b"x")
                print(json.dumps([each.name for each in await session.files()]))
        """
    with started_host(script, python=python, wrap=wrap, path=readable_sources) as host:
        assert host.stdout is not None
        said = [json.loads(line) for line in host.stdout]
    assert host.returncode == 0
    assert said == [
        ["ok", "", None],
        ["ok", "42\n", None],
        ["timeout", "", "Timeout"],
        ["ok", "41\n", None],
        ["killed", "", "Killed"],
        ["ok", "here\n", None],
        ["error", "", "PermissionError"],
        ["error", "", "BlockingIOError"],
        ["ok", "1000 False []\n", None],
        "here",
        ["kept", "new"],
    ]


def _runs(wrap: tuple[str, ...], python: str) -> bool:
    check = (
        "import subprocess, sys; sys.exit(sys.version_info < (3, 11) or subprocess.call([sys.executable, '-c', '']))"
    )
    return subprocess.run([*wrap, python, "-c", check], capture_output=True, cwd="/", check=False).returncode == 0
