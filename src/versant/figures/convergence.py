"""How an iteration came to rest: the bound or evidence step by step, and how much still changed or was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.axes import panel_title
from versant.figures.canvas import BLUE, GREEN, GREY, ORANGE, VERMILLION, clean, new_figure
from versant.inference.controller_result import ControllerFit
from versant.inference.group_result import GroupFit
from versant.inference.hbi_result import HierarchicalSelection

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["figure_convergence", "table_convergence"]

MARKS = {
    "start": ("s", GREY),
    "em": ("o", BLUE),
    "leap": ("^", GREEN),
    "newton": ("D", ORANGE),
    "integrated": ("D", VERMILLION),
    "hbi": ("o", BLUE),
    "growth": ("o", BLUE),
}
"""Mark and colour of each kind of step."""


def table_convergence(result: GroupFit | HierarchicalSelection | ControllerFit) -> pd.DataFrame:
    """Return one row a step: ``step``, ``kind``, ``bound`` (log evidence, or variational bound), ``change``.

    The change is the largest of means and covariances, as the iteration's own rule measures it. Of a controller the
    bound is the log posterior of the start that won, and the change what its linearisation still promises.
    """
    import pandas as pd

    if isinstance(result, ControllerFit):
        bounds, changes = result.history.T
        return pd.DataFrame({"step": np.arange(len(bounds)), "kind": "growth", "bound": bounds, "change": changes})
    if isinstance(result, HierarchicalSelection):
        bounds, changes = zip(*result.history, strict=True)
        return pd.DataFrame({"step": np.arange(len(bounds)), "kind": "hbi", "bound": bounds, "change": changes})
    steps = result.group.history
    return pd.DataFrame(
        {
            "step": np.arange(len(steps)),
            "kind": [step.kind for step in steps],
            "bound": [step.evidence for step in steps],
            "change": [max(step.mean_change, step.covariance_change) for step in steps],
        }
    )


def figure_convergence(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure of two panels: how far the bound is below where it ended, and the changes, over the steps.

    Values of the bound by different methods (Laplace, integration) are not comparable: each is drawn against the end
    of its own kind.
    """
    figure = new_figure(7.6, 3.3)
    axes: Any = figure.subplots(1, 2)
    for integrated in (False, True):
        part = table[(table["kind"] == "integrated") == integrated]
        if len(part):
            _draw(part, part["bound"] - part["bound"].iloc[-1], axes[0])
            _draw(part, part["change"].where(part["change"] > 0), axes[1])
    change = "promised gain" if (table["kind"] == "growth").all() else "largest change"
    for ax, name in ((axes[0], "bound - its end"), (axes[1], change)):
        clean(ax, grid="y")
        ax.set_xlabel("step", fontsize=9)
        panel_title(ax, name)
    axes[0].set_yscale("symlog", linthresh=1e-2)
    if (table["change"] > 0).any():
        axes[1].set_yscale("log")
    axes[0].legend(frameon=False, fontsize=8, handletextpad=0.1)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _draw(part: pd.DataFrame, values: pd.Series[float], ax: Axes) -> None:
    """Draw one stretch of comparable values, a mark for each kind of step."""
    ax.plot(part["step"], values, color=GREY, linewidth=0.8, alpha=0.6)
    for kind in part["kind"].unique():
        mark, colour = MARKS[kind]
        mine = part["kind"] == kind
        label = f"{kind} ({int(mine.sum())})"
        ax.plot(part["step"][mine], values[mine], mark, color=colour, markersize=5, mew=0, label=label)
