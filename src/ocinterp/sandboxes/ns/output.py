"""What a running cell prints and shows, gathered on the host: decoded, bounded, passed on live."""

from __future__ import annotations

import codecs
from collections.abc import Callable

from ocinterp.types import Display, DisplayEvent, LiveEvent, OutputEvent, Stream

MAX_DISPLAYS = 100


class Output:
    """The output of one cell so far.

    `halt` is called, with a word for the reason, when the cell should go on no longer: "output" when the program has
    printed more than it may, "listener" when the listener raised; `check` then
    raises that: this is fed from the event loop, where nobody could catch it.
    """

    def __init__(
        self,
        cell_id: str,
        *,
        text_bytes: int,
        display_bytes: int,
        listen: Callable[[LiveEvent], None],
        halt: Callable[[str], None],
    ) -> None:
        self._cell_id = cell_id
        self._text_left = text_bytes
        self._display_left = display_bytes
        self._listen = listen
        self._halt = halt
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("replace") for name in ("stdout", "stderr")}
        self._texts: dict[Stream, list[str]] = {"stdout": [], "stderr": []}
        self.displays: list[Display] = []
        self.truncated = False
        self._overflowed = False
        self._broken: Exception | None = None

    def feed(self, stream: Stream, data: bytes) -> None:
        """Take what the program wrote; past the limit it is dropped."""
        if self._overflowed:
            return
        kept = data[: self._text_left]
        self._text_left -= len(kept)
        self.note(stream, self._decoders[stream].decode(kept))
        if len(kept) < len(data):
            self.truncated = self._overflowed = True
            self._halt("output")

    def note(self, stream: Stream, text: str) -> None:
        """Add a text of our own, or one already decoded."""
        if text:
            self._texts[stream].append(text)
            self._tell(OutputEvent(self._cell_id, stream, text))

    def show(self, bundle: dict[str, str]) -> None:
        """Take a value or a figure; past the limits a line of text stands for it. An empty one was too large to be sent."""
        size = sum(len(mime) + len(content) for mime, content in bundle.items())
        if not bundle or len(self.displays) >= MAX_DISPLAYS or size > self._display_left:
            self.leave_out()
            return
        self._display_left -= size
        self._add(Display(bundle))

    def leave_out(self) -> None:
        """A value or a figure is not shown, and a line of text says so."""
        self.truncated = True
        if len(self.displays) <= MAX_DISPLAYS:
            self._add(Display({"text/plain": "<not shown: this cell has shown more than it may>"}))

    def _add(self, display: Display) -> None:
        self.displays.append(display)
        self._tell(DisplayEvent(self._cell_id, display))

    def finish(self) -> None:
        """The streams have ended: half a character at the end becomes a replacement character."""
        for stream, decoder in self._decoders.items():
            self.note("stdout" if stream == "stdout" else "stderr", decoder.decode(b"", final=True))

    def _tell(self, event: LiveEvent) -> None:
        if self._broken is not None:
            return
        try:
            self._listen(event)
        except Exception as error:  # noqa: BLE001  whatever it is, the one who runs the cell gets it
            self._broken = error
            self._halt("listener")

    def check(self) -> None:
        """Raise what the listener raised."""
        if self._broken is not None:
            raise self._broken

    def text(self, stream: Stream) -> str:
        return "".join(self._texts[stream])
