"""Results cannot be changed by accident."""

import numpy as np
import pytest

import versant as vs
from versant.inference.selection import select_models


def test_the_arrays_of_a_plan_are_read_only():
    plan = vs.plan(vs.problems.tiger(), nodes=1, starts=1, families=("random",), bounds=())
    with pytest.raises(ValueError, match="read-only"):
        plan.moves[...] = 0.0


def test_the_arrays_of_a_selection_are_read_only():
    selection = select_models(("one", "other"), (1, 2, 3), np.array([[-1.0, -2.0, -1.5], [-1.1, -1.9, -3.0]]))
    for name in ("evidence", "alpha", "responsibilities", "exceedance", "protected"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(selection, name)[...] = 0.0
