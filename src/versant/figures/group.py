"""A group: the distribution over people, and how it draws each person's estimate towards itself.

`table_group` holds the density of the distribution over people on the axis of each unconstrained parameter,

    p(z) = mean over subjects of N(z; m_n, σ²)

(of a sampled posterior its mean over draws, with a 95 % band); `table_shrinkage` the estimates, in natural units, of
subjects fitted alone and in the group.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.errors import ModelError
from versant.figures.axes import natural_axis, panel_title, panels, unconstrained_name
from versant.figures.canvas import BLACK, BLUE, GREY, ORANGE, clean, new_figure
from versant.inference.group_result import GroupFit
from versant.inference.sample_result import GroupSample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.agents.parameters import Domain
    from versant.inference.result import Fit

__all__ = [
    "draw_group",
    "draw_shrinkage",
    "figure_group",
    "figure_shrinkage",
    "require_plain",
    "table_group",
    "table_shrinkage",
]

POINTS, REACH = 161, 3.5
MOST_DRAWS = 400


def table_group(fit: GroupFit | GroupSample) -> pd.DataFrame:
    """Return the numbers behind the group's figure.

    Raises
    ------
    ModelError
        For a group with conditions, shared or fixed parameters.

    Returns
    -------
    DataFrame
        ``parameter``, ``kind``, ``z`` (unconstrained), ``value`` (natural), ``density`` (of z), ``lower``, ``upper``.
        Rows of kind ``density`` are the curve with its band (NaN without draws); of kind ``subject`` the estimates; of
        kind ``mean`` the mean over people, with its 95 % interval in unconstrained units.
    """
    import pandas as pd

    require_plain(fit)
    parts = []
    means, sds, subjects, ends = _sampled(fit) if isinstance(fit, GroupSample) else _estimated(fit)
    for k, (name, domain) in enumerate(fit.learner.parameters.items()):
        middle, width = float(means[..., k].mean()), float(sds[:, k].mean() + means[..., k].std())
        z = middle + np.linspace(-REACH, REACH, POINTS) * width
        away = (z - means[:, :, k, None]) / sds[:, None, k, None]
        curves = (np.exp(-0.5 * away**2) / (sds[:, None, k, None] * np.sqrt(2 * np.pi))).mean(axis=1)  # (S, P)
        band = np.quantile(curves, (0.025, 0.975), axis=0) if len(curves) > 1 else np.full((2, POINTS), np.nan)
        curve = {"z": z, "density": curves.mean(axis=0), "lower": band[0], "upper": band[1]}
        own = {"z": subjects[:, k], "density": np.nan, "lower": np.nan, "upper": np.nan}
        centre = {"z": [ends[k, 0]], "density": np.nan, "lower": ends[k, 1], "upper": ends[k, 2]}
        for kind, columns in (("density", curve), ("subject", own), ("mean", centre)):
            part = pd.DataFrame({"parameter": name, "kind": kind, **columns})
            part.insert(3, "value", domain.natural(part["z"].to_numpy()))
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def require_plain(fit: GroupFit | GroupSample) -> None:
    """Raise ModelError where the group has conditions, shared or fixed parameters: its spread is not that of z."""
    if fit.cells is not None:
        raise ModelError("a group with conditions, shared or fixed parameters is not drawn yet: see its group_frame()")


def _estimated(fit: GroupFit) -> tuple[Any, Any, Any, Any]:
    """Return means (1, N, K), standard deviations (1, K), subjects (N, K), and mean with interval (K, 3)."""
    g = fit.group
    means = g.design.means(g.effects)
    low, high = g.interval()
    first = [int(np.flatnonzero(g.design.owner == k)[0]) for k in range(means.shape[1])]
    plain = all(g.design.names[i][1] == "mean" for i in first)
    centre = means.mean(axis=0)
    nothing = np.full_like(centre, np.nan)
    ends = [centre, low[first], high[first]] if plain else [centre, nothing, nothing]
    return means[None], g.sd[None], fit.unconstrained, np.stack(ends, axis=1)


def _sampled(fit: GroupSample) -> tuple[Any, Any, Any, Any]:
    effects = fit.effects.reshape(-1, fit.effects.shape[-1])
    kept = np.linspace(0, len(effects) - 1, min(len(effects), MOST_DRAWS)).round().astype(np.int64)
    means = np.stack([fit.design.means(effects[i]) for i in kept])
    sds = fit.sd.reshape(len(effects), -1)[kept]
    centre = means.mean(axis=1)
    ends = np.stack([centre.mean(axis=0), *np.quantile(centre, (0.025, 0.975), axis=0)], axis=1)
    return means, sds, fit.unconstrained.mean(axis=(0, 1)), ends


def draw_group(table: pd.DataFrame, ax: Axes, label: str = "") -> None:
    """Draw the group's distribution of one parameter: density, mean with its interval, a tick for each person.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_group` gives them.
    ax : matplotlib Axes
    label : str
        Of the axis of the unconstrained parameter.
    """
    curve, own, centre = (table[table["kind"] == kind] for kind in ("density", "subject", "mean"))
    band = curve["lower"].notna().any()
    ax.fill_between(curve["z"], curve["density"], color=BLUE, alpha=0.0 if band else 0.15, linewidth=0)
    if band:
        ax.fill_between(curve["z"], curve["lower"], curve["upper"], color=BLUE, alpha=0.2, linewidth=0)
    ax.plot(curve["z"], curve["density"], color=BLUE, linewidth=1.8)
    top = float(np.nanmax(curve[["density", "upper"]].to_numpy()))
    ax.plot(own["z"], np.full(len(own), -0.06 * top), "|", color=BLACK, alpha=0.55, markersize=7)
    z, low, high = (float(centre[name].iloc[0]) for name in ("z", "lower", "upper"))
    ax.plot([z], [1.1 * top], "o", color=ORANGE, markersize=6)
    ax.hlines(1.1 * top, low, high, color=ORANGE, linewidth=2.5)
    clean(ax)
    ax.set(yticks=[], ylim=(-0.14 * top, 1.25 * top))
    ax.spines["left"].set_visible(False)
    ax.set_xlabel(label, fontsize=9)
    panel_title(ax, str(table["parameter"].iloc[0]), f"mean {float(centre['value'].iloc[0]):.3g}")


def figure_group(table: pd.DataFrame, domains: dict[str, Domain], title: str = "") -> Figure:
    """Return a figure with one panel a parameter; see `table_group`."""
    names = list(dict.fromkeys(table["parameter"]))
    figure, axes = panels(len(names), 2.9, 2.7)
    for ax, name in zip(axes, names, strict=True):
        draw_group(table[table["parameter"] == name], ax, unconstrained_name(name, domains[name]))
    _legend(figure, [("o", ORANGE, "mean over people, 95 % interval"), ("|", BLACK, "a person's estimate")])
    _headline(figure, title)
    return figure


def table_shrinkage(alone: Fit, group: GroupFit) -> pd.DataFrame:
    """Return the estimates of each subject alone and in the group.

    Parameters
    ----------
    alone : Fit
        Every subject by itself, of the same model and subjects.
    group : GroupFit

    Returns
    -------
    DataFrame
        ``parameter``, ``subject``, ``alone``, ``group`` (natural units) and ``mean`` (of the subject's group: what
        estimates are drawn towards).

    Raises
    ------
    ModelError
        If the fits are of different models or subjects.
    """
    import pandas as pd

    same = alone.subjects == group.subjects and list(alone.learner.parameters) == list(group.learner.parameters)
    if not same:
        raise ModelError("shrinkage is shown between two fits of the same model to the same subjects")
    require_plain(group)
    means = group.group.design.means(group.group.effects)
    parts = [
        pd.DataFrame(
            {
                "parameter": name,
                "subject": list(group.subjects),
                "alone": alone.natural[:, k],
                "group": group.natural[:, k],
                "mean": domain.natural(means[:, k]),
            }
        )
        for k, (name, domain) in enumerate(group.learner.parameters.items())
    ]
    return pd.concat(parts, ignore_index=True)


def draw_shrinkage(table: pd.DataFrame, ax: Axes, domain: Domain) -> None:
    """Draw an arrow a subject, from the estimate alone to that in the group, sorted by the former.

    Parameters
    ----------
    table : DataFrame
        Rows of one parameter, as `table_shrinkage` gives them.
    ax : matplotlib Axes
    domain : Domain
    """
    ordered = table.sort_values("alone", kind="stable")
    rows = np.arange(len(ordered))
    size = 5.0 if len(rows) <= 60 else max(1.5, 300.0 / len(rows))
    low, high = natural_axis(ax, "x", domain, ordered[["alone", "group"]].to_numpy())
    start, end = (ordered[name].clip(low, high).to_numpy() for name in ("alone", "group"))
    ax.hlines(rows, start, end, color=BLUE, alpha=0.4, linewidth=min(1.6, size / 2))
    ax.plot(start, rows, "o", color="white", markeredgecolor=GREY, markersize=size)
    ax.plot(end, rows, "o", color=BLUE, markersize=size, markeredgewidth=0)
    for mean in ordered["mean"].unique():
        ax.axvline(mean, color=ORANGE, linewidth=1.5, zorder=0)
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
    _legend(figure, marks, hollow="alone")
    _headline(figure, title)
    return figure


def _legend(figure: Figure, marks: list[tuple[str, str, str]], hollow: str = "") -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D(
            [], [], linestyle="", marker=mark, color="white" if text == hollow else colour, markeredgecolor=colour,
            label=text,
        )
        for mark, colour, text in marks
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower left", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)


def _headline(figure: Figure, title: str) -> None:
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
