"""What only the `jupyter` tier promises, with a server and without."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes.jupyter import messages
from ocinterp.sandboxes.jupyter.server import place
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import sandbox_named
from ocinterp.types import Cell, Failure, Outcome
from sandboxes.jupyter_server import TOKEN, serving

kernels = pytest.mark.skipif(importlib.util.find_spec("ipykernel") is None, reason="ipykernel is not installed")
servers = pytest.mark.skipif(
    importlib.util.find_spec("jupyter_server") is None, reason="jupyter_server is not installed"
)
COMMAND = "import sys; sys.argv[0] = 'ocinterp'; from ocinterp.cli.main import main; main()"


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("http://localhost:8888", "http://localhost:8888/"),
        ("http://localhost:8888/?token=secret", "http://localhost:8888/"),
        ("https://me:secret@host/hub/user/me/?token=secret", "https://host/hub/user/me/"),
        ("http://[::1]:8888/", "http://[::1]:8888/"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(address: str, url: str) -> None:
    found = place(address, "other")
    assert found.url == url
    assert found.token == ("secret" if "token=" in address else "other")
    assert "secret" not in repr(found)


@pytest.mark.parametrize("address", ["localhost:8888", "ftp://host/", "http://", "http://host:port/"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="say where"):
        sandbox_named(f"jupyter:{address}", Resources())


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"header": 1, "parent_header": {}, "content": {}}', "[" * 9999]
)
def test_what_is_no_message_is_passed_over(text: str) -> None:
    assert messages.read(text) is None


def test_colours_are_taken_out_of_an_error() -> None:
    content = {"ename": "E", "evalue": "\x1b[31mred\x1b[0m", "traceback": ["\x1b[0;31mone\x1b[0m", "two"]}
    assert messages.failure(content) == Failure("E", "red", "one\ntwo")


def test_what_is_no_text_in_a_bundle_is_written_as_json() -> None:
    assert messages.bundle({"text/plain": "a", "application/json": {"b": [1]}}) == {
        "text/plain": "a",
        "application/json": '{"b": [1]}',
    }
    assert messages.bundle(None) == {}


async def test_a_server_that_does_not_answer_is_the_sandboxs_failure() -> None:
    with pytest.raises(SandboxError, match="does not answer") as caught:
        async with sandbox_named("jupyter:http://127.0.0.1:1/?token=secret", Resources()):
            pass
    assert "secret" not in str(caught.value)


@servers
async def test_a_wrong_token_is_refused_in_a_sentence(jupyter_server: str) -> None:
    with pytest.raises(SandboxError, match="give its token") as caught:
        async with sandbox_named(f"jupyter:{jupyter_server.replace(TOKEN, 'wrong')}", Resources()):
            pass
    assert "wrong" not in str(caught.value)


@servers
async def test_a_server_that_goes_away_is_the_sandboxs_failure(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        sandbox = sandbox_named(f"jupyter:{address}", Resources())
        await sandbox.__aenter__()
        opened = sandbox.open()
        session = await opened.__aenter__()
        assert (await session.run(Cell("1", "print(1)"))).stdout == "1\n"
    with pytest.raises(SandboxError):
        await session.run(Cell("2", "print(2)"))
    await opened.__aexit__(None, None, None)
    await sandbox.__aexit__(None, None, None)


@servers
async def test_nothing_of_a_session_is_left_on_the_server(tmp_path: Path) -> None:
    with serving(tmp_path) as address:
        async with sandbox_named(f"jupyter:{address}", Resources()) as sandbox, sandbox.open() as session:
            await session.put("a/b", b"x")
            await session.run(Cell("1", "open('.hidden', 'w').close()"))
            assert len(list((tmp_path / "root").iterdir())) == 1
        assert list((tmp_path / "root").glob("ocinterp*")) == []


@servers
@pytest.mark.parametrize("how", ["address", "environment"])
def test_exec_uses_a_server_and_says_nothing_of_its_token(tmp_path: Path, how: str) -> None:
    with serving(tmp_path) as address:
        url, _, _ = address.partition("?")
        environ = {"PYTHONPATH": ":".join(filter(None, sys.path)), "JUPYTER_TOKEN": TOKEN, "HOME": str(tmp_path)}
        if how == "address":
            url = address
            del environ["JUPYTER_TOKEN"]
        line = [sys.executable, "-c", COMMAND, "exec", "-", "--sandbox", f"jupyter:{url}"]
        done = subprocess.run(
            line, env=environ, input="print(6 * 7)\n1 / 0", capture_output=True, text=True, timeout=60, check=False
        )
    assert (done.returncode, done.stdout) == (1, "42\n")
    assert 'File "<cell stdin>", line 2' in done.stderr
    assert TOKEN not in done.stdout + done.stderr


@kernels
async def test_a_notebooks_shell_is_there(namespaces: None) -> None:
    async with sandbox_named("jupyter", Resources()) as sandbox, sandbox.open() as session:
        result = await session.run(Cell("c", "%env ANSWER=42\nwords = !echo $ANSWER\nprint(words[0])\n!echo shell"))
        assert result.stdout == "env: ANSWER=42\n42\nshell\n"
        result = await session.run(Cell("c", "print(type(get_ipython()).__name__)"))
        assert result.stdout == "ZMQInteractiveShell\n"


@kernels
async def test_an_ipykernel_has_the_walls_of_ns(namespaces: None) -> None:
    tries = """
import json, os, socket
def outcome(act):
    try:
        act()
    except OSError as error:
        return type(error).__name__
    return "done"
print(json.dumps([
    outcome(lambda: socket.socket(socket.AF_INET)),
    outcome(lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)),
    outcome(lambda: os.unshare(0x10000000)) if hasattr(os, "unshare") else "PermissionError",
    outcome(lambda: open("/etc/shadow")),
    outcome(lambda: open("/usr/x", "w")),
    sorted(os.listdir("/home")) if os.path.exists("/home") else [],
]))
"""
    async with sandbox_named("jupyter", Resources()) as sandbox, sandbox.open() as session:
        found = json.loads((await session.run(Cell("c", tries))).stdout)
    assert found == ["PermissionError", "PermissionError", "PermissionError", "FileNotFoundError", "OSError", []]


@kernels
async def test_sessions_cannot_reach_each_other_by_abstract_names(namespaces: None) -> None:
    make = "import socket\nserver = socket.socket(socket.AF_UNIX)\nserver.bind('\\0name')\nserver.listen()"
    meet = "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0name')"
    async with sandbox_named("jupyter", Resources()) as sandbox, sandbox.open() as one, sandbox.open() as other:
        assert (await one.run(Cell("c", make))).ok
        assert (await one.run(Cell("c", meet))).ok
        result = await other.run(Cell("c", meet))
    assert result.error is not None
    assert result.error.name == "ConnectionRefusedError"


@kernels
async def test_a_startup_file_of_the_program_does_not_run_before_the_next_kernel(namespaces: None) -> None:
    plant = """
import os
for place in (".ipython/profile_default/startup", "/tmp/.ipython/profile_default/startup", ".config/ipython/profile_default/startup"):
    os.makedirs(place, exist_ok=True)
    open(f"{place}/0.py", "w").write("planted = 1")
open("ipython_config.py", "w").write("c.InteractiveShellApp.exec_lines = ['planted = 1']")
os._exit(0)
"""
    async with sandbox_named("jupyter", Resources()) as sandbox, sandbox.open() as session:
        assert (await session.run(Cell("c", plant))).outcome is Outcome.KILLED
        assert (await session.run(Cell("c", "print('planted' in globals())"))).stdout == "False\n"


@kernels
def test_the_network_is_not_opened_beside_unix_sockets() -> None:
    with pytest.raises(UsageError, match="--net"):
        sandbox_named("jupyter", Resources(), network=True)
