"""Which sandbox this machine allows, and why."""

from __future__ import annotations

import asyncio
import platform
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes.container.sandbox import ContainerSandbox
from ocinterp.sandboxes.jupyter.local import JupyterSandbox
from ocinterp.sandboxes.jupyter.sandbox import JupyterServerSandbox
from ocinterp.sandboxes.limits import Resources, Service
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.zygotes import BubblewrapSandbox, LandlockSandbox, NamespaceSandbox, UnsafeSandbox
from ocinterp.types import Cell

TIERS: dict[str, type[NamespaceSandbox]] = {
    each.name: each
    for each in (
        NamespaceSandbox,
        BubblewrapSandbox,
        LandlockSandbox,
        ContainerSandbox,
        JupyterSandbox,
        UnsafeSandbox,
    )
}

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


ISOLATING = ("ns", "bwrap", "landlock")  # from the strongest down: what `auto` may choose

_ABOUT = {
    "ns": "user, pid, mount, net, ipc and uts namespaces, seccomp, resource limits",
    "bwrap": "a bubblewrap for each session, Landlock, seccomp, resource limits",
    "landlock": "Landlock, seccomp, resource limits; no namespaces: docs/security.md says what that leaves open",
    "container": "a container for each session, Landlock, seccomp, resource limits",
    "jupyter": "an ipykernel for each session, behind the walls of ns",
    "unsafe": "no isolation at all",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a tier works here; `why` says what was tried, or what stands in the way and what would help."""

    tier: str
    works: bool
    why: str


AnySandbox = NamespaceSandbox | JupyterServerSandbox


def sandbox_named(
    name: str,
    resources: Resources,
    *,
    profile: Profile = Profile(),
    network: bool = False,
    service: Service = Service(),
    jupyter_token: str = "",
) -> AnySandbox:
    """The sandbox of a tier: "auto" is the strongest that isolates here; "unsafe" is chosen by its name alone.

    "container:IMAGE" names the image, "container:gvisor" and "container:gvisor:IMAGE" another kernel beneath it.
    "jupyter:URL" is a Jupyter server's; `jupyter_token` opens it where the URL holds no token. Raises SandboxError
    where nothing isolates, UsageError for an unknown name.
    """
    tier_name, _, address = name.partition(":")
    if tier_name == "jupyter" and address:
        if profile.layers:
            raise UsageError("a Jupyter server has the packages it has: install them there, and leave out --with")
        return JupyterServerSandbox(address, resources, token=jupyter_token)
    if tier_name == "container" and address:
        return ContainerSandbox(resources, profile=profile, network=network, service=service, wanted=address)
    if name != "unsafe" and platform.system() != "Linux":
        raise SandboxError(f"no isolation is available on {platform.system()} yet; --sandbox unsafe runs without any")
    tier = TIERS.get(strongest() if name == "auto" else name)
    if tier is None:
        raise UsageError(f"there is no sandbox {name!r}: choose one of auto, {', '.join(TIERS)}")
    return tier(resources, profile=profile, network=network, service=service)


@cache
def strongest() -> str:
    """The tier that `auto` means. Where nothing speaks against namespaces that is `ns`, and nothing is tried.

    Otherwise every isolating tier is tried for real, from the strongest down; `ns` where none works, to say why.
    """
    if not _is_doubtful():
        return "ns"
    with ThreadPoolExecutor(1) as thread:  # an event loop may be running in this one
        tried = (thread.submit(asyncio.run, probe(tier)).result() for tier in ISOLATING)
        return next((finding.tier for finding in tried if finding.works), "ns")


async def probe(tier: str = "ns") -> Finding:
    """Try a tier for real: start it, run a cell."""
    try:
        async with sandbox_named(tier, Resources(timeout_seconds=20)) as sandbox, sandbox.open() as session:
            result = await session.run(Cell("probe", "print(6 * 7)"))
    except SandboxError as error:
        said = str(error).partition("; `ocinterp doctor`")[0]
        advice = _advice() if tier == "ns" and "could not be set up" in said else ""
        return Finding(tier, works=False, why=f"{said}{advice}")
    if result.stdout != "42\n":
        return Finding(tier, works=False, why=f"a test cell did not run: {result.error}")
    return Finding(tier, works=True, why=_ABOUT[tier])


def _is_doubtful() -> bool:
    """Whether a kernel switch is set, or a filter is on this process, that may forbid namespaces."""
    filtered = any(
        line.split() != ["Seccomp:", "0"] for line in _text("/proc/self/status").splitlines() if "Seccomp:" in line
    )
    return filtered or any(_text(path) == forbidding for path, forbidding, _ in _SWITCHES)


def _advice() -> str:
    for path, forbidding, cure in _SWITCHES:
        if _text(path) == forbidding:
            return f"; {path} is {forbidding}: as root, {cure}"
    if Path("/.dockerenv").exists() or Path("/run/.containerenv").exists():
        return (
            "; this is a container, whose profile forbids namespaces: start it with --security-opt seccomp=unconfined"
        )
    return ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except OSError:
        return ""
