"""``--figure``: which figures of a result are written, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from versant.errors import VersantError

__all__ = ["check_figures", "figure_option", "write_figures"]

SUFFIXES = (".png", ".svg", ".pdf")

figure_option = click.option(
    "--figure",
    "figures",
    multiple=True,
    metavar="[KIND=]FILE",
    help="Draw the result, as .png, .svg or .pdf; KIND where there are several figures of it.",
)


def check_figures(figures: tuple[str, ...]) -> list[tuple[str | None, Path]]:
    """Read the options before the work begins.

    Raises
    ------
    VersantError
        If a file is of no kind that can be drawn.
    """
    found: list[tuple[str | None, Path]] = []
    for text in figures:
        kind, sign, file = text.partition("=")
        path = Path(file if sign else text)
        if path.suffix.lower() not in SUFFIXES:
            raise VersantError(f"--figure {text}: the extension is not one of {', '.join(SUFFIXES)}")
        found.append((kind if sign else None, path))
    return found


def write_figures(
    result: Any, wanted: list[tuple[str | None, Path]], title: str = "", **options: dict[str, Any]
) -> list[Path]:
    """Draw a result and return the files; `options` are those of a kind, by its name."""
    from versant.figures.canvas import save
    from versant.figures.catalogue import figure, kinds

    for kind, path in wanted:
        chosen = kinds(result)[0] if kind is None else kind
        save(figure(result, kind, title=title, **options.get(chosen, {})), path)
    return [path for _, path in wanted]
