"""Who answers in an evaluation: clients of servers, or a model in this process, each paid through the journal."""

from __future__ import annotations

import asyncio
import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from ocinterp.errors import UsageError
from ocinterp.journal import Journal, Journaled, Price, ticket
from ocinterp.models import inprocess
from ocinterp.models.batched import Batched
from ocinterp.models.bulk import Bulk
from ocinterp.models.engine import Limits, Sampling
from ocinterp.models.http import HttpModel
from ocinterp.models.pace import Pace
from ocinterp.models.refusals import ContextOverflow, MissingModelError, RefusedError, RequestRefused
from ocinterp.models.relay import Relay
from ocinterp.models.resolve import InProcess, Served
from ocinterp.protocols import Model

Source = Served | InProcess


@dataclass
class Clients:
    """Models that are open until the context ends, each once; `concurrency` is how many are asked at once, `gateway` the socket of
    who asks them.
    """

    journal: Journal
    max_tokens: int
    concurrency: int
    gateway: Path | None = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack, init=False)
    _served: dict[tuple[Served, float], HttpModel] = field(
        default_factory=dict[tuple[Served, float], HttpModel], init=False
    )
    _paces: dict[str, Pace] = field(default_factory=dict[str, Pace], init=False)  # by server
    _bulks: dict[tuple[Source, float], Bulk] = field(default_factory=dict[tuple[Source, float], Bulk], init=False)
    _loaded: dict[InProcess, Batched] = field(default_factory=dict[InProcess, Batched], init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def open(self, source: Source, temperatures: set[float]) -> None:
        """Make it ready to be asked. Raises what the loading of a model raises."""
        if isinstance(source, InProcess):
            if source not in self._loaded:
                limits = Limits(strands=self.concurrency)
                model = await asyncio.to_thread(inprocess.load, source, Sampling(max_tokens=self.max_tokens), limits)
                self._loaded[source] = await self._stack.enter_async_context(model)
            return
        for each in temperatures:
            if (source, each) not in self._served:
                pace = self._paces.setdefault(source.base_url, Pace(self.concurrency, notice=_say))
                client = _client(
                    source, each, self.max_tokens, pace, Relay(self.gateway, ticket) if self.gateway else None
                )
                self._served[source, each] = await self._stack.enter_async_context(client)

    async def open_bulk(self, source: Source, temperature: float, mark: str) -> None:
        """The same for its Batch API; `mark` is of this run. UsageError for a model in this process."""
        if isinstance(source, InProcess):
            raise UsageError("--batch is for models behind a server that has a Batch API")
        if (source, temperature) not in self._bulks:
            bulk = Bulk(
                source.base_url,
                source.name,
                mark,
                ticket,
                source.api_key,
                source.key_name,
                temperature,
                self.max_tokens,
                proxy=source.proxy,
                notice=_say,
            )
            self._bulks[source, temperature] = await self._stack.enter_async_context(bulk)

    def paid(
        self, source: Source, temperature: float, price: Price, scope: str, sample: int = 0, kind: str = "completion"
    ) -> Journaled:
        """A model that was opened, for the `sample`th independent answers within `scope`."""
        if isinstance(source, InProcess):
            loaded = self._loaded[source]
            model, name = loaded.voice(Sampling(temperature, self.max_tokens, seed=sample)), loaded.name
            return self._journaled(model, name, temperature, price, scope, sample, kind)
        served = self._served[source, temperature]
        paid = self._journaled(served, f"{served.name} at {served.base_url}", temperature, price, scope, sample, kind)
        return replace(paid, way="gateway") if self.gateway else paid

    def paid_in_bulk(self, source: Source, temperature: float, price: Price, scope: str) -> Journaled:
        """A model whose Batch API was opened. Its answers are the same acts as those of `paid`."""
        bulk = self._bulks[source, temperature]
        paid = self._journaled(bulk, f"{bulk.name} at {bulk.base_url}", temperature, price, scope, 0, "completion")
        return replace(paid, way="batch")

    def _journaled(
        self, model: Model, name: str, temperature: float, price: Price, scope: str, sample: int, kind: str
    ) -> Journaled:
        return Journaled(
            model,
            self.journal,
            name,
            {"temperature": temperature},
            max_tokens=self.max_tokens,
            price=price,
            sample=sample,
            scope=scope,
            kind=kind,
            free=(ContextOverflow, MissingModelError, RefusedError, RequestRefused),  # refused before a word was read
        )


def _say(line: str) -> None:
    print(f"ocinterp: {line}", file=sys.stderr)


def _client(served: Served, temperature: float, max_tokens: int, pace: Pace, relay: Relay | None) -> HttpModel:
    return HttpModel(
        served.base_url,
        served.name,
        served.api_key,
        key_name=served.key_name,
        proxy=served.proxy,
        temperature=temperature,
        max_tokens=max_tokens,
        live=False,
        pace=pace,
        relay=relay,
        notice=_say,
    )
