"""Options of the form ``name=value``, which may be given more than once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from versant.errors import ModelError

__all__ = [
    "BUDGET",
    "CHOICES",
    "COST",
    "CRITERION",
    "FAMILY",
    "MAP",
    "MISSING",
    "NUMBERS",
    "SETTING",
    "Pair",
    "as_dict",
    "given_for",
    "group_options",
    "json_option",
    "out_option",
    "resume_option",
    "sampler_options",
    "seed_option",
    "trials_options",
]


if TYPE_CHECKING:
    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # older releases of click have no generic one


class Pair(ParamType):
    """``name=value``, read as (name, value); subclasses say what the value is."""

    name = "name=value"

    def value(self, text: str) -> Any:
        """Read the value; ValueError says what is wrong with it."""
        return text

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read."""
        if isinstance(value, tuple):
            return value
        key, sign, text = str(value).partition("=")
        if not (sign and key.strip() and text.strip()):
            self.fail(f"{value!r} is not of the form {self.name}", param, ctx)
        try:
            return key.strip(), self.value(text.strip())
        except ValueError as error:
            self.fail(f"{value!r}: {error}", param, ctx)


class _Map(Pair):
    name = "ours=theirs"


class _Choices(Pair):
    """``choice=3`` is a number of options, ``choice=A,B`` their labels in order."""

    name = "column=N or column=A,B,…"

    def value(self, text: str) -> int | list[str]:
        if "," in text:
            return [label.strip() for label in text.split(",")]
        if not text.isdigit():
            raise ValueError("give the number of options, or all labels in order, separated by commas")
        return int(text)


class _Missing(Pair):
    """``choice=0`` or ``choice=0,NA``; a code without a column is for all columns of choices."""

    name = "[column=]code,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read; the column may be left out."""
        if isinstance(value, str) and "=" not in value:
            return "", self.value(value)
        return super().convert(value, param, ctx)

    def value(self, text: str) -> list[str]:
        return [code.strip() for code in text.split(",")]


class _Family(Pair):
    """``delta=q_learning,q_learning_dual``: a family and its models."""

    name = "family=model,…"

    def value(self, text: str) -> list[str]:
        return [model.strip() for model in text.split(",")]


class _Numbers(Pair):
    name = "name=number,…"

    def value(self, text: str) -> list[float]:
        return _numbers(text)


class _Budget(Pair):
    """``risk=0.08`` is an upper bound, as ``risk<=0.08``; ``>=`` a lower one, ``==`` both, ``=0.05..0.08`` two."""

    name = "cost=number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read; a lower bound becomes (number, None), an equality a pair of equal numbers."""
        if isinstance(value, tuple):
            return value
        sign = next((sign for sign in ("<=", ">=", "==") if sign in value), "=")
        key, bound = super().convert(str(value).replace(sign, "=", 1), param, ctx)
        if isinstance(bound, tuple) and sign != "=":
            self.fail(f"{value!r}: {sign} takes one number; cost=low..high bounds from both sides", param, ctx)
        pairs = {">=": (bound, None), "==": (bound, bound)}
        return key, pairs.get(sign, bound)

    def value(self, text: str) -> float | tuple[float, float]:
        low, both, high = text.partition("..")
        return (_number(low), _number(high)) if both else _number(text)


class _Cost(Pair):
    """``risk=tiger-left:open-left:1,…``: state, action and cost of each pair; ``*`` stands for all.

    Without ``=`` it names a cost that a built-in problem defines itself.
    """

    name = "cost[=state:action:number,…]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Any]:
        """Split and read; the entries may be left out."""
        if isinstance(value, str) and "=" not in value:
            return value, None
        return super().convert(value, param, ctx)

    def value(self, text: str) -> dict[tuple[str, str], float]:
        entries = {}
        for entry in text.split(","):
            parts = [part.strip() for part in entry.split(":")]
            if len(parts) != 3 or not all(parts):
                raise ValueError(f"{entry!r} is not of the form state:action:number")
            entries[parts[0], parts[1]] = _number(parts[2])
        return entries


class _List(ParamType):
    name = "number,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(_numbers(str(value)))
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{text!r} is not a finite number")
    return number


def _numbers(text: str) -> list[float]:
    return [_number(part.strip()) for part in text.split(",")]


