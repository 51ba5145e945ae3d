"""uv and pip, as far as layers need them: which packages are missing, and put exactly those into a folder.

Both are asked for wheels only, so nothing that a package brings along runs on the host. Both read their own
environment variables and configuration files, which is where a private index is named.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ocinterp.errors import OcinterpError, SandboxError, UsageError
from ocinterp.sandboxes.requirements import canonical

_PLANNED = re.compile(r"^ \+ (\S+)==(\S+)", re.MULTILINE)
_UNREACHABLE = re.compile(
    r"NewConnectionError|ConnectTimeoutError|ReadTimeoutError|ProxyError|SSLError|Failed to fetch|client error \(Connect\)|"
    r"Temporary failure in name resolution|Network is unreachable"
)
_UNKNOWN = re.compile(
    r"No matching distribution found for|not found in the package registry|no usable wheels|is available and"
)
_CONFLICT = re.compile(r"conflicting dependencies|ResolutionImpossible|requirements are unsatisfiable")
_CONSTRAINED = re.compile(r"\(constraint\) (\S+)")


@dataclass(frozen=True, slots=True)
class Installer:
    """The program that installs: `uv` where its path is given, else this interpreter's pip."""

    uv: str | None = None

    def missing(self, requirements: Sequence[str], present: Sequence[str], work: Path) -> tuple[str, ...]:
        """`name==version` of all that `requirements` need and this interpreter has not, while `present` stays as it is.

        `work` is an empty folder. Raises UsageError where no such set exists, SandboxError where none can be found out.
        """
        constraints, report = work / "constraints.txt", work / "report.json"
        constraints.write_text("\n".join(present), encoding="utf-8")
        if self.uv is not None:
            # A dry run changes nothing, so it may look at an interpreter that a distribution manages.
            options = ["--dry-run", "--break-system-packages", "--constraints", str(constraints)]
            found = _PLANNED.findall(self._run(options, requirements, work))
        else:
            options = ["--dry-run", "--report", str(report), "--constraint", str(constraints)]
            self._run(options, requirements, work)
            planned: list[dict[str, Any]] = json.loads(report.read_bytes())["install"]
            found = [(each["metadata"]["name"], each["metadata"]["version"]) for each in planned]
        return tuple(sorted(f"{canonical(name)}=={version}" for name, version in found))

    def install(self, pins: Sequence[str], folder: Path, work: Path) -> None:
        """Put exactly these packages into `folder`, compiled. Raises UsageError, SandboxError."""
        folder.mkdir()
        if pins:
            quiet = [] if self.uv is not None else ["--no-compile", "--no-user"]
            self._run(["--no-deps", "--target", str(folder), *quiet], pins, work)
        _drop_scripts(folder / "bin")
        # By hash, unchecked: nobody can change the sources, and no copy that changes their times makes it all stale.
        _ask(
            [sys.executable, "-P", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder)], work
        )

    def _run(self, options: Sequence[str], requirements: Sequence[str], work: Path) -> str:
        if self.uv is not None:
            program = [self.uv, "pip", "install", "--no-progress", "--color", "never", "--python", sys.executable]
        else:
            # -P: or a file pip.py in the person's folder would be run.
            program = [sys.executable, "-P", "-m", "pip", "install", "--no-input", "--no-color", "--retries", "2"]
            program += ["--disable-pip-version-check", "--progress-bar", "off"]
        done = _ask([*program, "--only-binary", ":all:", *options, "--", *requirements], work)
        said = done.stdout + done.stderr
        if done.returncode:
            raise _failure(said, requirements)
        return said


def _ask(command: Sequence[str], work: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, check=False, text=True, errors="replace"
        )
    except OSError as error:
        raise SandboxError(f"{command[0]} cannot be started to install packages: {error.strerror}") from error


def _drop_scripts(folder: Path) -> None:
    """Commands that packages bring along name the host's interpreter in their first line, and would not run inside."""
    for path in folder.iterdir() if folder.is_dir() else ():
        with path.open("rb") as file:
            is_script = file.read(2) == b"#!"
        if is_script:
            path.unlink()


def _failure(said: str, requirements: Sequence[str]) -> OcinterpError:
    """What the installer said that matters, on one line, and what to do."""
    asked = ", ".join(requirements)
    if "No module named pip" in said:
        return SandboxError("neither uv nor pip is there to install packages: python -m ensurepip")
    if "no such option" in said:
        return SandboxError("this pip is too old to install packages for the sandbox: python -m pip install -U pip")
    if _UNREACHABLE.search(said):
        return SandboxError(f"{asked} cannot be installed: the package index cannot be reached")
    if _UNKNOWN.search(said):
        what = _last_words(said)
        machine = f"Python {sysconfig.get_python_version()} on {sysconfig.get_platform()}"
        return UsageError(f"{asked}: no such package, version, or wheel for {machine} ({what})")
    if _CONFLICT.search(said):
        stays = ", ".join(dict.fromkeys(_CONSTRAINED.findall(said))) or _last_words(said)
        return UsageError(f"{asked} does not fit what the sandbox has, and what it has stays as it is ({stays})")
    return SandboxError(f"{asked} cannot be installed: {_last_words(said)}")


def _last_words(said: str) -> str:
    """The line of an installer's output that says why."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("ERROR:", "cause:", "error:"))] or lines[-1:] or [""]
    chosen = next((line for line in reversed(causes) if _UNKNOWN.search(line)), causes[-1])
    words = re.sub(r"^(ERROR|error|cause):\s*(Because\s)?", "", chosen)
    return words.partition(", we can conclude")[0].rstrip(".")[:300]
