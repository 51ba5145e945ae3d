"""The command `ocinterp`, also as `python -m ocinterp`. Its parts take a moment to load, in which people may change their minds."""

from __future__ import annotations

import sys

_INTERRUPTED = 130  # 128 and the number of SIGINT, as shells have it


def main() -> None:
    """As `ocinterp.cli.main.main`."""
    try:
        from ocinterp.cli import main as line
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    line.main()


if __name__ == "__main__":
    main()
