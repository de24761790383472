"""Truth beside estimates: how well a fit finds the parameters that a simulation was run with.

One panel a parameter; the line is where estimate and truth agree, bars are the intervals of the study's level.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.canvas import BLACK, BLUE, GREY, clean, logarithmic, new_figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.inference.recovery import Recovery

__all__ = ["draw_recovery", "figure_recovery", "table_recovery"]


def table_recovery(found: Recovery) -> pd.DataFrame:
    """Return estimates, intervals and truths, one row a parameter and subject.

    Returns
    -------
    DataFrame
        ``parameter``, ``subject``, ``truth``, ``estimate``, ``lower`` and ``upper`` (natural units; NaN without an
        interval), ``domain_lower``, ``domain_upper``.
    """
    import pandas as pd

    parts = []
    for k, (name, domain) in enumerate(found.model.parameters.items()):
        part = {
            "parameter": name,
            "subject": list(found.trials.subjects),
            "truth": found.truth[name],
            "estimate": found.natural[:, k],
            "lower": domain.natural(found.estimates.lower[:, k]),
            "upper": domain.natural(found.estimates.upper[:, k]),
            "domain_lower": domain.lower,
            "domain_upper": domain.upper,
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def draw_recovery(table: pd.DataFrame, ax: Axes) -> None:
    """Draw estimates over truth for one parameter.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_recovery` gives them.
    ax : matplotlib Axes
    """
    truth, estimate = table["truth"].to_numpy(), table["estimate"].to_numpy()
    unbounded = not math.isfinite(float(table["domain_upper"].iloc[0]))
    both = np.concatenate([truth, estimate])
    seen, found, logs = truth, estimate, ""
    if unbounded and float(table["domain_lower"].iloc[0]) == 0.0 and both.min() > 0.0:
        low, high = both.min() / 1.5, both.max() * 1.5
        seen, found, logs = np.log(truth), np.log(estimate), " (of logarithms)"
        logarithmic(ax, "x", low, high)
        logarithmic(ax, "y", low, high)
    else:
        margin = 0.08 * max(float(np.ptp(both)), 1e-6)
        low, high = both.min() - margin, both.max() + margin
        ax.set(xlim=(low, high), ylim=(low, high))
    ax.vlines(
        truth, table["lower"].clip(low, high), table["upper"].clip(low, high), color=BLUE, alpha=0.35, linewidth=1.5
    )
    ax.plot(truth, estimate, "o", color=BLUE, markersize=5, markeredgewidth=0)
    ax.plot([low, high], [low, high], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    ax.set_box_aspect(1)
    clean(ax, grid="both")
    ax.set_xlabel("truth", fontsize=9)
    ax.set_title(table["parameter"].iloc[0], fontsize=10, color=BLACK, loc="left", fontweight="bold")
    if len(table) > 2 and np.ptp(seen) > 0 and np.ptp(found) > 0:
        correlation = float(np.corrcoef(seen, found)[0, 1])
        ax.set_title(f"r = {correlation:.2f}{logs}", fontsize=9, color=BLACK, loc="right")


def figure_recovery(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure with one panel a parameter.

    Parameters
    ----------
    table : DataFrame
        As `table_recovery` gives it.
    title : str, optional
    """
    parameters = list(dict.fromkeys(table["parameter"]))
    figure = new_figure(0.5 + 3.1 * len(parameters), 3.7)
    axes: Any = figure.subplots(1, len(parameters), squeeze=False)[0]
    for ax, name in zip(axes, parameters, strict=True):
        draw_recovery(table[table["parameter"] == name], ax)
    axes[0].set_ylabel("estimate", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure
