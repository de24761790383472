"""``versant plan``: a POMDP with budgets → a controller with its certificate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import INTERRUPTED, WARNING, print_json, progress_bar, remark
from versant.cli.load import load_agent, load_problem
from versant.cli.options import BUDGET, COST, as_dict, json_option, out_option, seed_option
from versant.cli.output import folder_for

if TYPE_CHECKING:
    from versant.planning.certificate import Cost
    from versant.planning.result import Plan

__all__ = ["exceeded", "plan", "problem_options", "read_nodes", "write_plan"]


def problem_options(command: Any) -> Any:
    """Add the options that give a problem costs and budgets."""
    for option in (
        click.option(
            "--budget",
            "budgets",
            type=BUDGET,
            multiple=True,
            help="Bound of a discounted total cost; also cost>=number, cost==number, cost=number..number.",
        ),
        click.option("--cost", "costs", type=COST, multiple=True, help="A cost signal; * stands for all."),
    ):
        command = option(command)
    return command


def read_nodes(context: click.Context, option: click.Parameter, text: str | None) -> int | str | None:
    """Read a number of nodes, or the word."""
    if text is None or text == "grow":
        return text
    if not (text.isascii() and text.isdecimal() and int(text) >= 1):
        raise click.BadParameter(f"{text!r} is neither a number from 1 nor 'grow'")
    return int(text)


@click.command(short_help="Find a controller within budgets, with a bound.")
@click.argument("problem")
@click.option(
    "--nodes",
    callback=read_nodes,
    metavar="N|grow",
    help="Size of the controller: 5 or that of --start, unless the method chooses it.",
)
@click.option("--method", default="natural", show_default=True, help="natural, sqp, pga, nlp, alpha or columns.")
@click.option("--deterministic", is_flag=True, help="A controller without chance.")
@problem_options
@click.option("--time", type=click.FloatRange(min=0.0, min_open=True), help="Seconds; more starts while they last.")
@click.option("--memory", type=click.FloatRange(min=0.0, min_open=True), help="Gigabytes that may be taken.")
@click.option("--iterations", type=click.IntRange(min=1), help="Steps of each ascent, or rounds of alpha and columns.")
@click.option("--starts", type=click.IntRange(min=1), help="Random starts; unless given, 40 or fewer, by size.")
@click.option(
    "--start",
    "files",
    type=click.Path(),
    multiple=True,
    help="Start from this controller (.json, .pg) or these alpha vectors (.alpha) besides; of any size.",
)
@click.option("--minimise", metavar="COST", help="Make this cost small; the reward is a cost then, called reward.")
@seed_option
@out_option
@json_option
def plan(
    problem: str,
    nodes: Any,
    method: str,
    deterministic: bool,
    budgets: Any,
    costs: Any,
    time: float | None,
    memory: float | None,
    iterations: int | None,
    starts: int | None,
    files: tuple[str, ...],
    minimise: str | None,
    seed: int,
    **output: Any,
) -> int:
    """Find a finite-state controller for PROBLEM within budgets, with an upper bound for every policy.

    PROBLEM is a file, or the name of a built-in problem (see: versant problems).
    """
    from versant.planning.result import Interrupted
    from versant.verbs.plan import plan as find_controller

    limits = as_dict(budgets, "--budget")
    task = load_problem(problem, costs, {name: 0.0 for name in (*limits, minimise) if name not in (None, "reward")})
    remark(*task.notes)
    folder = folder_for(output["out"])
    checkpoint = None if folder is None else folder / "checkpoint.npz"
    settings: Any = {"minimise": minimise, "starts": starts, "time": time, "seed": seed, "checkpoint": checkpoint}
    settings["also"] = [load_agent(file, task) for file in files]
    settings |= {"method": method, "deterministic": deterministic, "memory": memory, "iterations": iterations}
    interrupted = False
    try:
        with progress_bar() as progress:
            found = find_controller(task, nodes, limits, progress=progress, **settings)
    except Interrupted as stop:
        found, interrupted = stop.plan, True
        remark("interrupted: this is the best so far" + ("" if folder is None else "; the same command goes on"))
    written = [] if folder is None else write_plan(found, folder)
    if output["as_json"]:
        print_json(found.to_dict())
    else:
        print(found)
    remark(*(f"wrote {file}" for file in written))
    return INTERRUPTED if interrupted else exceeded(found.costs)


def exceeded(costs: Any) -> int:
    """List the budgets that are not met on stderr; return the exit code."""
    over: dict[str, Cost] = {name: cost for name, cost in costs.items() if not cost.kept and not cost.undecided}
    remark(*(f"budget not met: {name} costs {cost}" for name, cost in over.items()))
    remark(*(f"met or not, rounding hides it: {name} costs {cost}" for name, cost in costs.items() if cost.undecided))
    return WARNING if over else 0


def write_plan(found: Plan, folder: Path) -> list[Path]:
    """Write controller, result, tables, figure and, where there are any, α-vectors; return the files."""
    from versant.figures.canvas import new_figure, save
    from versant.figures.plan import draw_controller, draw_convergence, table_edges, table_nodes
    from versant.formats.alpha import write_alpha
    from versant.formats.controllers import write_controller
    from versant.formats.plans import write_plan as write_saved
    from versant.formats.tables import write_table

    figure = new_figure(10.0, 4.6)
    left, right = figure.subplots(1, 2)
    draw_controller(found, left)
    draw_convergence(found, right)
    names = ("controller.json", "result.json", "nodes.csv", "edges.csv", "plan.png")
    files = [folder / name for name in names]
    write_controller(found.controller, files[0])
    write_saved(found, files[1])
    write_table(table_nodes(found), files[2])
    write_table(table_edges(found), files[3])
    save(figure, files[4])
    if found.alpha is not None:
        files.append(folder / "policy.alpha")
        write_alpha(found.alpha, files[-1])
    return files
