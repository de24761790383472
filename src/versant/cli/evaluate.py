"""``versant evaluate``: what a controller (exactly) or alpha vectors (by simulation) earn and pay in a POMDP."""

from __future__ import annotations

from typing import Any

import click

from versant.cli.console import print_json, remark
from versant.cli.load import load_agent, load_problem
from versant.cli.options import as_dict, json_option, seed_option
from versant.cli.plan import exceeded, problem_options

__all__ = ["evaluate"]


@click.command(short_help="Evaluate a saved controller exactly.")
@click.argument("agent", type=click.Path())
@click.argument("problem")
@problem_options
@click.option("--runs", type=click.IntRange(min=2), default=10_000, show_default=True, help="Of alpha vectors.")
@seed_option
@json_option
def evaluate(agent: str, problem: str, budgets: Any, costs: Any, runs: int, seed: int, as_json: bool) -> int:
    """Evaluate a saved AGENT in PROBLEM: value and costs with error bars.

    A controller (.json, or a policy graph .pg) is evaluated exactly. Alpha vectors (.alpha) act on beliefs; they are
    simulated, and error bars are 99 % confidence intervals.
    """
    from versant.verbs.evaluate import evaluate as evaluate_agent

    limits = as_dict(budgets, "--budget")
    task = load_problem(problem, costs, limits)
    remark(*task.notes)
    found = evaluate_agent(load_agent(agent, task), task, limits, runs=runs, seed=seed)
    if as_json:
        print_json(found.to_dict())
    else:
        print(f"value {found.value:.6f} ± {found.value_error:.1e}{'' if found.exact else ' (simulated)'}")
        for name, cost in found.costs.items():
            print(f"{name} {cost}")
    return exceeded(found.costs)
