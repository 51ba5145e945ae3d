"""The `jupyter` tier without a server: an ipykernel for every session, behind all the walls of `ns`."""

from __future__ import annotations

import importlib.util
from typing import Any

from ocinterp.errors import UsageError
from ocinterp.sandboxes.ns import bridge
from ocinterp.sandboxes.ns.cells import only_python
from ocinterp.sandboxes.ns.session import ZygoteSession
from ocinterp.sandboxes.zygotes import NamespaceSandbox


class JupyterSession(ZygoteSession):
    """A session whose interpreter hears an interrupt in an event loop, and so later than ours."""

    def _why_not(self, asked: str) -> str:
        return only_python(asked)  # a kernel for one language is what was asked for

    def _grace(self, *, by_hand: bool) -> float:
        return max(self._resources.grace_seconds, self._resources.interrupt_grace_seconds)


class JupyterSandbox(NamespaceSandbox):
    """As `ns`, with IPython's magics, displays and hooks. Programs may have UNIX sockets, of which none leaves a session.

    Needs the extra `jupyter`. There is no network: abstract names of the host's sockets would come with it.
    """

    name = "jupyter"
    session = JupyterSession

    def _settle(self) -> None:
        if self.network != "off":
            raise UsageError("the sandbox jupyter has no network: leave out --net, or use --sandbox ns")
        if importlib.util.find_spec("ipykernel") is None:
            raise UsageError("the sandbox jupyter needs ipykernel: pip install 'ocinterp[jupyter]'")

    def _plan(self) -> dict[str, Any]:
        plan = super()._plan()
        environment = plan["environment"] | bridge.ENVIRONMENT
        return plan | {
            "worker": "bridge",
            "preload": [*bridge.PRELOAD, *plan["preload"]],
            "environment": environment,
        }

    async def ready(self) -> list[str]:
        return [name for name in await super().ready() if name not in bridge.PRELOAD]
