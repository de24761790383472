"""Pairs of parameters over subjects, in unconstrained units; of a group with the ellipse that holds 95 % of people.

Of a sampled posterior, pairs of quantities over draws (`versant.figures.draws`).

The ellipse of two parameters with mean m and covariance S is { m + r √λ_1 cos t v_1 + r √λ_2 sin t v_2 }, with the
eigenvectors v and values λ of S, and r² the 95 % point of χ² with two degrees of freedom.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.figures.axes import unconstrained_name
from versant.figures.canvas import BLUE, GREY, ORANGE, clean, new_figure
from versant.figures.draws import table_draws
from versant.figures.group import distributions
from versant.inference.group_result import GroupFit
from versant.inference.sample_result import Sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from versant.inference.result import Fit

__all__ = ["figure_pairs", "table_ellipses", "table_pairs"]

CORNERS = 121
BINS = 16


def table_pairs(fit: Fit | Sample, subject: object = None) -> pd.DataFrame:
    """Return one row a subject: label, then the unconstrained estimates under their names (``logit alpha``, …).

    Of a sample, one row a draw of `subject`, or of the group; see `versant.figures.draws.table_draws`.
    """
    import pandas as pd

    if isinstance(fit, Sample):
        return table_draws(fit, subject)
    if subject is not None:
        raise ModelError("the figure 'pairs' of a fit shows all subjects: subject= is for sampled posteriors")
    columns = {unconstrained_name(k, d): z for (k, d), z in zip(_domains(fit), fit.unconstrained.T, strict=True)}
    return pd.DataFrame({"subject": list(fit.subjects), **columns})


def _domains(fit: Fit) -> list[tuple[str, Any]]:
    return list(fit.learner.parameters.items())


def table_ellipses(fit: Fit | Sample) -> pd.DataFrame:
    """Return the group's ellipses, one row a condition, pair of parameters and corner.

    ``condition`` (empty without conditions), ``x``, ``y``, ``at_x``, ``at_y``. Empty for a fit without a group or a
    sample; there is none of parameters that do not vary between people. With covariates an ellipse stands around the
    mean over people.
    """
    import pandas as pd
    from scipy.stats import chi2

    nothing = pd.DataFrame(columns=["condition", "x", "y", "at_x", "at_y"])
    if not isinstance(fit, GroupFit):
        return nothing
    names = [unconstrained_name(name, domain) for name, domain in _domains(fit)]
    angle = np.linspace(0.0, 2.0 * np.pi, CORNERS)
    circle = np.sqrt(chi2.ppf(0.95, 2)) * np.stack([np.cos(angle), np.sin(angle)])
    parts = []
    for condition, centre, covariance in distributions(fit):
        varying = np.flatnonzero(np.diag(covariance) > 0.0)
        for j, i in itertools.combinations(varying, 2):
            values, vectors = np.linalg.eigh(covariance[np.ix_([j, i], [j, i])])
            corners = centre[[j, i], None] + vectors @ (np.sqrt(np.maximum(values, 0.0))[:, None] * circle)
            own = {"condition": condition, "x": names[j], "y": names[i], "at_x": corners[0], "at_y": corners[1]}
            parts.append(pd.DataFrame(own))
    return pd.concat(parts, ignore_index=True) if parts else nothing


def figure_pairs(table: pd.DataFrame, ellipses: pd.DataFrame | None = None, title: str = "") -> Figure:
    """Return a triangle of panels: histograms on the diagonal, pairs with their correlation below it.

    Parameters
    ----------
    table : DataFrame
        As `table_pairs` gives it; without the column ``subject`` it may hold draws.
    ellipses : DataFrame, optional
        As `table_ellipses` gives them.
    title : str, optional
    """
    columns: Mapping[str, NDArray[np.float64]] = {
        str(name): table[name].to_numpy(dtype=np.float64) for name in table.columns if name != "subject"
    }
    names = list(columns)
    figure = new_figure(0.6 + 1.9 * len(names), 0.6 + 1.8 * len(names))
    axes: Any = figure.subplots(len(names), len(names), squeeze=False, sharex="col")
    for i, vertical in enumerate(names):
        for j, across in enumerate(names):
            ax = axes[i, j]
            if j > i:
                ax.remove()
                continue
            if i == j:
                ax.hist(columns[across], bins=min(BINS, max(5, len(table) // 4)), color=BLUE, alpha=0.55, linewidth=0)
                ax.set_yticks([])
                clean(ax, grid=None)
                ax.spines["left"].set_visible(False)
            else:
                size = 4.0 if len(table) < 200 else 2.0
                ax.plot(columns[across], columns[vertical], "o", color=BLUE, alpha=0.6, markersize=size, mew=0)
                _ellipse(ax, ellipses, across, vertical)
                told = _correlation(columns[across], columns[vertical])
                ax.set_title(told, fontsize=8, color=GREY, loc="right", pad=2)
                clean(ax, grid="both")
            ax.use_sticky_edges = False
            ax.margins(x=0.08)
            if i == len(names) - 1:
                ax.set_xlabel(across, fontsize=9)
            if j == 0 and i > 0:
                ax.set_ylabel(vertical, fontsize=9)
            elif j != i:
                ax.tick_params(labelleft=False)
    figure.align_ylabels()
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def _correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> str:
    """Return the correlation in words; nothing for fewer than three, or where one does not vary (if it is shared)."""
    if len(x) < 3 or not (np.ptp(x) > 0.0 and np.ptp(y) > 0.0):
        return ""
    return f"r = {float(np.corrcoef(x, y)[0, 1]):.2f}"


def _ellipse(ax: Any, ellipses: pd.DataFrame | None, across: str, vertical: str) -> None:
    if ellipses is None or not len(ellipses):
        return
    mine = ellipses[(ellipses["x"] == across) & (ellipses["y"] == vertical)]
    for _condition, corners in mine.groupby("condition"):
        ax.plot(corners["at_x"], corners["at_y"], color=ORANGE, linewidth=1.5)
