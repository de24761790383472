"""``versant verify``: does the certificate of a saved plan hold?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from versant.cli.console import WARNING, print_json, remark
from versant.cli.load import load_problem
from versant.cli.options import COST, json_option

__all__ = ["verify"]


@click.command(short_help="Check the certificate of a saved plan.")
@click.argument("plan", type=click.Path())
@click.argument("problem")
@click.option("--cost", "costs", type=COST, multiple=True, help="A cost signal, as for versant plan.")
@click.option(
    "--effort",
    type=click.FloatRange(min=1.0),
    help="Multiplications that a search for each bound may take; 4e9 unless given.",
)
@json_option
def verify(plan: str, problem: str, costs: Any, effort: float | None, as_json: bool) -> int:
    """Compute again everything that PLAN (result.json of versant plan --out) claims of PROBLEM.

    Value, costs, budgets, upper bounds, proofs that no policy keeps the budgets, verdict. Ends with 3 where something
    does not hold, or is not confirmed within the effort.
    """
    from versant.formats.plans import plan_costs, read_plan
    from versant.verbs.verify import EFFORT
    from versant.verbs.verify import verify as check

    task = load_problem(problem, costs, dict.fromkeys(plan_costs(plan), 0.0))
    remark(*task.notes)
    found = check(read_plan(plan, task), task, effort=EFFORT if effort is None else effort)
    if as_json:
        print_json({"holds": found.holds, **asdict(found)})
    else:
        print(found)
    return 0 if found.holds else WARNING
