"""Where figures are drawn: matplotlib's objects on an Agg canvas, without its global state, and one house style.

Colours are those of Okabe & Ito 2008, which people with any kind of colour vision can tell apart; shapes say the same.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from versant.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "clean",
    "logarithmic",
    "new_figure",
    "save",
]

BLACK, GREY = "#222222", "#8a8a8a"
BLUE, SKY, GREEN = "#0072b2", "#56b4e9", "#009e73"
ORANGE, VERMILLION, PURPLE = "#e69f00", "#d55e00", "#cc79a7"

DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, laid out so that labels do not collide.

    Examples
    --------
    >>> new_figure(4, 3).get_size_inches().tolist()
    [4.0, 3.0]
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def clean(ax: Axes, grid: str | None = "x") -> None:
    """Take away what is not data: two spines, tick marks; a faint grid along one axis."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(GREY)
    ax.tick_params(which="both", length=0, labelsize=8, labelcolor=BLACK)
    ax.set_axisbelow(True)
    if grid is not None:
        which: Any = grid
        ax.grid(axis=which, color="#e6e6e6", linewidth=0.7)


def logarithmic(ax: Axes, which: str, low: float, high: float) -> None:
    """Make one axis (``"x"`` or ``"y"``) logarithmic from `low` to `high`, with plain numbers at round places."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axis = ax.xaxis if which == "x" else ax.yaxis
    ax.set(**{f"{which}scale": "log", f"{which}lim": (low, high)})
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high < 1e3 * low else (1.0,), numticks=7))
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure, in the format that the extension names, atomically; the same figure gives the same bytes."""
    from matplotlib import rc_context

    undated = {".svg": "Date", ".pdf": "CreationDate"}.get(os.path.splitext(path)[1].lower())
    with atomic_path(path) as temporary, rc_context({"svg.hashsalt": "versant"}):
        figure.savefig(temporary, dpi=DOTS_PER_INCH, metadata=None if undated is None else {undated: None})
