"""What programs find in a sandbox beside the standard library."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Profile:
    """The libraries of a sandbox. All that the interpreter has can be imported anyway, but not at once.

    `layers` come after the interpreter's own folders: what sessions import without them, they import with them.
    """

    preload: tuple[str, ...] = ()  # modules that the zygote imports, so that every session has them at once
    layers: tuple[Path, ...] = ()  # folders of further packages (layers.py)
    available: tuple[str, ...] = ()  # the packages that a program is told of when it misses one
    guests: tuple[tuple[str, Path], ...] = ()  # packages of ours whose modules jobs enter by, and their folders


STDLIB = Profile()  # every zygote imports the modules of the standard library that short programs are made of
DATA = Profile(preload=("numpy", "pandas", "matplotlib.pyplot"))
