"""``versant frontier``: the best value as a function of one budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import INTERRUPTED, WARNING, print_json, progress_bar, remark
from versant.cli.load import load_problem
from versant.cli.options import as_dict, json_option, out_option, seed_option
from versant.cli.output import folder_for
from versant.cli.plan import problem_options, read_nodes

if TYPE_CHECKING:
    from versant.verbs.frontier import Frontier

__all__ = ["frontier"]


@click.command(short_help="Trade value off against a budget, with bounds.")
@click.argument("problem")
@click.argument("budget")
@click.argument("limits", type=float, nargs=-1, required=True)
@click.option(
    "--nodes",
    callback=read_nodes,
    metavar="N|grow",
    help="Size of the controllers: 5, unless the method chooses it.",
)
@click.option("--method", default="natural", show_default=True, help="As for versant plan.")
@click.option(
    "--side",
    type=click.Choice(["at most", "at least", "exactly"]),
    default="at most",
    show_default=True,
    help="Whether the limits are budgets, floors, or totals to be met.",
)
@click.option("--minimise", metavar="COST", help="Make this cost small; the reward is a cost then, called reward.")
@problem_options
@click.option("--time", type=click.FloatRange(min=0.0, min_open=True), help="Seconds, for all limits together.")
@click.option(
    "--starts", type=click.IntRange(min=1), default=10, show_default=True, help="Random starts at each limit."
)
@seed_option
@out_option
@json_option
def frontier(
    problem: str,
    budget: str,
    limits: tuple[float, ...],
    nodes: Any,
    method: str,
    side: Any,
    minimise: str | None,
    budgets: Any,
    costs: Any,
    time: float | None,
    starts: int,
    seed: int,
    **output: Any,
) -> int:
    """Plan for PROBLEM at each of the LIMITS of the cost BUDGET; --budget sets those of other costs.

    Limits below zero come last, after two dashes: versant frontier tiger reward --side "at least" --minimise risk -- -5

    PROBLEM is a file, or the name of a built-in problem (see: versant problems).
    """
    from versant.figures.frontier import table_frontier
    from versant.verbs.frontier import frontier as trace

    others = as_dict(budgets, "--budget")
    named = {name: 0.0 for name in (*others, budget, minimise) if name not in (None, "reward")}
    task = load_problem(problem, costs, named)
    remark(*task.notes)
    folder = folder_for(output["out"])
    settings: Any = {"side": side, "minimise": minimise, "budgets": others, "method": method, "starts": starts}
    settings |= {"time": time, "seed": seed, "checkpoint": None if folder is None else folder / "checkpoint.json"}
    try:
        with progress_bar() as progress:
            found = trace(task, budget, limits, nodes, progress=progress, **settings)
    except KeyboardInterrupt:
        remark("interrupted" + ("" if folder is None else "; the same command goes on"))
        return INTERRUPTED
    files = [] if folder is None else _write(found, folder)
    if output["as_json"]:
        print_json(found.to_dict())
    else:
        print(table_frontier(found).to_string(index=False))
    remark(*(f"wrote {file}" for file in files))
    return 0 if all(one.feasible for one in found.plans) else WARNING


def _write(found: Frontier, folder: Path) -> list[Path]:
    """Write table, result and figure; return the files."""
    from versant.figures.canvas import save
    from versant.figures.frontier import figure_frontier, table_frontier
    from versant.files import write_json
    from versant.formats.tables import write_table

    files = [folder / name for name in ("frontier.csv", "frontier.json", "frontier.png")]
    write_table(table_frontier(found), files[0])
    write_json(files[1], found.to_dict())
    save(figure_frontier(found), files[2])
    return files
