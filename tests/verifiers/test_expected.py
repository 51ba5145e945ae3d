"""What references answer: computed once, kept, and computed again where what was kept is of no use."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

import ocinterp
from ocinterp.errors import UsageError
from ocinterp.problems import Script
from ocinterp.sandboxes.zygotes import NamespaceSandbox
from ocinterp.verifiers import expected, running
from ocinterp.verifiers.expected import Expectations
from ocinterp.verifiers.inside import frames
from ocinterp.verifiers.inside.frames import Frame
from verifiers.benches import benchmark, calls, problem, service

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONE = problem("def f(x): return x + 1", calls(1, 2), calls(3), name="own/1")
LARGE = problem("def f(x):\n    sum(range(3 * 10**6))\n    return list(range(x))", calls(3, 5000), name="own/2")
OWN = benchmark(ONE, LARGE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(namespaces: None) -> AsyncGenerator[NamespaceSandbox]:
    async with service() as sandbox:
        yield sandbox


async def test_references_answer_all_calls_and_tell_their_time(sandbox: NamespaceSandbox) -> None:
    told: list[str] = []
    found = await expected.compute(sandbox, OWN, workers=2, on_task=told.append)
    assert sorted(told) == list(found.tasks) == ["own/1", "own/2"]
    assert [(each.kind, each.number) for each in found.tasks["own/1"]] == [(b"A", 0), (b"A", 1), (b"A", 2)]
    assert [each.kind for each in found.tasks["own/2"]] == [frames.ANSWER, frames.DIGEST]
    assert found.seconds("own/2") > 0


async def test_they_are_computed_once(sandbox: NamespaceSandbox, tmp_path: Path) -> None:
    told: list[str] = []
    first = await expected.kept_or_computed(tmp_path / "new", sandbox, OWN, workers=1, on_task=told.append)
    assert len(told) == 2
    again = await expected.kept_or_computed(tmp_path / "new", sandbox, OWN, workers=1, on_task=told.append)
    assert (again, len(told)) == (first, 2)
    assert [each.name for each in (tmp_path / "new").iterdir()] == [expected.cached(tmp_path, OWN).name]


DAMAGES: list[Callable[[bytes], bytes]] = [
    lambda _: b"",
    lambda _: b"other",
    lambda data: data[:-3],
    lambda data: data[:60] + b"x" + data[61:],
    lambda data: data.replace(b"expected/1", b"expected/2"),
]


@pytest.mark.parametrize("damage", DAMAGES, ids=range(5))
async def test_what_is_damaged_is_computed_again(
    sandbox: NamespaceSandbox, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    first = await expected.kept_or_computed(tmp_path, sandbox, OWN, workers=1)
    path = expected.cached(tmp_path, OWN)
    path.write_bytes(damage(path.read_bytes()))
    told: list[str] = []
    again = await expected.kept_or_computed(tmp_path, sandbox, OWN, workers=1, on_task=told.append)
    assert sorted(told) == ["own/1", "own/2"]
    assert {name: [each.content for each in found] for name, found in again.tasks.items()} == {
        name: [each.content for each in found] for name, found in first.tasks.items()
    }


async def test_another_text_or_python_is_kept_elsewhere(tmp_path: Path) -> None:
    others = [
        replace(OWN, md5="1" * 32),
        benchmark(replace(ONE, reference="def f(x): return 1 + x"), LARGE),
        benchmark(ONE),
        benchmark(problem(ONE.reference, calls(1, 2, 3), name="own/1"), LARGE),
    ]
    names = {expected.cached(tmp_path, each).name for each in (OWN, *others)}
    assert len(names) == 5
    assert all("-py3." in name for name in names)


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        ("def f(x): return 1 // (x - 2)", "exception, ZeroDivisionError"),
        ("def g(x): return x", "exception, LookupError: the program defines no function f"),
        ("import os\ndef f(x): os._exit(3)", "exited, it ended with exit status 3"),
        ("def f(x:", "exception, SyntaxError"),
    ],
)
async def test_a_reference_that_fails_is_named(
    sandbox: NamespaceSandbox, tmp_path: Path, reference: str, why: str
) -> None:
    bad = problem(reference, calls(1, 2), name="own/bad")
    with pytest.raises(UsageError, match=f"the reference of own/bad does not answer its own tests: {why}"):
        await expected.kept_or_computed(tmp_path, sandbox, benchmark(ONE, bad), workers=2)
    assert not list(tmp_path.iterdir())


async def test_tasks_whose_tests_are_code_have_no_answers(sandbox: NamespaceSandbox) -> None:
    script = replace(problem("", (), name="own/3"), tests=Script("assert f(1)"))
    found = await expected.compute(sandbox, benchmark(ONE, script), workers=1)
    assert list(found.tasks) == ["own/1"]


async def test_some_answers_are_given_whole(sandbox: NamespaceSandbox) -> None:
    found = await expected.answers_of(sandbox, LARGE, [1], small=1 << 20)
    assert [(each.kind, each.number) for each in found] == [(frames.ANSWER, 1)]
    assert len(found[0].content) > running.SMALL_BYTES


some = st.builds(
    Frame, st.sampled_from([b"A", b"D"]), st.integers(0, 99), st.floats(0, 9, width=32), st.binary(max_size=50)
)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.lists(some, max_size=5).map(tuple),
        max_size=5,
    )
)
async def test_what_was_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, tasks: dict[str, tuple[Frame, ...]]
) -> None:
    path = tmp_path_factory.mktemp("kept") / "x.expected"
    written = Expectations("0" * 32, tasks)
    expected.write(path, written)
    assert expected.read(path) == written


async def test_nothing_kept_is_nothing(tmp_path: Path) -> None:
    assert expected.read(tmp_path / "absent") is None


async def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        expected.read(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be kept"):
        expected.write(tmp_path / "file" / "x", Expectations("0" * 32, {}))


FULL = """
import random, resource, sys
from pathlib import Path
from ocinterp.errors import UsageError
from ocinterp.verifiers import expected
from ocinterp.verifiers.inside.frames import Frame
large = expected.Expectations("1" * 32, {"x": (Frame(b"A", 0, 0.0, random.Random(0).randbytes(50_000)),)})
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    expected.write(Path(sys.argv[1]), large)
except UsageError as error:
    sys.stdout.write(str(error))
"""


async def test_a_full_disk_leaves_what_was_kept_and_nothing_else(tmp_path: Path) -> None:
    path, kept = tmp_path / "x.expected", Expectations("0" * 32, {"x": (Frame(b"A", 0, 0.0, b"1"),)})
    expected.write(path, kept)
    environment = {**os.environ, "PYTHONPATH": str(Path(ocinterp.__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, path], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"the references' answers cannot be kept in {path}: ")
    assert "File too large" in done.stdout
    assert expected.read(path) == kept
    assert list(tmp_path.iterdir()) == [path]
