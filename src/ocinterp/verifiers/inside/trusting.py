"""The entry of a job: runs a unittest.TestCase beside the program it tests, in one module, as BigCodeBench does.

    inputs: the program's source, and the tests'
    order:  {"libraries": [module, ...]}   without which nothing can be told of any program
    answer: JSON: "missing" libraries; or "total" tests and the "failures": [name, status, words], ...

These tests patch and look into the program's own module, so they must be where it is. Hence the program could say
whatever it likes here, and what comes of it is marked as forgeable.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import types
from typing import Any

from ocinterp.verifiers.inside.answering import FILE, MAX_SOURCE_BYTES, described, settle

MODULE = "__test__"  # as BigCodeBench calls it
_MAX_WORDS = 500
_MAX_FAILURES = 20


def main(answers: int, inputs: list[int], order: dict[str, Any]) -> None:
    """Run the tests and say how they came out."""
    missing = [name for name in order["libraries"] if not _is_there(name)]
    said = {"missing": missing} if missing else _run(*(os.pread(each, MAX_SOURCE_BYTES, 0) for each in inputs))
    data = json.dumps(said).encode()
    while data:
        data = data[os.write(answers, data) :]


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _run(program: bytes, tests: bytes) -> dict[str, Any]:
    unittest: Any = importlib.import_module("unittest")  # only these jobs need it
    settle()
    module = sys.modules[MODULE] = types.ModuleType(MODULE)
    try:
        exec(compile(program, FILE, "exec", dont_inherit=True), module.__dict__)  # noqa: S102  this is what the walls are for
        exec(compile(tests, "<tests>", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  the benchmark's
        suite = unittest.defaultTestLoader.loadTestsFromModule(module)
    except BaseException as error:  # noqa: BLE001  the candidate's, whatever it is
        return {"total": 1, "failures": [["", _status(error), _words(error)]]}
    result = unittest.TestResult()
    total = suite.countTestCases()
    try:
        suite.run(result)
    except BaseException as error:  # noqa: BLE001  SystemExit and such, which no test catches
        return {"total": total, "failures": [["", _status(error), _words(error)]]}
    failures = [[str(test), "wrong", trace[-_MAX_WORDS:]] for test, trace in result.failures]
    failures += [[str(test), "exception", trace[-_MAX_WORDS:]] for test, trace in result.errors]
    return {"total": total, "failures": failures[:_MAX_FAILURES], "failed": len(failures)}


def _status(error: BaseException) -> str:
    return {"SystemExit": "exited", "MemoryError": "memory"}.get(type(error).__name__, "exception")


def _words(error: BaseException) -> str:
    name, line, message = described(error).decode("utf-8", "replace").split("\n", 2)
    return f"{name}: {message[:_MAX_WORDS]} (line {line})"
