"""``versant fit``: recorded behaviour → estimates, with a verdict for every subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import WARNING, print_json, print_table, progress_bar, remark
from versant.cli.controller import controller_options, fit_controller, take_controller
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.fit_files import write_fit
from versant.cli.load import load_model, load_trials
from versant.cli.options import (
    given_for,
    group_options,
    json_option,
    out_option,
    resume_option,
    seed_option,
    trials_options,
)
from versant.cli.output import folder_for
from versant.cli.parts import fit_folder

if TYPE_CHECKING:
    from versant.agents.learner import Learner
    from versant.inference.result import Fit
    from versant.inference.sample_result import Sample
    from versant.trials import Trials

__all__ = ["fit", "flagged", "said_later"]

STARTS = 5
FLAGS_LISTED = 20
SUBJECTS_SHOWN = 50


@click.command(short_help="Fit a model to trials, a verdict for every subject.")
@click.argument("trials", type=click.Path())
@click.option("--model", metavar="NAME|FILE.py:FUNCTION", help="A shipped model, or one of your own.")
@trials_options
@click.option(
    "--method",
    type=click.Choice(["map", "group", "sample"]),
    default="map",
    show_default=True,
    help="Alone, as a group, or the posterior by sampling.",
)
@click.option("--prior", type=click.Choice(["default", "none"]), default="default", show_default=True)
@click.option("--starts", type=click.IntRange(min=1), help="Optimisations of each, not of sample  [default: 5]")
@group_options
@controller_options
@resume_option
@seed_option
@out_option
@figure_option
@json_option
def fit(
    trials: str,
    model: str | None,
    method: Any,
    prior: str,
    seed: int,
    on_missing: Any,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    mapped: Any,
    choices: Any,
    missing: Any,
    **options: Any,
) -> int:
    """Fit a model to TRIALS, by default maximum a posteriori.

    With --prior none it is maximum likelihood; with --method group the distribution over subjects is estimated too;
    with --method sample the joint posterior of group and subjects is sampled, or with --pooling none that of every
    subject alone (that needs the extra 'sample'). With --nodes in place of --model, one finite-state controller is
    fitted to all subjects.

    TRIALS is a table with one row a trial (.csv, .tsv, .txt, .parquet), or a folder of .parquet parts, each with whole
    subjects, that is fitted part by part.
    """
    read = {"mapped": mapped, "choices": choices, "missing": missing}
    controller = take_controller(options)
    if controller is not None:
        if model is not None or method != "map" or prior == "none" or on_missing is not None:
            raise click.UsageError("--nodes excludes --model, --method, --prior and --on-missing")
        how = {name: value for name, value in options.items() if value not in (None, ())}
        return fit_controller(
            trials, controller, how, read=read, seed=seed, out=out, figures=check_figures(figures), as_json=as_json
        )
    if model is None:
        raise click.UsageError("give --model, or --nodes for a controller")
    if method != "map" and prior == "none":
        raise click.UsageError(f"--method {method} needs a prior: it and --prior none exclude each other")
    how = given_for(method, options)
    wanted = check_figures(figures)
    learner = load_model(model)
    gaussian: Any = None if prior == "none" else "default"
    given: Any = {"read": read, "seed": seed, "on_missing": on_missing, "out": out, "as_json": as_json}
    if not Path(trials).is_dir():
        return _fit_file(trials, learner, gaussian, method, how, wanted, **given)
    if figures:
        raise click.UsageError("a folder of parts has no --figure")
    if method != "map":
        raise click.UsageError(f"a folder of parts is fitted subject by subject: it takes no --method {method}")
    return fit_folder(trials, learner, gaussian, starts=how.get("starts", STARTS), **given)


def _fit_file(
    trials: str,
    learner: Learner,
    prior: Any,
    method: Any,
    how: dict[str, Any],
    wanted: list[tuple[str | None, Path]],
    *,
    read: dict[str, Any],
    seed: int,
    on_missing: Any,
    out: str | None,
    as_json: bool,
) -> int:
    """Fit a learner to a file of trials, say what was found, and write it."""
    from versant.verbs.fit import fit as fit_trials

    table = load_trials(trials, **read)
    remark(*table.report)
    folder = folder_for(out)
    with progress_bar() as progress:
        found = fit_trials(
            learner, table, prior, seed=seed, on_missing=on_missing, method=method, progress=progress, **how
        )
    remark(*said_later(found, table))
    used = {"starts": how.get("starts", STARTS)} if method != "sample" else {}
    asked = {name: value for name, value in how.items() if name != "resume"}
    settings = {"source": table.source, "read": list(found.trials.report), **used, **asked, "seed": seed}
    files = [] if folder is None else write_fit(found, folder, settings)
    if any(kind == "shrinkage" for kind, _ in wanted):
        alone = fit_trials(learner, found.trials, seed=seed, on_missing="learn" if found.trials.missing else None)
        files += write_figures(found, wanted, shrinkage={"alone": alone})
    else:
        files += write_figures(found, wanted)
    if as_json:
        print_json({**found.to_dict(), **settings})
    else:
        _show(found)
    remark(*(f"wrote {file}" for file in files))
    return flagged(found)


def _show(found: Fit | Sample) -> None:
    from versant.inference.group_result import GroupFit
    from versant.inference.result import Fit
    from versant.inference.sample_result import GroupSample

    print(found.summary())
    frame = found.frame()
    cells = found.cells if isinstance(found, GroupFit | GroupSample) else None
    width, rest = ("se", ["log_likelihood", "pseudo_r2"]) if isinstance(found, Fit) else ("sd", ["rhat", "ess"])
    own = [column for name in found.learner.parameters for column in (name, f"{name}_{width}")]
    frame = frame[["subject", *(cells.conditions if cells else ()), *own, *rest, "verdict"]]
    print_table(frame.head(SUBJECTS_SHOWN))
    if len(frame) > SUBJECTS_SHOWN:
        print(f"… and {len(frame) - SUBJECTS_SHOWN} more subjects (all of them with --out or --json)")


def said_later(found: Fit | Sample, table: Trials) -> list[str]:
    """Return what the model itself made of the trials' columns, beyond what reading them had reported."""
    return [line for line in found.trials.report if line not in table.report]


def flagged(found: Fit | Sample) -> int:
    """List the subjects that are not ``converged`` on stderr, and the group if it is not; return the exit code."""
    from versant.inference.group_result import GroupFit
    from versant.inference.group_verdict import GroupVerdict
    from versant.inference.sample_quality import SampleVerdict
    from versant.inference.sample_result import GroupSample
    from versant.inference.verdict import Verdict

    if isinstance(found, GroupSample):
        settled = SampleVerdict.CONVERGED in found.verdict
        remark(*() if settled else (f"not converged: {flag.meaning}" for flag in sorted(found.verdict)))
        return 0 if settled else WARNING
    missed = [
        f"  {subject}: {', '.join(sorted(flags)) or 'no flag: the gradient is not zero'}"
        for subject, flags in zip(found.subjects, found.verdicts, strict=True)
        if Verdict.CONVERGED not in flags
    ]
    if missed:
        remark(f"not converged: {len(missed)} of {len(found.subjects)} subjects", *missed[:FLAGS_LISTED])
    if len(missed) > FLAGS_LISTED:
        remark(f"  … and {len(missed) - FLAGS_LISTED} more (see the table with --out, or --json)")
    group = isinstance(found, GroupFit) and GroupVerdict.CONVERGED not in found.group.verdicts
    if group:
        remark("not converged: the group")
    return WARNING if missed or group else 0
