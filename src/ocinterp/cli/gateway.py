"""The gateway of a run: a process of its own that holds the connections to model servers, so that none dies with the run."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from ocinterp.errors import ModelError, UsageError
from ocinterp.files import replace_file
from ocinterp.journal import Journal, holder

STORE: Final = "gateway.sqlite"
_WHERE: Final = ".gateway.json"
_LOG: Final = "gateway.log"
LINGER_SECONDS: Final = 600.0
_START_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 1.0


async def serve(folder: Path, linger_seconds: float) -> None:
    """Ask for others until the run is over and nobody has asked for anything for so long, or a signal comes; what is under way is
    waited for.

    UsageError where the run has a gateway.
    """
    from aiohttp import web

    from ocinterp.models.gateway import Gateway
    from ocinterp.synth.folder import JOURNAL

    over = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, over.set)
    async with Journal(folder / STORE) as journal, Gateway(journal) as gateway:
        runner = web.AppRunner(gateway.application(), access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        with tempfile.TemporaryDirectory(prefix="ocinterp-") as place:  # only ours, and its name is short enough
            path = Path(place) / "gateway.sock"
            await web.UnixSite(runner, str(path)).start()
            replace_file(folder / _WHERE, [json.dumps({"socket": str(path), "process": os.getpid()}).encode()])
            print(f"ocinterp: the gateway of {folder} is process {os.getpid()}", file=sys.stderr)
            while not over.is_set() and (gateway.idle_seconds < linger_seconds or holder(folder / JOURNAL) is not None):
                with suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), min(_LOOK_SECONDS, linger_seconds))
            await gateway.drain()
            (folder / _WHERE).unlink(missing_ok=True)
            await runner.cleanup()


def started(folder: Path) -> Path:
    """The socket of a run's gateway, which is started if there is none. ModelError where it does not start."""
    if (path := _answering(folder)) is not None:
        return path
    log = folder / _LOG
    with log.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", "from ocinterp.cli.main import main; main()", "synth", "gateway", str(folder)],
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        )
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if (path := _answering(folder)) is not None:
            print(f"ocinterp: a gateway asks the servers (process {process.pid}); it ends by itself", file=sys.stderr)
            return path
        if process.poll() is not None and holder(folder / STORE) is None:
            break
        time.sleep(0.05)
    said = log.read_text("utf-8", "replace").strip().splitlines()
    raise ModelError(f"the gateway does not start: {said[-1] if said else 'it does not say why'} ({log})")


def _answering(folder: Path) -> Path | None:
    """The socket at which somebody answers."""
    try:
        path = str(json.loads((folder / _WHERE).read_text("utf-8"))["socket"])
        if Path(path).stat().st_uid != os.getuid():  # keys go there
            return None
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(path)
    except (OSError, ValueError, KeyError):
        return None
    return Path(path)


def check(folder: Path) -> None:
    """UsageError for what is no run."""
    from ocinterp.synth import plan

    plan.load(folder)
    if (process := holder(folder / STORE)) is not None:
        raise UsageError(f"{folder} has a gateway: process {process}")
