"""Predictive checks: what was recorded, over what the fitted model does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from versant.figures.axes import panel_title, panels
from versant.figures.canvas import BLACK, BLUE, VERMILLION, clean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.verbs.predictive import Predictive

__all__ = ["draw_predictive", "figure_predictive", "table_predictive"]


def table_predictive(found: Predictive) -> pd.DataFrame:
    """Return one row a value of a statistic; see `versant.verbs.predictive.Predictive.frame`."""
    return found.frame()


def draw_predictive(table: pd.DataFrame, ax: Axes) -> None:
    """Draw one statistic: 95 % intervals of the replications, and the recorded values, red where outside.

    Parameters
    ----------
    table : DataFrame
        Rows of one statistic, as `table_predictive` gives them.
    ax : matplotlib Axes
    """
    numbers = [isinstance(place, int | float) and not np.isnan(place) for place in table["at"]]
    curve = len(table) > 2 and all(numbers)
    x = table["at"].to_numpy(dtype=np.float64) if curve else np.arange(len(table))
    outside = ((table["observed"] < table["lower"]) | (table["observed"] > table["upper"])).to_numpy()
    if curve:
        ax.fill_between(x, table["lower"], table["upper"], color=BLUE, alpha=0.2, linewidth=0)
        ax.plot(x, table["mean"], color=BLUE, linewidth=1.6)
        ax.plot(x, table["observed"], color=BLACK, linewidth=0.8, alpha=0.6)
        ax.set_xlabel("trial", fontsize=9)
    else:
        ax.vlines(x, table["lower"], table["upper"], color=BLUE, alpha=0.35, linewidth=9)
        ax.plot(x, table["mean"], "_", color=BLUE, markersize=14, markeredgewidth=2)
        ax.set_xlim(-0.7, len(table) - 0.3)
        ax.set_xticks(x, ["" if place is None or place != place else str(place) for place in table["at"]])
    for mask, colour in ((~outside, BLACK), (outside, VERMILLION)):
        ax.plot(x[mask], table["observed"][mask], "D" if colour == VERMILLION else "o", color=colour, ms=5, mew=0)
    clean(ax, grid="y")
    p = table["p"].to_numpy()
    panel_title(ax, str(table["statistic"].iloc[0]), f"p = {p[0]:.2f}" if len(p) == 1 else "")


def figure_predictive(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure with one panel a statistic."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = list(dict.fromkeys(table["statistic"]))
    figure, axes = panels(len(names), 2.7, 2.6)
    for ax, name in zip(axes, names, strict=True):
        draw_predictive(table[table["statistic"] == name], ax)
    handles = [
        Line2D([], [], linestyle="", marker="o", color=BLACK, mew=0, label="recorded"),
        Line2D([], [], linestyle="", marker="D", color=VERMILLION, mew=0, label="recorded, outside"),
        Patch(color=BLUE, alpha=0.3, label="replicated, 95 %"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure
