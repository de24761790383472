"""What the command says: results on stdout, progress and remarks on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from versant.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["INTERRUPTED", "WARNING", "print_json", "print_table", "progress_bar", "remark"]

WARNING, INTERRUPTED = 3, 130
"""Exit code of a run that finished with something to look at."""


def remark(*lines: str) -> None:
    """Say something that is not the result, on stderr."""
    for line in lines:
        click.echo(line, err=True)


def print_json(content: Mapping[str, Any]) -> None:
    """Print one JSON object, and nothing else, on stdout."""
    click.echo(json.dumps(content, indent=2, allow_nan=False))


def print_table(frame: pd.DataFrame, title: str = "") -> None:
    """Print a frame as a table: numbers to the right, six digits."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", title_style="bold")
    for name in frame.columns:
        table.add_column(str(name), justify="right" if frame[name].dtype.kind in "iuf" else "left")
    for row in frame.itertuples(index=False):
        table.add_row(*(_cell(value) for value in row))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else _width(frame), highlight=False).print(table)


def _cell(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _width(frame: pd.DataFrame) -> int:
    """Wide enough that nothing is folded where there is no terminal."""
    cells: list[Sequence[str]] = [[str(name), *map(_cell, frame[name])] for name in frame.columns]
    return sum(max(map(len, column)) + 3 for column in cells) + 1


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Hand out a `Progress` that draws a bar on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task("", total=None)

        def report(done: float, total: float, message: str) -> None:
            bar.update(task, completed=done, total=total, description=message)

        yield report
