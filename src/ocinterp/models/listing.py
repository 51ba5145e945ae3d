"""Which models a server has, and which of them suits best."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import cast

import aiohttp

from ocinterp.errors import ModelError
from ocinterp.models.endpoints import place
from ocinterp.models.replies import at, decode
from ocinterp.models.secret import Secret

_CODER = re.compile(r"code|devstral", re.IGNORECASE)
_NO_CHAT = re.compile(
    r"embed|encoder|rerank|bge-|minilm|whisper|transcri|tts|speech|audio|realtime|image|dall-e|sora|guard|moderation",
    re.IGNORECASE,
)


def ranked(names: Iterable[str], /) -> tuple[str, ...]:
    """Chat models only: those made for code first, and else in the server's own order."""
    able = [name for name in names if not _NO_CHAT.search(name)]
    return tuple(sorted(able, key=lambda name: not _CODER.search(name)))


def closest(names: Iterable[str], wanted: str, /) -> tuple[str, ...]:
    """`names`, the one most like `wanted` first."""

    def likeness(name: str) -> float:
        return difflib.SequenceMatcher(None, wanted.casefold(), name.casefold()).ratio()

    return tuple(sorted(names, key=likeness, reverse=True))


def enumerate_some(names: tuple[str, ...], /, *, most: int = 5) -> str:
    """The first few names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def names_in(document: object, /) -> tuple[str, ...] | None:
    """The model names in an answer of /v1/models or Ollama's /api/tags; None if it is neither.

    OpenAI answers {"data": [{"id"}]}, Together the bare list, Ollama {"models": [{"name"}]}.
    """
    for rows in (at(document, "data"), at(document, "models"), document):
        if isinstance(rows, list):
            named = [at(entry, "id") or at(entry, "name") for entry in cast("list[object]", rows)]
            return tuple(name for name in named if isinstance(name, str))
    return None


def headers(api_key: Secret | None, /) -> Mapping[str, str]:
    """What every request says about itself and about who pays."""
    agent = {"User-Agent": "ocinterp"}
    return {**agent, "Authorization": f"Bearer {api_key.reveal()}"} if api_key else agent


async def fetch_names(
    session: aiohttp.ClientSession, url: str, /, *, api_key: Secret | None = None, proxy: str | None = None
) -> tuple[str, ...]:
    """The names that `url` lists. ModelError when it does not; aiohttp's errors when it cannot be reached."""
    async with session.get(url, headers=headers(api_key), proxy=proxy, allow_redirects=False) as response:
        if response.status != 200:
            raise ModelError(f"{place(url)} does not list its models ({response.status})")
        names = names_in(decode(await response.read()))
    if names is None:
        raise ModelError(f"{place(url)} does not list its models")
    return names


async def list_models(
    base_url: str,
    /,
    *,
    api_key: Secret | None = None,
    proxy: str | None = None,
    timeout_seconds: float = 10.0,  # a cold serverless gateway takes some seconds
) -> tuple[str, ...]:
    """The names of the models at `base_url`. ModelError when nothing there can say."""
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=timeout_seconds))
    async with session:
        try:
            return await fetch_names(session, f"{base_url}/models", api_key=api_key, proxy=proxy)
        except (aiohttp.ClientError, TimeoutError):
            raise ModelError(f"no model server answers at {base_url}; is it running?") from None
