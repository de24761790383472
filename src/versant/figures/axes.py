"""What axes of parameters share: their names in unconstrained units, scales of natural ones, panels in a row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from versant.agents.parameters import Domain
from versant.figures.canvas import BLACK, logarithmic, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["headline", "legend_below", "natural_axis", "panel_title", "panels", "unconstrained_name"]


def unconstrained_name(name: str, domain: Domain) -> str:
    """Return what the unconstrained parameter is called.

    Examples
    --------
    >>> from versant.agents.parameters import positive, real, unit
    >>> [unconstrained_name("x", domain) for domain in (unit, positive, real)]
    ['logit x', 'log x', 'x']
    """
    if domain.bounded:
        return f"logit {name}" if (domain.lower, domain.upper) == (0.0, 1.0) else f"logit of scaled {name}"
    if math.isfinite(domain.lower):
        return f"log {name}" if domain.lower == 0.0 else f"log ({name} - {domain.lower:g})"
    return name


def panels(count: int, width: float, height: float, per_row: int = 4, **shared: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with `count` panels of this size in inches, in rows; places left over are taken away."""
    columns = min(count, per_row)
    rows = math.ceil(count / columns)
    figure = new_figure(0.5 + width * columns, 0.4 + height * rows)
    axes: list[Axes] = list(figure.subplots(rows, columns, squeeze=False, **shared).ravel())
    for ax in axes[count:]:
        ax.remove()
    return figure, axes[:count]


def panel_title(ax: Axes, text: str, right: str = "") -> None:
    """Write a panel's title in bold on its left, and a remark on its right."""
    ax.set_title(text, fontsize=10, color=BLACK, loc="left", fontweight="bold")
    if right:
        ax.set_title(right, fontsize=8, color=BLACK, loc="right")


def natural_axis(ax: Axes, which: str, domain: Domain, values: Any) -> tuple[float, float]:
    """Scale an axis for natural values: a bounded domain whole, a half-line from zero in logarithms; return its limits.

    Values that are not finite, or not positive on a logarithmic axis, do not count.
    """
    known = np.asarray(values, dtype=np.float64)
    known = known[np.isfinite(known)]
    if domain.bounded:
        margin = 0.03 * (domain.upper - domain.lower)
        limits = (domain.lower - margin, domain.upper + margin)
        ax.set(**{f"{which}lim": limits})
        return limits
    if domain.lower == 0.0 and (known > 0.0).any():
        positive = known[known > 0.0]
        limits = (float(positive.min()) / 1.4, float(positive.max()) * 1.4)
        logarithmic(ax, which, *limits)
        return limits
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    margin = 0.06 * max(high - low, 1e-3 * max(1.0, abs(low), abs(high)))
    ax.set(**{f"{which}lim": (low - margin, high + margin)})
    return low - margin, high + margin


def legend_below(figure: Figure, marks: list[tuple[str, str, str]], hollow: str = "") -> None:
    """Say below a figure what marks mean: (mark, colour, text) each; the one of the text `hollow` is not filled."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle="", marker=mark, color="white" if text == hollow else colour, markeredgecolor=colour,
            label=text,
        )
        for mark, colour, text in marks
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)


def headline(figure: Figure, title: str) -> None:
    """Write a figure's title above it, if it has one."""
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
