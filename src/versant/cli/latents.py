"""``versant latents``: what a fitted learner held to be true on every trial, as a table or as BIDS events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import progress_bar, remark
from versant.cli.controller import unsettled
from versant.cli.fit import flagged
from versant.cli.fitted import saved_fit
from versant.cli.load import load_model, load_trials
from versant.cli.options import seed_option, trials_options
from versant.cli.output import folder_for, require_kind

if TYPE_CHECKING:
    from versant.inference.controller_result import ControllerFit
    from versant.inference.result import Fit
    from versant.inference.sample_result import Sample
    from versant.trials import Trials

__all__ = ["latents"]


@click.command(short_help="Write a fitted model's values and prediction errors trial by trial.")
@click.argument("what", metavar="TRIALS|RESULT", type=click.Path())
@click.option("--model", metavar="NAME|FILE.py:FUNCTION", help="Of TRIALS: a shipped model, or one of your own.")
@trials_options
@click.option("--prior", type=click.Choice(["default", "none"]), default="default", show_default=True)
@click.option("--starts", type=click.IntRange(min=1), default=5, show_default=True, help="Optimisations of each.")
@click.option("--states", is_flag=True, help="Also the whole state before each trial.")
@seed_option
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help=".csv or .parquet")
@click.option("--events", type=click.Path(file_okay=False), metavar="DIR", help="Write BIDS events below this folder.")
@click.option("--task", metavar="LABEL", help="Of --events: what the task is called.")
@click.option("--onset", default="onset", show_default=True, help="Of --events: the column of onsets, in seconds.")
@click.option("--duration", default="duration", show_default=True, help="Of --events: the column of durations.")
@click.option("--run", metavar="COLUMN", help="Of --events: what tells the runs of a session apart.")
@click.option("--column", "columns", multiple=True, metavar="NAME", help="Of --events: a column to have in them too.")
def latents(
    what: str,
    model: str | None,
    states: bool,
    out: str | None,
    events: str | None,
    task: str | None,
    onset: str,
    duration: str,
    run: str | None,
    columns: tuple[str, ...],
    **options: Any,
) -> int:
    """Write, for every trial, its probability and what the model records.

    For a saved fit (the folder of versant fit --out), or for TRIALS, to which --model is fitted first.
    """
    from versant.formats.bids import write_events
    from versant.formats.tables import write_table
    from versant.inference.controller_result import ControllerFit
    from versant.verbs.latents import latents as of_trials

    require_kind(out, (".csv", ".parquet"))
    if out is None and events is None:
        raise click.UsageError("give --out FILE, or --events DIR")
    if (events is None) != (task is None):
        raise click.UsageError("--events DIR and --task LABEL go together")
    if events is None and (run is not None or columns):
        raise click.UsageError("--run and --column are of --events")
    folder = folder_for(events)
    found, whole = _saved(what, options) if model is None else _fitted(what, model, **options)
    name = found.model.name if isinstance(found, ControllerFit) else found.learner.name
    if out is not None:
        frame = of_trials(found, states=states)
        write_table(frame, out)
        print(f"{name}: {len(frame)} trials of {len(found.subjects)} subjects; {', '.join(frame.columns)}")
        remark(f"wrote {out}")
    if folder is not None and task is not None:
        how: dict[str, Any] = {"onset": onset, "duration": duration, "run": run, "columns": columns, "states": states}
        files = write_events(found, folder, task, trials=whole, **how)
        print(f"{name}: events of {len(files) - 1} runs of {len(found.subjects)} subjects")
        remark(f"wrote {files[-1]} and {len(files) - 1} tables")
    return unsettled(found) if isinstance(found, ControllerFit) else flagged(found)


def _fitted(
    file: str, model: str, prior: str, starts: int, seed: int, on_missing: Any, **read: Any
) -> tuple[Fit, Trials | None]:
    """Fit a model to trials."""
    from versant.verbs.fit import fit as fit_trials

    learner = load_model(model)
    table = load_trials(file, **read)
    remark(*table.report)
    gaussian: Any = None if prior == "none" else "default"
    with progress_bar() as progress:
        found = fit_trials(learner, table, gaussian, starts=starts, seed=seed, on_missing=on_missing, progress=progress)
    return found, table


def _saved(path: str, options: dict[str, Any]) -> tuple[Fit | Sample | ControllerFit, Trials | None]:
    """Load a saved fit, and the whole table it was of if that is a file."""
    from versant.formats.trials import read_trials

    found = saved_fit(path, options)
    origin = found.trials.origin
    return found, None if origin is None else read_trials(origin.path, **origin.arguments)
