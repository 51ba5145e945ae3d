"""Sandboxes for the suites below: every tier that this machine allows, opened once a module."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache

import pytest
import pytest_asyncio

from ocinterp.protocols import Session
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import TIERS, AnySandbox, probe, sandbox_named
from ocinterp.sandboxes.profiles import Profile
from sandboxes.jupyter_server import serving

Open = Callable[..., AbstractAsyncContextManager[Session]]

SERVER = "jupyter:URL"
_NEEDS = {"jupyter": ("ipykernel",), SERVER: ("ipykernel", "jupyter_server")}


_KERNELS = {  # what a kernel that is not ours does otherwise: part of a test's id -> why
    "asyncio.run(f())": "a notebook's event loop runs already",
    "test_a_shell_command_says": "IPython runs shell commands",
    "test_a_figure_that_is_the_last_value": "matplotlib's backend for notebooks shows it once more",
    "test_a_python_program_that_a_cell_starts": "matplotlib's backend is that of notebooks, also for what a cell starts",
    "del sys.stdout, sys.stderr": "IPython itself asks for sys.stdout",
    "'(' was never closed": "IPython compiles with another message: incomplete input",
    "os.close(3)": "descriptor 3 is not the way to the host",
    "os.write(3": "descriptor 3 is not the way to the host",
    "test_a_program_that_holds_all_memory": "ipykernel needs memory to report that there is none",
}
DIFFERENT = {
    "jupyter": _KERNELS,
    SERVER: _KERNELS
    | {
        "test_children_and_raw_writes": "ipykernel reads what children print beside what Python prints, in no order",
        "test_a_character_cut_in_two": "ipykernel decodes each piece by itself",
        "sys.stdout.close()": "ipykernel's streams cannot be opened again",
        "test_a_program_may_put_its_own": "ipykernel's streams end with a cell that replaced them",
        "test_any_bytes": "ipykernel reads what children print a little later",
        "import os\\nwhile True: os.write(2": "a kernel that floods its own descriptor hears no interrupt",
        "os.closerange": "the kernel lives on without a socket, and only its time ends it",
        "test_a_forked_child_that_comes_home": "what a child has printed goes through the parent's sockets",
        "test_a_child_that_fails": "what a child has printed goes through the parent's sockets",
        "test_the_processor_time": "the protocol does not tell processor time",
        "test_without_descriptors": "the server's descriptors are not ours",
        "test_what_is_not_a_regular_file": "the contents API follows links",
        "test_putting_a_file_over_a_link": "the contents API follows links",
        "test_all_files_are_listed_however_many": "the contents API goes by whole paths, which have a largest length",
        "test_children_that_nobody_waits_for": "the server's processes are not ours to count",
        "test_running_out_of_memory": "memory is the server's to bound",
        "test_more_requests_than_the_socket_holds": "there is no socket of ours, and two thousand requests take long",
        "test_libraries_that_are_missing": "nothing is loaded ahead",
        "test_a_closed_sandbox_says_so": "there is no process of ours that could end",
    },
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for tier, rules in DIFFERENT.items():
            if f"[{tier}]" in item.name or f"[{tier}-" in item.name:
                for part, why in rules.items():
                    if part in item.name:
                        item.add_marker(pytest.mark.skip(reason=f"{tier}: {why}"))


@pytest.fixture(scope="module", params=[*TIERS, SERVER])
def tier(request: pytest.FixtureRequest) -> str:
    for package in _NEEDS.get(request.param, ()):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install 'ocinterp[jupyter]' jupyter_server")
    if request.param in TIERS and (reason := _why_not(request.param)):
        pytest.skip(reason)
    return request.param


@cache
def _why_not(tier: str) -> str:
    """Why this machine does not have a tier, in the probe's words; empty where it does."""
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(lambda: asyncio.run(probe(tier))).result()
    return "" if finding.works else f"{tier}: {finding.why}"


@pytest.fixture(scope="session")
def jupyter_server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The address of a Jupyter server."""
    with serving(tmp_path_factory.mktemp("jupyter")) as address:
        yield address


@pytest.fixture(scope="module")
def named(tier: str, request: pytest.FixtureRequest) -> str:
    """What the command line would call the tier."""
    return f"jupyter:{request.getfixturevalue('jupyter_server')}" if tier == SERVER else tier


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(named: str) -> AsyncGenerator[AnySandbox]:
    async with sandbox_named(named, Resources(timeout_seconds=30)) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="module")
async def session(sandbox: AnySandbox) -> AsyncGenerator[Session]:
    async with sandbox.open() as session:
        yield session


@pytest.fixture
def limited(named: str) -> Open:
    """Open a session of a sandbox of its own: `limited(timeout_seconds=1, preload=("numpy",))`."""

    @asynccontextmanager
    async def opened(*, preload: tuple[str, ...] = (), **limits: float) -> AsyncGenerator[Session]:
        resources = Resources(**limits)  # pyright: ignore[reportArgumentType]  a limit in bytes is a whole number
        async with sandbox_named(named, resources, profile=Profile(preload)) as sandbox, sandbox.open() as session:
            yield session

    return opened
