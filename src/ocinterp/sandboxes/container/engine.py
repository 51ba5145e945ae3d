"""Which container engine is there, and what it is told: its command lines.

podman comes before Docker: it needs no daemon that runs as root, an ordinary user's containers have a user namespace,
so that root inside is nobody outside, and where both names are there `docker` is often podman in disguise.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Literal

from ocinterp import __version__
from ocinterp.errors import SandboxError
from ocinterp.sandboxes.limits import MIB, Resources
from ocinterp.sandboxes.ns.layout import HERE, SUPPORT, WORKSPACE

IMAGE = "ocinterp-sandbox"
CHANNEL = "/run/ocinterp"  # where the folder with the socket stands inside
RUNTIMES = {"gvisor": "runsc"}

_ANSWER_SECONDS = 30.0
_SHARED_MEMORY_BYTES = 64 * MIB
_ZYGOTE_BYTES = 256 * MIB  # it and what it has imported: pandas and matplotlib are 100 MiB
_ZYGOTE_PROCESSES = 2  # it and the keeper of the worker
_USERS = range(60578, 61184)  # nobody's anywhere: systemd.io/UIDS-GIDS
_USERS_PROCESSES = 32768  # podman keeps itself to no more
_HINTS = ("See '", "Run '")  # how Docker's last line begins, which says nothing

_numbers = count()


@dataclass(frozen=True, slots=True)
class Engine:
    """A program that runs containers. Both kinds take the same commands, and differ in a few options."""

    kind: Literal["podman", "docker"]
    program: str

    @property
    def as_caller(self) -> bool:
        """Whether containers must run as the caller: Docker's have no user namespace that the caller might own, so
        only what runs under the same number may be signalled.
        """
        return self.kind == "docker" and os.getuid() != 0

    def user(self) -> str:
        """Who is to run in the next container: nobody else, so that processes can be counted by user."""
        if self.as_caller:
            return f"{os.getuid()}:{os.getgid()}"
        uid = _USERS[(os.getpid() + next(_numbers)) % len(_USERS)]
        return f"{uid}:{uid}"

    async def ask(self, *words: str) -> tuple[int, str]:
        """Have a command carried out: its exit code, and the line of its stderr that says why. Raises SandboxError."""
        try:
            process = await asyncio.create_subprocess_exec(
                self.program, *words,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            raise SandboxError(f"{self.program} cannot be started: {error}") from error
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                _, stderr = await process.communicate()
        except TimeoutError as error:
            raise SandboxError(f"{self.kind} did not answer within {_ANSWER_SECONDS:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, telling(stderr)


@dataclass(frozen=True, slots=True)
class Container:
    """A container to be: for one session, and removed with it."""

    image: str
    runtime: str  # "" for the engine's own
    network: bool
    resources: Resources
    name: str
    user: str  # UID:GID

    @property
    def memory_bytes(self) -> int:
        """What it may hold in all: files count too, for they are in memory, and so does the zygote."""
        limits = self.resources
        return limits.memory_bytes + 2 * limits.disk_bytes + _SHARED_MEMORY_BYTES + _ZYGOTE_BYTES

    def command(self, engine: Engine, channel: Path, program: tuple[str, ...]) -> list[str]:
        """The command line that runs `program` by the image's own python; `channel` is the folder of the socket.

        Options: podman-run(1), docker-run(1). The engine's seccomp profile stays; the worker adds ours to it.
        """
        limits = self.resources
        line = [engine.program, "run", "--rm", "--pull", "never", "--name", self.name]
        line += ["--label", f"ocinterp={__version__}", "--log-driver", "none", "--stop-timeout", "0"]
        line += ["--runtime", self.runtime] if self.runtime else []
        line += ["--network", _network(engine) if self.network else "none", "--hostname", "sandbox"]
        line += ["--user", self.user, "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
        line += ["--ipc", "private", "--cgroupns", "private", "--read-only"]
        line += ["--memory", str(self.memory_bytes), "--memory-swap", str(self.memory_bytes)]
        line += ["--pids-limit", str(limits.processes + _ZYGOTE_PROCESSES)]
        line += ["--ulimit", "nofile=512:512", "--ulimit", "core=0:0", *_process_limit()]
        line += ["--shm-size", str(_SHARED_MEMORY_BYTES)]
        for target in (WORKSPACE, "/tmp"):
            line += ["--tmpfs", f"{target}:{_tmpfs(engine, self)}"]
        for source, target in ((HERE, SUPPORT), (channel, CHANNEL)):
            line += ["--mount", f"type=bind,source={source},target={target},readonly"]
        if engine.kind == "podman":  # what Docker does anyway, or does not know
            line += ["--read-only-tmpfs=false", "--http-proxy=false", "--no-hosts", "--image-volume", "ignore"]
            line += ["--pid", "private", "--uts", "private"]
        python = ("-I", "-B", "-X", "utf8", "-c")
        return [*line, "--workdir", WORKSPACE, "--entrypoint", "python3", self.image, *python, *program]


def installed() -> list[Engine]:
    """The engines of this machine, the one to prefer first."""
    kinds: tuple[Literal["podman", "docker"], ...] = ("podman", "docker")
    return [Engine(kind, found) for kind in kinds if (found := shutil.which(kind))]


async def with_image(image: str) -> Engine:
    """The first engine that has an image. Raises SandboxError, with what to do, where none has."""
    engines = installed()
    if not engines:
        raise SandboxError("there is no container engine: install podman or Docker")
    refusals: list[str] = []
    for engine in engines:
        status, why = await engine.ask("image", "inspect", image)
        if not status:
            return engine
        if _is_absence(why):
            build = f": {engine.kind} build -t {IMAGE} docker/" if image == IMAGE else f": {engine.kind} pull {image}"
            refusals.insert(0, f"{engine.kind} has no image {image}{build}")
        else:
            refusals.append(f"{engine.kind} does not work: {why}")
    raise SandboxError(refusals[0])


async def describe(image: str = IMAGE) -> str:
    """For people: whether the tier could be used, and what is missing."""
    try:
        engine = await with_image(image)
    except SandboxError as error:
        return f"no: {error}"
    return f"{engine.kind} with the image {image}: --sandbox container"


def telling(stderr: bytes) -> str:
    """The line of an engine's words that says what went wrong."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line and not line.startswith(_HINTS)), "it does not say why")


def _is_absence(why: str) -> bool:
    return any(words in why.lower() for words in ("no such image", "image not known", "no such object"))


def _network(engine: Engine) -> str:
    """One of the container's own that leads out: the host's loopback stays out of reach."""
    return "private" if engine.kind == "podman" else "bridge"


def _tmpfs(engine: Engine, container: Container) -> str:
    limits, (uid, gid) = container.resources, container.user.split(":")
    options = f"rw,exec,nosuid,nodev,mode=1777,size={limits.disk_bytes}"
    if engine.kind == "podman":  # knows none of Docker's
        return f"{options},notmpcopyup"
    return f"{options},nr_inodes={limits.files},uid={uid},gid={gid}"  # it takes the mode of what is there in the image


def _process_limit() -> list[str]:
    """So many that it never matters: --pids-limit bounds a container, and the worker bounds itself.

    It is said because podman asks for a million else, which fails where nobody may raise limits.
    """
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    most = _USERS_PROCESSES if hard == resource.RLIM_INFINITY else min(hard, _USERS_PROCESSES)
    return ["--ulimit", f"nproc={most}:{most}"]
