"""Shrinkage: how a group draws each person's estimate towards itself.

`table_shrinkage` holds the estimates, in natural units, of subjects fitted alone and in the group, in every condition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.errors import ModelError
from versant.figures.axes import headline, legend_below, natural_axis, panel_title
from versant.figures.canvas import BLUE, GREY, ORANGE, clean, new_figure
from versant.figures.group import conditions_of, group_means
from versant.inference.group_result import GroupFit
from versant.inference.sample_result import GroupSample, Sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.agents.parameters import Domain
    from versant.inference.result import Fit

__all__ = ["draw_shrinkage", "figure_shrinkage", "table_shrinkage"]


def table_shrinkage(alone: Fit | Sample, group: GroupFit | GroupSample) -> pd.DataFrame:
    """Return the estimates of each subject alone and in the group.

    Parameters
    ----------
    alone : Fit or Sample
        Every subject by itself, of the same model and subjects; of a group with conditions every person in every
        condition by itself: the fit of ``group.trials``.
    group : GroupFit or GroupSample

    Returns
    -------
    DataFrame
        ``parameter``, ``subject``, ``condition`` (empty without conditions), ``alone``, ``group`` (natural units) and
        ``mean`` (of the subject's group: what estimates are drawn towards).

    Raises
    ------
    ModelError
        If the fits are of different models or subjects.
    """
    import pandas as pd

    if alone.subjects != group.subjects or list(alone.learner.parameters) != list(group.learner.parameters):
        told = " in the same conditions: fit group.trials" if group.people != group.subjects else ""
        raise ModelError(f"shrinkage is shown between two fits of the same model to the same subjects{told}")
    means = group_means(group)
    parts = [
        pd.DataFrame(
            {
                "parameter": name,
                "subject": list(group.subjects),
                "condition": conditions_of(group),
                "alone": _estimates(alone)[:, k],
                "group": _estimates(group)[:, k],
                "mean": domain.natural(means[:, k]),
            }
        )
        for k, (name, domain) in enumerate(group.learner.parameters.items())
    ]
    return pd.concat(parts, ignore_index=True)


def _estimates(fit: Fit | Sample) -> Any:
    """Return the natural estimates, (N, K); of a sample, posterior means."""
    return fit.means if isinstance(fit, Sample) else fit.natural


def draw_shrinkage(table: pd.DataFrame, ax: Axes, domain: Domain) -> None:
    """Draw an arrow a subject, from the estimate alone to that in the group, sorted by the former in each condition.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_shrinkage` gives them.
    ax : matplotlib Axes
    domain : Domain
    """
    ordered = table.sort_values(["condition", "alone"], kind="stable")
    rows = np.arange(len(ordered))
    size = 5.0 if len(rows) <= 60 else max(1.5, 300.0 / len(rows))
    low, high = natural_axis(ax, "x", domain, ordered[["alone", "group"]].to_numpy())
    start, end = (ordered[name].clip(low, high).to_numpy() for name in ("alone", "group"))
    ax.hlines(rows, start, end, color=BLUE, alpha=0.4, linewidth=min(1.6, size / 2))
    ax.plot(start, rows, "o", color="white", markeredgecolor=GREY, markersize=size)
    ax.plot(end, rows, "o", color=BLUE, markersize=size, markeredgewidth=0)
    for condition in ordered["condition"].unique():
        mine = (ordered["condition"] == condition).to_numpy()
        means = ordered["mean"][mine].unique()
        ax.vlines(means, rows[mine][0] - 1, rows[mine][-1] + 1, color=ORANGE, linewidth=1.5, zorder=0)
    clean(ax)
    ax.set(yticks=[], ylim=(-1, len(rows)))
    panel_title(ax, str(table["parameter"].iloc[0]))


def figure_shrinkage(table: pd.DataFrame, domains: dict[str, Domain], title: str = "") -> Figure:
    """Return a figure with one panel a parameter; see `table_shrinkage`."""
    names = list(dict.fromkeys(table["parameter"]))
    count = len(table) // len(names)
    figure = new_figure(0.6 + 2.9 * len(names), 1.6 + min(0.13 * max(count, 12), 7.0))
    axes: Any = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        draw_shrinkage(table[table["parameter"] == name], ax, domains[name])
    axes[0].set_ylabel("subjects, sorted", fontsize=9)
    marks = [("o", BLUE, "in the group"), ("o", GREY, "alone"), ("|", ORANGE, "group mean")]
    legend_below(figure, marks, hollow="alone")
    headline(figure, title)
    return figure
