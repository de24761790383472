"""The controller that was fitted to behaviour, as a graph: its nodes, and the moves between them that were made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from versant.figures.canvas import new_figure
from versant.figures.graph import draw_graph, edges_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from versant.inference.controller_result import ControllerFit

__all__ = ["figure_controller", "table_controller"]


def table_controller(fit: ControllerFit) -> pd.DataFrame:
    """Return one row a transition that was used; see `versant.figures.graph.edges_of`."""
    return edges_of(fit.controller, fit.moves)


def figure_controller(fit: ControllerFit, table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure of the graph."""
    figure = new_figure(5.5, 5.2)
    ax: Any = figure.subplots()
    draw_graph(fit.controller, fit.occupancy, table, title or fit.model.name.capitalize(), ax)
    return figure
