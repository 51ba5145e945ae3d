"""A bar on standard error while something long is done; nothing where nobody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager

Tick = Callable[..., None]  # (): one more; (done, total): so far


@contextmanager
def shown(what: str, total: int | None) -> Generator[Tick]:
    """Show how far it is. The bar appears with the first tick, and goes when all is done."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda *_: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, visible=False)

        def tick(done: int | None = None, of: int | None = None) -> None:
            if done is None:
                bar.update(task, advance=1, visible=True)
            else:
                bar.update(task, completed=done, total=of, visible=True)

        yield tick
