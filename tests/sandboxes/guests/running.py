"""The guest of the tests for jobs: runs the program in its first input."""

from __future__ import annotations

import os
from typing import Any


def main(answers: int, inputs: list[int], order: dict[str, Any]) -> None:
    source = os.pread(inputs[0], 1 << 20, 0)
    exec(compile(source, "<job>", "exec"), {"answers": answers, "inputs": inputs, "order": order})
