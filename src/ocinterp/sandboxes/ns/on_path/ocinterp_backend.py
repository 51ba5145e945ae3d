"""The matplotlib backend of the sandbox: figures are shown where `plt.show()` is called, as PNG displays.

matplotlib imports this module by name (MPLBACKEND) and looks for these three names in it. Python programs that a cell
starts import it too; nobody sees what they show.
"""

from __future__ import annotations

from typing import Any

from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "FigureManager", "show"]

try:
    from ocinterp.sandboxes.ns.figures import show
except ImportError:

    def show(*_: Any, **__: Any) -> None:
        """There is no cell to show it in."""
