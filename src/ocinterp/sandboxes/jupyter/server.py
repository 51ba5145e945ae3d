"""What is said to a Jupyter server over HTTP. Its token goes into a header, and never into a text of ours."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from ocinterp.errors import SandboxError, UsageError

if TYPE_CHECKING:
    import aiohttp

_ANSWER_SECONDS = 60.0  # starting a kernel on a busy machine takes a while
_STARTS_AT_ONCE = 4  # of kernels: of twenty, a server has been seen to leave one handshake unanswered
_MAX_MESSAGE_BYTES = 64 << 20  # one message of a kernel's


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is, and what opens it."""

    url: str  # ends in a slash; without token, name or password
    token: str = field(default="", repr=False)


def place(address: str, token: str = "") -> Place:
    """The place that `http://host:port/path?token=…` means; `token` counts where the address has none."""
    parts = urlsplit(address)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme not in {"http", "https"} or not host:
        raise UsageError("say where the Jupyter server is: --sandbox jupyter:http://127.0.0.1:8888/?token=…")
    host = f"[{host}]" if ":" in host else host
    where = f"{parts.scheme}://{host}{f':{port}' if port else ''}{parts.path.rstrip('/')}/"
    return Place(where, parse_qs(parts.query).get("token", [token])[0])


class Server:
    """One server. Raises SandboxError when it does not answer, or not as a Jupyter server does."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._http: aiohttp.ClientSession | None = None
        self.starting = asyncio.Semaphore(_STARTS_AT_ONCE)  # whoever starts a kernel waits for it

    async def __aenter__(self) -> Self:
        import aiohttp

        headers = {"Authorization": f"token {self._place.token}"} if self._place.token else {}
        limit = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        self._http = aiohttp.ClientSession(headers=headers, timeout=limit, connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._http is not None:
            await self._http.close()

    async def ask(self, method: str, *path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        """The status and the JSON of an answer: None where it has none. What the request did wrong is not raised."""
        import aiohttp

        url = f"{self._place.url}api/{'/'.join(quote(part, safe='/') for part in path)}"
        try:
            async with self._opened().request(method, url, json=body, params=query, allow_redirects=False) as answer:
                if answer.status in {301, 302, 303, 307, 308, 401, 403}:
                    raise SandboxError(
                        f"the Jupyter server at {self._place.url} refused us ({answer.status}): give its token in the "
                        "address, or in JUPYTER_TOKEN"
                    )
                return answer.status, await _json(answer)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silent(error) from error

    async def connect(self, kernel: str, session: str) -> aiohttp.ClientWebSocketResponse:
        """The channels of a kernel."""
        import aiohttp

        url = f"{self._place.url}api/kernels/{kernel}/channels"
        try:
            return await self._opened().ws_connect(
                url, params={"session_id": session}, max_msg_size=_MAX_MESSAGE_BYTES, autoping=True
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._silent(error) from error

    def broken(self, what: str) -> SandboxError:
        """The error to raise when the server did something that it should not."""
        return SandboxError(f"the Jupyter server at {self._place.url} {what}")

    def _silent(self, error: Exception) -> SandboxError:
        return self.broken(f"does not answer ({type(error).__name__}): is it running?")

    def _opened(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise SandboxError("the sandbox has not been entered: use `async with`")
        return self._http


async def _json(answer: aiohttp.ClientResponse) -> Any:
    if answer.status == 204:
        return None
    try:
        return await answer.json(content_type=None)
    except ValueError:
        return None
