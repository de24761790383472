"""What ``versant fit --out DIR`` writes, for every kind of fit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from versant.inference.result import Fit
    from versant.inference.sample_result import Sample

__all__ = ["write_fit"]


def write_fit(found: Fit | Sample, folder: Path, settings: dict[str, Any]) -> list[Path]:
    """Write tables, the result as JSON, the fit to be loaded again, and the figure or the draws; return the files.

    ``result.json`` is for reading, ``fit.json`` for `versant.load_fit`; it is written last.
    """
    from versant.files import write_json
    from versant.formats.results import save
    from versant.formats.tables import write_table
    from versant.inference.sample_result import Sample

    tables = _tables(found)
    files = [folder / f"{name}.{kind}" for name in tables for kind in ("csv", "parquet")]
    for file in files:
        write_table(tables[file.stem], file)
    result = folder / "result.json"
    write_json(result, {**found.to_dict(), **settings})
    drawn = _write_draws(found, folder) if isinstance(found, Sample) else _draw_estimates(found, folder)
    return [*files, result, drawn, *save(found, folder, settings=settings)]


def _tables(found: Fit | Sample) -> dict[str, pd.DataFrame]:
    from versant.inference.group_result import GroupFit
    from versant.inference.sample_result import GroupSample

    tables = {"subjects": found.frame()}
    if isinstance(found, GroupFit | GroupSample):
        tables["group"] = found.group_frame()
    return tables


def _draw_estimates(found: Fit, folder: Path) -> Path:
    from versant.figures.canvas import save
    from versant.figures.fit import figure_estimates, table_estimates

    figure = figure_estimates(table_estimates(found), title=f"{found.learner.name}, {len(found.subjects)} subjects")
    save(figure, folder / "estimates.png")
    return folder / "estimates.png"


def _write_draws(found: Sample, folder: Path) -> Path:
    """Write the posterior as netCDF, as arviz and xarray read it."""
    from versant.files import atomic_path

    with atomic_path(folder / "posterior.nc") as temporary:
        found.to_datatree().to_netcdf(str(temporary), engine="h5netcdf")
    return folder / "posterior.nc"
