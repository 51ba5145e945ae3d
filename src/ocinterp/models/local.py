"""Model servers on this machine: where they usually listen, and which of them do now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import aiohttp

from ocinterp.errors import ModelError, UsageError
from ocinterp.models.endpoints import origin, place
from ocinterp.models.listing import enumerate_some, fetch_names, ranked

CAP_SECONDS = 0.25  # for one server; they are asked all at once


@dataclass(frozen=True, slots=True)
class Candidate:
    """A server that may be running: the name people know, its prefix in model specs, its root, where it lists."""

    name: str
    prefix: str
    root: str
    lists_at: str = "/v1/models"

    @property
    def base_url(self) -> str:
        return f"{self.root}/v1"

    @property
    def label(self) -> str:
        return f"{self.name} at {place(self.root)}"


LOCAL_SERVERS = (
    Candidate("Ollama", "ollama", "http://127.0.0.1:11434", "/api/tags"),
    Candidate("LM Studio", "lmstudio", "http://127.0.0.1:1234"),
    Candidate("llama.cpp", "llamacpp", "http://127.0.0.1:8080"),
    Candidate("vLLM", "vllm", "http://127.0.0.1:8000"),
    Candidate("SGLang", "sglang", "http://127.0.0.1:30000"),
)


@dataclass(frozen=True, slots=True)
class Probe:
    """What was found at a candidate: nobody, a model server, somebody too slow, or something else."""

    candidate: Candidate
    state: Literal["closed", "answers", "timeout", "odd"]
    models: tuple[str, ...] = ()

    @property
    def finding(self) -> str:
        """In words."""
        if self.state == "closed":
            return "nobody listens"
        if self.state == "timeout":
            return f"no answer within {CAP_SECONDS * 1000:.0f} ms"
        if self.state == "odd":
            return "something listens, but does not list models"
        return f"has {enumerate_some(ranked(self.models))}" if ranked(self.models) else "has no chat model"


def candidates(environ: Mapping[str, str], known: Sequence[Candidate] = LOCAL_SERVERS, /) -> tuple[Candidate, ...]:
    """The `known` servers, with Ollama where OLLAMA_HOST says that it is, if that makes sense."""
    address = environ.get("OLLAMA_HOST", "").strip()
    try:
        scheme, host, port = origin(address if "://" in address else f"http://{address}")
    except UsageError:
        return tuple(known)
    host = "127.0.0.1" if host in {"0.0.0.0", "::"} else f"[{host}]" if ":" in host else host
    explicit = "://" in address or address.rpartition(":")[2].isdecimal()
    root = f"{scheme}://{host}:{port if explicit else 11434}"
    return tuple(replace(each, root=root) if each.prefix == "ollama" else each for each in known)


async def probe_local(known: Sequence[Candidate] = LOCAL_SERVERS, /) -> tuple[Probe, ...]:
    """Look at every candidate at once; closed ports cost under a millisecond, silent ones CAP_SECONDS."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_probe(each)) for each in known]
    return tuple(task.result() for task in tasks)


async def _probe(candidate: Candidate) -> Probe:
    try:
        async with asyncio.timeout(CAP_SECONDS):
            if not await _listens(candidate):  # an HTTP client costs some milliseconds, a closed port none
                return Probe(candidate, "closed")
            async with aiohttp.ClientSession() as session:
                names = await fetch_names(session, f"{candidate.root}{candidate.lists_at}")
                return Probe(candidate, "answers", names)
    except TimeoutError:
        return Probe(candidate, "timeout")
    except (aiohttp.ClientError, ModelError):
        return Probe(candidate, "odd")


async def _listens(candidate: Candidate) -> bool:
    _, host, port = origin(candidate.root)
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.transport.abort()
    return True
