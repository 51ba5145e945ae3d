"""What is kept of a session on the person's disk: files and figures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

from ocinterp.errors import UsageError
from ocinterp.protocols import Session
from ocinterp.types import FileInfo


@dataclass
class Keeper:
    """Writes into `folder`, whole files or none. A file that must not be lost makes way: the new one gets a number.

    Those are the person's own (`spare`), the figures that this keeper wrote, and with `careful` every file there is.
    """

    folder: Path
    spare: Iterable[Path] = ()
    careful: bool = False
    _taken: set[Path] = field(default_factory=set[Path], init=False)
    _figures: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._taken = {path.resolve() for path in self.spare}

    def prepare(self) -> None:
        """Make the folder and see that it can be written to, before anything is worth keeping. Raises UsageError."""
        probe = self.folder / f".ocinterp-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise UsageError(f"cannot write into {self.folder}: {error.strerror}; choose another --out") from error

    def figure(self, png: bytes) -> Path:
        """Write a figure under the next number."""
        self._figures += 1
        path = self.write(f"figure-{self._figures}.png", png)
        self._taken.add(path.resolve())
        return path

    def write(self, name: str, content: bytes) -> Path:
        """Write a file; where it went. Raises UsageError."""
        path = self._free(self.folder / name, content)
        part = path.with_name(f".ocinterp-{os.getpid()}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                part.write_bytes(content)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}; choose another folder") from error
        return path

    def _free(self, path: Path, content: bytes) -> Path:
        names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
        return next(each for each in chain([path], names) if not self._is_taken(each, content))

    def _is_taken(self, path: Path, content: bytes) -> bool:
        return path.resolve() in self._taken or (self.careful and _differs(path, content))


def _differs(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() != content
    except OSError:
        return False  # not there; or not to be read, and then not to be written either


async def save_files(
    session: Session, files: Sequence[FileInfo], keeper: Keeper, complain: Callable[[str], None]
) -> dict[str, Path]:
    """Copy files of a session out: name -> where it went. One that cannot be kept is complained of, the rest are."""
    saved: dict[str, Path] = {}
    for file in files:
        try:
            saved[file.name] = keeper.write(file.name, await session.get(file.name))
        except UsageError as error:
            complain(str(error))
    return saved
