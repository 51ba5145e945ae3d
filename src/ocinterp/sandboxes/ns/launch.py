"""Make the namespaces and the read-only root, then become the zygote inside them.

Runs as its own small process under the host's interpreter. The order matters: sources are opened before anything is
mounted over them; a helper that stays outside writes the id maps; the mounts are made with the caller's own user id
(it may read its own folders) and the zygote then runs as another one.
"""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

from ocinterp.sandboxes.ns import paths, syscalls

INSIDE_ID = 1000  # who the zygote and the workers are, seen from inside
NOBODY = 65534  # who root's sandboxes are, seen from outside: RLIMIT_NPROC does not bind real root
_CAP_DAC_OVERRIDE, _CAP_SETPCAP, _CAP_SYS_ADMIN = 1, 8, 21
ZYGOTE_CAPABILITIES = 1 << _CAP_DAC_OVERRIDE | 1 << _CAP_SETPCAP | 1 << _CAP_SYS_ADMIN

_ST_FLAGS = ((2, syscalls.MS_NOSUID), (4, syscalls.MS_NODEV), (8, syscalls.MS_NOEXEC), (1024, 1024), (4096, 1 << 21))

DEVICES = ("null", "zero", "full", "random", "urandom")  # of the host's, inside
_OCTAL = re.compile(r"\\([0-7]{3})")  # how the kernel writes blanks in its tables
_NEW_ROOT = "/tmp"


def main(plan: dict[str, Any]) -> None:
    """Start the zygote that `plan` (see layout.py) describes; returns never. Failures go to the control socket."""
    control = socket.socket(fileno=plan["control"])
    try:
        if plan["isolation"] != "namespaces":
            _become_zygote(plan, control)
        _enter_namespaces(network=plan["network"])
        child = os.fork()
        if child:
            control.close()
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        _build_root(plan)
        _become_inside_user()
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)  # a change of user clears it
        _become_zygote(plan, control)
    except (OSError, KeyError) as error:
        control.send(json.dumps({"failed": f"{error}"}).encode())
        os._exit(1)


def _enter_namespaces(*, network: bool) -> None:
    unshared, mapped = os.pipe(), os.pipe()
    target, uid, gid = os.getpid(), os.getuid(), os.getgid()
    helper = os.fork()
    if not helper:
        os.close(unshared[1])
        os.read(unshared[0], 1)
        _exit_with(lambda: _write_maps(target, uid, gid))
    flags = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID
    flags |= syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS | (0 if network else syscalls.CLONE_NEWNET)
    try:
        syscalls.unshare(flags)
    except OSError:
        os.kill(helper, 9)
        raise
    finally:
        os.close(unshared[1])
    _, status = os.waitpid(helper, 0)
    for fd in (unshared[0], *mapped):
        os.close(fd)
    if status:
        raise OSError(os.waitstatus_to_exitcode(status), "the user namespace's id map was refused")


def _exit_with(act: Any) -> None:
    try:
        act()
    except OSError as error:
        os._exit(error.errno or 1)
    os._exit(0)


def _write_maps(pid: int, uid: int, gid: int) -> None:
    def lines(own: int) -> str:
        return f"0 0 1\n{INSIDE_ID} {NOBODY} 1" if uid == 0 else f"{INSIDE_ID} {own} 1"

    folder = Path(f"/proc/{pid}")
    if uid:
        (folder / "setgroups").write_text("deny")
    (folder / "uid_map").write_text(lines(uid))
    (folder / "gid_map").write_text(lines(gid))