class _Criterion(ParamType):
    """A criterion by any of its names."""

    name = "criterion"

    def get_metavar(self, param: Any, ctx: Any = None) -> str:
        """Return the list of names."""
        from versant.inference.criterion import CRITERIA

        return f"[{'|'.join(CRITERIA)}]"

    def convert(self, value: Any, param: Any, ctx: Any) -> str:
        """Return the name that `versant.compare` uses."""
        from versant.inference.criterion import named

        try:
            return named(value)
        except ModelError as error:
            self.fail(str(error), param, ctx)


CRITERION = _Criterion()
MAP, CHOICES, MISSING, SETTING, BUDGET, COST = _Map(), _Choices(), _Missing(), _Numbers(), _Budget(), _Cost()
NUMBERS, FAMILY = _List(), _Family()


def as_dict(pairs: tuple[tuple[str, Any], ...], option: str) -> dict[str, Any]:
    """Return the pairs by name; a name given twice is an error.

    Examples
    --------
    >>> as_dict((("alpha", 0.3),), "--set")
    {'alpha': 0.3}
    """
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise click.UsageError(f"{option} gives {name!r} twice")
        found[name] = value
    return found


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else.")
out_option = click.option(
    "--out",
    type=click.Path(file_okay=False),
    metavar="DIR",
    help="Write tables, result and figure here; files of the same names are replaced.",
)
seed_option = click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)


def trials_options(command: Any) -> Any:
    """Add the options that say how a file of trials is read."""
    for option in (
        click.option("--on-missing", type=click.Choice(["skip", "learn"]), help="What then happens on that trial."),
        click.option("--missing", type=MISSING, multiple=True, help="Codes that say: no response here."),
        click.option("--choices", type=CHOICES, multiple=True, help="How many options, or their labels in order."),
        click.option("--map", "mapped", type=MAP, multiple=True, help="Our name of a column, and the file's."),
    ):
        command = option(command)
    return command


resume_option = click.option(
    "--resume",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Keep finished pieces here, and go on from there after an interruption.",
)


def sampler_options(command: Any) -> Any:
    """Add the options of a sampler."""
    count = click.IntRange(min=1)
    for option in (
        click.option(
            "--target-accept",
            type=click.FloatRange(0.0, 1.0, min_open=True, max_open=True),
            help="Of sample: acceptance that steps are adapted to; more, against divergences  [default: 0.8]",
        ),
        click.option("--chains", type=click.IntRange(min=2), help="Of sample  [default: 4]"),
        click.option("--tune", type=count, help="Of sample: steps of adaptation of each chain  [default: 1000]"),
        click.option(
            "--draws", type=click.IntRange(min=4), help="Of sample: draws kept of each chain  [default: 1000]"
        ),
        click.option(
            "--pooling",
            type=click.Choice(["partial", "none"]),
            help="Of sample: a group, or everybody alone  [default: partial]",
        ),
    ):
        command = option(command)
    return command


def group_options(command: Any) -> Any:
    """Add the options of a group and of its sampling."""
    command = sampler_options(command)
    for option in (
        click.option("--covariance", type=click.Choice(["full", "diagonal"]), help="Of a group  [default: full]"),
        click.option("--fixed", type=SETTING, multiple=True, help="Of a group: parameters that are known, name=value."),
        click.option(
            "--shared", multiple=True, metavar="NAME", help="Of a group: parameters that are the same for all."
        ),
        click.option("--formula", metavar="TEXT", help="Of a group: 'alpha ~ group * age; beta ~ 1'."),
    ):
        command = option(command)
    return command


def given_for(method: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a fit that were given.

    Raises
    ------
    click.UsageError
        If one of them belongs to another method.
    """
    from versant.verbs.fit import OPTIONS

    given = {name: value for name, value in options.items() if value is not None and value != ()}
    for name in given:
        homes = [method for method, names in OPTIONS.items() if name in names]
        if method not in homes:
            raise click.UsageError(f"--{name.replace('_', '-')} needs --method {' or '.join(homes)}")
    if "fixed" in given:
        known = as_dict(given["fixed"], "--fixed")
        given["fixed"] = {name: values[0] for name, values in known.items()}
        if any(len(values) > 1 for values in known.values()):
            raise click.UsageError("--fixed takes one number for each parameter")
    return given
