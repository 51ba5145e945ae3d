"""Where a model server is: its base URL, how to name it in a sentence, and the way to it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from ocinterp.errors import UsageError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def base_url(url: str, /) -> str:
    """`url` as a base URL: no slash at the end, /v1 where there was no path. UsageError when it is none."""
    parts = _split(url.strip())
    path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def place(url: str, /) -> str:
    """The server of `url` as a person names it: its host, and its port if that is not the usual one."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2]


def origin(url: str, /) -> tuple[str, str, int]:
    """Scheme, host and port: two URLs with the same origin are at the same server, so may be told the same key."""
    parts = _split(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def proxy_for(url: str, environ: Mapping[str, str], /) -> str | None:
    """The HTTP proxy that `environ` prescribes on the way to `url`; never one for this machine itself."""
    parts = _split(url)
    host = parts.hostname or ""
    spared = (environ.get("no_proxy") or environ.get("NO_PROXY") or "").replace(" ", "").split(",")
    if host in _LOOPBACK or any(_covers(pattern, host) for pattern in spared if pattern):
        return None
    names = (f"{parts.scheme}_proxy", f"{parts.scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    proxy = next((environ[name] for name in names if environ.get(name)), None)
    return proxy if proxy and proxy.startswith(("http://", "https://")) else None  # aiohttp speaks no SOCKS


def _covers(pattern: str, host: str) -> bool:
    """An entry of no_proxy: "*", a host, or a domain with all that is below it, with or without a dot before it."""
    return pattern == "*" or f".{host}".endswith(f".{pattern.lstrip('.')}")


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        sound = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not match, a name that no DNS can hold
        sound, parts = False, SplitResult("", "", "", "", "")
    if not sound:
        raise UsageError("this is no URL of a model server; one looks like http://HOST:PORT/v1")
    if parts.username is not None:
        raise UsageError(f"the URL of {place(url)} holds a password; give it as the API key instead")
    return parts
