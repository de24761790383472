from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.figures.frontier import figure_frontier, table_frontier
from versant.planning.certificate import certify
from versant.planning.result import Plan
from versant.tasks.zoo import tiger
from versant.verbs.frontier import Frontier, frontier
from versant.verbs.plan import plan
from versant.verbs.tracing import Trace
from versant.verbs.verify import verify

verb = importlib.import_module("versant.verbs.frontier")

RISKY = tiger(costs=("risk",))


@pytest.fixture(scope="module")
def curve() -> Frontier:
    return frontier(RISKY, "risk", [0.6, -0.05, 0.08, 2.0, 0.6], nodes=5, starts=2, bounds=(), seed=1, iterations=100)


def test_values_rise_with_the_budget_below_their_bounds(curve: Frontier) -> None:
    assert curve.limits.tolist() == [-0.05, 0.08, 0.6, 2.0]
    assert np.isnan(curve.values[0])
    assert not curve.plans[0].feasible
    assert (np.diff(curve.values[1:]) >= -1e-6).all()
    assert (curve.values[1:] <= curve.upper_bounds[1:]).all()
    for limit, one in zip(curve.limits[1:], curve.plans[1:], strict=True):
        assert one.costs["risk"].value + one.costs["risk"].error <= limit
    assert curve.values[1] >= 15.0
    assert (curve.upper_bounds[1:] <= [one.upper_bound for one in curve.plans[1:]]).all()


def test_upper_curve_is_concave(curve: Frontier) -> None:
    slopes = np.diff(curve.upper_bounds[1:]) / np.diff(curve.limits[1:])
    assert (np.diff(slopes) <= 1e-9).all()


def test_table_and_figure(curve: Frontier) -> None:
    table = table_frontier(curve)
    assert table["feasible"].tolist() == [False, True, True, True]
    np.testing.assert_array_equal(table["value"], curve.values)
    axes = figure_frontier(curve).axes[0]
    lines = {str(line.get_label()): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["reached"].get_ydata(), curve.values[1:])
    np.testing.assert_array_equal(lines["no policy exceeds"].get_ydata(), curve.upper_bounds[1:])
    assert "infeasible" in [text.get_text() for text in axes.texts]
    assert "budget of risk" in axes.get_xlabel()


def test_frontiers_are_json(curve: Frontier) -> None:
    content = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert content["limits"] == curve.limits.tolist()
    assert len(content["plans"]) == 4


def test_mixtures_are_the_concave_envelope_of_the_plans(curve: Frontier) -> None:
    assert np.isnan(curve.mixtures[0])
    assert (curve.mixtures[1:] >= curve.values[1:]).all()
    assert (curve.mixtures[1:] <= curve.upper_bounds[1:]).all()
    slopes = np.diff(curve.mixtures[1:]) / np.diff(curve.limits[1:])
    assert (np.diff(slopes) <= 1e-6).all()


def test_a_mixture_is_what_the_controller_that_draws_earns(curve: Frontier) -> None:
    low, high = curve.plans[1], curve.plans[2]
    limit = 0.7 * low.costs["risk"].value + 0.3 * high.costs["risk"].value
    between = replace(curve, limits=np.array([limit, 1.0]), plans=(low, high), upper_bounds=np.full(2, 20.0))
    assert between.mixtures[0] == pytest.approx(0.7 * low.value + 0.3 * high.value)
    agents = (low.controller, high.controller)
    moves = np.zeros((10, 3, 2, 10))
    moves[:5, :, :, :5], moves[5:, :, :, 5:] = agents[0].transition, agents[1].transition
    start = np.concatenate([0.7 * agents[0].start, 0.3 * agents[1].start])
    joint = Controller(start, np.concatenate([a.action for a in agents]), moves, RISKY.actions, RISKY.observations)
    assert certify(RISKY, joint).value == pytest.approx(between.mixtures[0])
    assert certify(RISKY, joint).costs["risk"].value == pytest.approx(limit)
    alone = replace(between, plans=(replace(low, verdict=()), high))
    assert np.isnan(alone.mixtures[0])  # a plan beyond its budgets is mixed with none


FAST: dict[str, Any] = {"starts": 1, "families": ("random",), "bounds": ("qmdp",), "iterations": 40, "nodes": 3}


def test_the_least_cost_for_a_reward_is_a_frontier_of_floors() -> None:
    task = tiger(costs=("listen",))
    least = frontier(task, "reward", [-200.0, -400.0, -100.0], side="at least", minimise="listen", **FAST)
    assert least.limits.tolist() == [-400.0, -200.0, -100.0]
    assert all(one.feasible for one in least.plans)
    assert all(one.costs["reward"].floor == limit for one, limit in zip(least.plans, least.limits, strict=True))
    assert (np.diff(least.values) < -1.0).all()  # minus listening: a higher floor needs more of it
    assert (least.mixtures <= least.upper_bounds).all()
    assert figure_frontier(least).axes[0].get_xlabel() == "floor of reward"


