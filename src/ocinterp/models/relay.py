"""The way to a gateway (gateway.py): a process that holds the connections to model servers in place of this one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ocinterp.models.tickets import Ticket

URL: Final = "http://gateway/forward"
TO, PROXY, NAME = "X-Ocinterp-To", "X-Ocinterp-Proxy", "X-Ocinterp-Name"  # headers of a request
ASKED: Final = "X-Ocinterp-Asked"  # of an answer: how often its server was asked for it in all


@dataclass(frozen=True, slots=True)
class Relay:
    """The gateway at a Unix socket, and what tells it which act a request belongs to."""

    socket: Path
    ticket: Callable[[], Ticket | None]

    def headers(self, url: str, proxy: str | None, body: Mapping[str, object], number: int) -> dict[str, str]:
        """For the request `body` to `url`, the `number`th of an act with these words. ValueError outside of an act."""
        ticket = self.ticket()
        if ticket is None:
            raise ValueError("requests through a gateway are known by their tickets")
        words = hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()
        return {TO: url, NAME: f"{ticket.key}-{words}-{number}", **({PROXY: proxy} if proxy else {})}

    def heard(self, headers: Mapping[str, str]) -> None:
        """Tell the journal how often an answer was asked for, by earlier processes too."""
        ticket = self.ticket()
        if ticket is not None and headers.get(ASKED, "").isdecimal():
            ticket.go_on(int(headers[ASKED]))
