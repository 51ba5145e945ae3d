"""Packages for model-written code: read-only folders, built outside the sandbox once, mounted into sessions.

    CACHE/KEY/layer.json       what is in it (FORMAT); a folder without it is no layer
    CACHE/KEY/site-packages    the packages themselves, compiled, read-only
    CACHE/.building-*          a build that goes on, or that was cut short: the next one removes it
    CACHE/.lock                held by whoever builds or removes

KEY stands for what was asked for, for the interpreter, and for what that has already: a layer adds to it, and neither
repeats nor replaces what is there (docs/decisions/0007).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import stat
import sysconfig
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ocinterp.errors import SandboxError, UsageError
from ocinterp.protocols import ignore
from ocinterp.sandboxes.installers import Installer
from ocinterp.sandboxes.ns.paths import package_folders
from ocinterp.sandboxes.requirements import canonical, name_of

FORMAT = "ocinterp-layer/1"
_MANIFEST, _PACKAGES, _BUILDING = "layer.json", "site-packages", ".building-"
_INSTALLED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.]*)-(?P<version>\d[\w.!+]*?)(?:-py\d[\d.]*)?\.(?:dist|egg)-info", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Layer:
    """Packages that can be mounted into a sandbox. `folder` is the one to import from."""

    folder: Path
    requirements: tuple[str, ...]  # as asked for, normalised
    packages: tuple[str, ...]  # what that came to beside what was there: `name==version`
    python: str  # such as cpython-311-x86_64-linux-gnu
    created: str  # ISO 8601, UTC
    size_bytes: int

    @property
    def key(self) -> str:
        return self.folder.parent.name

    @property
    def names(self) -> tuple[str, ...]:
        """What was asked for, without versions."""
        return tuple(dict.fromkeys(map(name_of, self.requirements)))


def build(
    requirements: tuple[str, ...], cache: Path, *, uv: str | None = None, tell: Callable[[str], None] = ignore
) -> Layer:
    """The layer with `requirements` (as `requirements.parse` gives them), built now if it is not in `cache`.

    `uv` is the program to install with; None: pip. `tell` gets a line before anything is installed. Two processes
    may ask for one layer at once: the second waits for the first. Raises UsageError where the packages do not exist or
    do not fit, SandboxError where they cannot be had.
    """
    present = installed()
    folder = cache / _key(requirements, present)
    if (layer := _read(folder)) is not None:
        return layer
    tell(f"installing {', '.join(requirements)} for the sandbox; once")
    try:
        with _locked(cache):
            if (layer := _read(folder)) is None:
                layer = _build(requirements, present, folder, Installer(uv))
            return layer
    except OSError as error:
        raise SandboxError(f"packages cannot be kept in {cache}: {error.strerror or error}") from error


def kept(cache: Path) -> list[Layer]:
    """All layers there are, the newest first."""
    folders = [path for path in cache.iterdir() if not path.name.startswith(".")] if cache.is_dir() else []
    found = [layer for layer in map(_read, folders) if layer is not None]
    return sorted(found, key=lambda layer: layer.created, reverse=True)


def remove(layer: Layer) -> None:
    """Delete a layer; a session that has it mounted loses it. Raises SandboxError."""
    folder = layer.folder.parent
    try:
        with _locked(folder.parent):
            doomed = folder.with_name(f"{_BUILDING}{folder.name}")
            folder.chmod(0o700)
            folder.rename(doomed)  # at once: half of a layer must not be taken for one
            _delete(doomed)
    except OSError as error:
        raise SandboxError(f"the layer {layer.key} cannot be removed: {error.strerror or error}") from error


def installed() -> tuple[str, ...]:
    """`name==version` of what the sandbox has without any layer, by the names of its folders: reading them all is slow."""
    found: dict[str, str] = {}
    for folder in package_folders():
        for entry in os.listdir(folder):  # noqa: PTH208  a Path for each of a thousand takes longer than all the rest
            if (match := _INSTALLED.fullmatch(entry)) is not None:
                found.setdefault(canonical(match["name"]), match["version"])  # the first folder is imported from
    return tuple(sorted(f"{name}=={version}" for name, version in found.items()))


def _key(requirements: tuple[str, ...], present: tuple[str, ...]) -> str:
    parts = [FORMAT, _python(), sysconfig.get_platform(), *requirements, "", *present]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _python() -> str:
    return str(sysconfig.get_config_var("SOABI"))


def _build(requirements: tuple[str, ...], present: tuple[str, ...], folder: Path, installer: Installer) -> Layer:
    cache = folder.parent
    for abandoned in cache.glob(f"{_BUILDING}*"):  # we hold the lock: nobody is at work there
        with suppress(OSError):  # an installer that outlived its build may still be writing
            _delete(abandoned)
    work = Path(tempfile.mkdtemp(prefix=_BUILDING, dir=cache))
    try:
        made, desk = work / "layer", work / "desk"
        made.mkdir()
        desk.mkdir()
        pins = installer.missing(requirements, present, desk)
        _refuse_changes(requirements, pins, present)
        installer.install(pins, made / _PACKAGES, desk)
        size = _make_read_only(made / _PACKAGES)
        when = datetime.now(UTC).isoformat(timespec="seconds")
        layer = Layer(folder / _PACKAGES, requirements, pins, _python(), when, size)
        _write(layer, made)
        made.rename(folder)
        return layer
    finally:
        _delete(work)


def _refuse_changes(requirements: tuple[str, ...], pins: tuple[str, ...], present: tuple[str, ...]) -> None:
    """Constraints forbid it already; but what sessions have imported must not come a second time, whatever happens."""
    there = {name_of(each) for each in present}
    if twice := [pin for pin in pins if name_of(pin) in there]:
        raise UsageError(f"{', '.join(requirements)} would replace what the sandbox has: {', '.join(twice)}")


def _write(layer: Layer, made: Path) -> None:
    values = {"format": FORMAT, **asdict(layer)}
    del values["folder"]
    path = made / _MANIFEST
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    path.chmod(0o444)


def _read(folder: Path) -> Layer | None:
    """The layer in a folder; None when there is none, or one of another format."""
    try:
        values: dict[str, Any] = json.loads((folder / _MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise SandboxError(f"{folder / _MANIFEST} cannot be read: {error}; remove {folder}") from error
    if values.pop("format", None) != FORMAT:
        return None
    values["requirements"], values["packages"] = tuple(values["requirements"]), tuple(values["packages"])
    return Layer(folder / _PACKAGES, **values)


def _make_read_only(top: Path) -> int:
    """Take away the right to write, and let everybody read: sessions run as somebody else. All sizes together."""
    size = 0
    for place, _, files in os.walk(top, topdown=False):
        for name in files:
            path = Path(place, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                size += status.st_size
                path.chmod(0o555 if status.st_mode & 0o111 else 0o444)
        Path(place).chmod(0o555)
    return size


def _delete(top: Path) -> None:
    for place, _, _ in os.walk(top):  # from above: what may not be written to cannot be emptied
        Path(place).chmod(0o700)
    shutil.rmtree(top)


@contextmanager
def _locked(cache: Path) -> Generator[None]:
    """One at a time; the lock goes with its process, however that ends."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
