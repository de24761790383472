"""What searches at some limits and multipliers tell others: bounds of blends, findings in files, pools."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.planning_cases import random_problem
from versant.errors import ProblemError
from versant.planning.ceilings import Ceiling, blend, inherit
from versant.planning.columns import Columns
from versant.planning.findings import Findings, Pool
from versant.planning.graphsearch import GraphSearch
from versant.planning.master import best_weights
from versant.planning.pointbased import PointBased, PointSearch
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan

RISKY = tiger(costs=("risk",))
AT = np.array([1.0, -23.0])


def searched(model: PointBased, combination: Any, effort: float = 2e6) -> PointSearch:
    search = GraphSearch(model, np.array(combination, dtype=np.float64))
    search.run(effort)
    return search.points


@pytest.fixture(scope="module")
def known() -> tuple[PointBased, list[Ceiling]]:
    """A random problem, and bounds of some combinations of its reward and costs."""
    model = PointBased(random_problem(4), ("c0", "c1"))
    combinations = [[1, 0, 0], [1, -2, 0], [1, 0, -1], [0, -1, 0], [1, -0.5, -0.5]]
    return model, [Ceiling.of(searched(model, one)) for one in combinations]


@settings(max_examples=8, deadline=None)
@given(st.floats(-0.5, 4.0), st.floats(-0.5, 4.0))
def test_blends_bound_the_value_at_every_belief(
    known: tuple[PointBased, list[Ceiling]], first: float, second: float
) -> None:
    model, ceilings = known
    combination = np.array([1.0, -first, -second])
    ends = np.stack([model.parts.min(axis=(1, 2)), model.parts.max(axis=(1, 2))]) / (1.0 - model.discount)
    mixed = blend(ceilings, combination, *ends)
    assert mixed is not None
    search = searched(model, combination, 3e5)
    for number, beliefs in mixed.beliefs().items():
        lower = search.cell(number).lower(beliefs)  # the value of plans
        assert (mixed.upper(number, beliefs) >= lower - 1e-9).all()
    assert mixed.value >= search.bound().value - search.gap()[0] - 1e-9


def test_a_search_begins_with_the_bounds_of_others() -> None:
    model = PointBased(RISKY, ("risk",))
    ceilings = [Ceiling.of(searched(model, [1.0, -price])) for price in (22.0, 24.0)]
    cold, warm, exact = PointSearch(model, AT), PointSearch(model, AT), searched(model, AT)
    model.ceilings = ceilings
    inherit(warm, 1e9)
    assert warm.bound().value <= 0.5 * (ceilings[0].value + ceilings[1].value) + 1e-9
    left = warm.bound().value - (exact.bound().value - exact.gap()[0])
    assert -1e-9 <= left < 1e-2 * (cold.bound().value - exact.bound().value)


def test_points_that_would_be_a_burden_are_left_alone(known: tuple[PointBased, list[Ceiling]]) -> None:
    model, ceilings = known
    search = PointSearch(model, np.array([1.0, -1.0, 0.0]))
    before = search.gap()[0]
    model.ceilings = [Ceiling(one.combination, one.value, 0.0, one.blocks) for one in ceilings]
    inherit(search, 1.0)  # nothing is affordable, and no search that came as far had so many
    model.ceilings = []
    assert search.gap()[0] == before


def test_ceilings_are_json(known: tuple[PointBased, list[Ceiling]]) -> None:
    model, ceilings = known
    number, belief = model.root
    for one in ceilings:
        again = Ceiling.from_dict(json.loads(json.dumps(one.to_dict())))
        assert (again.value, again.gap, again.sites()) == (one.value, one.gap, one.sites())
        np.testing.assert_array_equal(again.upper(number, belief[None]), one.upper(number, belief[None]))


def columns_at(limit: float, known: Findings | None = None) -> Columns:
    findings = Findings() if known is None else known
    found = Columns(RISKY, {"risk": limit}, np.array([abs(limit)]), effort=1e6, hardest=1e7, known=findings)
    found.generate(6, 1e-4)
    return found


def test_findings_hold_at_every_limit() -> None:
    first = columns_at(0.08)
    findings = first.findings()
    for limit in (0.05, 0.3):
        fresh = columns_at(limit)
        told = Columns(RISKY, {"risk": limit}, np.array([limit]), known=findings)
        assert told.upper.value >= fresh.best().totals[0] - 1e-6
        assert told.best().totals[0] <= fresh.upper.value + 1e-6
        assert told.upper.value == findings.upper({"risk": limit}).value
        on = columns_at(limit, findings)
        assert on.upper.value <= told.upper.value
        assert on.closed(1e-3) == fresh.closed(1e-3)
        assert on.best().totals[0] == pytest.approx(fresh.best().totals[0], rel=1e-3)
    known = findings.value(RISKY.with_budgets({"risk": 0.08}))
    assert known == pytest.approx(first.best().totals[0])
    assert np.isnan(findings.value(RISKY.with_budgets({"risk": -1.0})))
    assert np.isnan(Findings().value(RISKY.with_budgets({"risk": 1.0})))


def test_searches_go_on_from_a_file_as_if_they_had_never_stopped() -> None:
    findings = columns_at(0.08).findings()
    again = Findings.from_dict(json.loads(json.dumps(findings.to_dict())))
    here, there = columns_at(0.005, findings), columns_at(0.005, again)
    assert len(here.found) > len(findings.solutions)
    np.testing.assert_array_equal([one.totals for one in here.found], [one.totals for one in there.found])
    assert [one.upper for one in here.found] == [one.upper for one in there.found]
    assert here.findings().to_dict() == there.findings().to_dict()
    assert findings.to_dict() == again.to_dict()  # what is handed on is not changed


def test_searches_for_low_costs_prove_that_no_policy_keeps_a_budget() -> None:
    columns = columns_at(-0.01)
    excess = columns.least_excess()
    assert excess is not None
    assert columns.upper.method == "columns"
    limits = {"c0": 3.0, "c1": 3.0}
    several = Columns(random_problem(4), limits, np.array([3.0, 3.0]), effort=1e5, hardest=1e5)
    several.generate(3, 1e-4)
    proof, best = several.least_excess(), several.best()
    assert proof is not None
    assert 0.0 < proof.value <= best.excess + 1e-9  # both have to be exceeded, by a quarter or more
    assert sum(proof.multipliers[name] * 3.0 for name in limits) == pytest.approx(1.0)


def test_masters_prefer_the_least_excess() -> None:
    weights = best_weights(np.array([5.0, 1.0, 2.0]), np.array([[4.0, 0.0], [1.0, 1.0], [1.0, 1.0]]))
    np.testing.assert_allclose(weights, [0.0, 0.0, 1.0], atol=1e-7)


def test_a_pool_is_of_one_problem_and_its_budgets() -> None:
    pool, how = Pool(), {"method": "columns", "bounds": (), "iterations": 3}
    first = plan(RISKY, budgets={"risk": 0.08}, pool=pool, **how)
    assert first.feasible
    again = Pool.from_dict(json.loads(json.dumps(pool.to_dict())))
    assert plan(RISKY, budgets={"risk": 0.2}, pool=again, **how).value > first.value
    with pytest.raises(ProblemError, match="another problem or of other budgets"):
        plan(RISKY, pool=pool, **how)
    with pytest.raises(ProblemError, match="another problem or of other budgets"):
        plan(tiger(costs=("listen",)), budgets={"listen": 12.0}, pool=pool, **how)
    with pytest.raises(ProblemError, match="stands alone"):
        plan(RISKY, budgets={"risk": 0.2}, pool=pool, checkpoint="nowhere", **how)


def test_a_register_keeps_what_plans_lead_to() -> None:
    search = GraphSearch(PointBased(RISKY, ("risk",)), np.array([1.0, -20.0]))
    search.run(1e6)
    model = search.points.model
    findings = Findings((), model.plans, model.alphas, ()).needed()
    whole, few = model.plans.to_list(), findings.plans.to_list()
    assert 0 < len(few) < len(whole)
    for block, (_, numbers) in model.alphas.items():
        for old, new in zip(numbers.tolist(), findings.alphas[block][1].tolist(), strict=True):
            assert findings.plans.action(new) == model.plans.action(old)
