"""Who plays which part in the making of a dataset: models by their names, each paid through the journal."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ocinterp.cli.clients import Clients, Source
from ocinterp.cli.settings import Settings
from ocinterp.errors import UsageError
from ocinterp.journal import Journal, Journaled, Price
from ocinterp.models.embeddings import LOCAL, Embedder, KeptEmbedder, SentenceEmbedder, ServedEmbedder
from ocinterp.models.refusals import Asked
from ocinterp.models.wire import Wire

if TYPE_CHECKING:
    from ocinterp.synth.desk import Vectorizer
    from ocinterp.synth.plan import Plan, Player
    from ocinterp.synth.pocket.teacher import Rule
    from ocinterp.synth.vectors import Vectors

PARTS: Final = ("weak", "strong", "person", "judge")
_CHECKING: Final = ("tester", "solver")
_PATIENT: Final = ("strong", "judge")  # have something to do that can wait


@dataclass(frozen=True, slots=True)
class _Seat:
    """Somebody who plays a part."""

    clients: Clients
    source: Source
    player: Player


@dataclass
class Casting:
    """The players of a run, once `open` has made them ready: a model that plays several parts is opened once."""

    folder: Path
    plan: Plan
    settings: Settings
    journal: Journal
    concurrency: int
    gateway: Path | None = None  # its socket
    rows: Path = field(init=False)  # where the questions are that somebody answers by rule
    _seats: dict[str, _Seat] = field(default_factory=dict[str, _Seat], init=False)
    _clients: dict[int, Clients] = field(default_factory=dict[int, Clients], init=False)  # by what they may say at most
    _sources: dict[str, Source] = field(default_factory=dict[str, Source], init=False)
    _embedder: KeptEmbedder | None = field(default=None, init=False)
    _rule: Rule | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.rows = self.folder

    async def open(self, stack: AsyncExitStack, *, batch: bool) -> None:
        """Make all ready for as long as the stack is open; `batch`: their Batch APIs too. UsageError for what is no model."""
        from ocinterp.synth import folder

        parts = (*PARTS, *(_CHECKING if self.plan.cross_check else ()))
        for part in parts:
            if self._by_rule(part) or not self._has(part):
                continue
            player = self.plan.player(part)
            if player.max_tokens not in self._clients:
                made = Clients(self.journal, player.max_tokens, self.concurrency, self.gateway)
                self._clients[player.max_tokens] = await stack.enter_async_context(made)
            seat = _Seat(self._clients[player.max_tokens], await self._source(player.model), player)
            await seat.clients.open(seat.source, {player.temperature})
            if batch and part in _PATIENT:
                await seat.clients.open_bulk(seat.source, player.temperature, folder.identity(self.folder))
            self._seats[part] = seat
        self._check_prices()
        if (embedder := self.plan.players.get("embedder")) is not None:
            self._embedder = KeptEmbedder(
                await self._opened(stack, embedder.model), self.journal, embedder.model, Price(embedder.price_in)
            )

    def _check_prices(self) -> None:
        """What has no price costs nothing, and a budget of dollars would not bound it. UsageError for a server's model without one."""
        from ocinterp.models.resolve import Served

        if self.journal.budget.dollars is None:
            return
        served = {part: each.player for part, each in self._seats.items() if isinstance(each.source, Served)}
        if (embedder := self.plan.players.get("embedder")) is not None and not embedder.model.startswith(LOCAL):
            served["embedder"] = embedder
        for part, player in served.items():
            if player.unpriced:
                option = (
                    "--price" if part in ("strong", "solver") or part not in self.plan.players else f"--{part}-price"
                )
                raise UsageError(
                    f"a budget in dollars needs a price for {player.model}, as `synth plan` takes it by {option} IN,OUT and "
                    "plan.toml has it; or give one in tokens or calls"
                )

    def vectorizer(self, stop: Callable[[], bool]) -> Vectorizer:
        """The plan's embedder, or the words of questions where it has none."""
        from ocinterp.synth.desk import by_words

        embedder = self._embedder
        if embedder is None:
            return by_words

        async def by_model(texts: Sequence[str], ledger: dict[str, int] | None, /) -> Vectors | None:
            return await embedder.vectors(texts, stop, ledger)

        return by_model

    async def _opened(self, stack: AsyncExitStack, name: str) -> Embedder:
        from ocinterp.models.resolve import Served, resolve

        if name.startswith(LOCAL):
            return await asyncio.to_thread(SentenceEmbedder, name.removeprefix(LOCAL))
        choice = await resolve(name, config=self.settings.config, environ=self.settings.environ)
        if not isinstance(choice.model, Served):
            raise UsageError(f"an embedder is NAME@URL, a server with /embeddings, or {LOCAL}NAME, not {name}")
        found = choice.model
        asked = Asked(found.base_url.rstrip("/"), found.name, found.api_key, found.key_name)
        return ServedEmbedder(await stack.enter_async_context(Wire(asked, found.proxy)))

    def play(self, part: str, scope: str) -> Journaled:
        """The model of a part; `solver 2` is another sample of the solver's. UsageError where the plan has none."""
        from ocinterp.synth.pocket import teacher

        part, _, number = part.partition(" ")
        if self._by_rule(part):
            edition = {"edition": teacher.EDITION}
            return Journaled(self._rules(), self.journal, teacher.NAME, edition, 0, scope=scope, count=lambda _: 0)
        seat = self._seats.get(part)
        if seat is None:
            raise UsageError(f"the plan has no model for the part {part}: make one with --strong MODEL")
        price = Price(seat.player.price_in, seat.player.price_out)
        return seat.clients.paid(seat.source, seat.player.temperature, price, scope, int(number or 0))

    def play_later(self, part: str, scope: str) -> Journaled:
        """The same by a Batch API, for half the price, as OpenAI has it and others after it."""
        if (seat := self._seats.get(part)) is None:
            return self.play(part, scope)
        half = Price(seat.player.price_in / 2, seat.player.price_out / 2)
        return seat.clients.paid_in_bulk(seat.source, seat.player.temperature, half, scope)

    def _by_rule(self, part: str) -> bool:
        from ocinterp.synth.pocket import teacher

        return self._has(part) and self.plan.player(part).model == teacher.NAME

    def _has(self, part: str) -> bool:
        """Whether the plan has somebody for it."""
        return part in self.plan.players or "strong" in self.plan.players

    def _rules(self) -> Rule:
        """Who answers by rule, once the questions of a run are there."""
        from ocinterp.synth.folder import Stage
        from ocinterp.synth.hardness import Judged
        from ocinterp.synth.pocket.teacher import Rule

        if self._rule is None:
            self._rule = Rule.of(each.query for each in Stage(self.rows, "hard").rows(Judged))
        return self._rule

    async def _source(self, name: str) -> Source:
        from ocinterp.models.resolve import Person, Replay, resolve

        if name not in self._sources:
            choice = await resolve(name, config=self.settings.config, environ=self.settings.environ)
            print(f"ocinterp: {choice.line}", file=sys.stderr)
            if isinstance(choice.model, Person | Replay):
                raise UsageError("many rows are asked about at once, which takes a model: NAME@URL, pocket or hf:NAME")
            self._sources[name] = choice.model
        return self._sources[name]
