"""What stands where inside the sandbox, planned on the host.

The interpreter and the folders of installed packages are put at neutral paths, read-only, so that nothing of the
host's own tree (/home, /root, /etc, ...) is there. (/proc/self/mountinfo still tells where on the host the
interpreter's folder is; nothing but the name can be had from it.)
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.ns.launch import DEVICES
from ocinterp.sandboxes.ns.paths import ON_PATH, package_folders, search_paths
from ocinterp.sandboxes.profiles import Profile
from ocinterp.sandboxes.toolchains import SYSTEM, Tool

HERE = Path(__file__).parent
PYTHON_HOME = "/opt/python"
PACKAGES = "/opt/packages"
LAYERS = "/opt/layers"
GUESTS = "/opt/ocinterp/guests"
SUPPORT = "/opt/ocinterp/ns"
WORKSPACE = "/workspace"

# Loads the modules of this folder without importing the package above it, on the host and inside alike.
BOOT = """
import json, sys, types
for name, place in (("ocinterp", None), ("ocinterp.sandboxes", None), ("ocinterp.sandboxes.ns", json.loads(sys.argv[2])["support"])):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [place] if place else []
import importlib
importlib.import_module("ocinterp.sandboxes.ns." + sys.argv[1]).main(json.loads(sys.argv[2]))
"""

_ACCOUNTS = {
    "/etc/passwd": f"sandbox:x:1000:1000::{WORKSPACE}:/bin/sh\n",
    "/etc/group": "sandbox:x:1000:\n",
    "/etc/fonts/fonts.conf": "<fontconfig><dir>/usr/share/fonts</dir><cachedir>/tmp/.fonts</cachedir></fontconfig>\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
_HARMLESS = (
    "/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types",
    "/etc/ssl/openssl.cnf",
    "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/self", "/proc/stat",
    "/proc/sys/kernel", "/proc/sys/vm", "/proc/uptime", "/proc/version",
)  # fmt: skip
_CERTIFICATES = ("/etc/ssl/certs", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted")  # whom to trust over TLS
_NETWORK_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/gai.conf", *_CERTIFICATES)
_ENVIRONMENT = {
    "HOME": WORKSPACE,
    "LANG": "C.UTF-8",
    "TMPDIR": "/tmp",
    "USER": "sandbox",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "MPLCONFIGDIR": "/tmp/.matplotlib",
    "MPLBACKEND": "module://ocinterp_backend",
    # One thread: a library that has started a pool of them cannot be forked.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
}


def plan_root(profile: Profile, *, network: bool = False) -> dict[str, Any]:
    """The plan of an isolated zygote; launch.py carries it out."""
    base, python, binds = _interpreter()
    links: list[tuple[str, str]] = [("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0")]
    links += [("/dev/stdout", "/proc/self/fd/1"), ("/dev/stderr", "/proc/self/fd/2")]
    for name in SYSTEM:
        path = Path(name)
        if path.is_symlink():
            links.append((name, str(path.readlink())))
        elif path.is_dir():
            binds.append((name, name))
    packages: list[str] = []
    for place, folders in ((PACKAGES, package_folders()), (LAYERS, map(os.path.realpath, profile.layers))):
        for number, folder in enumerate(folders):
            packages.append(f"{place}/{number}")
            binds.append((folder, packages[-1]))
    binds.append((str(HERE), SUPPORT))
    guests = [(package, f"{GUESTS}/{package}") for package, _ in profile.guests]
    binds += [(str(folder), f"{GUESTS}/{package}") for package, folder in profile.guests]
    tools = toolchains.find()
    binds += sorted({(tool.prefix, tool.place) for tool in tools.values() if tool.prefix})
    binds += [(folder, folder) for folder in toolchains.settings()]
    files = dict(_ACCOUNTS)
    if network:
        binds += [(place, place) for place in _CERTIFICATES if Path(place).is_dir()]
        with suppress(OSError):
            files["/etc/resolv.conf"] = Path("/etc/resolv.conf").read_text(encoding="utf-8")
    packages.append(f"{SUPPORT}/{ON_PATH}")
    return {
        "isolation": "namespaces",
        "network": network,
        "binds": binds,
        "links": links,
        "files": files,
        "python": python,
        "packages": packages,
        "preload": list(profile.preload),
        "available": list(profile.available),
        "guests": guests,
        "support": str(HERE),
        "support_inside": SUPPORT,
        "boot": BOOT,
        "environment": _ENVIRONMENT | search_paths(base, packages, [tool.place for tool in tools.values()]),
        "launcher_environment": search_paths(os.path.realpath(sys.base_prefix)),
        "tools": {language: (tool.name, tool.inside) for language, tool in tools.items()},
        "sessions": "/run/sessions",
        "worker": "kernel",
        "workspace": WORKSPACE,
    }


def plan_bare(profile: Profile, *, sessions: Path) -> dict[str, Any]:
    """The plan of a zygote with no isolation at all: the host's own tree, its own processes, its own network."""
    packages, tools = _on_host(profile), toolchains.find()
    own = {"HOME": str(sessions), "TMPDIR": str(sessions)}
    return {
        "isolation": "none",
        "network": True,
        "python": sys.executable,
        "packages": packages,
        "preload": list(profile.preload),
        "available": list(profile.available),
        "guests": [(package, str(folder)) for package, folder in profile.guests],
        "support": str(HERE),
        "support_inside": str(HERE),
        "boot": BOOT,
        "environment": _ENVIRONMENT | search_paths(sys.prefix, packages, _prefixes(tools)) | own,
        "launcher_environment": search_paths(os.path.realpath(sys.base_prefix)),
        "tools": {language: (tool.name, tool.path) for language, tool in tools.items()},
        "sessions": str(sessions),
        "worker": "kernel",
        "workspace": "",
    }


