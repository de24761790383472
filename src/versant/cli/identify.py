"""``versant identify``: which parameters do the data determine, and which does only the prior?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import WARNING, print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.load import load_model, load_trials
from versant.cli.options import json_option, out_option, seed_option, trials_options
from versant.cli.output import folder_for

__all__ = ["identify"]

ROWS_SHOWN = 60


@click.command(short_help="Say which parameters the data determine.")
@click.argument("trials", type=click.Path(dir_okay=False))
@click.option("--model", required=True, metavar="NAME|FILE.py:FUNCTION", help="A shipped model, or one of your own.")
@trials_options
@click.option("--method", type=click.Choice(["map", "group"]), default="map", show_default=True)
@click.option("--level", type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True), default=0.95, show_default=True)
@seed_option
@out_option
@figure_option
@json_option
def identify(
    trials: str,
    model: str,
    method: Any,
    level: float,
    seed: int,
    on_missing: Any,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **read: Any,
) -> int:
    """Fit a model to TRIALS and say what the data determine.

    Profile likelihoods with their intervals, how much narrower than the prior the posterior is, and the directions
    about which the data say least. It ends with 3 if some parameter of some subject is not identified.
    """
    from versant.formats.tables import write_table
    from versant.verbs.fit import fit as fit_trials
    from versant.verbs.identify import identify as examine

    wanted = check_figures(figures)
    learner = load_model(model)
    table = load_trials(trials, **read)
    remark(*table.report)
    folder = folder_for(out)
    with progress_bar() as progress:
        fitted: Any = fit_trials(learner, table, method=method, seed=seed, on_missing=on_missing, progress=progress)
        found = examine(fitted, level=level, seed=seed, progress=progress)
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
