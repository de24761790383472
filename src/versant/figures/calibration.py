"""Calibration: the distribution function of the ranks minus that of uniform ones, in its simultaneous band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from versant.figures.axes import panel_title, panels
from versant.figures.canvas import BLUE, GREY, VERMILLION, clean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.inference.calibration import Calibration

__all__ = ["draw_calibration", "figure_calibration", "table_calibration"]


def table_calibration(found: Calibration) -> pd.DataFrame:
    """Return one row a quantity and point; see `versant.inference.calibration.Calibration.ecdf_frame`."""
    return found.ecdf_frame()


def draw_calibration(table: pd.DataFrame, ax: Axes) -> None:
    """Draw one quantity's difference of distribution functions and its band; red where it leaves the band.

    Parameters
    ----------
    table : DataFrame
        Rows of one quantity, as `table_calibration` gives them.
    ax : matplotlib Axes
    """
    at = np.concatenate([[0.0], table["at"]])
    low, high, line = (np.concatenate([[0.0], table[name]]) for name in ("lower", "upper", "difference"))
    ax.fill_between(at, low, high, color=GREY, alpha=0.22, linewidth=0)
    outside = (line < low - 1e-12) | (line > high + 1e-12)
    ax.plot(at, line, color=VERMILLION if outside.any() else BLUE, linewidth=1.6)
    ax.axhline(0.0, color=GREY, linewidth=0.7, zorder=0)
    ax.plot(at[outside], line[outside], ".", color=VERMILLION, markersize=4)
    ax.set(xlim=(0, 1), xticks=[0, 0.5, 1])
    clean(ax, grid="y")
    ax.set_xlabel("rank of the truth / draws", fontsize=9)
    panel_title(ax, str(table["quantity"].iloc[0]), "outside the band" if outside.any() else "")


def figure_calibration(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure with one panel a quantity; above zero at small ranks: estimates too large."""
    names = list(dict.fromkeys(table["quantity"]))
    figure, axes = panels(len(names), 2.6, 2.3, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        draw_calibration(table[table["quantity"] == name], ax)
    axes[0].set_ylabel("ECDF - uniform", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure
