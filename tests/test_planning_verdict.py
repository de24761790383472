from __future__ import annotations

from dataclasses import replace

import numpy as np

from versant.planning.certificate import Certificate
from versant.planning.verdict import PlanVerdict, judge


def test_a_value_that_is_hardly_known_is_neither_optimal_nor_limited_by_size() -> None:
    sure = Certificate(10.0, 1e-9, {}, {}, 0.0, 100.0, np.zeros((1, 1, 1, 1)))
    assert judge(sure, 10.001, False) == (PlanVerdict.FEASIBLE, PlanVerdict.STATIONARY, PlanVerdict.OPTIMAL)
    assert judge(sure, 20.0, False, 11.0)[2:] == (PlanVerdict.LIMITED_BY_SIZE,)
    unsure = replace(sure, value_error=5.0)
    assert judge(unsure, 10.001, False, 11.0) == (PlanVerdict.FEASIBLE, PlanVerdict.STATIONARY)
