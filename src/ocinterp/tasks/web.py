"""A dataset from its official address: only when somebody asks for it."""

from __future__ import annotations

import aiohttp

from ocinterp.errors import UsageError
from ocinterp.tasks import texts
from ocinterp.tasks.catalogue import Dataset

PATIENCE_SECONDS = 300.0  # the largest has 1 MB
_CHUNK = 1 << 18
_LIMIT_BYTES = 64 * 1024 * 1024  # of a file, compressed or not


async def fetch(dataset: Dataset, *, patience_seconds: float = PATIENCE_SECONDS) -> bytes:
    """The text at a dataset's address, not yet compared with what it should be. UsageError where it cannot be had."""
    limit = aiohttp.ClientTimeout(total=patience_seconds, connect=min(20.0, patience_seconds))
    content = bytearray()
    try:
        async with aiohttp.ClientSession(timeout=limit) as client, client.get(dataset.address) as answer:
            if answer.status != 200:
                raise UsageError(_advice(dataset, f"the server answered {answer.status} {answer.reason or ''}".strip()))
            async for chunk in answer.content.iter_chunked(_CHUNK):
                content += chunk
                if len(content) > _LIMIT_BYTES:
                    raise UsageError(_advice(dataset, f"it has more than {_LIMIT_BYTES // 2**20} MB"))
    except TimeoutError as error:
        raise UsageError(_advice(dataset, "no answer in time")) from error
    except (aiohttp.ClientError, OSError) as error:
        raise UsageError(_advice(dataset, str(error) or type(error).__name__)) from error
    return texts.unpacked(bytes(content), dataset.address)


def _advice(dataset: Dataset, reason: str) -> str:
    return (
        f"{dataset.full_name} cannot be fetched from {dataset.address} ({reason}): fetch the file where there is a "
        f"network, then `ocinterp data import --as {dataset.full_name} FILE`"
    )