def _build_root(plan: dict[str, Any]) -> None:
    syscalls.set_host_name("sandbox")
    syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
    sources = {target: os.open(source, os.O_PATH) for source, target in plan["binds"]}
    syscalls.mount(
        "root", _NEW_ROOT, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "size=8m,nr_inodes=2048,mode=755"
    )
    for name in ("proc", "dev", "dev/shm", "run/sessions", "tmp", "workspace", "etc", "old"):
        Path(f"{_NEW_ROOT}/{name}").mkdir(parents=True)
    syscalls.mount("proc", f"{_NEW_ROOT}/proc", "proc", syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC)
    for target, fd in sources.items():
        _bind(f"/proc/self/fd/{fd}", _NEW_ROOT + target)
        os.close(fd)
    for name in DEVICES:
        _bind(f"/dev/{name}", f"{_NEW_ROOT}/dev/{name}")
    for link, target in plan["links"]:
        Path(_NEW_ROOT + link).symlink_to(target)
    for name, text in plan["files"].items():
        Path(_NEW_ROOT + name).parent.mkdir(exist_ok=True)
        Path(_NEW_ROOT + name).write_text(text, encoding="utf-8")
    os.chdir(_NEW_ROOT)
    syscalls.pivot_root(".", "old")
    os.chdir("/")
    syscalls.unmount("/old")
    Path("/old").rmdir()
    own = syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("sessions", "/run/sessions", "tmpfs", own, f"size=1m,uid={_id()},gid={_id()},mode=755")
    syscalls.mount("tmp", "/tmp", "tmpfs", own, f"size=16m,uid={_id()},gid={_id()},mode=700")
    for target in [*sources, *(f"/dev/{name}" for name in DEVICES)]:
        _make_read_only(target, keep_devices=target.startswith("/dev/"))
    _make_read_only("/")


def _id() -> int:
    return INSIDE_ID


def _bind(source: str, target: str) -> None:
    path = Path(target)
    if Path(source).is_dir():
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    syscalls.mount(source, target, flags=syscalls.MS_BIND | syscalls.MS_REC)


def _make_read_only(target: str, *, keep_devices: bool = False) -> None:
    """Remount `target` and every mount below it; flags that the host has locked must be asked for again."""
    wanted = syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY | syscalls.MS_NOSUID
    for mounted in _mounts_at(target):
        present = os.statvfs(mounted).f_flag
        flags = wanted | (0 if keep_devices else syscalls.MS_NODEV)
        for st_flag, ms_flag in _ST_FLAGS:
            if present & st_flag and not (keep_devices and ms_flag == syscalls.MS_NODEV):
                flags |= ms_flag
        syscalls.mount("none", mounted, flags=flags)


def _mounts_at(target: str) -> list[str]:
    if target == "/":
        return ["/"]
    table = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    points = [_OCTAL.sub(lambda found: chr(int(found[1], 8)), line.split()[4]) for line in table.splitlines()]
    return [point for point in points if point == target or point.startswith(target + "/")]


def _become_inside_user() -> None:
    if os.getuid() != INSIDE_ID:
        syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
        os.setresuid(INSIDE_ID, INSIDE_ID, INSIDE_ID)
    syscalls.keep_capabilities_over_exec(ZYGOTE_CAPABILITIES)


def _become_zygote(plan: dict[str, Any], control: socket.socket) -> None:
    os.set_inheritable(control.fileno(), True)
    # Only what the zygote needs: whoever runs inside can read these words, and the host's paths are not theirs to know.
    known = {
        name: plan[name]
        for name in (
            "available",
            "control",
            "guests",
            "isolation",
            "network",
            "packages",
            "preload",
            "reach",
            "sessions",
            "worker",
            "workspace",
        )
        if name in plan
    }
    inside = json.dumps(known | {"support": plan["support_inside"]})
    arguments = paths.zygote_command(plan["python"], plan["boot"], inside)
    if "behind" in plan:
        arguments = _behind(plan) + arguments
    os.execve(arguments[0], arguments, paths.zygote_environment(plan["environment"]))


def _behind(plan: dict[str, Any]) -> list[str]:
    """The command that puts a wall around the one after it; bubblewrap reads small files from descriptors."""
    command: list[str] = plan["behind"]["command"]
    for name, text in plan["files"].items():
        fd = os.memfd_create(Path(name).name, 0)
        os.write(fd, text.encode())
        os.lseek(fd, 0, os.SEEK_SET)
        command += ["--ro-bind-data", str(fd), name]
    return [*command, *plan["behind"]["seal"]]
