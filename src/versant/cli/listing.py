"""``versant models`` and ``versant problems``: what ships with versant."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import click

__all__ = ["models", "problems"]


@click.command()
@click.argument("name", required=False)
def models(name: str | None) -> None:
    """List the models that ship with versant; with a NAME, say all about that one."""
    from versant.agents import zoo

    if name is not None:
        click.echo(inspect.getdoc(zoo.find(name)))
        return
    found = [zoo.find(name) for name in zoo.names()]
    _list({f"{m.name}({', '.join(m.parameters)})": (inspect.getdoc(m) or "").partition("\n")[0] for m in found})


@click.command()
def problems() -> None:
    """List the problems that ship with versant: POMDPs to plan in, behavioural tasks to simulate in."""
    from versant.tasks import zoo
    from versant.tasks.zoo import behaviour

    click.echo("For `versant plan` and `versant evaluate`:\n")
    _list(zoo.names())
    click.echo("\nFor `versant simulate --task`:\n")
    tasks = {f"{name}({', '.join(inspect.signature(task).parameters)})": task for name, task in behaviour.TASKS.items()}
    _list({name: (inspect.getdoc(task) or "").partition("\n")[0] for name, task in tasks.items()})


def _list(entries: Mapping[str, str]) -> None:
    for name, text in entries.items():
        click.echo(f"{name}\n    {text}")
