"""How many threads numpy's matrix products take.

For a small model one is the fastest: the others wait for work by spinning, and on a busy machine everybody waits for them (8 times
as long was measured). OpenBLAS reads its variables when numpy is loaded; later only a call into it helps.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Final

_SETTERS: Final = tuple(
    f"{prefix}openblas_set_num_threads{suffix}" for prefix in ("scipy_", "") for suffix in ("64_", "")
)
_MAPS: Final = Path("/proc/self/maps")  # the libraries that this process has loaded: proc(5)


def use_one_thread() -> int:
    """Set every OpenBLAS of this process to one thread, and say how many were found; other libraries stay as they are."""
    try:
        lines = _MAPS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return 0  # not Linux
    paths = {path for line in lines if "openblas" in (path := line.partition("/")[2]) and Path(f"/{path}").exists()}
    found = 0
    for path in sorted(paths):
        library = ctypes.CDLL(f"/{path}")
        setter = next((each for name in _SETTERS if (each := getattr(library, name, None)) is not None), None)
        if setter is not None:
            setter(1)
            found += 1
    return found
