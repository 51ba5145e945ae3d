"""The rules of the house that no tool checks: sizes, docstrings, cold imports, and documents that match the code."""

from __future__ import annotations

import ast
import itertools
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ocinterp

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src" / "ocinterp"
MODULES = sorted(SOURCE.rglob("*.py"))

SHARED = ("types", "protocols", "errors", "loop", "parse", "records")
LINES_PER_MODULE, LINES_PER_FUNCTION = 400, 50
HEAVY = (
    *("aiohttp", "duckdb", "fastapi", "jsonschema", "matplotlib", "nbformat", "numpy", "pandas", "prompt_toolkit"),
    *("pyarrow", "pydantic", "ray", "rich", "scipy", "sqlite3", "torch", "transformers"),
)
# Address of a package index, or an option that names one; written so that it does not match itself.
INDEX = re.compile(r"pypi\.(org|io)|pythonhosted\.org|--(extra-)?index-url|--find-link[s]|--trusted-hos[t]")
MAKE = r"(?:(?<=`)|(?<=\$ )|^)make ([a-z-]+)(?=`|$| +#| [A-Z]+=)"  # as code, or alone on its line
SKIPPED_FOLDERS = {"__pycache__", "build", "dist", "out"}


def relative(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), filename=str(path))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def undocumented(path: Path) -> Iterator[str]:
    """The public classes and functions of a module that lack a docstring."""
    for node in tree_of(path).body:
        definition = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if definition and not node.name.startswith("_") and not ast.get_docstring(node):
            yield node.name


def texts() -> Iterator[tuple[str, str]]:
    """Name and content of every text file of the project, what is built or cached in it left out."""
    for folder, folders, names in os.walk(REPOSITORY):
        folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS and (name[0] != "." or name == ".ci")]
        for name in names:
            path = Path(folder, name)
            content = path.read_bytes() if path.is_file() else b"\0"
            if b"\0" not in content:
                yield relative(path), content.decode("utf-8", "replace")


def requirements() -> list[str]:
    """What the package and its extras ask for."""
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return [*project["dependencies"], *itertools.chain.from_iterable(extras.values())]


def package_name(requirement: str) -> str:
    """`pyright[nodejs]>=1.1` -> `pyright`, in the spelling in which names compare equal."""
    return re.split(r"[\[<>=!~; ]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")


def loaded_by(statements: str, *arguments: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statements`, beyond those of its start."""
    script = (
        "import sys\nbefore = set(sys.modules)\ntry:\n"
        + "".join(f"    {line}\n" for line in statements.splitlines())
        + "except SystemExit as end:\n    assert not end.code, end.code\n"
        "finally:\n    print('loaded', *{name.partition('.')[0] for name in set(sys.modules) - before})\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_and_its_functions_fit_their_limits(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LINES_PER_MODULE
    long = [each.name for each in functions(path) if (each.end_lineno or 0) - each.lineno >= LINES_PER_FUNCTION]
    assert long == []


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree_of(path))


@pytest.mark.parametrize("module", SHARED)
def test_a_public_name_that_everybody_uses_says_what_it_means(module: str) -> None:
    assert list(undocumented(SOURCE / f"{module}.py")) == []


def test_nothing_in_the_source_is_left_to_do() -> None:
    left = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [relative(path) for path in MODULES if left.search(path.read_text("utf-8"))] == []


def test_only_the_surface_reads_the_environment() -> None:
    reads = re.compile(r"\bos\.(environ(?!\.update)|getenv)\b|\bfrom os import .*\b(environ|getenv)\b")
    below = [path for path in MODULES if "cli" not in path.relative_to(SOURCE).parts]
    assert [relative(path) for path in below if reads.search(path.read_text("utf-8"))] == []


def test_importing_the_package_loads_the_standard_library_at_most() -> None:
    assert loaded_by("import ocinterp") <= {"ocinterp", *sys.stdlib_module_names}


@pytest.mark.parametrize("module", ["types", "protocols", "errors", "parse", "render", "loop", "feedback"])
def test_the_core_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import ocinterp.{module}") <= {"ocinterp", *sys.stdlib_module_names} - {"sqlite3"}


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_load_nothing_heavy(option: str) -> None:
    loaded = loaded_by("from ocinterp.cli.main import main\nmain()", option)
    assert "typer" in loaded  # so the command line really ran
    assert loaded.isdisjoint(HEAVY)


def test_no_text_names_a_package_index() -> None:
    assert [name for name, text in texts() if INDEX.search(text)] == []


def test_everything_that_is_installed_is_pinned() -> None:
    lines = (REPOSITORY / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    assert {package_name(each) for each in requirements()} <= {package_name(each) for each in pins}


def test_the_image_of_containers_has_what_the_science_extra_has() -> None:
    image = (REPOSITORY / "docker" / "requirements.txt").read_text("utf-8").splitlines()
    project: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extra: list[str] = project["optional-dependencies"]["science"]
    assert {package_name(each) for each in image} == {package_name(each) for each in [*extra, "numpy"]}
    assert set(image) <= set((REPOSITORY / "constraints.txt").read_text("utf-8").splitlines())


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## \[?([\w.]+)", (REPOSITORY / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == ocinterp.__version__


def test_decisions_are_numbered_titled_and_argued() -> None:
    decisions = sorted((REPOSITORY / "docs" / "decisions").glob("*.md"))
    assert decisions
    for number, path in enumerate(decisions, 1):
        text = path.read_text("utf-8")
        assert re.fullmatch(rf"{number:04}-[a-z0-9-]+\.md", path.name)
        assert re.match(rf"# {number}\. \S", text)
        assert re.findall(r"^## (.+)$", text, re.MULTILINE)[:3] == ["Context", "Decision", "Consequences"]


def test_the_documents_name_the_makefile_targets_that_exist() -> None:
    makefile = (REPOSITORY / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    rules = set(re.findall(r"^([a-z-]+):(?! [A-Z_]+ =)(?! export )", makefile, re.MULTILINE))
    assert phony is not None
    assert set(phony[1].split()) == rules
    documents = [(REPOSITORY / name).read_text("utf-8") for name in ("CONTRIBUTING.md", "README.md")]
    named = {target for text in documents for target in re.findall(MAKE, text, re.MULTILINE)}
    assert {"demo", "test", "check"} <= named <= rules
