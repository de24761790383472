"""The command itself: its subcommands, and what becomes of errors."""

from __future__ import annotations

import io
import os
import sys
import sysconfig
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from versant import __version__
from versant.cli.calibrate import calibrate
from versant.cli.check import check
from versant.cli.compare import compare
from versant.cli.confusion import confusion
from versant.cli.console import INTERRUPTED
from versant.cli.convert import convert
from versant.cli.demo import demo
from versant.cli.draw import draw
from versant.cli.evaluate import evaluate
from versant.cli.export import export
from versant.cli.fit import fit
from versant.cli.frontier import frontier
from versant.cli.identify import identify
from versant.cli.latents import latents
from versant.cli.listing import models, problems
from versant.cli.plan import plan
from versant.cli.predictive import predictive
from versant.cli.recover import recover
from versant.cli.show import show
from versant.cli.simulate import simulate
from versant.cli.verify import verify
from versant.cli.wording import as_options
from versant.errors import VersantError

__all__ = ["main", "versant"]

FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="versant", message="%(prog)s %(version)s")
def versant() -> None:
    """Exact gradients of sequential decision makers: fit learners to behaviour, plan controllers within budgets.

    \b
    Exit codes: 0 done, 1 bad input or failure, 2 wrong usage,
    3 finished, but some subject is not 'converged', a budget is not met or a certificate does not hold.
    """


for subcommand in (
    fit, compare, latents, draw, predictive, identify, recover, confusion, calibrate, simulate,
    plan, frontier, evaluate, verify, models, problems, check, show, convert, export, demo,
):  # fmt: skip
    versant.add_command(subcommand)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; every failure is one message on stderr.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process if not given.

    Examples
    --------
    >>> main(["--version"])
    versant ...
    0
    """
    _never_fail_at_a_letter()
    try:
        return _run(arguments)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except VersantError as error:
        return _fail(as_options(str(error)) + _users_line(error))
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted: the file being written, if any, was left as it was", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output has gone; keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        return _fail(f"{error.filename or 'the system'}: {error.strerror or error}")
    except Exception as error:
        return _fail(_unforeseen(error) + _users_line(error))


def _never_fail_at_a_letter() -> None:
    """Where the terminal has no Unicode, print what it has and question marks; JSON is ASCII anyway."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and "utf" not in stream.encoding.lower():
            stream.reconfigure(errors="replace")


def _run(arguments: Sequence[str] | None) -> int:
    code = versant.main(args=None if arguments is None else list(arguments), prog_name="versant", standalone_mode=False)
    sys.stdout.flush()
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    click.echo(f"versant: error: {message}", err=True)
    return FAILED


def _unforeseen(error: Exception) -> str:
    """One line for an error that nobody raised on purpose, such as a bug in a user's model."""
    message = f"{type(error).__name__}: {error}"
    if _users_line(error):
        return message
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{message} (in {place.name}, {place.filename}, line {place.lineno})"


def _users_line(error: BaseException) -> str:
    """Where an error left a user's own file, if it came through one: that is the line to look at."""
    foreign = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if not f.filename.startswith((*foreign, "<"))]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
