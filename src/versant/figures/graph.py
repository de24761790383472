"""A controller as a graph: how it moves between its nodes, drawn as often as it does so.

Nodes stand on a circle in the order of their use, labelled and coloured by the action they mostly take; edges are
labelled and coloured by the observations that lead along them; the strength of an edge is how often it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

__all__ = ["draw_graph", "edges_of"]

Array = NDArray[np.float64]

LEAST_SHARE = 0.005
"""Share of all moves below which nodes and edges are left out of the drawing."""

ACTION_COLOURS = (SKY, ORANGE, GREEN, PURPLE, "#f0e442", GREY, VERMILLION, BLUE, "#a6761d", "#b3de69")
OBSERVATION_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE)

LABELLED_EDGES = 40
"""With more edges than this their labels would hide the graph; colours still tell observations apart."""

ROOMY = 8
"""With more nodes than this their labels are short and small."""

LETTER, LINE, PADDING = 0.3, 0.6, 0.45
"""Half the width of a letter, half the height of a line, and the rim of a node, in units of the size of its letters."""


def edges_of(controller: Controller, moves: Array) -> pd.DataFrame:
    """List the transitions that are used: from, action, observation, to, probability, share of all moves.

    Parameters
    ----------
    controller : Controller
    moves : (X, A, O, X') array
        How often each transition is used.
    """
    import pandas as pd

    node, action, observation, target = np.nonzero(moves)
    actions, observations = (np.array(names, dtype=object) for names in (controller.actions, controller.observations))
    table = pd.DataFrame(
        {
            "from": node,
            "action": actions[action],
            "observation": observations[observation],
            "to": target,
            "probability": controller.transition[node, action, observation, target],
            "share": moves[node, action, observation, target] / moves.sum(),
        }
    )
    return table.sort_values("share", ascending=False, ignore_index=True)


@dataclass(frozen=True)
class _Node:
    """A node as it is drawn."""

    place: Array  # (2,)
    label: str
    size: float  # of its letters, in points
    colour: str
    starts: bool

    def edge(self, direction: Array) -> float:
        """How far its rim is from its middle in a direction (2,), in points."""
        lines = self.label.split("\n")
        width = self.size * (LETTER * max(map(len, lines)) + PADDING)
        height = self.size * (LINE * len(lines) + PADDING)
        along, up = np.abs(direction) / np.hypot(*direction)
        return float(min(width / max(along, 1e-9), height / max(up, 1e-9)))


def draw_graph(controller: Controller, occupancy: Array, edges: pd.DataFrame, title: str, ax: Axes) -> None:
    """Draw a controller, with the share of time in each node (X,) and what `edges_of` returned."""
    order = [int(node) for node in np.argsort(-occupancy, kind="stable") if occupancy[node] >= LEAST_SHARE]
    angles = 0.5 * np.pi - 2.0 * np.pi * np.arange(len(order)) / len(order)
    roomy = len(order) <= ROOMY
    size = 8.0 if roomy else max(4.5, 7.0 - 0.1 * (len(order) - ROOMY))
    nodes = {}
    for node, angle in zip(order, angles, strict=True):
        action, begins = controller.action[node], float(controller.start[node])
        best = int(action.argmax())
        share = "" if action[best] > 0.995 else f" {action[best]:.0%}"
        start = f"\nstart {begins:.0%}" if begins >= LEAST_SHARE else ""
        label = f"{controller.actions[best]}{share}\n{occupancy[node]:.0%}{' of steps' if roomy else ''}{start}"
        colour = ACTION_COLOURS[best % len(ACTION_COLOURS)]
        nodes[node] = _Node(np.array([np.cos(angle), np.sin(angle)]), label, size, colour, begins >= LEAST_SHARE)
    _draw_edges(edges, nodes, controller.observations, ax)
    for one in nodes.values():
        _draw_node(ax, one)
    ax.set(xlim=(-1.4, 1.4), ylim=(-1.45, 1.45), aspect="equal")
    ax.set_title(title, size=9, loc="left")
    ax.axis("off")


def _draw_node(ax: Axes, node: _Node) -> None:
    edge, width = (BLACK, 1.8) if node.starts else (GREY, 0.8)
    box = {"boxstyle": f"round,pad={PADDING}", "facecolor": "white", "edgecolor": edge, "linewidth": width}
    x, y = float(node.place[0]), float(node.place[1])
    ax.text(x, y, node.label, ha="center", va="center", size=node.size, zorder=3, bbox=box)
    tint = {**box, "facecolor": node.colour, "alpha": 0.45}
    ax.text(x, y, node.label, ha="center", va="center", size=node.size, zorder=4, bbox=tint)


def _draw_edges(edges: pd.DataFrame, nodes: dict[int, _Node], observations: tuple[str, ...], ax: Axes) -> None:
    """Draw an arrow for each observation that leads from node to node, or one where every observation does.

    Where a node takes several actions, the action stands before the observation; where only one observation can be
    made, it is left out.
    """
    used = edges[edges["share"] >= LEAST_SHARE]
    shown = used[used["from"].isin([*nodes]) & used["to"].isin([*nodes])]
    drawn: dict[tuple[int, int], int] = {}
    for key, group in shown.groupby(["from", "to", "action"], sort=True):
        source, target = int(group["from"].iloc[0]), int(group["to"].iloc[0])
        siblings = edges[edges["from"] == source]
        mixes = siblings.groupby("action")["share"].sum().gt(LEAST_SHARE).sum() > 1
        prefix = f"{np.asarray(key, dtype=object)[2]}: " if mixes else ""
        every = siblings.loc[siblings["action"] == group["action"].iloc[0], "observation"].nunique()
        arrows = list(zip(group["observation"], group["share"], strict=True))
        if len(arrows) == every:
            arrows = [("any" if every > 1 else "", group["share"].sum())]
        for name, share in arrows:
            number = drawn[source, target] = drawn.get((source, target), -1) + 1
            place = observations.index(name) if name in observations else -1
            colour = GREY if place < 0 else OBSERVATION_COLOURS[place % len(OBSERVATION_COLOURS)]
            label = f"{prefix}{name}".removesuffix(": ") if len(shown) <= LABELLED_EDGES else ""
            _draw_arrow(ax, nodes[source], nodes[target], 0.15 + 0.12 * number, float(share), colour, label)


def _draw_arrow(ax: Axes, source: _Node, target: _Node, bend: float, share: float, colour: str, label: str) -> None:
    """Draw one arrow from rim to rim, bent to its right, or a loop above or below its node."""
    begin, end = source.place, target.place
    rims = 4.0, 4.0
    if source is target:
        outward = np.array([0.0, 1.0 if begin[1] >= 0 else -1.0])
        across = np.array([outward[1], 0.0])
        edge = begin + 0.08 * outward
        begin, end = edge - 0.12 * across, edge + 0.12 * across
        place = edge + (0.12 + 1.0 * bend) * outward
        bend = -0.4 - 6.0 * bend
    else:
        across = np.array([end[1] - begin[1], begin[0] - end[0]])
        place = 0.6 * begin + 0.4 * end + 0.48 * bend * across
        middle = 0.5 * (begin + end) + bend * across
        rims = source.edge(middle - begin) + 1.0, target.edge(middle - end) + 2.0
    style: dict[str, Any] = {
        "arrowstyle": "-|>",
        "color": colour,
        "linewidth": 0.7 + 8.0 * share,
        "shrinkA": rims[0],
        "shrinkB": rims[1],
        "connectionstyle": f"arc3,rad={bend}",
        "alpha": 0.8,
    }
    head, tail = (float(end[0]), float(end[1])), (float(begin[0]), float(begin[1]))
    ax.annotate("", head, tail, arrowprops=style, zorder=1)
    box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    if label:
        x, y = float(place[0]), float(place[1])
        ax.text(x, y, label, size=6.5, color=colour, ha="center", va="center", zorder=2, bbox=box)
