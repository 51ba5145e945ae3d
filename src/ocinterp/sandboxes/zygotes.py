"""Sandboxes whose sessions are forked from a zygote: the `ns` tier, and `unsafe`, which shares its shape."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns import layout
from ocinterp.sandboxes.ns.session import ZygoteSession
from ocinterp.sandboxes.ns.supervisor import Supervisor

# Imported once in the zygote, so that every session has them at once.
DATA_LIBRARIES = ("numpy", "pandas", "matplotlib.pyplot")


class NamespaceSandbox:
    """The default on Linux: fresh namespaces, a read-only root, no network, seccomp, resource limits.

    `async with` it, then `open()` any number of sessions. Entering does not wait for the libraries in `preload` to be
    imported; the first cell does. With `network` programs may speak to whatever the host can reach, the host itself
    included. Raises SandboxError where the machine forbids namespaces.
    """

    name = "ns"

    def __init__(
        self, resources: Resources = Resources(), *, preload: tuple[str, ...] = (), network: bool = False
    ) -> None:
        self.network: Literal["off", "host"] = "host" if network else "off"
        self._resources = resources
        self._preload = preload
        self._supervisor: Supervisor | None = None

    def _plan(self) -> dict[str, Any]:
        return layout.plan_root(preload=self._preload, network=self.network == "host")

    async def __aenter__(self) -> Self:
        self._supervisor = Supervisor(self._plan())
        try:
            await self._supervisor.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._supervisor is not None:
            await self._supervisor.stop()

    async def ready(self) -> list[str]:
        """Wait until sessions can be opened; the libraries of `preload` that are there."""
        return await self._running().wait_ready()

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[ZygoteSession]:
        session = ZygoteSession(self._running(), uuid.uuid4().hex, self._resources)
        try:
            yield session
        finally:
            await session.close()

    def _running(self) -> Supervisor:
        if self._supervisor is None:
            raise SandboxError("the sandbox has not been entered: use `async with`")
        return self._supervisor


class UnsafeSandbox(NamespaceSandbox):
    """No isolation at all: the program can do what you can do. Only resource limits hold. Chosen by name or not at all."""

    name = "unsafe"

    def __init__(
        self, resources: Resources = Resources(), *, preload: tuple[str, ...] = (), network: bool = True
    ) -> None:
        super().__init__(resources, preload=preload, network=True)

    def _plan(self) -> dict[str, Any]:
        self._folder = Path(tempfile.mkdtemp(prefix="ocinterp-unsafe-"))
        return layout.plan_bare(preload=self._preload, sessions=self._folder)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        shutil.rmtree(self._folder, ignore_errors=True)
