"""A real Jupyter server on 127.0.0.1 for the tests of the `jupyter` tier."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

TOKEN = "open-sesame"  # of a server that lives as long as a test
_OPTIONS = (
    "--allow-root",
    "--no-browser",
    "--ServerApp.port_retries=0",
    f"--IdentityProvider.token={TOKEN}",
    "--ContentsManager.allow_hidden=True",  # else no file may have a name that begins with a dot
    "--FileContentsManager.delete_to_trash=False",
    "--ZMQChannelsWebsocketConnection.limit_rate=False",  # else a megabyte a second is cut by the server
    "--AsyncIOLoopKernelRestarter.time_to_dead=0.2",  # how often it looks whether a kernel lives; 3 s by itself
    "--KernelManager.shutdown_wait_time=0.5",
    "--AsyncMappingKernelManager.shutdown_wait_time=0.5",
)


@contextmanager
def serving(folder: Path) -> Generator[str]:
    """The server's address, its token with it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "PYTEST"))}
    environ |= {"HOME": str(folder), "JUPYTER_RUNTIME_DIR": str(folder / "runtime"), "PYTHONWARNINGS": "ignore"}
    (folder / "root").mkdir()
    line = [sys.executable, "-m", "jupyter_server", *_OPTIONS, f"--ServerApp.port={port}"]
    with (
        (folder / "log").open("w+") as log,
        subprocess.Popen(
            [*line, f"--ServerApp.root_dir={folder / 'root'}"], env=environ, stderr=subprocess.PIPE, text=True
        ) as server,
    ):
        drain = None
        try:
            assert server.stderr is not None
            for text in server.stderr:
                log.write(text)
                if "is running at" in text:
                    break
            else:
                raise AssertionError(f"the Jupyter server did not start: {(folder / 'log').read_text()}")
            drain = threading.Thread(target=log.writelines, args=(server.stderr,))  # a full pipe would stop it
            drain.start()
            _until_it_listens(server, port)
            yield f"http://127.0.0.1:{port}/?token={TOKEN}"
        finally:
            server.terminate()
            server.wait()
            if drain is not None:
                drain.join()


def _until_it_listens(server: subprocess.Popen[str], port: int) -> None:
    """It says that it runs a moment before it does."""
    while server.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
