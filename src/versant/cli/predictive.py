"""``versant predictive``: does behaviour simulated from the fit look like the behaviour that was fitted?"""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import print_json, print_table, progress_bar, remark
from versant.cli.drawing import check_figures, figure_option, write_figures
from versant.cli.fit import flagged
from versant.cli.fitted import fitted
from versant.cli.options import json_option, seed_option, trials_options
from versant.cli.output import require_kind
from versant.cli.task import build_task, task_options

__all__ = ["predictive"]


@click.command(short_help="Compare recorded behaviour with what the fitted model does.")
@click.argument("what", metavar="TRIALS|RESULT", type=click.Path())
@click.option("--model", metavar="NAME|FILE.py:FUNCTION", help="Of TRIALS: a shipped model, or one of your own.")
@trials_options
@task_options
@click.option("--method", type=click.Choice(["map", "group"]), help="Of TRIALS: alone, or as a group  [default: map]")
@click.option("--replications", type=click.IntRange(min=1), default=200, show_default=True)
@click.option("--curve", "curves", type=click.IntRange(min=0), multiple=True, help="Choices of this option by trial.")
@click.option(
    "--every", type=click.IntRange(min=1), default=10, show_default=True, help="Trials to a point of a curve."
)
@click.option("--correct", help="Code of the correct option, or the column that holds it.")
@click.option("--by", metavar="COLUMN", help="The condition by which accuracy is shown.")
@seed_option
@click.option("--out", type=click.Path(dir_okay=False), metavar="FILE", help="Write the table, as .csv or .parquet.")
@figure_option
@json_option
def predictive(
    what: str,
    model: str | None,
    task: str,
    method: Any,
    replications: int,
    seed: int,
    out: str | None,
    figures: tuple[str, ...],
    as_json: bool,
    **rest: Any,
) -> int:
    """Simulate from a fit in a task and compare statistics: a saved fit, or one of --model to TRIALS.

    Always: repeating the last choice after a win and after a loss. The task must be as long as the longest subject.
    """
    from versant.formats.tables import write_table
    from versant.inference.result import Fit
    from versant.verbs.predictive import predictive as check

    wanted = check_figures(figures)
    require_kind(out, (".csv", ".parquet"))
    reading = {name: rest.pop(name) for name in ("mapped", "choices", "missing", "on_missing")}
    statistics = _statistics(**{name: rest.pop(name) for name in ("curves", "every", "correct", "by")})
    fit = fitted(what, model, method, seed, reading)
    with progress_bar() as progress:
        found = check(fit, build_task(task, **rest), statistics, replications, seed=seed, progress=progress)
    files: list[Any] = list(write_figures(found, wanted))
    if out is not None:
        write_table(found.frame().astype({"at": str}), out)
        files.append(out)
    if as_json:
        print_json(found.to_dict())
    else:
        print_table(found.frame(), f"{found.model}: {replications} replications")
    remark(*(f"wrote {file}" for file in files))
    return flagged(fit) if isinstance(fit, Fit) else 0


def _statistics(curves: tuple[int, ...], every: int, correct: str | None, by: str | None) -> dict[str, Any]:
    from versant.verbs.statistics import accuracy, choice_curve, stay_after

    if by is not None and correct is None:
        raise click.UsageError("--by needs --correct: of what is shown by condition")
    found: dict[str, Any] = {"stay_after_win": stay_after(True), "stay_after_loss": stay_after(False)}
    for option in curves:
        found[f"choices of option {option}"] = choice_curve(option, every=every)
    if correct is not None:
        found["accuracy"] = accuracy(int(correct) if correct.isdecimal() else correct, by=by)
    return found
