"""``versant recover``: does this design find the parameters of subjects who are known?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.load import load_model
from versant.cli.options import (
    SETTING,
    as_dict,
    given_for,
    json_option,
    out_option,
    resume_option,
    sampler_options,
    seed_option,
)
from versant.cli.output import folder_for
from versant.cli.task import build_task, one_or_all, task_options

__all__ = ["recover"]


@click.command(short_help="Simulate known subjects, fit them, compare.")
@click.option("--model", required=True, metavar="NAME|FILE.py:FUNCTION", help="A shipped model, or one of your own.")
@task_options
@click.option("--subjects", type=click.IntRange(min=2), default=200, show_default=True, help="How many.")
@click.option("--set", "settings", type=SETTING, multiple=True, help="True parameters  [default: drawn from the prior]")
@click.option("--method", type=click.Choice(["map", "group", "sample"]), default="map", show_default=True)
@click.option("--groups", type=click.IntRange(min=1), help="Of group and sample: so many groups  [default: 1]")
@click.option("--prior", type=click.Choice(["default", "none"]), default="default", show_default=True)
@click.option("--starts", type=click.IntRange(min=1), help="Optimisations of each, not of sample  [default: 5]")
@sampler_options
@seed_option
@resume_option
@out_option
@figure_option
@json_option
def recover(
    model: str,
    task: str,
    subjects: int,
    settings: Any,
    method: Any,
    groups: int | None,
    prior: str,
    seed: int,
    resume: str | None,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **options: Any,
) -> None:
    """Simulate subjects with known parameters in a task, fit them, and say how well the parameters are found."""
    from versant.formats.tables import write_table
    from versant.verbs.recover import recover as recover_parameters

    wanted = check_figures(figures)
    learner = load_model(model)
    truth = {name: one_or_all(values) for name, values in as_dict(settings, "--set").items()}
    folder = folder_for(out)
    gaussian: Any = None if prior == "none" else "default"
    design = {name: options.pop(name) for name in ("trials", "probabilities", "design")}
    how = given_for(method, options)
    if groups is not None and method == "map":
        raise click.UsageError("--groups needs --method group or sample")
    with progress_bar() as progress:
        found = recover_parameters(
            learner, build_task(task, **design), subjects, parameters=truth or None, prior=gaussian, method=method,
            groups=groups, seed=seed, resume=resume, progress=progress, **how,
        )  # fmt: skip
    table = found.frame()
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(table, f"{learner.name}: {subjects} simulated subjects")
    if folder is not None:
        write_table(table, folder / "recovery.csv")
        remark(f"wrote {folder / 'recovery.csv'}")
        wanted.append(("recovery", folder / "recovery.png"))
    remark(*(f"wrote {file}" for file in write_figures(found, wanted)))
