"""A session on a Jupyter server: a folder of its own, and a kernel in it that is replaced when it dies."""

from __future__ import annotations

import base64
import binascii
import uuid
from contextlib import suppress
from datetime import datetime
from typing import Any, cast

from ocinterp.errors import SandboxError, UsageError
from ocinterp.sandboxes.jupyter.kernel import SAID_TOO_MUCH, Kernel
from ocinterp.sandboxes.jupyter.server import Server
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns.cells import CellSession, mib
from ocinterp.sandboxes.ns.supervisor import Exit
from ocinterp.sandboxes.ns.workspace import MAX_DEPTH, MAX_VISITED, is_plain, parts_of
from ocinterp.types import FileInfo

_SWEEP = "import shutil\nshutil.rmtree('.', ignore_errors=True)"
_SWEEP_SECONDS = 5.0


class JupyterSession(CellSession):
    """Files go through the server's contents API, which follows links and, as a rule, hides names that begin with a dot."""

    def __init__(self, server: Server, spec: str, resources: Resources) -> None:
        super().__init__(resources)
        self._server = server
        self._spec = spec
        self._name = uuid.uuid4().hex
        self._folder = f"ocinterp-{self._name}"
        self._opened = False

    async def put(self, name: str, content: bytes, /) -> None:
        limit = self._resources.file_bytes
        if len(content) > limit:
            raise UsageError(f"{name} has {mib(len(content))}; a file may have {mib(limit)}")
        *folders, _ = await self._parts(name)
        place = self._folder
        for folder in folders:
            place = f"{place}/{folder}"
            await self._save(name, place, {"type": "directory"})
        model = {"type": "file", "format": "base64", "content": base64.b64encode(content).decode()}
        await self._save(name, f"{self._folder}/{name}", model)

    async def get(self, name: str, /) -> bytes:
        await self._parts(name)
        limit = self._resources.file_bytes
        seen = await self._look(name, content="0")
        if (seen.get("size") or 0) > limit:
            raise UsageError(f"{name} is larger than {mib(limit)}, the most that is copied out of a session")
        found = await self._look(name, type="file", format="base64", content="1")
        try:
            return base64.b64decode(found["content"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise self._server.broken(f"sent no content for {name!r}") from error

    async def files(self) -> tuple[FileInfo, ...]:
        await self._open()
        found: list[FileInfo] = []
        pending = [""]
        visited = 0
        while pending and visited < MAX_VISITED:
            below = pending.pop()
            status, reply = await self._server.ask("GET", "contents", self._folder + below, type="directory")
            entries: list[dict[str, Any]] = reply.get("content") or [] if status == 200 else []
            for entry in entries:
                visited += 1
                path = f"{below}/{entry['name']}"
                if not is_plain(entry["name"]):
                    continue
                if entry["type"] != "directory":
                    found.append(FileInfo(path[1:], entry.get("size") or 0, _seconds(entry.get("last_modified"))))
                elif path.count("/") < MAX_DEPTH:
                    pending.append(path)
        return tuple(sorted(found, key=lambda file: file.name))

    async def close(self) -> None:
        """End the kernel and remove the folder. A cell that still runs ends as killed."""
        if isinstance(self._worker, Kernel) and not self._one_at_a_time.locked():
            with suppress(SandboxError):
                await self._worker.run_unseen(_SWEEP, _SWEEP_SECONDS)  # a server may put what it removes into a trash
        await self._end()
        if self._opened:
            self._opened = False
            with suppress(SandboxError):  # a server that has gone keeps no promise
                await self._server.ask("DELETE", "contents", self._folder)

    async def _start(self, language: str, source: str) -> Kernel:
        await self._open()
        return await Kernel.start(self._server, self._spec, self._folder, self._name)

    def _how(self, ended: Exit) -> str:
        too_much = ended.status == SAID_TOO_MUCH
        return "The program showed more at once than is taken in." if too_much else "The kernel died."

    def _grace(self, *, by_hand: bool) -> float:
        """An interrupt goes a longer way than to a process of our own."""
        return max(self._resources.grace_seconds, self._resources.interrupt_grace_seconds)

    async def _open(self) -> None:
        if not self._opened:
            self._opened = True
            status, _ = await self._server.ask("PUT", "contents", self._folder, body={"type": "directory"})
            if status not in {200, 201}:
                raise self._server.broken(f"could not make a folder ({status})")

    async def _parts(self, name: str) -> list[str]:
        try:
            parts = parts_of(name)
        except ValueError as error:
            raise UsageError(f"the file {name!r} is none of the session: {error}") from error
        await self._open()
        return parts

    async def _save(self, name: str, path: str, model: dict[str, str]) -> None:
        status, reply = await self._server.ask("PUT", "contents", path, body=model)
        if status not in {200, 201}:
            raise UsageError(f"the file {name!r} cannot be written in the session: {_why(status, reply)}")

    async def _look(self, name: str, **query: str) -> dict[str, Any]:
        status, reply = await self._server.ask("GET", "contents", f"{self._folder}/{name}", **query)
        if status == 200 and isinstance(reply, dict):
            found = cast("dict[str, Any]", reply)
            if found.get("type") != "directory":
                return found
            reply = {"message": "it is a folder"}
        raise UsageError(f"the file {name!r} cannot be read in the session: {_why(status, reply)}")


def _why(status: int, reply: Any) -> str:
    said = cast("dict[str, Any]", reply).get("message") if isinstance(reply, dict) else None
    return str(said or f"the server answers {status}")


def _seconds(moment: Any) -> float:
    try:
        return datetime.fromisoformat(str(moment)).timestamp()
    except ValueError:
        return 0.0
