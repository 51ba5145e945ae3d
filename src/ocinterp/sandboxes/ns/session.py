"""A stateful session on top of a zygote: its interpreters are workers, its files the zygote's to open."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from ocinterp.errors import SandboxError, UsageError
from ocinterp.languages import named
from ocinterp.sandboxes import toolchains
from ocinterp.sandboxes.limits import Resources
from ocinterp.sandboxes.ns.cells import CellSession, mib
from ocinterp.sandboxes.ns.supervisor import Supervisor
from ocinterp.sandboxes.ns.worker import Worker
from ocinterp.sandboxes.ns.workspace import parts_of
from ocinterp.sandboxes.recipes import Kitchen, recipe
from ocinterp.types import FileInfo

_MAX_PAGES = 100  # of a listing: a program can make files faster than they are listed


class ZygoteSession(CellSession):
    """One workspace and one interpreter in it, which is replaced when it dies; the workspace stays."""

    def __init__(self, supervisor: Supervisor, name: str, resources: Resources) -> None:
        super().__init__(resources)
        self._supervisor = supervisor
        self._name = name
        self._opened = False

    async def put(self, name: str, content: bytes, /) -> None:
        if len(content) > self._resources.file_bytes:
            raise UsageError(f"{name} has {mib(len(content))}; a file may have {mib(self._resources.file_bytes)}")
        fd = await self._file(name, write=True)
        try:
            await asyncio.to_thread(_write_all, fd, content)
        except OSError as error:
            limit = mib(self._resources.disk_bytes)
            raise UsageError(f"{name} does not fit into the session, whose files may have {limit}: {error}") from error

    async def get(self, name: str, /) -> bytes:
        fd = await self._file(name, write=False)
        limit = self._resources.file_bytes
        content = await asyncio.to_thread(_read_all, fd, limit + 1)
        if len(content) > limit:
            raise UsageError(f"{name} is larger than {mib(limit)}, the most that is copied out of a session")
        return content

    async def files(self) -> tuple[FileInfo, ...]:
        await self._open()
        found: list[FileInfo] = []
        for _ in range(_MAX_PAGES):
            reply, _ = await self._ask("list", after=found[-1].name if found else "")
            found += [FileInfo(*entry) for entry in reply["files"]]
            if not reply["more"]:
                break
        return tuple(found)

    async def close(self) -> None:
        """Kill the interpreter and free the workspace. A cell that still runs ends as killed."""
        await self._end()
        if self._opened:
            self._opened = False
            await self._ask("close")

    async def _start(self, language: str, source: str) -> Worker:
        if language == "python":
            return await self._spawn(None)
        name, path = self._supervisor.tools[language]
        kitchen = Kitchen(name, path, self._supervisor.python, self._resources, source)
        return await self._spawn(recipe(language, kitchen).as_order())

    async def _spawn(self, program: dict[str, Any] | None) -> Worker:
        await self._supervisor.wait_ready()
        first, self._opened = not self._opened, True
        return await Worker.spawn(self._supervisor, self._name, self._resources, first=first, program=program)

    def _why_not(self, asked: str) -> str:
        language, there = named(asked), self._supervisor.tools
        return "" if language in there else toolchains.why_not(language, there, asked)

    async def _ask(self, op: str, **fields: Any) -> tuple[dict[str, Any], int]:
        try:
            return await self._supervisor.ask(op, self._name, **fields)
        except OSError as error:
            raise SandboxError(f"the sandbox could not {op} a session: {error}") from error

    async def _file(self, name: str, *, write: bool) -> int:
        try:
            parts_of(name)  # before it is sent: a name can be larger than a message
            await self._open()
            _, fd = await self._supervisor.ask("file", self._name, name=name, write=write)
        except (OSError, ValueError) as error:
            verb = "written" if write else "read"
            raise UsageError(f"the file {name!r} cannot be {verb} in the session: {error}") from error
        return fd

    async def _open(self) -> None:
        if not self._opened:
            await self._supervisor.wait_ready()
            self._opened = True
            await self._ask("open", disk=self._resources.disk_bytes, files=self._resources.files)


def _write_all(fd: int, content: bytes) -> None:
    with os.fdopen(fd, "wb") as file:
        file.write(content)


def _read_all(fd: int, limit: int) -> bytes:
    with os.fdopen(fd, "rb") as file:
        return file.read(limit)
