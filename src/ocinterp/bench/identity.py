"""Which samples are the same program, so that one verdict serves all of them."""

from __future__ import annotations

from hashlib import sha256

from ocinterp.bench.samples import Sample


def digest(sample: Sample) -> str:
    """What two samples of a task share exactly when no verdict can tell them apart: the SHA-256 of the text, in hexadecimal.

    Line ends do not count, since `samples` reads them all as newlines, as the compiler does. Comments, blank lines and
    docstrings count, although equal trees would save a little more (of CodeT's 16,400 samples 12,410 texts and 11,552
    trees are different): a program sees line numbers in its frames and tracebacks, and docstrings in `__doc__`.
    """
    return sha256(sample.program.encode("utf-8", "surrogatepass")).hexdigest()
