"""What the data determine: profile likelihoods of every subject, and how much narrower than the prior they make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.axes import natural_axis, panel_title, panels
from versant.figures.canvas import BLACK, BLUE, GREY, ORANGE, VERMILLION, clean
from versant.inference.identifiability import Identified

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.agents.parameters import Domain
    from versant.verbs.identify import Identifiability

__all__ = ["draw_profiles", "figure_identify", "table_identify"]

COLOURS: dict[str, str] = {
    Identified.IDENTIFIED: BLUE,
    Identified.OPEN_ABOVE: ORANGE,
    Identified.OPEN_BELOW: ORANGE,
    Identified.NOT_IDENTIFIED: VERMILLION,
    Identified.UNDEFINED: BLACK,
}
DASHES: dict[str, Any] = {BLUE: "-", ORANGE: (0, (5, 2)), VERMILLION: (0, (1.5, 1.5)), BLACK: "-"}


def table_identify(found: Identifiability) -> pd.DataFrame:
    """Return the profiles, one row a subject, parameter and point, with the subject's ``flag`` and ``contraction``."""
    flags = found.frame()[["subject", "parameter", "flag", "contraction"]]
    return found.profile_frame().merge(flags, on=["subject", "parameter"], how="left")


def draw_profiles(table: pd.DataFrame, ax: Axes, domain: Domain, bound: float) -> None:
    """Draw the profile log-likelihood of one parameter below its maximum, a line a subject.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_identify` gives them.
    ax : matplotlib Axes
    domain : Domain
    bound : float
        ½ χ², where intervals end.
    """
    natural_axis(ax, "x", domain, table["value"])
    few = table["subject"].nunique() <= 40
    for _, one in table.groupby("subject", sort=False):
        colour = COLOURS[str(one["flag"].iloc[0])]
        ax.plot(one["value"], -one["drop"], color=colour, linestyle=DASHES[colour], lw=1.1, alpha=0.8 if few else 0.35)
    ax.axhline(-bound, color=BLACK, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set_ylim(-2.0 * bound, 0.15 * bound)
    clean(ax, grid="x")
    known = table.drop_duplicates("subject")["contraction"]
    known = known[np.isfinite(known)]
    panel_title(ax, str(table["parameter"].iloc[0]), f"contraction {known.median():.2f}" if len(known) else "")


def figure_identify(table: pd.DataFrame, domains: dict[str, Domain], bound: float, title: str = "") -> Figure:
    """Return a figure with one panel a parameter; see `table_identify`."""
    from matplotlib.lines import Line2D

    names = list(dict.fromkeys(table["parameter"]))
    figure, axes = panels(len(names), 2.9, 2.7, sharey=True)
    for ax, name in zip(axes, names, strict=True):
        draw_profiles(table[table["parameter"] == name], ax, domains[name], bound)
    axes[0].set_ylabel("profile log-likelihood - maximum", fontsize=9)
    handles = [
        Line2D([], [], color=BLUE, label="identified"),
        Line2D([], [], color=ORANGE, linestyle=DASHES[ORANGE], label="open on one side"),
        Line2D([], [], color=VERMILLION, linestyle=DASHES[VERMILLION], label="not identified"),
        Line2D([], [], color=GREY, linestyle=(0, (4, 3)), label="½ χ² bound"),
    ]
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure
