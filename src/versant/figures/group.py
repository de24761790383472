"""A group: the distribution over people.

`table_group` holds the density of the distribution over people on the axis of each unconstrained parameter,

    p(z) = mean over people of N(z; m_n, σ_n²)

(of a sampled posterior its mean over draws, with a 95 % band). Where a parameter depends on a condition there is one
such density a condition, m = o + A_c D_n b + B_c b_f and σ² = A_c Σ A_cᵀ (`versant.inference.cells`); where it does not
vary between people there is none, and only its value is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.figures.axes import headline, legend_below, panel_title, panels, unconstrained_name
from versant.figures.canvas import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILLION, clean
from versant.inference.group_result import GroupFit
from versant.inference.sample_result import GroupSample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.agents.parameters import Domain

__all__ = ["conditions_of", "distributions", "draw_group", "figure_group", "group_means", "table_group"]

Array = NDArray[Any]

POINTS, REACH = 161, 3.5
MOST_DRAWS = 400
COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE)
"""Of conditions, in turn."""


def table_group(fit: GroupFit | GroupSample) -> pd.DataFrame:
    """Return the numbers behind the group's figure.

    Returns
    -------
    DataFrame
        ``parameter``, ``condition`` (empty without any, or if the parameter does not depend on it), ``kind``, ``z``
        (unconstrained), ``value`` (natural), ``density`` (of z), ``lower``, ``upper``. Rows of kind ``density`` are the
        curve with its band (NaN without draws), of parameters that vary between people; of kind ``subject`` the
        estimates; of kind ``mean`` the mean over people, with its 95 % interval in unconstrained units.
    """
    import pandas as pd

    people = _people(fit)
    labels = np.array(conditions_of(fit))
    parts = []
    for k, (name, domain) in enumerate(fit.learner.parameters.items()):
        for condition, rows in _rows(people, k, labels).items():
            for kind, columns in _columns(people, k, rows).items():
                part = pd.DataFrame({"parameter": name, "condition": condition, "kind": kind, **columns})
                part.insert(4, "value", domain.natural(part["z"].to_numpy()))
                parts.append(part)
    return pd.concat(parts, ignore_index=True)


def conditions_of(fit: GroupFit | GroupSample) -> list[str]:
    """Return the condition of each row of a fit, as in ``drug=verum``; empty texts without conditions."""
    if fit.cells is None:
        return [""] * len(fit.subjects)
    columns = [[f"{name}={value}" for value in values] for name, values in fit.cells.conditions.items()]
    return [", ".join(told) for told in zip(*columns, strict=True)] if columns else [""] * len(fit.cells.subject)


def group_means(fit: GroupFit | GroupSample) -> Array:
    """Return the mean of the group's distribution for each row of a fit, unconstrained, (C, K)."""
    people = _people(fit)
    return np.asarray(people.known + people.reach @ people.effects.mean(axis=0))


def distributions(fit: GroupFit) -> Iterator[tuple[str, Array, Array]]:
    """Yield each condition with the mean (K,) of its people's parameters and their covariance (K, K), unconstrained."""
    people, labels = _people(fit), np.array(conditions_of(fit))
    means = group_means(fit)
    for label in sorted(set(labels.tolist())):
        rows = np.flatnonzero(labels == label)
        loads = people.loadings[rows[0]]  # the same for all people in a condition
        yield label, means[rows].mean(axis=0), loads @ people.covariance[0] @ loads.T


@dataclass(frozen=True)
class _People:
    """S draws of a group (one, if it is estimated), and how the parameters of C rows follow from them."""

    effects: Array  # (S, P)
    covariance: Array  # (S, R, R)
    interval: Callable[[Array], tuple[float, float]]  # of a weighted sum of effects, by its weights (P,)
    known: Array  # (K,)
    loadings: Array  # (C, K, R)
    reach: Array  # (C, K, P)
    whose: NDArray[np.int64]  # (C,)
    estimates: Array  # (C, K)


def _people(fit: GroupFit | GroupSample) -> _People:
    design = fit.group.design if isinstance(fit, GroupFit) else fit.design
    if fit.cells is not None and fit.loadings is not None:
        whose, known, loadings = fit.cells.subject, fit.loadings.known, fit.loadings.varying
        reach = fit.loadings.reach(design, whose)
    else:
        size, rows = len(fit.learner.parameters), len(fit.subjects)
        whose, known, reach = np.arange(rows), np.zeros(size), design.stacked
        loadings = np.broadcast_to(np.eye(size), (rows, size, size))
    if isinstance(fit, GroupFit):
        effects, covariance = fit.group.effects[None], fit.group.covariance[None]
        interval, estimates = partial(_interval, fit), fit.unconstrained
        return _People(effects, covariance, interval, known, loadings, reach, whose, estimates)
    draws = fit.effects.reshape(-1, fit.effects.shape[-1])
    kept = np.linspace(0, len(draws) - 1, min(len(draws), MOST_DRAWS)).round().astype(np.int64)
    sds = fit.sd.reshape(len(draws), -1)[kept]
    covariance = fit.correlation.reshape(len(draws), *fit.correlation.shape[2:])[kept] * sds[:, :, None] * sds[:, None]
    interval, estimates = partial(_quantiles, draws), fit.unconstrained.mean(axis=(0, 1))
    return _People(draws[kept], covariance, interval, known, loadings, reach, whose, estimates)


def _quantiles(draws: Array, weights: Array) -> tuple[float, float]:
    """Return the 95 % interval of a weighted sum of effects, by draws of them (S, P)."""
    low, high = np.quantile(draws @ weights, (0.025, 0.975))
    return float(low), float(high)


def _interval(fit: GroupFit, weights: Array) -> tuple[float, float]:
    """Return the 95 % interval of a weighted sum of effects, by Student's t of the fewest degrees of freedom."""
    from scipy.stats import t

    g, used = fit.group, weights != 0.0
    degrees = float(g.degrees[used].min(initial=np.inf))
    variance = float(weights[used] @ g.effects_covariance[np.ix_(used, used)] @ weights[used])
    centre, half = float(weights @ g.effects), float(t.ppf(0.975, degrees) * np.sqrt(np.maximum(variance, 0.0)))
    return centre - half, centre + half


def _rows(people: _People, k: int, labels: Array) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each condition that a parameter depends on; of all people once, if it depends on none."""
    first = np.searchsorted(people.whose, people.whose)
    same = people.reach[:, k] == people.reach[first, k]
    if same.all() and (people.loadings[:, k] == people.loadings[first, k]).all():
        return {"": np.unique(first)}
    return {str(label): np.flatnonzero(labels == label) for label in dict.fromkeys(sorted(labels.tolist()))}


def _columns(people: _People, k: int, rows: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Return the curve, the estimates and the mean of one parameter, in some rows."""
    means = people.known[k] + np.einsum("cp,sp->sc", people.reach[rows, k], people.effects)
    sds = np.sqrt(np.einsum("cr,srq,cq->sc", people.loadings[rows, k], people.covariance, people.loadings[rows, k]))
    weights = people.reach[rows, k].mean(axis=0)
    low, high = people.interval(weights)
    found: dict[str, dict[str, Any]] = {}
    if (sds > 0.0).all():
        middle, width = float(means.mean()), float(sds.mean() + means.std())
        z = middle + np.linspace(-REACH, REACH, POINTS) * width
        away = (z - means[:, :, None]) / sds[:, :, None]
        curves = (np.exp(-0.5 * away**2) / (sds[:, :, None] * np.sqrt(2 * np.pi))).mean(axis=1)  # (S, points)
        band = np.quantile(curves, (0.025, 0.975), axis=0) if len(curves) > 1 else np.full((2, POINTS), np.nan)
        found["density"] = {"z": z, "density": curves.mean(axis=0), "lower": band[0], "upper": band[1]}
    nothing = {"density": np.nan, "lower": np.nan, "upper": np.nan}
    found["subject"] = {"z": people.estimates[rows, k], **nothing}
    ends = {"lower": people.known[k] + low, "upper": people.known[k] + high}
    found["mean"] = {"z": [means.mean()], "density": np.nan, **ends}
    return found


def draw_group(table: pd.DataFrame, ax: Axes, label: str = "") -> None:
    """Draw the group's distribution of one parameter: density, mean with its interval, a tick for each person.

    With conditions, each has its colour, and its own row of ticks and means.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_group` gives them.
    ax : matplotlib Axes
    label : str
        Of the axis of the unconstrained parameter.
    """
    conditions = list(dict.fromkeys(table["condition"]))
    top = float(
        np.nan_to_num(table[["density", "upper"]][table["kind"] == "density"].to_numpy(), nan=0.0).max(initial=0.0)
    )
    top = top or 1.0
    for place, condition in enumerate(conditions):
        mine, several = table[table["condition"] == condition], len(conditions) > 1
        colour = COLOURS[place % len(COLOURS)]
        _draw_curve(mine[mine["kind"] == "density"], ax, colour)
        own, centre = mine[mine["kind"] == "subject"], mine[mine["kind"] == "mean"].iloc[0]
        at = np.full(len(own), -(0.06 + 0.1 * place) * top)
        ax.plot(own["z"], at, "|", color=colour if several else BLACK, alpha=0.55, markersize=7)
        height = (1.1 + 0.1 * place) * top
        ax.plot([centre["z"]], [height], "o", color=colour if several else ORANGE, markersize=6)
        ax.hlines(height, centre["lower"], centre["upper"], color=colour if several else ORANGE, linewidth=2.5)
    clean(ax)
    more = 0.1 * (len(conditions) - 1)
    ax.set(yticks=[], ylim=(-(0.14 + more) * top, (1.25 + more) * top))
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(label, fontsize=9)
    means = ", ".join(f"{value:.3g}" for value in table["value"][table["kind"] == "mean"])
    panel_title(ax, str(table["parameter"].iloc[0]), f"mean {means}")


def _draw_curve(curve: pd.DataFrame, ax: Axes, colour: str) -> None:
    if curve.empty:
        return
    band = curve["lower"].notna().any()
    ax.fill_between(curve["z"], curve["density"], color=colour, alpha=0.0 if band else 0.15, linewidth=0)
    if band:
        ax.fill_between(curve["z"], curve["lower"], curve["upper"], color=colour, alpha=0.2, linewidth=0)
    ax.plot(curve["z"], curve["density"], color=colour, linewidth=1.8)


def figure_group(table: pd.DataFrame, domains: dict[str, Domain], title: str = "") -> Figure:
    """Return a figure with one panel a parameter; see `table_group`."""
    names = list(dict.fromkeys(table["parameter"]))
    figure, axes = panels(len(names), 2.9, 2.7)
    for ax, name in zip(axes, names, strict=True):
        draw_group(table[table["parameter"] == name], ax, unconstrained_name(name, domains[name]))
    marks = [("o", ORANGE, "mean over people, 95 % interval"), ("|", BLACK, "a person's estimate")]
    conditions = [condition for condition in dict.fromkeys(table["condition"]) if condition]
    marks += [("s", COLOURS[place % len(COLOURS)], condition) for place, condition in enumerate(conditions)]
    legend_below(figure, marks)
    headline(figure, title)
    return figure
