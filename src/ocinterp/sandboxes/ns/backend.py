"""The matplotlib backend of the sandbox: figures are shown where `plt.show()` is called, as PNG displays.

matplotlib imports this module by name (MPLBACKEND) and looks for these three names in it.
"""

from __future__ import annotations

from matplotlib.backend_bases import FigureManagerBase as FigureManager
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

from ocinterp.sandboxes.ns.figures import show

__all__ = ["FigureCanvas", "FigureManager", "show"]
