"""Which samples are the same program, so that one verdict serves all of them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from ocinterp.bench.samples import Sample


@dataclass(frozen=True, slots=True)
class Identity:
    """A program for a task; `digest` is the SHA-256 of its text, in hexadecimal."""

    task_id: str
    digest: str


def identity(sample: Sample) -> Identity:
    """What two samples share exactly when no verdict can tell them apart.

    That is the text, with line ends as the compiler reads them: it takes all three kinds for a newline. Comments, blank
    lines and docstrings count, although equal trees would save a little more (of CodeT's 16,400 samples 12,410 texts and
    11,552 trees are different): a program sees line numbers in its frames and tracebacks, and docstrings in `__doc__`.
    """
    text = sample.program.replace("\r\n", "\n").replace("\r", "\n")
    return Identity(sample.task_id, sha256(text.encode("utf-8", "surrogatepass")).hexdigest())
