"""``versant compare``: several models fitted to the same trials, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.fit import said_later
from versant.cli.load import load_model, load_trials
from versant.cli.options import json_option, seed_option, trials_options
from versant.cli.output import require_kind

if TYPE_CHECKING:
    from versant.agents.learner import Learner
    from versant.trials import Trials

__all__ = ["compare"]


@click.command(short_help="Compare models fitted to the same trials.")
@click.argument("trials", type=click.Path())
@click.option("--model", "models", required=True, multiple=True, metavar="NAME|FILE.py:FUNCTION", help="Two or more.")
@click.option(
    "--method",
    type=click.Choice(["table", "bms", "hbi"]),
    default="table",
    show_default=True,
    help="Sums over subjects, random-effects selection, or hierarchical inference.",
)
@click.option("--criterion", type=click.Choice(["evidence", "aic", "bic"]), help="Of the table  [default: evidence]")
@trials_options
@click.option("--starts", type=click.IntRange(min=1), default=5, show_default=True, help="Optimisations of each.")
@seed_option
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the table, as .csv or .parquet.")
@figure_option
@json_option
def compare(
    trials: str,
    models: tuple[str, ...],
    method: str,
    criterion: Any,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Fit several models to TRIALS and compare them.

    The evidence is Laplace's, with the default prior; AIC and BIC are those of maximum likelihood fits.
    """
    from versant.formats.tables import write_table

    require_kind(out, (".csv", ".parquet"))
    wanted = check_figures(figures)
    if criterion is not None and method != "table":
        raise click.UsageError("--criterion belongs to --method table")
    learners = [load_model(name) for name in models]
    names = [learner.name for learner in learners]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise click.UsageError(f"--model gives {twice!r} twice")
    reading = {name: options.pop(name) for name in ("mapped", "choices", "missing")}
    table = load_trials(trials, **reading)
    remark(*table.report)
    result = _compare(learners, table, method, criterion or "evidence", options)
    frame = result.frame()
    if method == "table":  # AIC and BIC mean maximum likelihood, the evidence a prior: a fit has one or the other
        frame = frame.drop(columns=["aic", "bic"] if criterion in (None, "evidence") else ["evidence"])
    if out is not None:
        write_table(frame, Path(out))
        remark(f"wrote {out}")
    remark(*(f"wrote {file}" for file in write_figures(result, wanted)))
    if as_json:
        print_json(result.to_dict())
    else:
        print_table(frame)
        print(result.summary())


def _compare(learners: list[Learner], trials: Trials, method: str, criterion: Any, options: dict[str, Any]) -> Any:
    """Fit what has to be fitted, and compare; `options` are those of fits."""
    from versant.verbs.compare import compare as compare_fits
    from versant.verbs.fit import fit

    if method == "hbi":
        with progress_bar() as progress:
            return compare_fits(learners, trials, method="hbi", progress=progress, **options)
    prior: Literal["default"] | None = "default" if criterion == "evidence" else None
    found = []
    for learner in learners:
        with progress_bar() as progress:
            found.append(fit(learner, trials, prior, progress=progress, **options))
        remark(*said_later(found[-1], trials))
    return compare_fits(found, method="bms") if method == "bms" else compare_fits(found, criterion=criterion)
