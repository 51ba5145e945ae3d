"""Signal handlers and masks by bare numbers.

The module `signal` makes an enum of whatever it returns, which in a process that has just been forked costs more than
the system call: each object that is touched is a page that is copied.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

_bare: Any = importlib.import_module("_signal")

handle: Callable[[int, int | Callable[[int, FrameType | None], Any]], Any] = _bare.signal
mask: Callable[[int, Iterable[int]], set[int]] = _bare.pthread_sigmask

SIGINT: int = int(_bare.SIGINT)
BLOCK: int = _bare.SIG_BLOCK
UNBLOCK: int = _bare.SIG_UNBLOCK
IGNORE: int = _bare.SIG_IGN
