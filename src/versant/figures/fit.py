"""Estimates of a fit: one panel a parameter, one row a subject.

Bars are 95 % intervals of the unconstrained parameter, θ(ẑ ± 1.96 sd), so that they stay inside the domain; where the
Hessian is not positive definite there is none, and the verdict says so. Of a sampled posterior they are means and
quantiles of draws. A subject's mark shows its gravest flag.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILLION, clean, logarithmic, new_figure
from versant.inference.sample_quality import SampleVerdict
from versant.inference.sample_result import Sample
from versant.inference.verdict import Verdict

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.inference.result import Fit

__all__ = ["INTERVAL", "draw_estimates", "figure_estimates", "table_estimates"]

INTERVAL = 1.959963984540054
"""Half-width of a 95 % interval in standard deviations."""

LABELLED = 60
"""With more subjects than this, their names are left out."""

MARKS: dict[str, tuple[str, str]] = {
    Verdict.UNDEFINED: ("*", BLACK),
    Verdict.ENGINES_DISAGREE: ("h", BLACK),
    Verdict.FLAT: ("s", VERMILLION),
    Verdict.AT_LIMIT: (">", ORANGE),
    Verdict.KINK: ("D", PURPLE),
    SampleVerdict.CHAINS_DISAGREE: ("X", VERMILLION),
    SampleVerdict.DIVERGENCES: ("D", ORANGE),
    SampleVerdict.FEW_DRAWS: ("v", GREY),
    Verdict.STARTS_DISAGREE: ("X", GREEN),
    Verdict.CHANCE: ("v", GREY),
    Verdict.CONVERGED: ("o", BLUE),
}
"""Mark and colour of each flag, the gravest first."""

UNDECIDED = ("P", BLACK)
"""Of an estimate without any flag, not even ``converged``."""


def table_estimates(fit: Fit | Sample) -> pd.DataFrame:
    """Return the numbers behind the figure: one row a parameter and subject.

    Parameters
    ----------
    fit : Fit or Sample

    Returns
    -------
    DataFrame
        ``parameter``, ``subject``, ``estimate``, ``lower`` and ``upper`` (natural units; NaN without an interval),
        ``domain_lower``, ``domain_upper``, ``flag`` (the gravest; empty if there is none).
    """
    import pandas as pd

    parts = []
    estimates, lower, upper = _ends(fit)
    for k, (name, domain) in enumerate(fit.learner.parameters.items()):
        part = {
            "parameter": name,
            "subject": list(fit.subjects),
            "estimate": estimates[:, k],
            "lower": lower[:, k],
            "upper": upper[:, k],
            "domain_lower": domain.lower,
            "domain_upper": domain.upper,
            "flag": [next((str(flag) for flag in MARKS if flag in flags), "") for flags in fit.verdicts],
        }
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


def _ends(fit: Fit | Sample) -> tuple[Any, Any, Any]:
    """Return natural estimates and the ends of their 95 % intervals, (N, K) each."""
    if isinstance(fit, Sample):
        return fit.means, *np.quantile(fit.natural, (0.025, 0.975), axis=(0, 1))
    natural = [domain.natural for domain in fit.learner.parameters.values()]
    reach = INTERVAL * fit.unconstrained_errors
    low, high = (
        np.stack([link(end[:, k]) for k, link in enumerate(natural)], axis=1)
        for end in (fit.unconstrained - reach, fit.unconstrained + reach)
    )
    return fit.natural, low, high


def draw_estimates(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the estimates of one parameter, subjects from top to bottom in the table's order.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_estimates` gives them.
    ax : matplotlib Axes
    """
    rows = np.arange(len(table))
    low, high = _scale(table, ax)
    size = 5.0 if len(table) <= LABELLED else max(1.5, 300.0 / len(table))
    for flag in table["flag"].unique():
        chosen = (table["flag"] == flag).to_numpy()
        mark, colour = MARKS[flag] if flag else UNDECIDED
        part = table[chosen]
        lower, upper = (part[end].clip(low, high) for end in ("lower", "upper"))
        ax.hlines(rows[chosen], lower, upper, color=colour, alpha=0.45, linewidth=min(2.0, size / 2))
        ax.plot(part["estimate"], rows[chosen], mark, color=colour, markersize=size, markeredgewidth=0)
    clean(ax)
    ax.set_title(table["parameter"].iloc[0], fontsize=10, color=BLACK, loc="left", fontweight="bold")
    ax.set_ylim(len(table) - 0.5, -0.5)
    if len(table) <= LABELLED:
        ax.set_yticks(rows, [str(label) for label in table["subject"]])
    else:
        ax.set_yticks([])


def _scale(table: pd.DataFrame, ax: Axes) -> tuple[float, float]:
    """Show a bounded domain whole, a half-line in logarithms; return the limits: bars end there, estimates do not."""
    low, high = (float(table[f"domain_{side}"].iloc[0]) for side in ("lower", "upper"))
    estimates = table["estimate"].to_numpy(dtype=np.float64)
    smallest, largest = float(estimates.min()), float(estimates.max())
    if math.isfinite(high):
        margin = 0.03 * (high - low)
        limits = (low - margin, high + margin)
    elif low == 0.0 and smallest > 0.0 and math.isfinite(largest):
        limits = (smallest / 2.5, largest * 2.5)
        logarithmic(ax, "x", *limits)
        return limits
    else:
        spread = max(largest - smallest, 1e-3 * max(1.0, abs(smallest), abs(largest)))
        limits = (smallest - spread, largest + spread)
    ax.set_xlim(*limits)
    return limits


def figure_estimates(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure with one panel a parameter.

    Parameters
    ----------
    table : DataFrame
        As `table_estimates` gives it.
    title : str, optional
    """
    parameters = list(dict.fromkeys(table["parameter"]))
    subjects = len(table) // len(parameters)
    height = 1.5 + (0.19 * max(subjects, 4) if subjects <= LABELLED else 8.0)
    figure = new_figure(1.0 + 2.9 * len(parameters), height)
    axes: Any = figure.subplots(1, len(parameters), sharey=True, squeeze=False)[0]
    for ax, name in zip(axes, parameters, strict=True):
        draw_estimates(table[table["parameter"] == name], ax)
    for ax in axes[1:]:
        ax.spines["left"].set_visible(False)
    axes[0].set_ylabel("subject", fontsize=9)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
    _legend(figure, table[table["parameter"] == parameters[0]])
    return figure


def _legend(figure: Figure, one: pd.DataFrame) -> None:
    """Say what each mark means, and how many subjects carry it."""
    from matplotlib.lines import Line2D

    handles = []
    for flag, number in one["flag"].value_counts(sort=False).items():
        mark, colour = MARKS[str(flag)] if flag else UNDECIDED
        label = f"{flag or 'no flag'} ({number})"
        handles.append(Line2D([], [], linestyle="", marker=mark, color=colour, markeredgewidth=0, label=label))
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)
