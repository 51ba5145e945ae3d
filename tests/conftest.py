"""Where the tests find real data, how hypothesis behaves in them, and whether this machine can isolate."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from ocinterp.sandboxes.probe import probe

settings.register_profile(
    "house", deadline=None, derandomize=True, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("house")

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
