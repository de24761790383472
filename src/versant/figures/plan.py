"""Figures of a plan: a table first, then its drawing.

* the controller as a graph: nodes are labelled and coloured by the action they mostly take, edges by the observations
  that lead along them; the strength of an edge is how often it is used;
* convergence: the value of the best controller so far, its excess over the budgets, and the gap to the upper bound,
  against time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, clean, new_figure

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

LEAST_SHARE = 0.005
"""Share of all moves below which nodes and edges are left out of the drawing."""

ACTION_COLOURS = (SKY, ORANGE, GREEN, PURPLE, "#f0e442", GREY)
OBSERVATION_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)

LABELLED_EDGES = 40
"""With more edges than this their labels would hide the graph; colours still tell observations apart."""


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
    """List the transitions that are used: from, action, observation, to, probability, share of all moves."""
    import pandas as pd

    node, action, observation, target = np.nonzero(plan.moves)
    actions, observations = (
        np.array(names, dtype=object) for names in (plan.controller.actions, plan.controller.observations)
    )
    table = pd.DataFrame(
        {
            "from": node,
            "action": actions[action],
            "observation": observations[observation],
            "to": target,
            "probability": plan.controller.transition[node, action, observation, target],
            "share": plan.moves[node, action, observation, target] / plan.moves.sum(),
        }
    )
    return table.sort_values("share", ascending=False, ignore_index=True)


def table_convergence(plan: Plan) -> pd.DataFrame:
    """List the improvements: seconds, value, violation, and gap to the upper bound (missing where there is none)."""
    import pandas as pd

    table = pd.DataFrame(plan.history, columns=["seconds", "value", "violation"])
    bound = float("nan") if plan.upper_bound is None else plan.upper_bound
    return table.assign(gap=bound - table["value"])


def figure_plan(plan: Plan) -> Figure:
    """Draw controller and convergence side by side."""
    draws: dict[str, Any] = {"value": draw_convergence}
    if any(step.violation > 0 for step in plan.history):
        draws["excess"] = draw_excess
    if plan.gap is not None and plan.history:
        draws["gap"] = draw_gap
    figure = new_figure(11.0, 5.5)
    axes = figure.subplot_mosaic([["controller", name] for name in draws], width_ratios=[1.3, 1.0])
    draw_controller(plan, axes["controller"])
    for name, draw in draws.items():
        draw(plan, axes[name])
    return figure


def draw_convergence(plan: Plan, ax: Axes) -> None:
    """Draw the value of the best controller so far against time, once it keeps the budgets, and the upper bound."""
    table = table_convergence(plan)
    kept = table[table["violation"] == 0] if (table["violation"] == 0).any() else table
    seconds, values = [*kept["seconds"], plan.seconds], [*kept["value"], kept["value"].iloc[-1]]
    ax.step(seconds, values, where="post", color=BLUE)
    ax.annotate(
        f"{plan.value:.4f}", (seconds[-1], values[-1]), (0, -11), textcoords="offset points", ha="right", size=8
    )
    if plan.upper_bound is not None:
        ax.axhline(plan.upper_bound, color=GREEN, linestyle="--", linewidth=1)
        text = f"no policy exceeds {plan.upper_bound:.4f}"
        ax.annotate(text, (seconds[-1], plan.upper_bound), (0, 3), textcoords="offset points", ha="right", size=8)
    ax.set_xlabel("seconds", size=8)
    ax.set_title(f"Value of the best so far ({plan.method}, {plan.starts} starts)", size=9, loc="left")
    ax.margins(y=0.12)
    clean(ax, "y")


def draw_excess(plan: Plan, ax: Axes) -> None:
    """Draw the largest excess over a budget of the best controller so far against time."""
    table = table_convergence(plan)
    seconds = [*table["seconds"], plan.seconds]
    excess = [*table["violation"], table["violation"].iloc[-1]]
    ax.step(seconds, excess, where="post", color=VERMILLION)
    ax.set_yscale("symlog", linthresh=1e-3)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("seconds", size=8)
    ax.set_title("Its largest excess, as a fraction of the budget", size=9, loc="left")
    clean(ax, "y")


def draw_gap(plan: Plan, ax: Axes) -> None:
    """Draw the gap between the upper bound and the best controller within the budgets against time."""
    table = table_convergence(plan)
    kept = table[table["violation"] == 0] if (table["violation"] == 0).any() else table
    seconds, gap = [*kept["seconds"], plan.seconds], np.maximum([*kept["gap"], kept["gap"].iloc[-1]], 0.0)
    ax.step(seconds, gap, where="post", color=GREEN)
    ax.set_yscale("symlog", linthresh=max(1e-6, 1e-3 * float(gap.max())))
    ax.set_ylim(bottom=0)
    ax.annotate(f"{gap[-1]:.2g}", (seconds[-1], gap[-1]), (0, 4), textcoords="offset points", ha="right", size=8)
    ax.set_xlabel("seconds", size=8)
    ax.set_title("Its gap to the upper bound of every policy", size=9, loc="left")
    clean(ax, "y")


def draw_controller(plan: Plan, ax: Axes) -> None:
    """Draw the controller as a graph, nodes on a circle in the order of their use."""
    nodes, edges = table_nodes(plan), table_edges(plan)
    occupancy = nodes["occupancy"].to_numpy()
    order = [int(node) for node in np.argsort(-occupancy, kind="stable") if occupancy[node] >= LEAST_SHARE]
    angles = 0.5 * np.pi - 2.0 * np.pi * np.arange(len(order)) / len(order)
    places = {node: np.array([np.cos(angle), np.sin(angle)]) for node, angle in zip(order, angles, strict=True)}
    _draw_edges(edges, places, plan.controller.observations, ax)
    for node, place in places.items():
        action = plan.controller.action[node]
        best = int(action.argmax())
        share = "" if action[best] > 0.995 else f" {action[best]:.0%}"
        begins = plan.controller.start[node]
        start = f"\nstart {begins:.0%}" if begins >= LEAST_SHARE else ""
        label = f"{plan.controller.actions[best]}{share}\n{occupancy[node]:.0%} of steps{start}"
        _draw_node(ax, place, label, ACTION_COLOURS[best % len(ACTION_COLOURS)], begins >= LEAST_SHARE)
    ax.set(xlim=(-1.65, 1.65), ylim=(-1.55, 1.55), aspect="equal")
    ax.set_title(f"Controller for {plan.problem}" if plan.problem else "Controller", size=9, loc="left")
    ax.axis("off")


def _draw_node(ax: Axes, place: Any, label: str, colour: str, start: bool) -> None:
    edge, width = (BLACK, 1.8) if start else (GREY, 0.8)
    box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": edge, "linewidth": width}
    x, y = float(place[0]), float(place[1])
    ax.text(x, y, label, ha="center", va="center", size=8, zorder=3, bbox=box)
    tint = {**box, "facecolor": colour, "alpha": 0.45}
    ax.text(x, y, label, ha="center", va="center", size=8, zorder=4, bbox=tint)


def _draw_edges(edges: pd.DataFrame, places: dict[int, Any], observations: tuple[str, ...], ax: Axes) -> None:
    """Draw an arrow for each observation that leads from node to node, or one where every observation does.

    Where a node takes several actions, the action stands before the observation.
    """
    used = edges[edges["share"] >= LEAST_SHARE]
    shown = used[used["from"].isin([*places]) & used["to"].isin([*places])]
    drawn: dict[tuple[int, int], int] = {}
    for key, group in shown.groupby(["from", "to", "action"], sort=True):
        source, target = int(group["from"].iloc[0]), int(group["to"].iloc[0])
        siblings = edges[edges["from"] == source]
        mixes = siblings.groupby("action")["share"].sum().gt(LEAST_SHARE).sum() > 1
        prefix = f"{np.asarray(key, dtype=object)[2]}: " if mixes else ""
        every = siblings.loc[siblings["action"] == group["action"].iloc[0], "observation"].nunique()
        arrows = list(zip(group["observation"], group["share"], strict=True))
        if len(arrows) > 1 and len(arrows) == every:
            arrows = [("any", group["share"].sum())]
        for name, share in arrows:
            number = drawn[source, target] = drawn.get((source, target), -1) + 1
            place = observations.index(name) if name in observations else -1
            colour = GREY if place < 0 else OBSERVATION_COLOURS[place % len(OBSERVATION_COLOURS)]
            label = f"{prefix}{name}" if len(shown) <= LABELLED_EDGES else ""
            _draw_arrow(ax, places, source, target, 0.15 + 0.12 * number, float(share), colour, label)


def _draw_arrow(
    ax: Axes, places: dict[int, Any], source: int, target: int, bend: float, share: float, colour: str, label: str
) -> None:
    begin, end = places[source], places[target]
    if source == target:
        outward = np.array([0.0, 1.0 if begin[1] >= 0 else -1.0])  # loops stand above or below their node
        across = np.array([outward[1], 0.0])
        edge = begin + 0.08 * outward
        begin, end = edge - 0.16 * across, edge + 0.16 * across
        place = edge + (0.16 + 1.2 * bend) * outward
        bend = -0.4 - 6.0 * bend
    else:
        across = np.array([end[1] - begin[1], begin[0] - end[0]])
        place = 0.6 * begin + 0.4 * end + 0.48 * bend * across
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": 0.7 + 8.0 * share,
        "shrinkA": 4 if source == target else 20,
        "shrinkB": 4 if source == target else 20,
        "connectionstyle": f"arc3,rad={bend}",
        "alpha": 0.8,
    }
    head, tail = (float(end[0]), float(end[1])), (float(begin[0]), float(begin[1]))
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    if label:
        x, y = float(place[0]), float(place[1])
        ax.text(x, y, label, size=6.5, color=colour, ha="center", va="center", zorder=2, bbox=box)
