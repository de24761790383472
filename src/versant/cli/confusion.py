"""``versant confusion``: can this design tell these models apart?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.load import load_model
from versant.cli.options import CRITERION, json_option, resume_option, seed_option
from versant.cli.output import require_kind
from versant.cli.task import build_task, task_options

__all__ = ["confusion"]


@click.command(short_help="Simulate with every model, fit every model, count which fits best.")
@click.option("--model", "models", required=True, multiple=True, metavar="NAME|FILE.py:FUNCTION", help="Two or more.")
@task_options
@click.option("--subjects", type=click.IntRange(min=1), default=50, show_default=True, help="That each simulates.")
@click.option("--criterion", type=CRITERION, default="evidence", show_default=True)
@click.option(
    "--over", type=click.Choice(["trial", "future", "block", "session", "subject"]), help="Of cv: what is held out."
)
@click.option("--folds", type=click.IntRange(min=1), help="Of cv.")
@click.option("--draws", type=click.IntRange(min=100), help="Of importance, integrated_bic, loo and cv.")
@click.option("--starts", type=click.IntRange(min=1), default=5, show_default=True, help="Optimisations of each.")
@seed_option
@resume_option
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the table, as .csv or .parquet.")
@figure_option
@json_option
def confusion(
    models: tuple[str, ...],
    task: str,
    subjects: int,
    criterion: Any,
    over: str | None,
    folds: int | None,
    draws: int | None,
    starts: int,
    seed: int,
    resume: str | None,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **design: Any,
) -> None:
    """Say how often each model fits best what each model simulated, with parameters from their priors.

    ``confusion`` is P(fits best | simulated), ``inversion`` P(simulated | fits best).
    """
    from versant.formats.tables import write_table
    from versant.verbs.confusion import confusion as tell_apart

    wanted = check_figures(figures)
    require_kind(out, (".csv", ".parquet"))
    learners = [load_model(name) for name in models]
    sampling: dict[str, Any] = {
        name: value for name, value in (("over", over), ("folds", folds), ("draws", draws)) if value
    }
    with progress_bar() as progress:
        found = tell_apart(
            learners, build_task(task, **design), subjects, criterion=criterion, starts=starts, seed=seed,
            resume=resume, progress=progress, **sampling,
        )  # fmt: skip
    files: list[Any] = list(write_figures(found, wanted))
    if out is not None:
        write_table(found.frame(), out)
        files.append(out)
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(found.frame())
        print(f"own model best ({criterion}): {100 * found.accuracy:.1f} %")
    remark(*(f"wrote {file}" for file in files))
