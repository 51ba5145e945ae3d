"""Containers: the command line, who is chosen, how a container is met and removed. No engine is needed but for the end."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from ocinterp import __version__
from ocinterp.errors import SandboxError
from ocinterp.sandboxes.container import bounds, engine
from ocinterp.sandboxes.container.sandbox import ContainerSandbox
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns import layout, supervisor, totals
from ocinterp.sandboxes.probe import probe, sandbox_named
from ocinterp.testing.processes import descendants, ended
from ocinterp.types import Cell, Outcome
from sandboxes.fake_engine import FakeEngine
from sandboxes.test_namespaces_host import started_host

LIMITS = Resources(memory_bytes=1000 * MIB, disk_bytes=10 * MIB, files=100, processes=30)
MOST = str((1000 + 2 * 10 + 64 + 256) * MIB)  # with its files, shared memory and the zygote

COMMON = f"""
    run --rm --pull never --name ocinterp-1 --label ocinterp={__version__} --log-driver none --stop-timeout 0
    --network none --hostname sandbox --user 60578:60578 --cap-drop ALL --security-opt no-new-privileges
    --ipc private --cgroupns private --read-only --memory {MOST} --memory-swap {MOST} --pids-limit 32
    --ulimit nofile=512:512 --ulimit core=0:0 --ulimit nproc=1000:1000 --shm-size {64 * MIB}
    """
MOUNTS = f"""
    --mount type=bind,source={layout.HERE},target=/opt/ocinterp/ns,readonly
    --mount type=bind,source=/tmp/x,target=/run/ocinterp,readonly
    """
END = "--workdir /workspace --entrypoint python3 ocinterp-sandbox -I -B -X utf8 -c boot caller plan"
TMPFS = f"rw,exec,nosuid,nodev,mode=1777,size={10 * MIB}"

Install = Callable[..., FakeEngine]


def limited_to_a_thousand(_: int) -> tuple[int, int]:
    return 1000, 1000


def line(kind: str, *, runtime: str = "", network: bool = False) -> list[str]:
    """A container's command line, without its program, on a machine where 1000 processes are a user's most."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.resource, "getrlimit", limited_to_a_thousand)
        container = engine.Container("ocinterp-sandbox", runtime, network, LIMITS, "ocinterp-1", "60578:60578")
        program = engine.Engine("podman" if kind == "podman" else "docker", kind)
        return container.command(program, Path("/tmp/x"), ("boot", "caller", "plan"))[1:]


def test_podmans_command_line_has_every_wall() -> None:
    tmpfs = f"--tmpfs /workspace:{TMPFS},notmpcopyup --tmpfs /tmp:{TMPFS},notmpcopyup"
    own = "--read-only-tmpfs=false --http-proxy=false --no-hosts --image-volume ignore --pid private --uts private"
    assert line("podman") == f"{COMMON} {tmpfs} {MOUNTS} {own} {END}".split()


def test_dockers_command_line_has_every_wall() -> None:
    own = f"{TMPFS},nr_inodes=100,uid=60578,gid=60578"
    tmpfs = f"--tmpfs /workspace:{own} --tmpfs /tmp:{own}"
    assert line("docker") == f"{COMMON} {tmpfs} {MOUNTS} {END}".split()


@pytest.mark.parametrize("caller", [0, 1234])
@pytest.mark.parametrize("kind", ["podman", "docker"])
def test_each_container_has_a_user_of_its_own_but_docker_needs_the_caller(
    monkeypatch: pytest.MonkeyPatch, kind: str, caller: int
) -> None:
    monkeypatch.setattr(engine.os, "getuid", lambda: caller)
    monkeypatch.setattr(engine.os, "getgid", lambda: 5678)
    one = engine.Engine("podman" if kind == "podman" else "docker", kind)
    users = {one.user() for _ in range(300)}
    if kind == "docker" and caller:
        assert users == {"1234:5678"}
    else:
        assert len(users) == 300
        assert all(60578 <= int(number) < 61184 for user in users for number in user.split(":"))


@pytest.mark.parametrize(("kind", "network"), [("podman", "private"), ("docker", "bridge")])
def test_an_open_network_is_one_of_the_containers_own(kind: str, network: str) -> None:
    assert line(kind, network=True) == [network if word == "none" and before == "--network" else word
                                        for before, word in zip(["", *line(kind)], line(kind), strict=False)]  # fmt: skip


