"""``versant calibrate``: are the posteriors right in this design?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.load import load_model
from versant.cli.options import json_option, resume_option, seed_option
from versant.cli.output import require_kind
from versant.cli.task import build_task, task_options

__all__ = ["calibrate"]


@click.command(short_help="Check posteriors by simulation: ranks of known truths.")
@click.option("--model", required=True, metavar="NAME|FILE.py:FUNCTION", help="A shipped model, or one of your own.")
@task_options
@click.option(
    "--method",
    type=click.Choice(["laplace", "importance", "sample", "group"]),
    default="laplace",
    show_default=True,
    help="Whose.",
)
@click.option("--sets", "n", type=click.IntRange(min=2), default=1000, show_default=True, help="Data sets: subjects, "
              "or groups for the other methods.")  # fmt: skip
@click.option("--pooling", type=click.Choice(["partial", "none"]), help="Of sample: groups, or subjects alone.")
@click.option("--subjects", type=click.IntRange(min=2), help="Of a group.")
@click.option("--draws", type=click.IntRange(min=1), default=99, show_default=True, help="Of each posterior.")
@seed_option
@resume_option
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the table, as .csv or .parquet.")
@figure_option
@json_option
def calibrate(
    model: str,
    task: str,
    method: Any,
    n: int,
    pooling: str | None,
    subjects: int | None,
    draws: int,
    seed: int,
    resume: str | None,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **design: Any,
) -> None:
    """Draw truths from the prior, simulate, fit, and rank each truth among draws of its posterior.

    The ranks of right posteriors are uniform: the table has the χ² test, what it is able to find, and whether the
    distribution function leaves its simultaneous 95 % band.
    """
    from versant.formats.tables import write_table
    from versant.verbs.calibrate import calibrate as rank

    wanted = check_figures(figures)
    require_kind(out, (".csv", ".parquet"))
    if subjects is not None and method in ("laplace", "importance"):
        raise click.UsageError("--subjects belongs to --method group or sample; --sets counts those of the others")
    if pooling is not None and method != "sample":
        raise click.UsageError("--pooling belongs to --method sample")
    learner = load_model(model)
    given = {"subjects": subjects, "pooling": pooling}
    options: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    with progress_bar() as progress:
        found = rank(
            learner, build_task(task, **design), n, method=method, draws=draws, seed=seed, resume=resume,
            progress=progress, **options,
        )  # fmt: skip
    files: list[Any] = list(write_figures(found, wanted))
    if out is not None:
        write_table(found.frame(), out)
        files.append(out)
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(found.frame(), f"{learner.name}, {method}: ranks among {draws} draws, {found.bins} bins")
    remark(*(f"wrote {file}" for file in files))
