"""``versant check``: validate a problem file, and say what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from versant.cli.console import print_json
from versant.cli.load import load_problem
from versant.cli.options import json_option

if TYPE_CHECKING:
    from versant.tasks.summary import Summary

__all__ = ["check"]


@click.command(short_help="Validate a problem; print sizes and warnings.")
@click.argument("problem")
@click.option("--normalise", is_flag=True, help="Rescale rows whatever their sum; every repair is listed.")
@json_option
def check(problem: str, normalise: bool, as_json: bool) -> int:
    """Validate PROBLEM, a file or the name of a built-in problem, and print what is in it.

    A file that breaks its format, or whose probabilities do not sum to one, ends with exit code 1 and the place.
    """
    from versant.tasks.summary import summarise

    found = summarise(load_problem(problem, (), {}, normalise))
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo("\n".join(_lines(found)))
    return 0


def _lines(found: Summary) -> Iterator[str]:
    yield f"problem       {found.name or '(unnamed)'}"
    yield f"states        {found.n_states}, {found.n_reachable} reachable, {found.n_absorbing} absorbing"
    yield f"actions       {found.n_actions}"
    yield f"observations  {found.n_observations}"
    yield f"transitions   {found.n_transitions} probabilities, {found.transition_density:.3g} of all cells"
    yield f"emissions     {found.n_emissions} probabilities, {found.emission_density:.3g} of all cells"
    yield f"start         {found.n_start_states} states"
    yield f"discount      {'none' if found.discount is None else repr(found.discount)}"
    if found.horizon is not None:
        yield f"horizon       {found.horizon}"
    yield f"reward        {_range(found.reward_range)}"
    for name, limits in found.cost_ranges.items():
        budget = f", budget {found.budgets[name]:g}" if name in found.budgets else ""
        budget += f", floor {found.floors[name]:g}" if name in found.floors else ""
        yield f"cost {name + ' ':8s} {_range(limits)}{budget}"
    yield from (f"warning: {warning}" for warning in found.warnings)
    if not found.warnings:
        yield "no warnings"


def _range(limits: tuple[float, float]) -> str:
    return f"{limits[0]:g} to {limits[1]:g}"
