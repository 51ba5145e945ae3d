"""Where the tests find real data, how hypothesis behaves in them, and whether this machine can isolate."""

from __future__ import annotations

import asyncio
import compileall
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import ocinterp.sandboxes.ns
from ocinterp.sandboxes.probe import probe

settings.register_profile(
    "house", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

# As an installer does: a sandbox that starts writes no bytecode, and would compile what it runs each time.
compileall.compile_dir(Path(ocinterp.sandboxes.ns.__path__[0]), quiet=2)

NOBODY = 65534
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real benchmark data, samples and trajectories; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("OCINTERP_TEST_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no test data: {folder} does not exist (set OCINTERP_TEST_DATA)")
    return folder


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip what needs namespaces where the machine refuses them, with the machine's own reason."""
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(lambda: asyncio.run(probe())).result()
    if not finding.works:
        pytest.skip(finding.why)


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder outside pytest's private one, while this process may not do everything."""
    place = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(place, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        yield place
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(place)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of small packages, the only ones that an installer finds: `greet` 1.0 and 2.0, `polite-greet` that needs it."""
    folder = tmp_path_factory.mktemp("wheels")
    _wheel(folder, "greet", "1.0", body="def hello(): return 'hello from 1'\n")
    _wheel(folder, "greet", "2.0", body="def hello(): return 'hello from 2'\n", script=True)
    _wheel(
        folder,
        "polite_greet",
        "1.0",
        needs="greet<2",
        body="import greet\ndef hello(): return greet.hello() + ', please'\n",
    )
    _wheel(folder, "numpy", "99.0", body="wrong = True\n")
    _wheel(folder, "wants_numpy", "1.0", needs="numpy>=99", body="")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder),
            "PIP_CONFIG_FILE": os.devnull,
            "UV_NO_INDEX": "1",
            "UV_FIND_LINKS": str(folder),
            "UV_NO_CONFIG": "1",
        }.items():
            patch.setenv(name, value)
        yield folder


def _wheel(folder: Path, name: str, version: str, *, body: str, needs: str = "", script: bool = False) -> None:
    """Write a wheel (the binary distribution format): a module of the package's name."""
    about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (
        f"Requires-Dist: {needs}\n" if needs else ""
    )
    contents = {
        f"{name}.py": body,
        f"{name}-{version}.dist-info/METADATA": about,
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if script:
        contents[f"{name}-{version}.dist-info/entry_points.txt"] = f"[console_scripts]\n{name} = {name}:hello\n"
    record = f"{name}-{version}.dist-info/RECORD"
    contents[record] = "".join(f"{path},,\n" for path in [*contents, record])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, text in contents.items():
            archive.writestr(path, text)
