"""``versant compare``: several models fitted to the same trials, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.fit import said_later
from versant.cli.fitted import AS_SAVED, saved_learner
from versant.cli.load import load_model, load_trials
from versant.cli.options import CRITERION, FAMILY, as_dict, json_option, seed_option, trials_options
from versant.cli.output import folder_for, require_kind

if TYPE_CHECKING:
    import pandas as pd

    from versant.trials import Trials

__all__ = ["compare"]

STORED = (None, "evidence", "aic", "bic")
"""Criteria that a saved result knows without its model and trials."""
KINDS = (".csv", ".parquet")


@click.command(short_help="Compare models fitted to the same trials, or saved fits.")
@click.argument("what", nargs=-1, required=True, metavar="TRIALS|RESULT...", type=click.Path())
@click.option("--model", "models", multiple=True, metavar="NAME|FILE.py:FUNCTION", help="Of TRIALS: two or more.")
@click.option(
    "--method",
    type=click.Choice(["table", "bms", "hbi"]),
    default="table",
    show_default=True,
    help="Sums over subjects, random-effects selection, or hierarchical inference.",
)
@click.option("--criterion", type=CRITERION, help="Of the table and of bms  [default: evidence]")
@click.option(
    "--over", type=click.Choice(["trial", "future", "block", "session", "subject"]), help="Of cv: what is held out."
)
@click.option("--folds", type=click.IntRange(min=1), help="Of cv.")
@click.option(
    "--draws", type=click.IntRange(min=100), help="Of importance, integrated_bic, loo and cv  [default: 1000]"
)
@click.option("--family", "families", type=FAMILY, multiple=True, help="Of bms: a family and its models.")
@click.option("--groups", metavar="COLUMN", help="Of bms: the column that tells groups of subjects apart.")
@trials_options
@click.option("--starts", type=click.IntRange(min=1), default=5, show_default=True, help="Optimisations of each.")
@seed_option
@click.option("--out", type=click.Path(), metavar="FILE|DIR", help="The table as .csv or .parquet, or all in a folder.")
@figure_option
@json_option
def compare(
    what: tuple[str, ...],
    models: tuple[str, ...],
    method: str,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    mapped: Any,
    choices: Any,
    missing: Any,
    on_missing: Any,
    **options: Any,
) -> None:
    """Compare saved fits (the folders of versant fit --out), or fit several models to TRIALS and compare them.

    Models of TRIALS are fitted with the default prior, for AIC and BIC by maximum likelihood, for integrated_bic as
    groups.
    """
    as_file = out is not None and Path(out).suffix.lower() in KINDS
    if out is not None and Path(out).suffix and not as_file:
        require_kind(out, KINDS)
    folder = None if as_file else folder_for(out)
    wanted = check_figures(figures)
    asked = _asked(method, options)
    reading = {"mapped": mapped, "choices": choices, "missing": missing}
    if models:
        if len(what) > 1:
            raise click.UsageError("--model is for one table of TRIALS; saved fits name their models themselves")
        result = _of_trials(what[0], models, method, asked, reading, on_missing, options)
    elif any(reading.values()) or on_missing is not None:
        raise click.UsageError("saved fits say themselves how their trials are read; --map and the like need --model")
    else:
        result = _of_saved(what, method, asked, options)
    frame = _shown(result.frame(), options["criterion"] if models else None, method)
    files = _written(result, frame, Path(out) if as_file and out else None, folder)
    files += write_figures(result, wanted)
    remark(*(f"wrote {file}" for file in files))
    if as_json:
        print_json(result.to_dict())
    else:
        print_table(frame)
        print(result.summary())


def _asked(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return what `versant.compare` is given beside fits, seed and starts."""
    if method == "hbi":
        names = ("criterion", "over", "folds", "draws", "families", "groups")
        wrong = next((name for name in names if options[name]), None)
        if wrong is not None:
            flag = "family" if wrong == "families" else wrong
            raise click.UsageError(f"--{flag} does not belong to --method hbi")
        return {}
    if method == "table" and (options["families"] or options["groups"]):
        raise click.UsageError(f"--{'family' if options['families'] else 'groups'} belongs to --method bms")
    asked = {name: options[name] for name in ("criterion", "over", "folds", "draws", "groups") if options[name]}
    if options["families"]:
        asked["families"] = as_dict(options["families"], "--family")
    from versant.inference.criterion import SAMPLED

    sampled = options["criterion"] in SAMPLED
    return asked | ({"seed": options["seed"]} if sampled or method == "bms" else {})