def plan_landlock(profile: Profile, *, network: bool, sessions: Path) -> dict[str, Any]:
    """The plan of a zygote in the host's own tree, of which its sessions may reach only what they need."""
    base, packages = os.path.realpath(sys.base_prefix), _on_host(profile)
    prefixes = _prefixes(toolchains.find())
    look = [*_HARMLESS, *toolchains.settings(), *(_NETWORK_FILES if network else ())]
    run = [*SYSTEM, base, *packages, str(HERE), *prefixes, *(str(folder) for _, folder in profile.guests)]
    return plan_bare(profile, sessions=sessions) | {
        "isolation": "landlock",
        "network": network,
        "python": os.path.realpath(getattr(sys, "_base_executable", sys.executable)),
        "reach": {"run": run, "look": look, "use": [f"/dev/{name}" for name in DEVICES]},
        "environment": _ENVIRONMENT | search_paths(base, packages, prefixes),
    }


def plan_walled(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan of an isolated zygote (plan_root), for one whose walls are put up by another program."""
    # What is inside those walls is there to be seen; Landlock keeps sessions off the zygote beside them.
    reach = {"run": ["/"], "use": [f"/dev/{name}" for name in DEVICES], "own": ["/dev/shm"]}
    return plan | {"isolation": "walled", "reach": reach, "sessions": "/"}


def _on_host(profile: Profile) -> list[str]:
    """The folders that a program imports from in the host's own tree."""
    return [*package_folders(), *map(os.path.realpath, profile.layers), str(HERE / ON_PATH)]


def plan_contained(profile: Profile, *, network: bool, counted: bool) -> dict[str, Any]:
    """The plan of a zygote in a container, under the image's own interpreter, which caller.py finds there.

    Which packages there are is the image's affair, so a program is not told of any. `counted`: its user runs nothing else, so that RLIMIT_NPROC, which counts by user, may bound its processes.
    """
    return plan_walled(
        {
            "counted": counted,
            "network": network,
            "preload": list(profile.preload),
            "available": [],
            "guests": [],
            "support": SUPPORT,
            "boot": BOOT,
            "environment": _ENVIRONMENT,
            "tools": {},
            "worker": "kernel",
            "workspace": WORKSPACE,
        }
    )


def _interpreter() -> tuple[str, str, list[tuple[str, str]]]:
    """Where the interpreter will live inside: its prefix, its program, and what must be bound for that."""
    base = os.path.realpath(sys.base_prefix)
    program = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    if any(Path(base).is_relative_to(place) for place in SYSTEM):
        return base, program, []
    relative = os.path.relpath(program, base)
    return PYTHON_HOME, f"{PYTHON_HOME}/{relative}", [(base, PYTHON_HOME)]


def _prefixes(tools: Mapping[str, Tool]) -> list[str]:
    return sorted({tool.prefix for tool in tools.values() if tool.prefix})
