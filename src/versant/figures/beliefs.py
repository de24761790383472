"""Where a controller is: how often each node acts in each state, and what its nodes are worth over beliefs.

* occupancy: the share of discounted time spent in each pair of state and node, as a heat map;
* beliefs, for two or three states: the value Σ_s b(s) V(s, x) of each node x at every belief b — a line for two states,
  with the highest of them bold; for three states the simplex, coloured by the node that is best. Dots stand at the mean
  belief with which a node is entered and used, as large as it is used often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.errors import ModelError
from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, clean, new_figure
from versant.planning.evaluation import ClosedLoop

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.planning.result import Plan
    from versant.tasks.pomdp import Pomdp

__all__ = ["figure_beliefs", "figure_occupancy", "table_beliefs", "table_occupancy"]

MOST_STATES, MOST_NODES = 40, 60
"""Rows and columns of the heat map; the states and nodes that are used least are left out, and counted."""

USED = 1e-3
"""Share of time from which a node is drawn over beliefs."""

SHADES = 0.5
"""Power of the shares by which the heat map is shaded: an absorbing state would leave the others white."""

TINT = 0.45
"""Strength of the colours of the simplex; not transparency, for then the seams of its cells would show."""

FINENESS = 90
"""Grid lines of the simplex of three states."""

COLOURS = (SKY, ORANGE, GREEN, PURPLE, BLUE, VERMILLION, "#f0e442", GREY)


def table_occupancy(plan: Plan, task: Pomdp) -> pd.DataFrame:
    """List the pairs of state and node that are used: state, node, likeliest action, share of discounted time.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> table = table_occupancy(plan(tiger(), nodes=2, starts=2, bounds=[]), tiger())
    >>> list(table.columns), round(float(table["share"].sum()), 9)
    (['state', 'node', 'action', 'share'], 1.0)
    """
    import pandas as pd

    occupancy, _ = _evaluated(plan, task)
    shares = occupancy / occupancy.sum()
    states, nodes = np.nonzero(shares)
    actions = np.array(plan.controller.actions, dtype=object)[plan.controller.action.argmax(axis=1)]
    names = np.array(task.states, dtype=object)
    columns = {"state": names[states], "node": nodes, "action": actions[nodes], "share": shares[states, nodes]}
    return pd.DataFrame(columns)


def figure_occupancy(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the heat map; nodes and states in the order of their use."""
    from matplotlib.colors import PowerNorm

    wide = table.pivot_table(index="state", columns="node", values="share", aggfunc="sum", fill_value=0.0)
    rows = wide.sum(axis=1).sort_values(ascending=False, kind="stable").index
    columns = wide.sum(axis=0).sort_values(ascending=False, kind="stable").index
    shown = wide.loc[rows[:MOST_STATES], columns[:MOST_NODES]]
    figure = new_figure(max(4.0, 1.8 + 0.32 * shown.shape[1]), max(2.4, 1.3 + 0.22 * shown.shape[0]))
    ax = figure.add_subplot()
    image = ax.imshow(100 * shown.to_numpy(), aspect="auto", cmap="Blues", norm=PowerNorm(SHADES, vmin=0.0))
    action = dict(zip(table["node"], table["action"], strict=True))
    ax.set_xticks(range(shown.shape[1]), [f"{node}: {action[node]}" for node in shown.columns], rotation=90, size=7)
    ax.set_yticks(range(shown.shape[0]), [str(state) for state in shown.index], size=7)
    left_out = [
        f"{len(rows) - len(shown)} states" if len(rows) > len(shown) else "",
        f"{len(columns) - shown.shape[1]} nodes" if len(columns) > shown.shape[1] else "",
    ]
    said = " and ".join(part for part in left_out if part)
    ax.set_xlabel("node: likeliest action" + (f"   ({said} used less are not shown)" if said else ""), size=8)
    ax.set_title(title or "Time in each state and node", size=9, loc="left")
    bar = figure.colorbar(image, ax=ax, shrink=0.8)
    bar.set_label("% of discounted time", size=8)
    bar.ax.tick_params(labelsize=7)
    return figure


def table_beliefs(plan: Plan, task: Pomdp) -> pd.DataFrame:
    """List the nodes: likeliest action, share of time, mean belief while it acts, value in each state.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> from versant.verbs.plan import plan
    >>> table = table_beliefs(plan(tiger(), nodes=1, starts=1, bounds=[]), tiger())
    >>> float(table["belief tiger-left"].iloc[0].round(6)), float(table["value tiger-left"].iloc[0].round(4))
    (0.5, -20.0)
    """
    import pandas as pd

    occupancy, values = _evaluated(plan, task)
    used = occupancy.sum(axis=0)
    means = occupancy / np.where(used > 0.0, used, 1.0)
    actions = np.array(plan.controller.actions, dtype=object)[plan.controller.action.argmax(axis=1)]
    columns: dict[str, Any] = {"node": np.arange(len(used)), "action": actions, "occupancy": used / used.sum()}
    columns |= {f"belief {name}": means[s] for s, name in enumerate(task.states)}
    columns |= {f"value {name}": values[s] for s, name in enumerate(task.states)}
    return pd.DataFrame(columns)


