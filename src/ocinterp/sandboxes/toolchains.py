"""Which languages this machine has compilers and interpreters for, and where sandboxes find them.

What lies below the system's own folders is in every sandbox already. A tool elsewhere (rustup, nvm, a download) stands
in a folder of its own, with a `bin` in it: that folder is given to programs, read-only, where it looks like what it
should be, and never where it is or holds a person's home. Looking starts no process but for a Node.js without its headers and a
rustup that was told to keep its toolchains elsewhere.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu")
TOOLS = "/opt/tools"  # inside, for what does not come from the system's folders
# Read by tools, by scripts that call them, and of no interest to anybody else.
_SETTINGS = ("/etc/alternatives", "/etc/java-*-openjdk")
_STRIPS_TYPES = (22, 6)  # the first Node.js that runs TypeScript, by leaving out its types

Which = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Tool:
    """A program of this machine's. `prefix` is the folder that must be given to sandboxes, empty for a system's."""

    name: str
    path: str = ""
    prefix: str = ""

    @property
    def place(self) -> str:
        """Where its folder stands inside a root of our own; empty where it stands there anyway."""
        return f"{TOOLS}/{self.name}" if self.prefix else ""

    @property
    def inside(self) -> str:
        """Where it stands inside a root of our own."""
        return self.place + self.path.removeprefix(self.prefix) if self.prefix else self.path


@dataclass(frozen=True, slots=True)
class Needs:
    """What a language needs: one of `tools`, in this order, and all of `also`. `marks` show a folder of its tools'."""

    tools: tuple[str, ...]
    also: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


_NEEDS = {
    "bash": Needs(("bash", "sh")),
    "c": Needs(("gcc", "clang")),
    "cpp": Needs(("g++", "clang++")),
    "go": Needs(("go",), marks=("pkg", "VERSION")),
    "java": Needs(("javac",), also=("java",), marks=("release", "lib/jvm.cfg")),
    "javascript": Needs(("node",), marks=("include/node", "lib/node_modules")),
    "rust": Needs(("rustc",), also=("cc",), marks=("lib/rustlib",)),
    "sql": Needs(("sqlite3", "python")),  # Python's own module does where the command is not there
    "typescript": Needs(("tsx", "ts-node", "tsc", "node>=22.6"), marks=("include/node", "lib/node_modules")),
}
LANGUAGES = ("python", *_NEEDS)


@cache
def find() -> Mapping[str, Tool]:
    """Language -> its tool, for those that this machine has, looked for once."""
    return look(shutil.which)


def look(which: Which) -> dict[str, Tool]:
    """As `find`, with `which` to say where a command is."""
    found = {language: _first(needs, which) for language, needs in _NEEDS.items()}
    return {language: tool for language, tool in found.items() if tool is not None}


def settings() -> list[str]:
    """The folders in /etc that tools read."""
    return sorted(str(path) for pattern in _SETTINGS for path in Path("/").glob(pattern[1:]) if path.is_dir())


def why_not(language: str, there: Iterable[str], asked: str) -> str:
    """Why `language` (`asked`, in the asker's word) does not run, in a sentence; `there` are those that do."""
    needed = f": it needs {tools_for(language)}" if language in _NEEDS else ""
    able = ["python", *sorted(there)]
    listed = f"{', '.join(able[:-1])} and {able[-1]} do" if len(able) > 1 else "only python does"
    return f"{language or asked} does not run here{needed}{';' if needed else ','} {listed}"


def tools_for(language: str) -> str:
    """What would have to be installed for a language, in words."""
    needs = _NEEDS[language]
    *others, last = (tool for tool in needs.tools if tool != "python")
    one_of = f"{', '.join(others)} or {last}" if others else last
    return " and ".join((one_of, *needs.also))


def _first(needs: Needs, which: Which) -> Tool | None:
    if not all(map(which, needs.also)):
        return None
    return next((tool for name in needs.tools if (tool := _reachable(name, needs.marks, which)) is not None), None)


def _reachable(name: str, marks: tuple[str, ...], which: Which) -> Tool | None:
    try:
        return _tool(name, marks, which)
    except OSError:  # a folder that we may not look into
        return None


def _tool(name: str, marks: tuple[str, ...], which: Which) -> Tool | None:
    name, _, least = name.partition(">=")
    if name == "python":
        return Tool(name)
    found = which(name)
    if found is None:
        return None
    path = Path(found).resolve()
    if path.name == "rustup":
        path = _behind_rustup(path)
    if path is None or path.name == "snap" or (least and _version_of_node(path) < _STRIPS_TYPES):
        return None  # snap starts what it holds in walls of its own, by a daemon
    if any(path.is_relative_to(place) for place in SYSTEM):
        # By the name it was called with: gcc and cc, clang and clang++ can be one program.
        called = Path(found).parent.resolve() / name
        return Tool(name, str(called if any(called.is_relative_to(place) for place in SYSTEM) else path))
    prefix = _prefix(path, marks)
    return Tool(name, f"{prefix}/bin/{name}", prefix) if prefix and Path(prefix, "bin", name).exists() else None


def _prefix(path: Path, marks: tuple[str, ...]) -> str:
    """The folder that holds all of a tool that stands at `path`; empty where that cannot be told."""
    home = _home()
    for folder in path.parents:
        if home.is_relative_to(folder) or folder == home / ".local":
            return ""
        if any((folder / mark).exists() for mark in marks):
            return str(folder)
    return ""


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # an account without one
        return Path("/")


def _behind_rustup(proxy: Path) -> Path | None:
    """The compiler that rustup's `rustc` would start, by its settings; it is asked where those do not tell."""
    folder = proxy.parent.parent.with_name(".rustup")  # beside ~/.cargo
    try:
        text = (folder / "settings.toml").read_text(encoding="utf-8")
    except OSError:
        text = ""
    chosen = re.search(r'^default_toolchain = "([\w.+-]+)"$', text, re.MULTILINE)
    root = folder / "toolchains" / chosen[1] if chosen else None
    if root is None or not (root / "bin" / "rustc").exists():
        root = Path(_said(str(proxy.with_name("rustc")), "--print", "sysroot") or "/nowhere")
    compiler = (root / "bin" / "rustc").resolve()
    return compiler if compiler.exists() else None


def _version_of_node(path: Path) -> tuple[int, int]:
    header = path.parent.parent / "include" / "node" / "node_version.h"
    try:
        text = header.read_text(encoding="utf-8")
    except OSError:
        text = _said(str(path), "--version")
    version = re.search(r"NODE_MAJOR_VERSION (\d+)[\s\S]*?NODE_MINOR_VERSION (\d+)", text) or re.match(
        r"v(\d+)\.(\d+)", text
    )
    return (int(version[1]), int(version[2])) if version else (0, 0)


def _said(*command: str) -> str:
    """What a tool answers; nothing where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
