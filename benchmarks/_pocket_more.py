"""`ocinterp eval pocket` on other tasks of its kind, and as many as are wanted, for differences that 1,200 are too few to show.

    python benchmarks/_pocket_more.py EACH [OPTION...]

EACH tasks of each of the four parts; the options are those of `ocinterp eval`. They have held-out pairs of operations and
phrases as the benchmark's own have, from another seed.
"""

from __future__ import annotations

import sys

from ocinterp.cli.main import main
from ocinterp.tasks.pocket import benchmark


def run() -> None:
    each, *options = sys.argv[1:]
    benchmark.EACH, benchmark.VERSION = int(each), "more"
    sys.argv = ["ocinterp", "eval", "pocket", *options]
    main()


if __name__ == "__main__":
    run()
