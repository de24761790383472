"""Options of the form name=value: what they read and what they refuse."""

from __future__ import annotations

import click
import pytest

from versant.cli.options import BUDGET, CHOICES, COST, MAP, MISSING, NUMBERS, SETTING, as_dict


@pytest.mark.parametrize(
    ("kind", "text", "read"),
    [
        (MAP, "reward=outcome", ("reward", "outcome")),
        (MAP, " reward = the outcome ", ("reward", "the outcome")),
        (CHOICES, "choice=3", ("choice", 3)),
        (CHOICES, "choice=A, B", ("choice", ["A", "B"])),
        (CHOICES, "choice=1,2", ("choice", ["1", "2"])),
        (MISSING, "choice=0", ("choice", ["0"])),
        (MISSING, "choice=0,NA", ("choice", ["0", "NA"])),
        (MISSING, "NA", ("", ["NA"])),
        (SETTING, "alpha=0.1,.2", ("alpha", [0.1, 0.2])),
        (BUDGET, "risk=0.08", ("risk", 0.08)),
        (BUDGET, "risk <= 0.08", ("risk", 0.08)),
        (BUDGET, "risk>=0.08", ("risk", (0.08, None))),
        (BUDGET, "risk==0.08", ("risk", (0.08, 0.08))),
        (BUDGET, "risk=0.05..0.08", ("risk", (0.05, 0.08))),
        (COST, "risk", ("risk", None)),
        (COST, "risk=left:open:1,*:wait:0.5", ("risk", {("left", "open"): 1.0, ("*", "wait"): 0.5})),
        (NUMBERS, "0.2,0.8", (0.2, 0.8)),
    ],
)
def test_what_is_read(kind, text, read):
    assert kind.convert(text, None, None) == read


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (MAP, "reward", "not of the form ours=theirs"),
        (MAP, "=outcome", "not of the form"),
        (MAP, "reward=", "not of the form"),
        (CHOICES, "choice=many", "number of options"),
        (CHOICES, "choice=-1", "number of options"),
        (SETTING, "alpha=big", "'big' is not a number"),
        (SETTING, "alpha=nan", "not a finite number"),
        (BUDGET, "risk=inf", "not a finite number"),
        (BUDGET, "risk>0.1", "not of the form"),
        (BUDGET, "risk>=0.1..0.2", ">= takes one number"),
        (COST, "risk=left:open", "not of the form state:action:number"),
        (COST, "risk=left::1", "not of the form state:action:number"),
        (COST, "risk=left:open:much", "'much' is not a number"),
        (NUMBERS, "0.2;0.8", "is not a number"),
    ],
)
def test_what_is_refused(kind, text, message):
    with pytest.raises(click.BadParameter, match=message):
        kind.convert(text, None, None)


def test_a_name_given_twice_is_refused():
    with pytest.raises(click.UsageError, match="--budget gives 'risk' twice"):
        as_dict((("risk", 1.0), ("risk", 2.0)), "--budget")
