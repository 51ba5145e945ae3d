"""What the stages of a dataset cost that ask nobody: reading, near duplicates, benchmarks' tasks, and packing.

    python benchmarks/bench_dataset.py [--quick] [--rows N] [--packed N]

Rows are made of words with the frequencies of a language (Zipf), each with a program; one in ten is nearly the same as an
earlier one. Each part runs in a process of its own, so that its processor seconds and its memory are its own. Where datasketch is
installed, it looks for near duplicates among some of the same rows in the same run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from itertools import accumulate, islice
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, cast

from _measure import machine

from ocinterp.synth import near, pack, sources, vectors
from ocinterp.synth.folder import Stage
from ocinterp.synth.jury import Jury
from ocinterp.synth.neighbours import nearest
from ocinterp.synth.plan import Plan
from ocinterp.synth.queries import Query
from ocinterp.tasks.pocket import benchmark

ROWS, PACKED = 287_000, 156_000  # as many as the open datasets of the paper have, and as it packed
PEER_ROWS = 5_000
WORDS = 40_000
SYLLABLES = ("ka", "ro", "mi", "ten", "sul", "va", "do", "lin", "er", "po", "qua", "ste", "bri", "no", "ge", "fu")
PROGRAM = "```python\ndef {name}(values):\n    {first} = [each for each in values if each > {low}]\n    return sorted({first})[:{high}]\n```"  # fmt: skip


def texts(count: int) -> Iterator[str]:
    """Requests of 110 words on average."""
    chance = Random("rows")
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(WORDS)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(WORDS)))
    kept: list[list[str]] = []
    for number in range(count):
        if number % 10 == 9:
            said = list(chance.choice(kept))
            said[chance.randrange(len(said))] = "otherwise"
        else:
            said = chance.choices(words, cum_weights=weights, k=chance.choice((50, 80, 90, 100, 140, 200)))
            kept = [*kept[-999:], said]
        yield " ".join(said)


def write(path: Path, count: int) -> None:
    """The rows as Magicoder-Evol-Instruct has them."""
    chance = Random("programs")
    with path.open("w", encoding="utf-8") as file:
        for text in texts(count):
            name, first = ("".join(chance.choices(SYLLABLES, k=3)) for _ in range(2))
            program = PROGRAM.format(name=name, first=first, low=chance.randint(0, 99), high=chance.randint(1, 99))
            file.write(json.dumps({"instruction": text, "response": program}) + "\n")


def alone(part: Callable[..., None], *given: object) -> tuple[float, float]:
    """Processor seconds of a part in a process of its own, and the most memory that it had, in MiB."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_measured, args=(theirs, part, *given))
    process.start()
    found = ours.recv()
    process.join()
    return found


def _measured(answer: Connection, part: Callable[..., None], *given: object) -> None:
    started = time.process_time()
    part(*given)
    took = time.process_time() - started
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answer.send((took, most))


def ingest(folder: Path, rows: Path) -> None:
    sources.ingest(Plan((sources.input_of(rows),), {}), Stage(folder, "ingest"))


def dedup(folder: Path, rows: Path) -> None:
    del rows
    sources.dedup(Plan((), {}), Stage(folder, "ingest"), Stage(folder, "dedup"))


def decontaminate(folder: Path, rows: Path) -> None:
    """Nothing is suspected here, so nobody judges."""
    del rows
    stages = Stage(folder, "dedup"), Stage(folder, "decontaminate")
    asyncio.run(sources.decontaminate(*stages, [benchmark.benchmark()], Jury(cast("Any", None))))


def packing(count: int) -> None:
    found = nearest(vectors.of(list(texts(count))), pack.WIDE)
    made = sum(1 for _ in pack.packs(found, "1"))
    assert made


def ours(count: int) -> None:
    near.duplicates(texts(count))


def datasketch(count: int) -> None:
    """The same: signatures of 128 of runs of five words, and every pair that is near."""
    sketches: Any = import_module("datasketch")  # not among the development tools
    index = sketches.MinHashLSH(threshold=0.7, num_perm=128)
    for number, text in enumerate(texts(count)):
        words = text.split()
        signature = sketches.MinHash(num_perm=128)
        signature.update_batch([" ".join(words[at : at + 5]).encode() for at in range(len(words) - 4)])
        index.query(signature)
        index.insert(str(number), signature)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--packed", type=int, default=PACKED)
    chosen = parser.parse_args()
    os.environ.setdefault(
        "OPENBLAS_NUM_THREADS", "1"
    )  # of the parts: threads that wait for each other would count as work
    share = 10 if chosen.quick else 1
    rows, packed = chosen.rows // share, chosen.packed // share
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write(path, rows)
        print(f"\n{rows:,} rows, {path.stat().st_size / 2**20:.0f} MiB")
        print(f"{'stage':<16} {'CPU s':>8} {'µs a row':>9} {'MiB':>6}")
        whole = 0.0
        for part in (ingest, dedup, decontaminate):
            took, most = alone(part, Path(folder), path)
            whole += took
            print(f"{part.__name__:<16} {took:>8.1f} {1e6 * took / rows:>9.0f} {most:>6.0f}")
        print(f"{'together':<16} {whole:>8.1f}")
        left = sum(1 for _ in islice(Stage(Path(folder), "dedup").rows(Query), rows))
        print(f"{rows - left:,} near to an earlier one left out")
    took, most = alone(packing, packed)
    print(f"\npacking {packed:,}: {took:.1f} CPU s, {most:.0f} MiB")
    if find_spec("datasketch") is not None:
        mine, theirs = alone(ours, PEER_ROWS)[0], alone(datasketch, PEER_ROWS)[0]
        print(
            f"\nnear duplicates of {PEER_ROWS:,} rows: {mine:.2f} CPU s; datasketch {theirs:.2f}, {theirs / mine:.1f} times"
        )


if __name__ == "__main__":
    main()
