"""``versant fit``: recorded behaviour → estimates, with a verdict for every subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import WARNING, print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.load import load_model, load_trials
from versant.cli.options import json_option, out_option, seed_option, trials_options
from versant.cli.output import folder_for
from versant.cli.parts import fit_folder

if TYPE_CHECKING:
    from versant.inference.result import Fit
    from versant.trials import Trials

__all__ = ["fit", "flagged", "said_later", "write_fit"]

FLAGS_LISTED = 20
SUBJECTS_SHOWN = 50


@click.command(short_help="Fit a model to trials, a verdict for every subject.")
@click.argument("trials", type=click.Path())
@click.option("--model", required=True, metavar="NAME|FILE.py:FUNCTION", help="A shipped model, or one of your own.")
@trials_options
@click.option(
    "--method", type=click.Choice(["map", "group"]), default="map", show_default=True, help="Alone, or as a group."
)
@click.option("--formula", metavar="TEXT", help="Of a group: its means by covariates, 'alpha ~ group * age; beta ~ 1'.")
@click.option("--prior", type=click.Choice(["default", "none"]), default="default", show_default=True)
@click.option("--starts", type=click.IntRange(min=1), default=5, show_default=True, help="Optimisations of each.")
@seed_option
@out_option
@figure_option
@json_option
def fit(
    trials: str,
    model: str,
    method: Any,
    formula: str | None,
    prior: str,
    starts: int,
    seed: int,
    on_missing: Any,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **read: Any,
) -> int:
    """Fit a model to TRIALS, by default maximum a posteriori.

    With --prior none it is maximum likelihood; with --method group the distribution over subjects is estimated too.

    TRIALS is a table with one row a trial (.csv, .tsv, .txt, .parquet), or a folder of .parquet parts, each with whole
    subjects, that is fitted part by part.
    """
    from versant.verbs.fit import fit as fit_trials

    if method == "group" and prior == "none":
        raise click.UsageError("a group is its subjects' prior: --method group and --prior none exclude each other")
    if formula is not None and method != "group":
        raise click.UsageError("--formula needs --method group")
    wanted = check_figures(figures)
    learner = load_model(model)
    if Path(trials).is_dir():
        if figures:
            raise click.UsageError("a folder of parts has no --figure")
        if method == "group":
            raise click.UsageError("a folder of parts is fitted subject by subject: it takes no --method group")
        gaussian: Any = None if prior == "none" else "default"
        how = {"starts": starts, "seed": seed, "on_missing": on_missing, "out": out, "as_json": as_json}
        return fit_folder(trials, learner, gaussian, **how, read=read)
    table = load_trials(trials, **read)
    remark(*table.report)
    folder = folder_for(out)
    with progress_bar() as progress:
        found = fit_trials(
            learner,
            table,
            None if prior == "none" else "default",
            starts=starts,
            seed=seed,
            on_missing=on_missing,
            method=method,
            formula=formula,
            progress=progress,
        )
    remark(*said_later(found, table))
    settings = {"source": table.source, "read": list(found.trials.report), "starts": starts, "seed": seed}
    files = [] if folder is None else write_fit(found, folder, settings)
    if any(kind == "shrinkage" for kind, _ in wanted):
        alone = fit_trials(learner, table, starts=starts, seed=seed, on_missing=on_missing)
        files += write_figures(found, wanted, shrinkage={"alone": alone})
    else:
        files += write_figures(found, wanted)
    if as_json:
        print_json({**found.to_dict(), **settings})
    else:
        _show(found)
    remark(*(f"wrote {file}" for file in files))
    return flagged(found)


def _show(found: Fit) -> None:
    print(found.summary())
    frame = found.frame()
    columns = ["subject"]
    for name in found.learner.parameters:
        columns += [name, f"{name}_se"]
    print_table(frame[[*columns, "log_likelihood", "pseudo_r2", "verdict"]].head(SUBJECTS_SHOWN))
    if len(frame) > SUBJECTS_SHOWN:
        print(f"… and {len(frame) - SUBJECTS_SHOWN} more subjects (all of them with --out or --json)")


def said_later(found: Fit, table: Trials) -> list[str]:
    """Return what the model itself made of the trials' columns, beyond what reading them had reported."""
    return [line for line in found.trials.report if line not in table.report]


def flagged(found: Fit) -> int:
    """List the subjects that are not ``converged`` on stderr, and the group if it is not; return the exit code."""
    from versant.inference.group_result import GroupFit
    from versant.inference.group_verdict import GroupVerdict
    from versant.inference.verdict import Verdict

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


def write_fit(found: Fit, folder: Path, settings: dict[str, Any]) -> list[Path]:
    """Write the subjects' table (and the group's), the whole result and the figure; return the files."""
    from versant.figures.canvas import save
    from versant.figures.fit import figure_estimates, table_estimates
    from versant.files import write_json
    from versant.formats.tables import write_table
    from versant.inference.group_result import GroupFit

    figure = figure_estimates(table_estimates(found), title=f"{found.learner.name}, {len(found.subjects)} subjects")
    tables = {"subjects": found.frame()}
    if isinstance(found, GroupFit):
        tables["group"] = found.group_frame()
    files = [folder / f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")]
    for file in files:
        write_table(tables[file.stem], file)
    files += [folder / "result.json", folder / "estimates.png"]
    write_json(files[-2], {**found.to_dict(), **settings})
    save(figure, files[-1])
    return files