def test_totals_are_met_exactly() -> None:
    met = frontier(tiger(costs=("listen",)), "listen", [12.0, 16.0], side="exactly", **FAST)
    for limit, one in zip(met.limits, met.plans, strict=True):
        assert one.feasible
        assert one.costs["listen"].value == pytest.approx(limit, rel=1e-6)
    assert (met.mixtures <= met.upper_bounds).all()


def interrupted_at_the_second(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the second call of `plan` be interrupted; the limits that plans are asked for, as they come."""
    asked: list[float] = []

    def counted(*given: Any, **settings: Any) -> Plan:
        asked.append(settings["budgets"]["risk"])
        if len(asked) == 2:
            raise KeyboardInterrupt
        return plan(*given, **settings)

    monkeypatch.setattr(verb, "plan", counted)
    return asked


def test_an_interrupted_frontier_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "frontier.json"
    whole = frontier(RISKY, "risk", [0.5, 1.0, 2.0], **FAST)
    asked = interrupted_at_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        frontier(RISKY, "risk", [0.5, 1.0, 2.0], checkpoint=file, **FAST)
    with pytest.raises(ProblemError, match="checkpoint of another call"):
        frontier(RISKY, "risk", [0.5, 1.0, 3.0], checkpoint=file, **FAST)
    again = frontier(RISKY, "risk", [0.5, 1.0, 2.0], checkpoint=file, **FAST)
    assert asked == [0.5, 1.0, 1.0, 2.0]
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.upper_bounds, whole.upper_bounds)
    assert not file.exists()
    for content in (
        "[]",
        '{"call": "", "plans": [], "pool": {"problem": "", "solutions": [], "plans": [], "alphas": []}}',
    ):
        file.write_text(content)
        with pytest.raises(ProblemError, match="no checkpoint of a frontier"):
            frontier(RISKY, "risk", [0.5], checkpoint=file, **FAST)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ProblemError, match="side is one of at most, at least, exactly, not 'above'"):
        frontier(RISKY, "risk", [1.0], side="above")  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match="at least one limit"):
        frontier(RISKY, "risk", [])
    with pytest.raises(ProblemError, match="a list of numbers, not 'abc'"):
        frontier(RISKY, "risk", "abc")  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=r"not an array of shape \(1, 2\)"):
        frontier(RISKY, "risk", [[0.1, 0.2]])  # type: ignore[list-item]
    with pytest.raises(ProblemError, match="time > 0"):
        frontier(RISKY, "risk", [0.1], time=-1.0)
    with pytest.raises(ProblemError, match="is to vary"):
        frontier(RISKY, "risk", [1.0], budgets={"risk": 1.0})
    with pytest.raises(ProblemError, match="budget is set for 'fuel'"):
        frontier(RISKY, "fuel", [1.0])


@pytest.mark.parametrize("how", [{"method": "columns"}, {"nodes": 2, "starts": 1, "families": ("graphs",)}])
def test_a_resumed_frontier_says_what_an_uninterrupted_one_does(
    how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, limits = tmp_path / "frontier.json", [0.08, 0.12]
    how = {"iterations": 2, "bounds": (), **how}
    whole = frontier(RISKY, "risk", limits, **how)
    asked = interrupted_at_the_second(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        frontier(RISKY, "risk", limits, checkpoint=file, **how)
    again = frontier(RISKY, "risk", limits, checkpoint=file, **how)
    assert asked[:3] == [0.08, 0.12, 0.12]
    np.testing.assert_array_equal(again.values, whole.values)
    np.testing.assert_array_equal(again.upper_bounds, whole.upper_bounds)
    for one, other in zip(again.plans, whole.plans, strict=True):
        assert one.controller.to_dict() == other.controller.to_dict()


@pytest.mark.parametrize(("cost", "side"), [("risk", "at most"), ("listen", "at least"), ("listen", "exactly")])
def test_plans_that_begin_with_others_lose_nothing(cost: str, side: Any) -> None:
    task, limits = tiger(costs=(cost,)), [0.07, 0.08] if cost == "risk" else [12.0, 12.5]
    place = 0 if side == "at least" else 1  # of the limit that comes last
    found = frontier(task, cost, limits, side=side, method="columns", bounds=(), iterations=6)
    limit, last, bound = limits[place], found.plans[place], found.upper_bounds[place]
    budget = {"at most": limit, "at least": (limit, None), "exactly": (limit, limit)}[side]
    alone = plan(task, budgets={cost: budget}, method="columns", bounds=(), iterations=6)
    assert last.feasible
    assert last.value >= alone.value - 1e-5 * abs(alone.value)
    assert alone.upper_bound is not None
    assert bound <= alone.upper_bound + 1e-5 * abs(alone.value)


def test_mixtures_take_the_place_of_plans_where_the_size_is_free() -> None:
    grown = frontier(RISKY, "risk", [0.2], nodes="grow", starts=1, bounds=(), iterations=2)
    assert (grown.values >= grown.mixtures - 2e-6 * np.abs(grown.mixtures)).all()
    assert {one.method for one in grown.plans} <= {"natural", "columns"}


def test_what_plans_at_other_limits_are_worth_is_used(curve: Frontier) -> None:
    """Two controllers mixed by hand; a third plan is worse than they are."""
    low, high = curve.plans[1], curve.plans[2]
    between = 0.5 * (low.costs["risk"].value + high.costs["risk"].value)
    made: list[dict[str, Any]] = []

    def planned(**how: Any) -> Plan:
        made.append(how)
        return plan(RISKY, budgets=how["budgets"], starts=how["starts"], nodes=how["nodes"], bounds=(), iterations=5)

    free = Trace(
        planned, RISKY, "risk", np.array([0.08, between, 0.6]), "at most", {}, any_size=True, columns=False, time=None
    )
    free.plans = [low, low, high]
    free.mix()
    assert [how["budgets"]["risk"] for how in made] == [between]
    assert free.plans[1].controller.n_nodes == 10
    assert free.plans[1].value >= 0.5 * (low.value + high.value) - 1e-6
    assert len(free.plans[1].bounds) == len(low.bounds) + 1
    free.any_size, free.plans = False, [low, low, high]
    free.mix()
    assert free.plans == [low, low, high]  # a plan of a fixed size stays of that size


def test_time_that_is_left_goes_to_the_widest_gap(curve: Frontier) -> None:
    made: list[dict[str, Any]] = []

    def planned(**how: Any) -> Plan:
        made.append(how)
        return replace(curve.plans[2], value=curve.plans[2].value + 1e-3)

    plans = list(curve.plans[1:])
    for time, left in ((100.0, True), (None, False)):
        trace = Trace(planned, RISKY, "risk", curve.limits[1:], "at most", {}, any_size=False, columns=False, time=time)
        trace.plans = [*plans]
        gaps = np.array([1e-9, 1.0, 0.5])
        trace.spend(gaps + [one.value for one in plans])
        assert (trace.plans[1].value > plans[1].value) == left
        assert trace.plans[0] is plans[0]
        assert trace.plans[2] is plans[2]
    assert [(how["budgets"], how["also"]) for how in made] == [({"risk": 0.6}, [plans[1].controller])]
    assert 90.0 < made[0]["time"] <= 100.0
    assert trace.plans[1].seconds == plans[1].seconds


def test_every_plan_knows_the_bounds_of_all(curve: Frontier) -> None:
    found = frontier(RISKY, "risk", [0.03, 0.08], nodes=2, starts=1, bounds=(), iterations=5)
    for one, bound in zip(found.plans, found.upper_bounds, strict=True):
        assert one.upper_bound == pytest.approx(bound, rel=1e-9)
        assert min(proof.value for proof in one.bounds) == one.upper_bound
        assert len(one.bounds) == len(one.proved_at)
        assert verify(one, RISKY.with_budgets({"risk": one.costs["risk"].budget})).holds


def test_a_generator_gives_one_seed_for_all_limits() -> None:
    how: dict[str, Any] = {"nodes": 1, "starts": 1, "families": ("random",), "bounds": (), "iterations": 3}
    found = [frontier(RISKY, "risk", [0.5, 1.0], seed=np.random.default_rng(3), **how) for _ in range(2)]
    seeds = {one.seed for curve in found for one in curve.plans}
    assert len(seeds) == 1
    assert seeds != {0}


def test_limits_without_a_plan_are_named(curve: Frontier) -> None:
    assert curve.unmet.tolist() == [-0.05]
    assert curve.to_dict()["unmet"] == [-0.05]
    first, second, *_ = str(curve).splitlines()
    assert first.startswith("risk at most -0.05: no plan (budget_violated, infeasible)")
    assert second.startswith("risk at most 0.08: value 1")


def test_nobody_changes_a_frontier_by_accident(curve: Frontier) -> None:
    for array in (curve.limits, curve.upper_bounds):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
