"""``versant identify``: which parameters do the data determine, and which does only the prior?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import WARNING, print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.fitted import fitted
from versant.cli.options import json_option, out_option, seed_option, trials_options
from versant.cli.output import folder_for

__all__ = ["identify"]

ROWS_SHOWN = 60


@click.command(short_help="Say which parameters the data determine.")
@click.argument("what", metavar="TRIALS|RESULT", type=click.Path())
@click.option("--model", metavar="NAME|FILE.py:FUNCTION", help="Of TRIALS: a shipped model, or one of your own.")
@trials_options
@click.option("--method", type=click.Choice(["map", "group"]), help="Of TRIALS: alone, or as a group  [default: map]")
@click.option("--level", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True), default=0.95, show_default=True)
@seed_option
@out_option
@figure_option
@json_option
def identify(
    what: str,
    model: str | None,
    method: Any,
    level: float,
    seed: int,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> int:
    """Say what the data determine, for a saved fit (the folder of versant fit --out) or a fit of --model to TRIALS.

    Profile likelihoods with their intervals, how much narrower than the prior the posterior is, and the directions
    about which the data say least. It ends with 3 if some parameter of some subject is not identified.
    """
    from versant.formats.tables import write_table
    from versant.inference.result import Fit
    from versant.verbs.identify import identify as examine

    wanted = check_figures(figures)
    folder = folder_for(out)
    fit = fitted(what, model, method, seed, options)
    if not isinstance(fit, Fit):
        raise click.UsageError("a sampled posterior has no single estimate to look around; fit with map or group")
    with progress_bar() as progress:
        found = examine(fit, level=level, seed=seed, progress=progress)
    frame = found.frame()
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(frame.head(ROWS_SHOWN))
        print(found.summary())
    files = write_figures(found, wanted)
    if folder is not None:
        tables = {"identify": frame, "directions": found.direction_frame(), "profiles": found.profile_frame()}
        tables["correlations"] = found.correlation_frame()
        for name, one in tables.items():
            files.append(folder / f"{name}.csv")
            write_table(one, files[-1])
    remark(*(f"wrote {file}" for file in files))
    return 0 if (frame["flag"] == "identified").all() else WARNING
