"""Events on a terminal, or in a file: the answer as it is written, output as it is printed, how each cell ended."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from ocinterp.cli.added import advice
from ocinterp.cli.keep import Keeper
from ocinterp.errors import UsageError
from ocinterp.render import error_line, printable
from ocinterp.types import (
    AgainEvent,
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
    TurnEvent,
)

if TYPE_CHECKING:
    from rich.console import Console

_WIDTH = 100


class Live:
    """Prints a session's events.

    `keeper` writes the figures; None: they are only named, with `hint`, which tells how to keep them. `typed` says
    that the answers are on the screen already, typed by the person who gives them.
    """

    def __init__(
        self, console: Console, *, keeper: Keeper | None = None, hint: str = ": --out DIR keeps it as a file"
    ) -> None:
        self._console = console
        self.keeper = keeper
        self._hint = hint
        self.typed = False
        self._at_line_start = True
        self.complaints: list[str] = []  # of what could not be kept

    def __call__(self, event: Event, /) -> None:
        match event:
            case TextEvent(text):
                self._write("" if self.typed else printable(text))
            case AgainEvent():
                self.line("(this program has failed before: another answer is drawn)", "dim")
            case CellEvent(cell):
                self.heading(f"run {cell.id}")
            case OutputEvent(_, stream, text):
                self._write(printable(text), "yellow" if stream == "stderr" else "")
            case DisplayEvent(_, display):
                self._show(display)
            case ResultEvent(result):
                self._ended(result)
            case TurnEvent():
                self.end_line()
            case FeedbackEvent(feedback):
                self._answered(feedback)
            case _:
                pass

    def heading(self, text: str, style: str = "cyan") -> None:
        """A line across the page with a word in it."""
        self.end_line()
        width = min(self._console.width, _WIDTH)
        self._console.print(
            f"── {text} {'─' * max(0, width - len(text) - 4)}", style=style, markup=False, highlight=False
        )

    def line(self, text: str, style: str = "", *, verbatim: bool = False) -> None:
        """A line of our own words, wrapped between them on a screen; or one that is left as it is."""
        self.end_line()
        as_it_is = verbatim or not self._console.is_terminal
        self._console.print(text, style=style or None, markup=False, highlight=False, soft_wrap=as_it_is)

    def _write(self, text: str, style: str = "") -> None:
        if text:
            self._console.print(text, end="", style=style or None, markup=False, highlight=False, soft_wrap=True)
            self._at_line_start = text.endswith("\n")

    def complain(self, text: str) -> None:
        """Say what could not be kept, and remember that it was not."""
        self.complaints.append(text)
        self.line(text, "bold red")

    def end_line(self) -> None:
        """Let whatever comes next begin on a line of its own."""
        if not self._at_line_start:
            self._console.print()
            self._at_line_start = True

    def _show(self, display: Display) -> None:
        text = display.data.get("text/plain", "")
        if "image/png" in display.data:
            self.line(f"[figure{self._save(display.data['image/png'])}]", "magenta")
        else:
            self.line(printable(text), verbatim=True)

    def _save(self, png: str) -> str:
        if self.keeper is None:
            return self._hint
        try:
            return f": {self.keeper.figure(decoded(png))}"
        except UsageError as error:
            self.complain(str(error))
            return ""

    def _ended(self, result: ExecutionResult) -> None:
        milliseconds = f"{result.wall_seconds * 1000:.0f} ms"
        if result.ok:
            self.line(f"✓ ran clean in {milliseconds}", "green")
            return
        if result.error is not None and result.error.traceback:
            self.line(printable(result.error.traceback.rstrip()), "red", verbatim=True)
        self.line(f"✗ {result.outcome}: {error_line(result)} ({milliseconds})", "bold red")
        if cure := advice(result):
            self.line(f"ocinterp: {cure}", "dim")

    def _answered(self, feedback: tuple[Feedback, ...]) -> None:
        for each in feedback:
            if each.source in {Source.EXECUTION, Source.TESTS}:
                self.heading(f"feedback: {_FED_BACK[each.source]}", "yellow")
                if each.source is Source.TESTS:
                    self.line(printable(each.text), "yellow", verbatim=True)
            elif each.source is not Source.HUMAN and each.text:
                self.heading(f"{each.source} says", "yellow")
                self.line(printable(each.text), "yellow", verbatim=True)


def decoded(png: str) -> bytes:
    """A figure as bytes; a program may have passed off anything as one, and then it is not decoded."""
    try:
        return base64.b64decode(png)
    except ValueError:
        return png.encode()


_FED_BACK = {Source.EXECUTION: "how the run ended", Source.TESTS: "the tests that do not hold"}
