"""Where an interpreter finds programs and packages: asked on the host, and in a container of its own interpreter."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ON_PATH = "on_path"  # the folder of what any Python program inside may import


def package_folders() -> list[str]:
    """The folders of installed packages that this interpreter imports from; a checkout's own source is not one."""
    return [
        entry
        for entry in dict.fromkeys(os.path.realpath(entry) for entry in sys.path if entry)
        if Path(entry).name in {"site-packages", "dist-packages"} and Path(entry).is_dir()
    ]


def search_paths(base: str, packages: Sequence[str] = (), prefixes: Iterable[str] = ()) -> dict[str, str]:
    """Where programs are found, and what Python programs that a cell starts import from."""
    folders = [
        f"{base}/bin",
        "/usr/local/bin",
        "/usr/bin",
        "/bin",
        *sorted({f"{each}/bin" for each in prefixes if each}),
    ]
    paths = {"PATH": ":".join(folders), "PYTHONPATH": ":".join(packages)}
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        paths["LD_LIBRARY_PATH"] = f"{base}/lib"
    return paths


def zygote_command(python: str, boot: str, plan: str) -> list[str]:
    """How the zygote is started. Not with -I, which would have the seed of hashes ignored (`zygote_environment`)."""
    return [python, "-P", "-s", "-S", "-B", "-X", "utf8", "-c", boot, "zygote", plan]


def zygote_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without packages before the standard library, and with sets of strings in the same order each time."""
    kept = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
    return kept | {"PYTHONHASHSEED": "0"}
