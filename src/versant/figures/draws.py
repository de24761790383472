"""Draws of a sampled posterior: of a group's parameters or of one subject's, against each other and chain by chain.

If chains agree, the ranks of each chain's draws among all draws are uniform: `table_ranks` counts them in equal bins.

Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner 2021.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.figures.axes import headline, panel_title, panels, unconstrained_name
from versant.figures.canvas import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, clean
from versant.inference.sample_result import GroupSample, Sample

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_ranks", "drawn", "figure_ranks", "table_draws", "table_ranks"]

Array = NDArray[Any]

COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE, GREY, BLACK)
"""Of chains, in turn."""
BINS = 20
MOST_DRAWS = 1000


def drawn(sample: Sample, subject: object = None) -> dict[str, Array]:
    """Return the draws of each quantity, (C, T), in unconstrained units.

    Parameters
    ----------
    sample : Sample
    subject : label, optional
        Whose parameters; without it, effects and standard deviations of a group, or the first subject's parameters.

    Raises
    ------
    DataError
        If there is no such subject.
    """
    if subject is None and isinstance(sample, GroupSample):
        design = sample.design
        effects = {f"{name} {term}": sample.effects[..., i] for i, (name, term) in enumerate(design.names)}
        return effects | {f"{label} sd": sample.sd[..., r] for r, label in enumerate(design.labels)}
    if subject is not None and subject not in sample.subjects:
        raise DataError("there is no such subject", "name one of the fit", sample.trials.source, subject=subject)
    n = 0 if subject is None else sample.subjects.index(subject)
    domains = enumerate(sample.learner.parameters.items())
    return {unconstrained_name(name, domain): sample.unconstrained[:, :, n, k] for k, (name, domain) in domains}


def table_draws(sample: Sample, subject: object = None) -> pd.DataFrame:
    """Return one row a draw, at most 1000 of all chains, equally spaced: what `drawn` gives, under its names."""
    import pandas as pd

    count = sample.chains * sample.draws
    kept = np.linspace(0, count - 1, min(count, MOST_DRAWS)).round().astype(np.int64)
    return pd.DataFrame({name: values.ravel()[kept] for name, values in drawn(sample, subject).items()})


def table_ranks(sample: Sample, subject: object = None) -> pd.DataFrame:
    """Return how the ranks of each chain's draws among all draws are distributed.

    Returns
    -------
    DataFrame
        ``quantity`` (of `drawn`), ``chain``, ``bin``, ``count``, ``expected``, ``rhat``.
    """
    import pandas as pd
    from scipy.stats import rankdata

    from versant.inference.sample_quality import Quality

    parts = []
    for name, values in drawn(sample, subject).items():
        rank = rankdata(values).reshape(values.shape)
        places = np.minimum((rank - 0.5) * BINS / rank.size, BINS - 1).astype(np.int64)
        counts = np.stack([np.bincount(chain, minlength=BINS) for chain in places])  # (C, BINS)
        chains, bins = np.indices(counts.shape)
        columns = {"chain": chains.ravel() + 1, "bin": bins.ravel() + 1, "count": counts.ravel()}
        rhat = float(Quality.of(values).rhat)
        parts.append(pd.DataFrame({"quantity": name, **columns, "expected": values.shape[1] / BINS, "rhat": rhat}))
    return pd.concat(parts, ignore_index=True)


def draw_ranks(table: pd.DataFrame, ax: Axes) -> None:
    """Draw the ranks of one quantity, a line a chain, and what is expected of chains that agree.

    Parameters
    ----------
    table : DataFrame
        Rows of one quantity, as `table_ranks` gives them.
    ax : matplotlib Axes
    """
    edges = np.arange(BINS + 1) / BINS
    ax.axhline(float(table["expected"].iloc[0]), color=BLACK, linewidth=1.0, linestyle=":")
    for place, (_chain, own) in enumerate(table.groupby("chain")):
        ax.stairs(own["count"], edges, color=COLOURS[place % len(COLOURS)], linewidth=1.3)
    clean(ax, grid=None)
    ax.set(xlim=(0, 1), ylim=(0, None), yticks=[])
    panel_title(ax, str(table["quantity"].iloc[0]), f"R-hat {float(table['rhat'].iloc[0]):.3f}")


def figure_ranks(table: pd.DataFrame, title: str = "") -> Figure:
    """Return a figure with one panel a quantity; see `table_ranks`."""
    names = list(dict.fromkeys(table["quantity"]))
    figure, axes = panels(len(names), 2.5, 1.9)
    for ax, name in zip(axes, names, strict=True):
        draw_ranks(table[table["quantity"] == name], ax)
        ax.set_xlabel("rank among all draws", fontsize=8)
    headline(figure, title)
    return figure