def test_another_runtime_is_named_to_the_engine() -> None:
    given = line("docker", runtime="runsc")
    at = given.index("--runtime")
    assert given[at : at + 2] == ["--runtime", "runsc"]
    assert given[:at] + given[at + 2 :] == line("docker")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the only programs are; and temporary files have a place of their own, which is empty in the end."""
    monkeypatch.setenv("PATH", str(tmp_path))
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    yield tmp_path
    assert list(place.iterdir()) == []


@pytest.fixture
def install(folder: Path) -> Install:
    def installed(kind: str, *images: str, does: str = "") -> FakeEngine:
        return FakeEngine(folder, kind).install(*images, does=does)

    return installed


async def use(name: str = "container", source: str = "print(6 * 7)") -> str:
    async with sandbox_named(name, LIMITS) as sandbox, sandbox.open() as session:
        result = await session.run(Cell("c", source))
        return result.stdout + (result.error.traceback if result.error else "")


async def test_a_container_calls_the_host_serves_and_ends_with_its_session(folder: Path, install: Install) -> None:
    podman = install("podman", engine.IMAGE)
    before = set(descendants())
    async with sandbox_named("container", LIMITS) as sandbox:
        async with sandbox.open() as session:
            await session.put("a/b.txt", b"words")
            result = await session.run(Cell("c", "text = open('a/b.txt').read()\nopen('c', 'w').write(text * 2)"))
            assert result.ok, result
            assert await session.get("c") == b"wordswords"
            assert list((folder / "temporary").iterdir()) == []  # the socket went when it was answered
            assert (await session.run(Cell("d", "print(text)"))).stdout == "words\n"
        async with sandbox.open() as session:
            assert "NameError" in str(await session.run(Cell("e", "text")))
    assert ended(set(descendants()) - before)
    assert len({each[each.index("--name") + 1] for each in podman.asked("run")}) == len(podman.asked("run")) >= 2
    assert podman.asked("rm") == []


async def test_nothing_of_the_callers_environment_is_inside(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("podman", engine.IMAGE)
    monkeypatch.setenv("HTTP_PROXY", "http://user:hush@proxy")
    seen = await use(source="print(open('/proc/self/environ').read(), __import__('os').environ)")
    assert "TMPDIR" in seen
    assert "hush" not in seen


async def test_a_container_that_ends_by_itself_is_the_sandboxs_failure_and_is_removed(install: Install) -> None:
    podman = install("podman", engine.IMAGE)
    before = set(descendants())
    async with sandbox_named("container", LIMITS) as sandbox:
        await sandbox.ready()
        (zygote,) = set(descendants()) - before
        async with sandbox.open() as session:
            os.kill(zygote, 9)
            with pytest.raises(SandboxError, match=r"zygote died|ended by itself, exit code -9"):
                await session.run(Cell("c", "1"))
        assert podman.asked("rm") == [["rm", "--force", podman.asked("run")[0][5]]]


async def test_where_there_is_no_engine_a_line_says_so(folder: Path) -> None:
    with pytest.raises(SandboxError, match="no container engine: install podman or Docker"):
        await use()
    assert await engine.describe() == "no: there is no container engine: install podman or Docker"


async def test_a_missing_image_comes_with_the_command_that_makes_it(install: Install) -> None:
    install("podman", "other")
    with pytest.raises(
        SandboxError, match="podman has no image ocinterp-sandbox: podman build -t ocinterp-sandbox docker/"
    ):
        await use()
    with pytest.raises(SandboxError, match="podman has no image mine: podman pull mine"):
        await use("container:mine")
    assert await use("container:other") == "42\n"


async def test_the_engine_that_has_the_image_is_used(install: Install) -> None:
    podman, docker = install("podman"), install("docker", engine.IMAGE)
    assert await use() == "42\n"
    assert (podman.asked("run"), len(docker.asked("run"))) == ([], 1)
    assert await engine.describe() == "docker with the image ocinterp-sandbox: --sandbox container"


async def test_an_engine_that_does_not_work_is_quoted_unless_another_only_lacks_the_image(install: Install) -> None:
    docker = install("docker", engine.IMAGE)
    (docker.home / "down").touch()
    with pytest.raises(SandboxError, match="docker does not work: Cannot connect to the Docker daemon"):
        await use()
    install("podman")
    with pytest.raises(SandboxError, match="podman has no image"):
        await use()


async def test_an_engine_that_refuses_says_why(install: Install) -> None:
    docker = install("docker", engine.IMAGE, "mine", does="refuse")
    for name, image in (("container:gvisor", engine.IMAGE), ("container:gvisor:mine", "mine")):
        with pytest.raises(
            SandboxError, match=r"exit code 125 \(docker: Error .* unknown or invalid runtime name: runsc\)"
        ):
            await use(name)
        last = docker.asked("run")[-1]
        assert last[last.index("--runtime") + 1] == "runsc"
        assert image in last
    assert (docker.home / "removed").exists()


async def test_a_container_that_never_calls_is_given_up_and_removed(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "START_SECONDS", 0.3)
    podman = install("podman", engine.IMAGE, does="keep silent")
    before = set(descendants())
    with pytest.raises(SandboxError, match=r"did not start within 0.3 s \(still pulling itself together\)"):
        await use()
    assert ended(set(descendants()) - before)
    assert (podman.home / "removed").exists()


@pytest.mark.parametrize(
    ("does", "why"),
    [("show nothing", "no descriptor passes"), ("show a dead process", "not ours to signal")],
)
async def test_a_container_that_cannot_be_commanded_is_not_used(install: Install, does: str, why: str) -> None:
    install("podman", engine.IMAGE, does=does)
    with pytest.raises(SandboxError, match=f"containers of this kind cannot be used: .*{why}"):
        await use()


async def test_a_container_that_cannot_reach_the_host_says_so(install: Install) -> None:
    install("podman", engine.IMAGE, does="lose the socket")
    with pytest.raises(SandboxError, match=r"exit code 1 \(the host's socket cannot be reached, .*: .*No such file"):
        await use()


async def test_a_sandbox_that_is_left_while_its_container_starts_leaves_nothing(install: Install) -> None:
    podman = install("podman", engine.IMAGE, does="keep silent")
    before = set(descendants())
    async with sandbox_named("container", LIMITS):
        pass
    assert ended(set(descendants()) - before)
    assert (podman.home / "removed").exists()


async def test_the_folder_of_the_socket_goes_even_without_a_descriptor_to_spare(folder: Path, install: Install) -> None:
    install("podman", engine.IMAGE, does="keep silent")
    taken: list[int] = []
    try:
        async with sandbox_named("container", LIMITS):
            with suppress(OSError):
                while True:
                    taken.append(os.dup(0))
    finally:
        for each in taken:
            os.close(each)
    assert list((folder / "temporary").iterdir()) == []


async def test_an_engine_that_cannot_be_started_is_named(folder: Path) -> None:
    (folder / "podman").write_text("no program")
    (folder / "podman").chmod(0o755)
    with pytest.raises(SandboxError, match="podman cannot be started"):
        await use()


async def test_where_no_socket_can_be_made_a_line_says_so(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install("podman", engine.IMAGE)
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    with pytest.raises(SandboxError, match="no place for the socket"):
        await use()


def in_group(path: Path, kills: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every process be in a control group of which the kernel says that it has killed so many in it."""
    (path / "memory.events").write_text(f"oom 9\noom_kill {kills}\n")

    def groups_of(_: int) -> dict[str, tuple[Path, Path]]:
        return {"": (path.parent, path), "pids": (path, path)}

    monkeypatch.setattr(totals, "groups_of", groups_of)


