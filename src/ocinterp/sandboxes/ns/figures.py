"""matplotlib's figures as displays. Nothing of matplotlib is imported here: the program may never want it."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable
from typing import Any

_DOTS_PER_INCH = 100
Emit = Callable[[dict[str, str]], None]

_emit: Emit | None = None


def connect(emit: Emit) -> None:
    """Send figures from now on to `emit`, as MIME bundles."""
    global _emit
    _emit = emit


def show(*_: Any, **__: Any) -> None:
    """What `plt.show()` calls, and the kernel after every cell: send every open figure, then close it."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None or _emit is None:
        return
    try:
        for number in pyplot.get_fignums():
            _emit(png_of(pyplot.figure(number)))
    finally:
        discard()


def take(figure: Any) -> dict[str, str]:
    """A figure that is shown as a value; it is closed, so that it is not shown again after the cell."""
    bundle = png_of(figure)
    discard(figure)
    return bundle


def discard(which: Any = "all") -> None:
    """Close a figure, or all of them, unseen."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close(which)


def png_of(figure: Any) -> dict[str, str]:
    """A figure as a MIME bundle of PNG and a line of text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight")
    width, height = (int(inches * _DOTS_PER_INCH) for inches in figure.get_size_inches())
    axes = len(figure.get_axes())
    text = f"<Figure size {width}x{height} with {axes} Axes>"
    return {"image/png": base64.b64encode(buffer.getvalue()).decode(), "text/plain": text}
