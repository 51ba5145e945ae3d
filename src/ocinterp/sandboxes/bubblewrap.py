"""The `bwrap` tier: the walls are put up by bubblewrap, where a machine lets only that program make namespaces.

Ubuntu does so since 23.10, by AppArmor: what bubblewrap starts has no rights in its namespaces, so sessions cannot be
given namespaces of their own inside. Each has a bubblewrap of its own instead.
"""

from __future__ import annotations

import os
import shutil
from typing import Any

from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns import layout

_SHARED_MEMORY_BYTES = 64 * MIB
_INSIDE_ID = "1000"


def program() -> str:
    """Where bubblewrap is. Raises SandboxError, with what to do, when it is nowhere."""
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxError("bubblewrap is not installed: install the package bubblewrap")
    return os.path.realpath(found)


def plan(root: dict[str, Any], resources: Resources) -> dict[str, Any]:
    """`root` (layout.plan_root), to be carried out by bubblewrap for one session. Options: bwrap(1)."""
    command = [program(), "--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    command += [] if root["network"] else ["--unshare-net"]
    command += ["--uid", _INSIDE_ID, "--gid", _INSIDE_ID, "--hostname", "sandbox"]
    command += ["--as-pid-1", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    command += ["--proc", "/proc", "--dev", "/dev"]
    for source, target in root["binds"]:
        command += ["--ro-bind", source, target]
    for link, target in root["links"]:
        if not link.startswith("/dev/"):  # bubblewrap makes those itself
            command += ["--symlink", target, link]
    for target, size in (
        ("/workspace", resources.disk_bytes),
        ("/tmp", resources.disk_bytes),
        ("/dev/shm", _SHARED_MEMORY_BYTES),
    ):
        command += ["--size", str(size), "--tmpfs", target]
    seal = ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/workspace", "--"]
    return layout.plan_walled(root) | {"behind": {"command": command, "seal": seal}}