def figure_beliefs(table: pd.DataFrame, title: str = "") -> Figure:
    """Draw the nodes over beliefs.

    Raises
    ------
    ModelError
        For a problem that has not two or three states.
    """
    states = [name.removeprefix("value ") for name in table.columns if name.startswith("value ")]
    if len(states) not in (2, 3):
        raise ModelError(f"beliefs are drawn for two or three states, not for {len(states)}")
    used = table[table["occupancy"] >= USED]
    figure = new_figure(6.0, 4.2)
    ax = figure.add_subplot()
    actions = list(dict.fromkeys(table["action"]))
    colours = {action: COLOURS[place % len(COLOURS)] for place, action in enumerate(actions)}
    (_draw_interval if len(states) == 2 else _draw_simplex)(used, states, colours, ax)
    shown = [action for action in actions if action in set(used["action"])]
    handles = [ax.plot([], [], color=colours[action], linewidth=4, label=action)[0] for action in shown]
    figure.legend(handles=handles, frameon=False, fontsize=8, loc="outside right upper")
    ax.set_title(title or "Nodes over beliefs", size=9, loc="left")
    return figure


def _evaluated(plan: Plan, task: Pomdp) -> tuple[Any, Any]:
    """Occupancy and value of each state and node, (S, X) each."""
    aimed = task if plan.minimised is None else task.minimising(plan.minimised)
    loop = ClosedLoop(aimed, plan.controller.n_nodes)
    loop.check(plan.controller)
    found = loop.evaluate(loop.layout.vector([plan.controller]))
    return found.occupancy[0], found.node_values[0, :, :, 0]


def _draw_interval(used: pd.DataFrame, states: list[str], colours: dict[str, str], ax: Axes) -> None:
    """Lines over the probability of the second state."""
    grid = np.linspace(0.0, 1.0, 401)
    values = used[[f"value {name}" for name in states]].to_numpy()  # (X, 2)
    lines = np.outer(values[:, 0], 1.0 - grid) + np.outer(values[:, 1], grid)
    best = lines.argmax(axis=0)
    top, bottom = lines.max(), lines.max(axis=0).min()
    room = 0.5 * (top - bottom) or 1.0
    for place, (_, node) in enumerate(used.iterrows()):
        colour = colours[node["action"]]
        ax.plot(grid, lines[place], color=colour, linewidth=0.8, alpha=0.7)
        ax.plot(grid, np.where(best == place, lines[place], np.nan), color=colour, linewidth=3)
        belief = float(node[f"belief {states[1]}"])
        height = float(values[place] @ [1.0 - belief, belief])
        ax.scatter([belief], [height], s=60 + 400 * node["occupancy"], color=colour, edgecolor=BLACK, zorder=3)
        ax.annotate(str(node["node"]), (belief, height), ha="center", va="center", size=7, zorder=4)
    ax.set_ylim(bottom - room, top + 0.15 * room)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel(f"probability of {states[1]}", size=8)
    ax.set_ylabel("value of the node", size=8)
    clean(ax, "y")


def _draw_simplex(used: pd.DataFrame, states: list[str], colours: dict[str, str], ax: Axes) -> None:
    """Triangle of beliefs, coloured by the action of the node that is best."""
    from matplotlib.colors import ListedColormap, to_rgb
    from matplotlib.tri import Triangulation

    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    steps = np.arange(FINENESS + 1)
    first, second = (part.ravel() for part in np.meshgrid(steps, steps, indexing="ij"))
    inside = first + second <= FINENESS
    beliefs = np.stack([first, second, FINENESS - first - second], axis=1)[inside] / FINENESS  # (n, 3)
    grid = Triangulation(*(beliefs @ corners).T)
    values = used[[f"value {name}" for name in states]].to_numpy()  # (X, 3)
    best = (beliefs[grid.triangles].mean(axis=1) @ values.T).argmax(axis=1)
    shades = used["action"].map({action: place for place, action in enumerate(colours)}).to_numpy()[best]
    palette = ListedColormap(1.0 - TINT * (1.0 - np.array([to_rgb(colour) for colour in colours.values()])))
    look: dict[str, Any] = {"cmap": palette, "vmin": -0.5, "vmax": len(colours) - 0.5}
    ax.tripcolor(grid, facecolors=shades, linewidth=0, antialiased=False, **look)
    ring = corners[[0, 1, 2, 0]]
    ax.plot(ring[:, 0], ring[:, 1], color=GREY, linewidth=1)
    for _, node in used.iterrows():
        x, y = node[[f"belief {name}" for name in states]].to_numpy(dtype=float) @ corners
        ax.scatter([x], [y], s=60 + 400 * node["occupancy"], color=colours[node["action"]], edgecolor=BLACK, zorder=3)
        ax.annotate(str(node["node"]), (x, y), ha="center", va="center", size=7, zorder=4)
    for corner, name, up in zip(corners, states, (-1, -1, 1), strict=True):
        ax.annotate(name, corner, (0, 8 * up), textcoords="offset points", ha="center", va="center", size=8)
    ax.set(aspect="equal", xlim=(-0.1, 1.1), ylim=(-0.1, 1.0))
    ax.axis("off")
