"""The first program in a container: calls the host, shows what can be done to it, then becomes the zygote.

    out:  {"here": true} + a pidfd of this process, and so of the zygote, where there can be one

It runs under the image's own python, whose packages it finds. The zygote gets an environment of ours alone: engines add
the proxies of the person's configuration to theirs, passwords included.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from ocinterp.sandboxes.ns import paths

SOCKET = "control"  # its name in the folder that the host has mounted


def main(plan: dict[str, Any]) -> None:
    """Become the zygote that `plan` (layout.plan_contained) describes; never returns."""
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        control.connect(f"{plan['channel']}/{SOCKET}")
    except OSError as error:
        sys.exit(f"the host's socket cannot be reached, as behind a kernel other than the host's: {error}")
    try:
        _show_oneself(control)
        packages = [*paths.package_folders(), f"{plan['support']}/{paths.ON_PATH}"]
        environment = paths.zygote_environment(plan["environment"] | paths.search_paths(sys.prefix))
        os.set_inheritable(control.fileno(), True)
        inside = json.dumps(plan | {"control": control.fileno(), "packages": packages})
        arguments = paths.zygote_command(sys.executable, plan["boot"], inside)
        os.execve(sys.executable, arguments, environment)
    except OSError as error:
        control.send(json.dumps({"failed": str(error)}).encode())
        os._exit(1)


def _show_oneself(control: socket.socket) -> None:
    here = json.dumps({"here": True}).encode()
    try:
        own = os.pidfd_open(os.getpid())
        socket.send_fds(control, [here], [own])
        os.close(own)
    except OSError:  # gVisor has no pidfds, and lets no descriptor out; the host says so
        control.send(here)
