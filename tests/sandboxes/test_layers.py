"""Packages added to a sandbox: installed outside with a real pip or uv, from a folder of wheels; imported inside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes import layers
from ocinterp.sandboxes.layers import Layer
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.probe import sandbox_named
from ocinterp.sandboxes.profiles import Profile
from ocinterp.types import Cell, Outcome


@pytest.fixture(scope="module", params=["pip", "uv"])
def uv(request: pytest.FixtureRequest) -> str | None:
    found = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if request.param == "uv" and found is None:
        pytest.skip("uv is not installed")
    return found if request.param == "uv" else None


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def layer(wheels: Path, cache: Path, uv: str | None) -> Layer:
    return layers.build(("polite-greet",), cache / str(bool(uv)), uv=uv)


def test_a_layer_holds_what_was_asked_for_and_what_that_needs(layer: Layer) -> None:
    assert layer.packages == ("greet==1.0", "polite-greet==1.0")
    assert layer.names == ("polite-greet",)
    assert (layer.folder / "greet.py").is_file()
    assert list((layer.folder / "__pycache__").glob("greet.*.pyc"))


def test_a_layer_is_built_once(layer: Layer, uv: str | None) -> None:
    said: list[str] = []
    cache = layer.folder.parent.parent
    assert layers.build(("polite-greet",), cache, uv=uv, tell=said.append) == layer
    assert said == []
    assert layer in layers.kept(cache)


def test_nothing_of_a_layer_can_be_written(layer: Layer) -> None:
    found = [layer.folder, *layer.folder.rglob("*"), layer.folder.parent / "layer.json"]
    assert [path for path in found if path.stat().st_mode & 0o222] == []
    assert [path for path in found if not path.stat().st_mode & 0o004] == []


def test_commands_that_would_not_run_inside_are_left_out(wheels: Path, cache: Path, uv: str | None) -> None:
    layer = layers.build(("greet>=2",), cache / str(bool(uv)), uv=uv)
    assert layer.packages == ("greet==2.0",)
    assert list(layer.folder.glob("bin/*")) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("no-such-package", "no such package, version, or wheel"),
        ("greet>=3", "no such package, version, or wheel"),
        ("wants-numpy", "does not fit what the sandbox has"),
    ],
)
def test_what_cannot_be_had_is_said_and_leaves_nothing(
    asked: str, said: str, wheels: Path, tmp_path: Path, uv: str | None
) -> None:
    if asked == "wants-numpy":
        pytest.importorskip("numpy")
    with pytest.raises(UsageError, match=said):
        layers.build((asked,), tmp_path, uv=uv)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_is_there_already_makes_an_empty_layer(wheels: Path, tmp_path: Path) -> None:
    layer = layers.build(("pytest",), tmp_path)
    assert layer.packages == ()
    assert list(layer.folder.iterdir()) == []


def test_an_index_out_of_reach_is_no_fault_of_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/",
        "PIP_RETRIES": "0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PIP_NO_INDEX", raising=False)
    with pytest.raises(SandboxError, match="no-such-package cannot be installed: the package index cannot be reached"):
        layers.build(("no-such-package",), tmp_path)


def test_two_that_ask_at_once_build_once(wheels: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from ocinterp.sandboxes import layers\n"
        "print(layers.build(('greet==1.0',), Path(sys.argv[1])).created)"
    )
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", program, str(tmp_path)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) for _ in range(2)]
    said = {each.communicate()[0] for each in both}
    assert [each.returncode for each in both] == [0, 0]
    assert len(said) == 1
    assert len(layers.kept(tmp_path)) == 1


def test_a_build_that_was_cut_short_is_cleared_away(wheels: Path, tmp_path: Path) -> None:
    abandoned = tmp_path / ".building-old"
    (abandoned / "layer").mkdir(parents=True)
    (abandoned / "layer").chmod(0o555)
    layers.build(("greet==1.0",), tmp_path)
    assert not abandoned.exists()


def test_a_layer_can_be_removed(wheels: Path, tmp_path: Path) -> None:
    layer = layers.build(("greet==1.0",), tmp_path)
    layers.remove(layer)
    assert layers.kept(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_a_manifest_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "abc"
    folder.mkdir()
    (folder / "layer.json").write_text("{")
    with pytest.raises(SandboxError, match=r"layer\.json cannot be read"):
        layers.kept(tmp_path)


async def test_sessions_import_it_and_cannot_change_it(named: str, wheels: Path, cache: Path) -> None:
    layer = layers.build(("polite-greet",), cache / "False")
    if named.startswith("jupyter:"):
        with pytest.raises(UsageError, match="leave out --with"):
            sandbox_named(named, Resources(), profile=Profile(layers=(layer.folder,)))
        return
    profile = Profile(layers=(layer.folder,), available=("numpy", "polite-greet"))
    async with sandbox_named(named, Resources(), profile=profile) as sandbox, sandbox.open() as session:
        greeting = await session.run(Cell("1", "import polite_greet; print(polite_greet.hello())"))
        child = await session.run(
            Cell(
                "2",
                "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import greet; print(greet.hello())'])",
            )
        )
        changed = await session.run(Cell("3", "open(polite_greet.__file__, 'a').write('x')"))
        missing = await session.run(Cell("4", "import no_such_module"))
    assert greeting.stdout == "hello from 1, please\n", greeting
    assert child.stdout == "hello from 1\n", child
    if named != "unsafe":
        assert changed.outcome is Outcome.ERROR, changed
    assert missing.error is not None
    assert missing.error.name == "ModuleNotFoundError"
    assert missing.error.traceback.endswith(
        "Available: numpy, polite-greet; packages cannot be installed from inside.\n"
    )
