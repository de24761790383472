"""The trade-off between value and a budget: a table first, then its drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from versant.figures.canvas import BLUE, GREEN, GREY, VERMILLION, clean, new_figure
from versant.planning.verdict import PlanVerdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.planning.result import Plan
    from versant.verbs.frontier import Frontier

__all__ = ["draw_frontier", "figure_frontier", "table_frontier"]

AXES = {"at most": "budget of", "at least": "floor of", "exactly": "total of"}

VISIBLE = 1e-3
"""Share of the largest value by which mixtures have to exceed a plan to be drawn."""

LOOSE = 1.5
"""Bounds that lie beyond the values by more than so many times their range are cut off."""


def table_frontier(frontier: Frontier) -> pd.DataFrame:
    """List, for each limit: value, best mixture of two plans, bound, gap, cost, shadow price, nodes, whether kept.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.frontier import frontier
    >>> table = table_frontier(frontier(tiger(costs=("risk",)), "risk", [0.5], nodes=2, starts=2))
    >>> table.columns.tolist()
    ['limit', 'value', 'mixture', 'upper_bound', 'gap', 'cost', 'multiplier', 'nodes', 'feasible']
    """
    import pandas as pd

    name, plans, values = frontier.budget, frontier.plans, frontier.values
    return pd.DataFrame(
        {
            "limit": frontier.limits,
            "value": values,
            "mixture": frontier.mixtures,
            "upper_bound": frontier.upper_bounds,
            "gap": frontier.upper_bounds - values,
            "cost": [one.costs[name].value for one in plans],
            "multiplier": [one.multipliers.get(name, np.nan) for one in plans],
            "nodes": [one.controller.n_nodes for one in plans],
            "feasible": [one.feasible for one in plans],
        }
    )


def draw_frontier(frontier: Frontier, ax: Axes, title: str = "") -> None:
    """Draw values, mixtures of plans and upper bounds over the limits; the optimum lies in the shaded band.

    Where a cost is minimised, it is drawn, and not minus it; bounds then lie below.
    """
    table = table_frontier(frontier)
    minimised = frontier.plans[0].minimised
    sign, bound = (1.0, "no policy exceeds") if minimised is None else (-1.0, "no policy is below")
    drawn = table.assign(**{name: sign * table[name] for name in ("value", "mixture", "upper_bound")})
    met = drawn[np.isfinite(drawn["mixture"])]
    bound += _cut(met, sign, ax)
    if np.isfinite(met["upper_bound"]).all():
        ax.fill_between(met["limit"], met["mixture"], met["upper_bound"], color=GREEN, alpha=0.15, linewidth=0)
        ax.plot(met["limit"], met["upper_bound"], color=GREEN, linestyle="--", linewidth=1, label=bound)
    kept = drawn[drawn["feasible"]]
    ax.plot(kept["limit"], kept["value"], color=BLUE, marker="o", markersize=4, label="reached")
    if (table["mixture"] > table["value"] + VISIBLE * table["mixture"].abs().max()).any():
        ax.plot(met["limit"], met["mixture"], color=GREY, linestyle=":", linewidth=1.5, label="mixtures of two")
    for limit in drawn.loc[~drawn["feasible"], "limit"]:
        ax.axvline(limit, color=VERMILLION, linestyle=":", linewidth=1)
        there = _plan_at(frontier, limit).verdict
        label = next(
            (str(flag) for flag in (PlanVerdict.INFEASIBLE, PlanVerdict.UNDECIDED) if flag in there), "not found"
        )
        ax.annotate(
            label, (limit, 0.97), (2, 0), xycoords=("data", "axes fraction"), textcoords="offset points", rotation=90,
            size=7, ha="left", va="top", color=VERMILLION,
        )  # fmt: skip
    ax.set_xlabel(f"{AXES[frontier.side]} {frontier.budget}", size=8)
    ax.set_title(title or ("Value" if minimised is None else f"Least {minimised}"), size=9, loc="left")
    ax.tick_params(labelsize=8)
    if len(kept):
        ax.legend(frameon=False, fontsize=8, loc="best")
    clean(ax)


def _cut(met: pd.DataFrame, sign: float, ax: Axes) -> str:
    """Cut an axis off that bounds far beyond the values would stretch; say so."""
    reached = met[["value", "mixture"]].to_numpy()
    if not np.isfinite(reached).any():
        return ""
    low, high = np.nanmin(reached), np.nanmax(reached)
    room = max(high - low, 0.1 * abs(high)) or 1.0
    beyond = sign * met["upper_bound"].to_numpy() > max(sign * low, sign * high) + LOOSE * room
    if not beyond.any():
        return ""
    ends = (low - 0.1 * room, high + LOOSE * room)
    ax.set_ylim(ends if sign > 0 else (low - LOOSE * room, high + 0.1 * room))
    return ", beyond the axis" if beyond.all() else ", in part beyond the axis"


def _plan_at(frontier: Frontier, limit: float) -> Plan:
    return frontier.plans[int(np.flatnonzero(frontier.limits == limit)[0])]


def figure_frontier(frontier: Frontier, title: str = "") -> Figure:
    """Draw the frontier alone."""
    figure = new_figure(5.5, 4.0)
    draw_frontier(frontier, figure.subplots(), title)
    return figure
