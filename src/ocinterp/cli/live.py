"""Events on a terminal, or in a file: the answer as it is written, output as it is printed, how each cell ended."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from ocinterp.render import error_line, printable
from ocinterp.types import (
    CellEvent,
    Display,
    DisplayEvent,
    Event,
    ExecutionResult,
    Feedback,
    FeedbackEvent,
    OutputEvent,
    ResultEvent,
    Source,
    TextEvent,
)

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100


class Live:
    """Prints a session's events.

    `figures` is the folder that figures are written to; None: they are only named, with `keeping`, which tells how to
    keep them. `typed` says that the answers are on the screen already, typed by the person who gives them.
    """

    def __init__(
        self, console: Console, *, figures: Path | None = None, keeping: str = ": --out DIR keeps it as a file"
    ) -> None:
        self._console = console
        self.figures = figures
        self._keeping = keeping
        self.typed = False
        self._at_line_start = True
        self.saved: list[Path] = []

    def __call__(self, event: Event, /) -> None:
        match event:
            case TextEvent(text):
                self._write("" if self.typed else printable(text))
            case CellEvent(cell):
                self.heading(f"run {cell.id}")
            case OutputEvent(_, stream, text):
                self._write(printable(text), "yellow" if stream == "stderr" else "")
            case DisplayEvent(_, display):
                self._show(display)
            case ResultEvent(result):
                self._ended(result)
            case FeedbackEvent(feedback):
                self._answered(feedback)
            case _:
                pass

    def heading(self, text: str, style: str = "cyan") -> None:
        """A line across the page with a word in it."""
        self._line_start()
        width = min(self._console.width, _WIDTH)
        self._console.print(
            f"── {text} {'─' * max(0, width - len(text) - 4)}", style=style, markup=False, highlight=False
        )

    def line(self, text: str, style: str = "") -> None:
        self._line_start()
        self._console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=True)

    def _write(self, text: str, style: str = "") -> None:
        if text:
            self._console.print(text, end="", style=style or None, markup=False, highlight=False, soft_wrap=True)
            self._at_line_start = text.endswith("\n")

    def _line_start(self) -> None:
        if not self._at_line_start:
            self._console.print()
            self._at_line_start = True

    def _show(self, display: Display) -> None:
        text = display.data.get("text/plain", "")
        if "image/png" in display.data:
            self.line(f"[figure{self._save(display.data['image/png'])}]", "magenta")
        else:
            self.line(printable(text))

    def _save(self, png: str) -> str:
        if self.figures is None:
            return self._keeping
        self.figures.mkdir(parents=True, exist_ok=True)
        path = self.figures / f"figure-{len(self.saved) + 1}.png"
        path.write_bytes(base64.b64decode(png))
        self.saved.append(path)
        return f": {path}"

    def _ended(self, result: ExecutionResult) -> None:
        milliseconds = f"{result.wall_seconds * 1000:.0f} ms"
        if result.ok:
            self.line(f"✓ ran clean in {milliseconds}", "green")
            return
        if result.error is not None and result.error.traceback:
            self.line(printable(result.error.traceback.rstrip()), "red")
        self.line(f"✗ {result.outcome}: {error_line(result)} ({milliseconds})", "bold red")

    def _answered(self, feedback: tuple[Feedback, ...]) -> None:
        for each in feedback:
            if each.source in {Source.EXECUTION, Source.TESTS}:
                self.heading(f"fed back to the model: {_FED_BACK[each.source]}", "yellow")
                if each.source is Source.TESTS:
                    self.line(printable(each.text), "yellow")
            elif each.source is not Source.HUMAN and each.text:
                self.heading(f"{each.source} says", "yellow")
                self.line(printable(each.text), "yellow")


_FED_BACK = {Source.EXECUTION: "how the run ended", Source.TESTS: "the tests that do not hold"}
