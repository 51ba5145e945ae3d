"""Which sandbox this machine allows, and why."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.zygotes import NamespaceSandbox, UnsafeSandbox
from ocinterp.types import Cell

TIERS: dict[str, type[NamespaceSandbox]] = {"ns": NamespaceSandbox, "unsafe": UnsafeSandbox}

# Kernel switches that forbid user namespaces to ordinary users, the value that does, and what to do.
_SWITCHES = (
    ("/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=16384"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sysctl kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile that allows userns",
    ),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a tier works here; `why` says what was tried, or what stands in the way and what would help."""

    tier: str
    works: bool
    why: str


def sandbox_named(
    name: str, resources: Resources, *, preload: tuple[str, ...] = (), network: bool = False
) -> NamespaceSandbox:
    """The sandbox of a tier: "auto" and "ns" isolate or fail; "unsafe" is never chosen by anything but its name."""
    if name != "unsafe" and platform.system() != "Linux":
        raise SandboxError(f"no isolation is available on {platform.system()} yet; --sandbox unsafe runs without any")
    tier = TIERS.get("ns" if name == "auto" else name)
    if tier is None:
        raise UsageError(f"there is no sandbox {name!r}: choose one of auto, {', '.join(TIERS)}")
    return tier(resources, preload=preload, network=network)


async def probe() -> Finding:
    """Try the isolating tier for real: start it, run a cell."""
    try:
        async with sandbox_named("ns", Resources(timeout_seconds=20)) as sandbox, sandbox.open() as session:
            result = await session.run(Cell("probe", "print(6 * 7)"))
    except SandboxError as error:
        said = str(error).partition("; `ocinterp doctor`")[0]
        return Finding("ns", works=False, why=f"{said}{_advice() if 'could not be set up' in said else ''}")
    if result.stdout != "42\n":
        return Finding("ns", works=False, why=f"a test cell did not run: {result.error}")
    return Finding("ns", works=True, why="user, pid, mount, net, ipc and uts namespaces, seccomp, resource limits")


def _advice() -> str:
    for path, forbidding, cure in _SWITCHES:
        try:
            if Path(path).read_text(encoding="ascii").strip() == forbidding:
                return f"; {path} is {forbidding}: as root, {cure}"
        except OSError:
            continue
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "; this is a container, whose profile forbids namespaces: start it with --security-opt seccomp=unconfined"
        )
    return ""
