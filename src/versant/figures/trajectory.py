"""One subject, trial by trial: what was chosen and paid, and what the fitted learner held to be true meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from versant.errors import DataError
from versant.figures.axes import panel_title
from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, clean, new_figure
from versant.inference.controller_result import ControllerFit
from versant.inference.group_result import GroupFit
from versant.inference.importance import rebind
from versant.inference.sample_result import GroupSample, Sample
from versant.verbs.latents import latents

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from versant.inference.result import Fit

__all__ = ["draw_choices", "figure_trajectory", "table_trajectory"]

COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
NOT_DRAWN = ("subject", "session", "block", "trial", "log_likelihood", "node")


def table_trajectory(fit: Fit | Sample | ControllerFit, subject: object = None) -> pd.DataFrame:
    """Return one row a trial of a subject (the first without another word).

    Returns
    -------
    DataFrame
        ``step`` (1, 2 …), the table of `versant.latents` with the state before each trial (without it where the state
        holds grids too large for columns), and the columns of choices and numbers (``choice …``, codes; ``data …``); of
        a controller, its actions and observations.

    Raises
    ------
    DataError
        If there is no such subject.
    """
    subjects, trials = fit.subjects, fit.trials
    if isinstance(fit, GroupFit | GroupSample):  # with conditions, in the order in which people did them
        subjects, trials = fit.people, fit.whole_trials
    label = subjects[0] if subject is None else subject
    if label not in subjects:
        raise DataError("no such subject", "name one of the fit", subject=label)
    if isinstance(fit, ControllerFit):
        table = latents(fit)
        shown = [fit.model.action, fit.model.observation]
    else:
        table = latents(fit, states=not any(node.size for node in rebind(fit).recurrence.state))
        shown = list(trials.columns)
    i = subjects.index(label)
    rows = slice(int(trials.offsets[i]), int(trials.offsets[i + 1]))
    mine = table.iloc[rows].reset_index(drop=True)
    mine.insert(0, "step", np.arange(1, len(mine) + 1))
    for name in shown:
        values = trials.columns[name]
        if name in trials.codings:
            mine[f"choice {name}"] = values[rows]
        elif name not in NOT_DRAWN and values.dtype.kind == "f":
            mine[f"data {name}"] = values[rows]
    return mine


def draw_choices(table: pd.DataFrame, ax: Axes) -> None:
    """Draw what was chosen: a mark a trial at the option's height, filled where a reward above the mean followed."""
    chosen = [name for name in table.columns if name.startswith("choice ")]
    paid = next((table[name] for name in table.columns if name == "data reward"), None)
    won = np.ones(len(table), dtype=bool) if paid is None else (paid > paid.mean()).to_numpy()
    for place, name in enumerate(chosen):
        known = (table[name] >= 0).to_numpy()
        colour = COLOURS[place % len(COLOURS)]
        height = table[name] + 0.15 * place
        for mask, face in ((known & won, colour), (known & ~won, "white")):
            ax.plot(table["step"][mask], height[mask], "o", ms=4, color=face, mec=colour, mew=0.8)
    options = int(max((table[name].max() for name in chosen), default=1))
    ax.set_yticks(range(options + 1))
    ax.set_ylim(-0.5, options + 0.5)
    clean(ax, grid=None)
    panel_title(ax, ", ".join(name.removeprefix("choice ") for name in chosen), "filled: paid above the mean")


def figure_trajectory(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure: choices, then one panel for each latent quantity, arrays together; see `table_trajectory`."""
    groups = _groups([str(name) for name in table.columns])
    figure = new_figure(8.4, 1.0 + 1.25 * (len(groups) + 1))
    axes: Any = figure.subplots(len(groups) + 1, 1, sharex=True, height_ratios=[0.8, *[1.0] * len(groups)])
    draw_choices(table, axes[0])
    for ax, (name, columns) in zip(axes[1:], groups.items(), strict=True):
        for place, column in enumerate(columns):
            ax.plot(table["step"], table[column], color=COLOURS[place % len(COLOURS)], lw=1.3, label=column)
        clean(ax, grid="y")
        panel_title(ax, name)
        if len(columns) > 1:
            ax.legend(frameon=False, fontsize=7, ncols=len(columns), loc="upper right", bbox_to_anchor=(1.0, 1.25))
        if (table[columns].min() < 0).any() and (table[columns].max() > 0).any():
            ax.axhline(0.0, color=GREY, lw=0.7, zorder=0)
    axes[-1].set_xlabel("trial", fontsize=9)
    axes[-1].set_xlim(0, len(table) + 1)
    if title:
        figure.suptitle(title, fontsize=11, x=0.01, ha="left", color=BLACK)
    return figure


def _groups(columns: list[str]) -> dict[str, list[str]]:
    """Return panels: quantities of their own, and arrays (``Q_0``, ``Q_1`` …) together under their name."""
    found: dict[str, list[str]] = {}
    for name in columns:
        if name in NOT_DRAWN or name == "step" or name.startswith(("choice ", "data ")):
            continue
        stem, _, last = name.partition("_")
        found.setdefault(stem if last.replace("_", "").isdigit() else name, []).append(name)
    return found
