"""Sessions on a Jupyter server that somebody else runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, cast

from ocinterp.sandboxes.jupyter.server import Server, place
from ocinterp.sandboxes.jupyter.session import JupyterSession
from ocinterp.sandboxes.limits import Resources


class JupyterServerSandbox:
    """Each session is a kernel and a folder of the server at `address` (`http://host:port/?token=…`).

    Whatever isolation there is, is the server's: limits of memory, disk and processes are not ours to set. Entering
    raises SandboxError where no Jupyter server with a Python kernel answers.
    """

    network: Literal["off", "host"] = "host"  # the server's; nothing here closes it

    def __init__(self, address: str, resources: Resources = Resources(), *, token: str = "") -> None:
        where = place(address, token)
        self.name = f"jupyter:{where.url}"
        self._resources = resources
        self._server = Server(where)
        self._spec = ""

    async def __aenter__(self) -> Self:
        await self._server.__aenter__()
        try:
            self._spec = await self._python()
        except BaseException:
            await self._server.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.__aexit__(kind, error, trace)

    async def ready(self) -> list[str]:
        """Sessions can be opened; no library is loaded before a session asks for it."""
        return []

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[JupyterSession]:
        session = JupyterSession(self._server, self._spec, self._resources)
        try:
            yield session
        finally:
            await session.close()

    async def _python(self) -> str:
        """The name of the server's default kernel, if that is Python, else of its first that is."""
        status, reply = await self._server.ask("GET", "kernelspecs")
        if status != 200 or not isinstance(reply, dict) or "kernelspecs" not in reply:
            raise self._server.broken(f"does not answer as one ({status})")
        found = cast("dict[str, Any]", reply)
        specs: dict[str, Any] = found["kernelspecs"]
        names = sorted(specs, key=lambda name: (name != found.get("default"), name))
        for name in names:
            if specs[name].get("spec", {}).get("language") == "python":
                return name
        raise self._server.broken("has no Python kernel")
