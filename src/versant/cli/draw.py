"""``versant draw``: figures of a saved fit, and the numbers behind them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from versant.cli.drawing import check_figures, write_figures
from versant.cli.fitted import AS_SAVED, saved_fit

__all__ = ["draw"]


@click.command(short_help="Draw a saved fit, or write the numbers of a figure.")
@click.argument("result", type=click.Path())
@click.argument("figures", metavar="[KIND=]FILE…", nargs=-1, required=True)
@click.option("--subject", help="Whose trajectory, or draws  [default: the first subject's; draws of a group]")
@click.option("--alone", type=click.Path(), metavar="RESULT", help="Of shrinkage: the fit of the same subjects alone.")
@click.option("--title", default="", help="Above each figure.")
def draw(result: str, figures: tuple[str, ...], subject: str | None, alone: str | None, title: str) -> None:
    """Draw RESULT (the folder of versant fit --out) as .png, .svg or .pdf; as .csv or .parquet, write the table.

    KINDs are estimates, pairs and trajectory; of a group also group, shrinkage (with --alone) and convergence; of a
    sampled posterior also ranks; of a controller, controller, convergence and trajectory.
    """
    from versant.figures.catalogue import figure_table, kinds
    from versant.formats.tables import write_table
    from versant.inference.sample_result import Sample

    tables = [text for text in figures if Path(text.rpartition("=")[2]).suffix.lower() in (".csv", ".parquet")]
    wanted = check_figures(tuple(text for text in figures if text not in tables))
    found = saved_fit(result, AS_SAVED)
    options: dict[str, Any] = {}
    if subject is not None:
        labels = (*getattr(found, "people", ()), *found.subjects)  # with conditions, people and their conditions
        named = [label for label in labels if str(label) == subject]
        whose = {"subject": named[0] if named else subject}
        options = {"trajectory": whose} | ({"pairs": whose, "ranks": whose} if isinstance(found, Sample) else {})
    drawn = {text.rpartition("=")[0] or kinds(found)[0] for text in figures}
    if subject is not None and not drawn & set(options):
        raise click.UsageError(f"--subject is of {' and '.join(sorted(options))}, such as trajectory=FILE")
    if alone is not None:
        if "shrinkage" not in drawn:
            raise click.UsageError("--alone is of shrinkage=FILE")
        options["shrinkage"] = {"alone": saved_fit(alone, AS_SAVED)}
    files = write_figures(found, wanted, title, **options)
    for text in tables:
        kind, _, file = text.rpartition("=")
        chosen = kind or kinds(found)[0]
        write_table(figure_table(found, chosen, **options.get(chosen, {})), file)
        files.append(Path(file))
    print(*(f"wrote {file}" for file in files), sep="\n")
