"""Kernel and interpreter agree on every model that ships, with Hessian, at parameters from all over the domain."""

from __future__ import annotations

import importlib
import pkgutil

import numpy as np
import pandas as pd
import pytest

import tests.zoo
import versant as vs
from tests.kernels import TOLERANCE, agreement
from tests.zoo import Case
from versant.expressions.recurrence import differentiate
from versant.formats.trials import read_trials
from versant.inference.likelihood import bind

LANES, SUBJECTS, TRIALS = 10, 3, 16
MODULES = [importlib.import_module(f"tests.zoo.{m.name}") for m in pkgutil.iter_modules(tests.zoo.__path__)]
CASES: list[Case] = [case for module in MODULES for case in getattr(module, "CASES", ())]
ILL_CONDITIONED = {  # large numbers cancel, in either engine
    "exploration": 1e-9,  # the derivatives of log Φ far in the tail
    "lba": 1e-9,  # a density of 1e-248, the difference of distribution functions
    "hgf": 1e-10,  # step variances of e^5, in second derivatives along them
    "kalman": 1e-10,  # squares of logits of hundreds, in the Hessian of a choice that is certain
}


@pytest.mark.parametrize("case", CASES, ids=repr)
def test_engines_agree(case: Case) -> None:
    rng = np.random.default_rng(11)
    parts = [pd.DataFrame(case.draw(rng, TRIALS)).assign(subjID=k) for k in range(SUBJECTS)]
    bound = bind(vs.models.find(case.model), read_trials(pd.concat(parts, ignore_index=True)))
    natural = bound.natural(rng.normal(0.0, 1.5, (LANES, bound.learner.n_parameters)))
    tolerance = ILL_CONDITIONED.get(case.model.split("_")[0], TOLERANCE)
    subjects = rng.integers(0, SUBJECTS, LANES)
    agreement(differentiate(bound.recurrence, 2), bound.rows, natural, subjects, tolerance=tolerance)
