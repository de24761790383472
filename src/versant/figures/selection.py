"""Models side by side: how frequent each is among people, who used which, and confusion between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.figures.axes import panel_title
from versant.figures.canvas import BLACK, BLUE, GREY, ORANGE, clean, new_figure
from versant.inference.selection import Selection

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.inference.hbi_result import HierarchicalSelection
    from versant.verbs.compare import Comparison
    from versant.verbs.confusion import Confusion

__all__ = [
    "draw_matrix",
    "figure_comparison",
    "figure_confusion",
    "figure_selection",
    "table_comparison",
    "table_confusion",
    "table_selection",
]


def table_selection(selection: Selection | HierarchicalSelection) -> pd.DataFrame:
    """Return one row a model: frequency with its standard deviation, (protected) exceedance, and evidence.

    ``evidence`` is how far the summed log evidence lies below the best model's; NaN for hierarchical inference, where
    models share one bound.
    """
    table = selection.frame()
    if isinstance(selection, Selection):
        table["evidence"] = table["evidence"] - table["evidence"].max()
    else:
        table["evidence"], alpha = np.nan, selection.alpha
        mean = alpha / alpha.sum()
        table["frequency_sd"] = np.sqrt(mean * (1.0 - mean) / (alpha.sum() + 1.0))
    columns = ["model", "evidence", "frequency", "frequency_sd", "exceedance", "protected_exceedance", "users"]
    return table[columns]


def figure_selection(table: pd.DataFrame, people: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure: evidence, frequencies with exceedances, and each person's probability of each model.

    Parameters
    ----------
    table : DataFrame
        As `table_selection` gives it.
    people : DataFrame
        ``subject``, then one column a model: the selection's ``subject_frame()``.
    title : str, optional
    """
    models = [str(name) for name in table["model"]]
    known = table["evidence"].notna().all()
    figure = new_figure(9.6 if known else 7.2, 1.6 + 0.5 * max(len(models), 3))
    axes: Any = figure.subplots(1, 3 if known else 2, sharey=True, width_ratios=[1, 1, 1.4] if known else [1, 1.4])
    rows = np.arange(len(models))
    if known:
        axes[0].barh(rows, table["evidence"], height=0.55, color=GREY, alpha=0.6)
        axes[0].set_xlabel("log evidence - best", fontsize=9)
        panel_title(axes[0], "evidence")
        clean(axes[0])
    ax = axes[-2]
    ax.barh(rows, table["frequency"], height=0.55, color=BLUE, alpha=0.75)
    low, high = table["frequency"] - table["frequency_sd"], table["frequency"] + table["frequency_sd"]
    ax.hlines(rows, low.clip(0.0), high.clip(upper=1.0), color=BLACK, linewidth=1.5)
    ax.plot(table["protected_exceedance"], rows, "D", color=ORANGE, markersize=6, mew=0)
    ax.set(xlim=(0, 1.02), xlabel="share of people (bar, ± 1 sd)")
    ax.xaxis.label.set_fontsize(9)
    panel_title(ax, "frequency", "◆ protected exceedance")
    clean(ax)
    shares = people[models].to_numpy(dtype=np.float64)
    order = np.lexsort((-shares.max(axis=1), shares.argmax(axis=1)))
    _heat(axes[-1], shares[order].T)
    axes[-1].set_xlabel(f"{len(people)} people, sorted", fontsize=9)
    axes[-1].set_xticks([])
    panel_title(axes[-1], "who used which", "dark: probability 1")
    axes[0].set(yticks=rows, yticklabels=models, ylim=(len(models) - 0.5, -0.5))
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def table_comparison(comparison: Comparison) -> pd.DataFrame:
    """Return one row a model and subject: ``model``, ``subject``, ``loss`` (criterion minus that of the best model)."""
    import pandas as pd

    away = comparison.losses - np.min(comparison.losses, axis=0)
    count = len(comparison.subjects)
    return pd.DataFrame(
        {
            "model": np.repeat(np.array(comparison.models, dtype=object), count),
            "subject": list(comparison.subjects) * len(comparison.models),
            "loss": away.ravel(),
        }
    )


def figure_comparison(table: pd.DataFrame, criterion: str = "criterion", title: str = "") -> Figure:
    """Return a figure: the summed difference from the best model, and that of each person."""
    models = list(dict.fromkeys(table["model"]))
    figure = new_figure(8.2, 1.5 + 0.5 * max(len(models), 3))
    axes: Any = figure.subplots(1, 2, sharey=True, width_ratios=[1, 1.5])
    losses = [table["loss"][table["model"] == name].to_numpy(dtype=np.float64) for name in models]
    totals = np.array([values.sum() for values in losses])
    rows = np.arange(len(models))
    axes[0].barh(rows, totals - np.nanmin(totals), height=0.55, color=BLUE, alpha=0.75)
    for row, values in zip(rows, losses, strict=True):
        spread = 0.32 * (((np.arange(len(values)) * 0.6180339887) % 1.0) - 0.5)
        axes[1].plot(values, row + spread, "o", color=BLUE, alpha=0.5, markersize=4, mew=0)
    for ax, name in ((axes[0], "all people"), (axes[1], "each person")):
        ax.set_xlabel(f"{criterion} worse than the best", fontsize=9)
        panel_title(ax, name)
        clean(ax)
    axes[0].set(yticks=rows, yticklabels=models, ylim=(len(models) - 0.5, -0.5))
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def table_confusion(confusion: Confusion) -> pd.DataFrame:
    """Return one row a pair of models: ``simulated``, ``fitted``, ``confusion``, ``inversion`` and their errors."""
    return confusion.frame()


def figure_confusion(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure of two matrices: which model fits best what each simulated, and which simulated what it fits."""
    models = list(dict.fromkeys(table["simulated"]))
    size = 1.3 + 0.75 * max(len(models), 2)
    figure = new_figure(2.0 * size + 1.0, size + 0.9 + 0.05 * max(map(len, models)))
    axes: Any = figure.subplots(1, 2, sharey=True)
    for ax, name, text in (
        (axes[0], "confusion", "P(fits best | simulated)"),
        (axes[1], "inversion", "P(simulated | fits best)"),
    ):
        matrix = table.pivot(index="simulated", columns="fitted", values=name).loc[models, models]
        draw_matrix(matrix.to_numpy(dtype=np.float64), ax)
        ax.set_xticks(range(len(models)), models, rotation=30, ha="right", rotation_mode="anchor")
        ax.set_xlabel("fits best", fontsize=9)
        panel_title(ax, text)
    axes[0].set_yticks(range(len(models)), models)
    axes[0].set_ylabel("simulated", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    return figure


def draw_matrix(matrix: NDArray[np.float64], ax: Axes) -> None:
    """Draw probabilities as shades with their numbers in them; NaN as a dash."""
    _heat(ax, matrix, aspect="equal")
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            colour = "white" if value > 0.55 else BLACK
            ax.text(
                j, i, "–" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", fontsize=9, color=colour
            )


def _heat(ax: Axes, matrix: NDArray[np.float64], aspect: Any = "auto") -> None:
    """Draw probabilities as shades from white to blue."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("versant", ["#ffffff", "#9ecae9", BLUE, "#00304d"])
    ax.imshow(
        matrix, cmap=shades.with_extremes(bad="#eeeeee"), vmin=0.0, vmax=1.0, aspect=aspect, interpolation="nearest"
    )
    clean(ax, grid=None)
    for side in ("left", "bottom"):
        ax.spines[side].set_visible(False)
