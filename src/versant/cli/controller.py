"""``versant fit --nodes``: recorded behaviour → the finite-state controller that makes it most probable."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from versant.cli.console import WARNING, print_json, print_table, progress_bar, remark
from versant.cli.drawing import write_figures
from versant.cli.load import load_trials
from versant.cli.output import folder_for

if TYPE_CHECKING:
    from versant.inference.controller_result import ControllerFit

__all__ = ["controller_options", "fit_controller", "take_controller", "unsettled"]

STARTS = 20


def controller_options(command: Any) -> Any:
    """Add the options of a controller."""
    for option in (
        click.option("--concentration", type=click.FloatRange(min=1.0), help="Of a controller's prior  [default: 1]"),
        click.option("--reset", metavar="COLUMN", help="Of a controller: where this changes, it starts anew."),
        click.option("--observation", metavar="COLUMN", help="Of a controller: what was seen  [default: observation]"),
        click.option("--action", metavar="COLUMN", help="Of a controller: what was done  [default: action]"),
        click.option("--nodes", type=click.IntRange(min=1), help="In place of --model: a controller of so many nodes."),
    ):
        command = option(command)
    return command


def take_controller(options: dict[str, Any]) -> dict[str, Any] | None:
    """Take the options of a controller out of all options, and return those that were given; None without --nodes."""
    names = ("nodes", "action", "observation", "reset", "concentration")
    taken = {name: options.pop(name) for name in names}
    given = {name: value for name, value in taken.items() if value is not None}
    if given and "nodes" not in given:
        raise click.UsageError(f"--{next(iter(given))} needs --nodes")
    return given or None


def fit_controller(
    trials: str,
    controller: dict[str, Any],
    how: dict[str, Any],
    *,
    read: dict[str, Any],
    seed: int,
    out: str | None,
    figures: list[tuple[str | None, Path]],
    as_json: bool,
) -> int:
    """Fit one controller to all subjects, say what was found, and write it.

    Parameters
    ----------
    trials : str
        A file.
    controller : dict
        What `take_controller` returned.
    how : dict
        What else `versant.fit` takes, such as ``starts``.
    read : dict
        What `versant.cli.options.trials_options` read, but for ``on_missing``.
    seed, out, figures, as_json
        As given to ``versant fit``.
    """
    from versant.agents.controller_model import ControllerModel
    from versant.verbs.fit import fit

    if "concentration" in controller:
        how = {**how, "concentration": controller["concentration"]}
    model = ControllerModel(**{name: value for name, value in controller.items() if name != "concentration"})
    table = load_trials(trials, **read)
    remark(*table.report)
    folder = folder_for(out)
    with progress_bar() as progress:
        found = fit(model, table, seed=seed, progress=progress, **how)
    remark(*(line for line in found.trials.report if line not in table.report))
    settings = {"source": table.source, "starts": STARTS, **how, "seed": seed}
    files = [] if folder is None else _written(found, folder, settings)
    files += write_figures(found, figures)
    if as_json:
        print_json({**found.to_dict(), **settings})
    else:
        print(found.summary())
        print_table(found.frame())
    remark(*(f"wrote {file}" for file in files))
    return unsettled(found)


def unsettled(found: ControllerFit) -> int:
    """Say on stderr that a controller is not ``stationary``, if so; return the exit code."""
    from versant.inference.controller_result import ControllerVerdict

    flag = ControllerVerdict.NOT_STATIONARY
    remark(*([f"{flag}: {flag.meaning}"] if flag in found.verdicts else []))
    return WARNING if flag in found.verdicts else 0


def _written(found: ControllerFit, folder: Path, settings: dict[str, Any]) -> list[Path]:
    """Write tables, the controller by itself, its graph, and the fit to be loaded again, which comes last."""
    from versant.figures.canvas import save as save_figure
    from versant.figures.catalogue import figure
    from versant.files import write_json
    from versant.formats.controllers import write_controller
    from versant.formats.results import save
    from versant.formats.tables import write_table

    tables = {"subjects": found.frame(), "nodes": found.node_frame()}
    files = [folder / f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")]
    for file in files:
        write_table(tables[file.stem], file)
    result, alone, drawn = (folder / name for name in ("result.json", "controller.json", "controller.png"))
    write_json(result, {**found.to_dict(), **settings})
    write_controller(found.controller, alone)
    save_figure(figure(found, "controller"), drawn)
    return [*files, result, alone, drawn, *save(found, folder, settings=settings)]
