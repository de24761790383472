"""Figures of a plan: a table first, then its drawing.

* the controller as a graph (`versant.figures.graph`);
* convergence: the value of the best controller so far, its excess over the budgets, and the gap to the upper bound,
  against time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.canvas import BLUE, GREEN, VERMILLION, clean, new_figure
from versant.figures.graph import draw_graph, edges_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.planning.result import Plan

__all__ = [
    "draw_controller",
    "draw_convergence",
    "draw_excess",
    "draw_gap",
    "figure_plan",
    "table_convergence",
    "table_edges",
    "table_nodes",
]

WIDE = 10.0
"""Ratio of the largest gap to the smallest from which the axis of gaps is logarithmic."""


def table_nodes(plan: Plan) -> pd.DataFrame:
    """List the nodes: share of time spent there, start probability, and the probability of each action.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> nodes = table_nodes(plan(tiger(), nodes=2, starts=2))
    >>> list(nodes.columns), round(float(nodes["occupancy"].sum()), 9)
    (['node', 'occupancy', 'start', 'listen', 'open-left', 'open-right'], 1.0)
    """
    import pandas as pd

    visits = plan.moves.sum(axis=(1, 2, 3))
    columns = {"node": np.arange(len(visits)), "occupancy": visits / visits.sum(), "start": plan.controller.start}
    actions = dict(zip(plan.controller.actions, plan.controller.action.T, strict=True))
    return pd.DataFrame({**columns, **actions})


def table_edges(plan: Plan) -> pd.DataFrame:
    """List the transitions that are used; see `versant.figures.graph.edges_of`."""
    return edges_of(plan.controller, plan.moves)


def table_convergence(plan: Plan) -> pd.DataFrame:
    """List the improvements: seconds, value, violation, and gap to the upper bound (missing where there is none)."""
    import pandas as pd

    table = pd.DataFrame(plan.history, columns=["seconds", "value", "violation"])
    bound = float("nan") if plan.upper_bound is None else plan.upper_bound
    return table.assign(gap=bound - table["value"])


def figure_plan(plan: Plan, title: str = "") -> Figure:
    """Draw controller and convergence side by side."""
    draws: dict[str, Any] = {"value": draw_convergence}
    if any(step.violation > 0 for step in plan.history):
        draws["excess"] = draw_excess
    if plan.gap is not None and plan.history:
        draws["gap"] = draw_gap
    figure = new_figure(11.0, 5.5)
    axes = figure.subplot_mosaic([["controller", name] for name in draws], width_ratios=[1.3, 1.0])
    draw_controller(plan, axes["controller"], title)
    for name, draw in draws.items():
        draw(plan, axes[name])
    return figure


def draw_convergence(plan: Plan, ax: Axes) -> None:
    """Draw the value of the best controller so far against time, once it keeps the budgets, and the upper bound."""
    table = table_convergence(plan)
    kept = table[table["violation"] == 0] if (table["violation"] == 0).any() else table
    last = plan.value if kept.empty else kept["value"].iloc[-1]
    seconds, values = [*kept["seconds"], plan.seconds], [*kept["value"], last]
    ax.step(seconds, values, where="post", color=BLUE)
    ax.annotate(f"{plan.value:.6g}", (seconds[-1], last), (0, -11), textcoords="offset points", ha="right", size=8)
    if plan.upper_bound is not None:
        ax.axhline(plan.upper_bound, color=GREEN, linestyle="--", linewidth=1)
        text = f"no policy exceeds {plan.upper_bound:.6g}"
        ax.annotate(text, (seconds[-1], plan.upper_bound), (0, 3), textcoords="offset points", ha="right", size=8)
    ax.set_xlabel("seconds", size=8)
    ax.set_title(f"Value of the best so far ({plan.method}, {plan.starts} starts)", size=9, loc="left")
    ax.margins(y=0.15)
    ax.set_xlim(0.0, 1.02 * plan.seconds)
    clean(ax, "y")


def draw_excess(plan: Plan, ax: Axes) -> None:
    """Draw the largest excess over a budget of the best controller so far against time."""
    table = table_convergence(plan)
    seconds = [*table["seconds"], plan.seconds]
    excess = [*table["violation"], table["violation"].iloc[-1]]
    ax.step(seconds, excess, where="post", color=VERMILLION)
    ax.set_yscale("symlog", linthresh=1e-3)
    ax.set_ylim(bottom=0)
    ax.set_xlim(0.0, 1.02 * plan.seconds)
    ax.set_xlabel("seconds", size=8)
    ax.set_title("Its largest excess, as a fraction of the budget", size=9, loc="left")
    clean(ax, "y")


def draw_gap(plan: Plan, ax: Axes) -> None:
    """Draw the gap between the upper bound and the best controller within the budgets against time."""
    table = table_convergence(plan)
    kept = table[table["violation"] == 0] if (table["violation"] == 0).any() else table
    seconds, gap = [*kept["seconds"], plan.seconds], np.maximum([*kept["gap"], kept["gap"].iloc[-1]], 0.0)
    ax.step(seconds, gap, where="post", color=GREEN)
    if gap.min() > 0.0 and gap.max() > WIDE * gap.min():
        ax.set_yscale("log")
    else:
        ax.set_ylim(0.0, 1.2 * max(float(gap.max()), 1e-9))
    ax.set_xlim(0.0, 1.02 * plan.seconds)
    ax.annotate(f"{gap[-1]:.2g}", (seconds[-1], gap[-1]), (0, 4), textcoords="offset points", ha="right", size=8)
    ax.set_xlabel("seconds", size=8)
    ax.set_title("Its gap to the upper bound of every policy", size=9, loc="left")
    clean(ax, "y")


def draw_controller(plan: Plan, ax: Axes, title: str = "") -> None:
    """Draw the controller as a graph, nodes on a circle in the order of their use."""
    title = title or (f"Controller for {plan.problem}" if plan.problem else "Controller")
    draw_graph(plan.controller, table_nodes(plan)["occupancy"].to_numpy(), table_edges(plan), title, ax)
