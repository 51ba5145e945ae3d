"""A container engine for tests: a script named podman or docker that runs a container's command in place, unconfined.

What would be mounted is put into the command instead of the place where it would stand, so the program inside, its call
to the host and all that follows are the real ones. Files in its folder say what it has and what it does.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = """#!{python} -IS
import json, os, pathlib, signal, socket, sys
home = pathlib.Path({home!r})
words = sys.argv[1:]
with open(home / "asked", "a") as asked:
    asked.write(json.dumps(words) + "\\n")
if (home / "down").exists():
    sys.exit("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?")
if words[:2] == ["image", "inspect"]:
    sys.exit(0 if (home / "images" / words[2]).exists() else "Error: No such image: " + words[2])
if words[0] == "rm":
    (home / "removed").touch()
    sys.exit(0)
mounts = dict((each.split(",")[2][7:], each.split(",")[1][7:]) for each in words if each.startswith("type=bind,"))
channel = os.open(mounts["/run/ocinterp"], os.O_PATH)
os.set_inheritable(channel, True)
mounts["/run/ocinterp"] = f"/proc/self/fd/{{channel}}"  # short enough for the address of a socket
control = mounts["/run/ocinterp"] + "/control"
assert os.getcwd() == "/proc"  # engines leave files where they are started
match (home / "does").read_text() if (home / "does").exists() else "":
    case "refuse":
        print("docker: Error response from daemon: unknown or invalid runtime name: runsc", file=sys.stderr)
        print("\\nRun 'docker run --help' for more information", file=sys.stderr)
        sys.exit(125)
    case "keep silent":
        print("still pulling itself together", file=sys.stderr, flush=True)
        signal.pause()
    case "lose the socket":
        os.unlink(control)
    case "show nothing" | "show a dead process" as case:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.connect(control)
        child = os.fork() or os._exit(0)
        pidfd = os.pidfd_open(child)
        os.waitpid(child, 0)
        socket.send_fds(peer, [b'{{"here": true}}'], [pidfd] if "dead" in case else [])
        peer.recv(1)
        sys.exit(0)
*options, boot, entry, plan = words[words.index("--entrypoint") + 3 :]
for target, source in mounts.items():
    plan = plan.replace(target, source)
session = home / "session"
for name in ("workspace", "tmp"):
    (session / name).mkdir(parents=True, exist_ok=True)
plan = json.dumps(json.loads(plan) | {{"sessions": str(session)}})
os.execv({python!r}, [{python!r}, *options, boot, entry, plan])
"""


@dataclass(frozen=True, slots=True)
class FakeEngine:
    """What stands behind the script in `folder`."""

    folder: Path
    kind: str

    @property
    def home(self) -> Path:
        return self.folder / f"{self.kind}.d"

    def install(self, *images: str, does: str = "") -> FakeEngine:
        (self.home / "images").mkdir(parents=True)
        for image in images:
            (self.home / "images" / image).touch()
        (self.home / "does").write_text(does)
        script = self.folder / self.kind
        script.write_text(_SCRIPT.format(python=sys.executable, home=str(self.home)))
        script.chmod(0o755)
        return self

    def asked(self, verb: str) -> list[list[str]]:
        """The command lines that began with a word, without their program."""
        lines = [json.loads(line) for line in (self.home / "asked").read_text().splitlines()]
        return [line for line in lines if line[0] == verb]