def _of_trials(
    file: str,
    models: tuple[str, ...],
    method: str,
    asked: dict[str, Any],
    reading: dict[str, Any],
    on_missing: Any,
    options: dict[str, Any],
) -> Any:
    """Fit what has to be fitted, and compare."""
    from versant.verbs.compare import compare as compare_fits
    from versant.verbs.fit import fit

    learners = [load_model(name) for name in models]
    names = [learner.name for learner in learners]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise click.UsageError(f"--model gives {twice!r} twice")
    trials: Trials = load_trials(file, **reading)
    remark(*trials.report)
    how = {"starts": options["starts"], "seed": options["seed"], "on_missing": on_missing}
    if method == "hbi":
        with progress_bar() as progress:
            return compare_fits(learners, trials, method="hbi", progress=progress, **how)
    prior: Any = None if options["criterion"] in ("aic", "bic") else "default"
    kind: Any = "group" if options["criterion"] == "integrated_bic" else "map"
    found = []
    for learner in learners:
        with progress_bar() as progress:
            found.append(fit(learner, trials, prior, method=kind, progress=progress, **how))
        remark(*said_later(found[-1], trials))
    return _compared(dict(zip(names, found, strict=True)), method, asked)


def _of_saved(paths: tuple[str, ...], method: str, asked: dict[str, Any], options: dict[str, Any]) -> Any:
    """Load results, with their models and trials only if need be, and compare."""
    from versant.formats.results import load_scored
    from versant.verbs.compare import compare as compare_fits

    if len(paths) < 2:
        raise click.UsageError("give two saved fits or more, or TRIALS with --model")
    light = method != "hbi" and asked.get("criterion") in STORED and "groups" not in asked
    found: list[Any] = [load_scored(path) if light else saved_learner(path, AS_SAVED) for path in paths]
    names = [one.model if light else one.learner.name for one in found]
    if len(set(names)) < len(names):
        names = [str(Path(path)) for path in paths]
    named = dict(zip(names, found, strict=True))
    if method != "hbi":
        return _compared(named, method, asked)
    first = found[0]
    how = {"starts": options["starts"], "seed": options["seed"]}
    learned: Any = "learn" if first.trials.missing else None
    with progress_bar() as progress:
        models = {name: fit.learner for name, fit in named.items()}
        return compare_fits(models, first.trials, method="hbi", on_missing=learned, progress=progress, **how)


def _compared(named: dict[str, Any], method: str, asked: Any) -> Any:
    from versant.verbs.compare import compare as compare_fits

    with progress_bar() as progress:
        if method == "bms":
            return compare_fits(named, method="bms", progress=progress, **asked)
        return compare_fits(named, progress=progress, **asked)


def _shown(frame: pd.DataFrame, criterion: str | None, method: str) -> pd.DataFrame:
    """Leave out what a table has no use for: columns without a number.

    AIC and BIC mean maximum likelihood, the evidence a prior: fits made for this table have one or the other.
    """
    if method != "table":
        return frame
    unfit = [] if criterion in ("aic", "bic") else ["aic", "bic"]
    empty = [name for name in frame if frame[name].isna().all()]
    stored = "estimated" in frame and set(frame["estimated"]) == {"maximum a posteriori"}
    return frame.drop(columns=list({*empty, *(unfit if stored else [])}))


def _written(result: Any, frame: pd.DataFrame, file: Path | None, folder: Path | None) -> list[Path]:
    """Write the table; into a folder, also those of groups and subjects, and the result as JSON."""
    from versant.files import write_json
    from versant.formats.tables import write_table

    if file is not None:
        write_table(frame, file)
    if folder is None:
        return [] if file is None else [file]
    tables = {"comparison": result.frame(), "subjects": result.subject_frame()}
    if hasattr(result, "group_frame"):
        tables["group"] = result.group_frame()
    files = [folder / f"{name}{kind}" for name in tables for kind in KINDS]
    for path in files:
        write_table(tables[path.stem], path)
    write_json(folder / "result.json", result.to_dict())
    return [*files, folder / "result.json"]
