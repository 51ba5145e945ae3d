"""Server-sent events, read from bytes in whatever pieces they arrive (WHATWG HTML, 9.2 "Server-sent events")."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ocinterp import files
from ocinterp.errors import ModelError

LONGEST_EVENT = 16 * 2**20  # bytes; a chat chunk has some hundred, so beyond this somebody is filling our memory

_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """One dispatched event: its type, and its data lines joined by line feeds."""

    data: str
    type: str = "message"


class EventParser:
    """Turns bytes into events; how the bytes were cut into chunks makes no difference.

    An event that has not ended with an empty line when the bytes stop is dropped, as the standard says. The fields
    `id` and `retry` are ignored: a chat completion cannot be resumed.
    """

    def __init__(self) -> None:
        self._line = bytearray()  # not ended yet
        self._after_return = False  # a line feed right after a carriage return belongs to it
        self._at_start = True
        self._type = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes, /) -> list[ServerEvent]:
        """The events that `chunk` completes. ModelError when one is too long to be true."""
        if not chunk:
            return []
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")
        self._after_return = chunk.endswith(b"\r")
        *ended, rest = _LINE_END.split(chunk)
        events = [event for part in ended if (event := self._end_line(part))]
        self._line += rest
        if self._size + len(self._line) > LONGEST_EVENT:
            raise ModelError(f"the server sent an event of more than {LONGEST_EVENT} bytes")
        return events

    def _end_line(self, part: bytes) -> ServerEvent | None:
        line = bytes(self._line) + part
        self._line.clear()
        if self._at_start:
            line = line.removeprefix(files.MARK)
            self._at_start = False
        if not line:
            return self._dispatch()
        field, _, value = line.decode("utf-8", "replace").partition(":")  # no field: a comment
        value = value.removeprefix(" ")
        if field == "data":
            self._data.append(value)
            self._size += len(value)
        elif field == "event":
            self._type = value
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, kind = self._data, self._type
        self._data, self._type, self._size = [], "", 0
        return ServerEvent("\n".join(data), kind or "message") if data else None