async def test_a_kill_of_the_engines_control_group_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_group(tmp_path, 1, monkeypatch)
    guard = bounds.EngineBounds().around(os.getpid(), LIMITS, lambda: None)
    assert not guard.breaches()  # the one kill was before
    in_group(tmp_path, 2, monkeypatch)
    guard.release()
    shutil.rmtree(tmp_path)  # the container is gone
    assert guard.breaches()


async def test_where_the_engine_bounds_nothing_the_watchdog_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_group(tmp_path, 0, monkeypatch)
    killed = asyncio.Event()
    program = "import subprocess; held = bytearray(50 << 20); subprocess.run(['sleep', '60'])"
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, process_group=0)
    guard = bounds.EngineBounds().around(process.pid, Resources(memory_bytes=20 * MIB), killed.set)
    async with asyncio.timeout(20):
        await killed.wait()
    os.killpg(process.pid, 9)
    await process.wait()
    assert guard.breaches()
    guard.release()


@pytest.fixture(scope="module")
def real() -> str:
    """An engine that really runs containers here, by the name that its program has."""
    with ThreadPoolExecutor(1) as thread:
        finding = thread.submit(lambda: asyncio.run(probe("container"))).result()
        if not finding.works:
            pytest.skip(finding.why)
        return thread.submit(lambda: asyncio.run(engine.with_image(engine.IMAGE))).result().program


async def test_many_processes_of_a_real_container_hold_no_more_than_it_may(real: str) -> None:
    source = """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                held = bytearray(150 * 1024 * 1024)
                time.sleep(30)
                os._exit(0)
        print(os.wait()[1])
        """
    async with ContainerSandbox(Resources(memory_bytes=400 * MIB, disk_bytes=10 * MIB)) as sandbox:
        async with sandbox.open() as session:
            result = await session.run(Cell("c", textwrap.dedent(source)))
            assert result.outcome is Outcome.MEMORY or "9" in result.stdout.split(), result
        async with sandbox.open() as session:
            assert (await session.run(Cell("c", "print(1)"))).ok


async def test_a_host_that_is_killed_leaves_no_real_container(real: str) -> None:
    script = """
        async with ContainerSandbox() as sandbox, sandbox.open() as session:
            busy = Cell("c", "while True: print('go', flush=True)")
            await session.run(busy, on_output=lambda _: print(os.getpid(), flush=True))
        """
    with started_host(script) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        host.kill()
    listing = [real, "ps", "--all", "--filter", f"name=ocinterp-{pid}-", "--format", "{{.ID}}"]
    async with asyncio.timeout(20):
        while subprocess.run(listing, capture_output=True, check=True).stdout:
            await asyncio.sleep(0)
