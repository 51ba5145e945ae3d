"""`--with`, and what the command line says of packages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ocinterp.testing import Asked, Says, code

Run = Callable[..., Any]

pytestmark = pytest.mark.usefixtures("namespaces", "wheels")


def test_exec_with_a_package_installs_it_once_and_imports_it(ocinterp: Run, home: Path) -> None:
    (home / "a.py").write_text("import greet\nprint(greet.hello())")
    first = ocinterp("exec", "--with", "greet==1.0", "a.py")
    again = ocinterp("exec", "--with", "Greet == 1.0", "a.py")
    assert (first.code, first.out, first.err) == (
        0,
        "hello from 1\n",
        "ocinterp: installing greet==1.0 for the sandbox; once\n",
    )
    assert (again.code, again.out, again.err) == (0, "hello from 1\n", "")
    listed = ocinterp("layers", "list")
    assert listed.out.count("\n") == 1
    assert listed.out.endswith("greet==1.0\n")
    assert "(1, " in ocinterp("doctor").out
    key = listed.out[:8]
    assert ocinterp("layers", "rm", "nothing").code == 2
    assert ocinterp("layers", "rm", key).out == f"removed {key}  greet==1.0\n"
    assert ocinterp("layers", "list").out == ""


def test_a_missing_module_tells_the_person_what_to_add(ocinterp: Run) -> None:
    ended = ocinterp("exec", "-", stdin="import sklearn_is_not_here")
    assert ended.code == 1
    assert "packages cannot be installed from inside." in ended.err
    assert ended.err.endswith("ocinterp: to add it, if it is a package: --with sklearn-is-not-here\n")


@pytest.mark.parametrize("asked", ["../x", "no-such-package"])
def test_a_package_that_cannot_be_had_is_a_usage_error(ocinterp: Run, asked: str) -> None:
    ended = ocinterp("exec", "--with", asked, "-", stdin="print(1)")
    assert (ended.code, ended.out) == (2, "")
    assert asked in ended.err


def test_a_run_puts_its_packages_on_record_and_names_them_to_the_model(ocinterp: Run, home: Path, serve: Run) -> None:
    (home / "config.toml").write_text('with = ["polite_greet"]\n')
    asked: list[str] = []

    async def reply(request: Asked) -> Says:
        asked.append(json.dumps(request.body))
        return Says(code("import polite_greet; print(polite_greet.hello())"))

    model = serve(reply)
    ended = ocinterp("run", "Greet me", "--model", model)
    assert ended.code == 0, ended
    assert "hello from 1, please" in ended.out
    assert "polite-greet" in asked[0]
    record = home / "record.json"
    assert ocinterp("sessions", "export", "last", record).code == 0
    assert json.loads(record.read_text())["provenance"]["packages"] == "greet==1.0, polite-greet==1.0"
    (home / "config.toml").unlink()
    resumed = ocinterp("sessions", "resume", "last", "--model", model, stdin="")
    assert "--with greet==1.0,polite-greet==1.0" in resumed.out + resumed.err
