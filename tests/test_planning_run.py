"""Planning that is interrupted keeps the best so far, and goes on where it stopped."""

from __future__ import annotations

import importlib
import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from versant.agents.controller import Controller
from versant.errors import ProblemError, VersantError
from versant.planning.ascent import Ascent, ascend
from versant.planning.certificate import certify
from versant.planning.columns import Columns
from versant.planning.journal import Entry, Journal, describe
from versant.planning.natural import Natural
from versant.planning.pointbased import PointSearch
from versant.planning.problem import PlanningProblem
from versant.planning.result import Interrupted, Plan
from versant.planning.run import Run
from versant.planning.search import Search, random_starts
from versant.planning.verdict import PlanVerdict
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan
from versant.verbs.verify import verify

RISKY = tiger(costs=("risk",))
GIVEN: dict[str, Any] = {
    "nodes": 3, "budgets": {"risk": 0.3}, "starts": 4, "families": ("random",), "bounds": ("qmdp",), "iterations": 40
}  # fmt: skip


class Stop:
    """Progress that interrupts at its n-th message."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self, done: float, total: float, message: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def stop_at_the_third(patch: pytest.MonkeyPatch) -> None:
    """One ascent a batch, so that there is something to keep between them; the third is interrupted."""
    calls: list[int] = []

    def ascend_or_stop(*arguments: Any) -> Ascent:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return ascend(*arguments)

    patch.setattr(Search, "_batch_size", lambda self: 1)
    patch.setattr("versant.planning.search.ascend", ascend_or_stop)


def test_an_interrupt_brings_the_best_so_far() -> None:
    with pytest.raises(Interrupted) as caught:
        plan(RISKY, progress=Stop(5), **GIVEN)
    best = caught.value.plan
    assert isinstance(caught.value, KeyboardInterrupt)
    assert best.verdict[-1] == PlanVerdict.INTERRUPTED
    assert best.upper_bound is not None
    assert best.upper_bound >= best.value
    assert verify(best, RISKY).holds


def interrupted_run(file: Path) -> None:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        stop_at_the_third(patch)
        plan(RISKY, checkpoint=file, **GIVEN)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.npz"
    interrupted_run(file)
    monkeypatch.setattr(Search, "_batch_size", lambda self: 1)
    kept = Journal.at(file, str(np.load(file)["call"])).entries
    assert [*kept] == ["random/3/0", "random/3/1"]
    again, whole = plan(RISKY, checkpoint=file, **GIVEN), plan(RISKY, **GIVEN)
    assert same(again, whole)
    assert not file.exists()
    assert again.starts == whole.starts


def same(one: Plan, other: Plan) -> bool:
    pairs = ((one.controller.action, other.controller.action), (one.controller.transition, other.controller.transition))
    return one.value == other.value and all(np.array_equal(a, b) for a, b in pairs)


def test_a_checkpoint_is_that_of_its_call(tmp_path: Path) -> None:
    file = tmp_path / "run.npz"
    interrupted_run(file)
    with pytest.raises(ProblemError, match=r"checkpoint of another call: .*another problem"):
        plan(RISKY, checkpoint=file, **{**GIVEN, "budgets": {"risk": 0.4}})
    file.write_text("nothing")
    with pytest.raises(ProblemError, match="no checkpoint"):
        plan(RISKY, checkpoint=file, **GIVEN)


def entry() -> Entry:
    return Entry(np.ones((1, 2)), np.zeros((1, 1)), complete=False)


def test_a_journal_is_read_back_exactly(tmp_path: Path) -> None:
    journal = Journal.at(tmp_path / "a.npz", "{}")
    journal.keep("random/3/0", Entry(np.array([[0.1, 1 / 3]]), np.array([[np.pi]]), complete=True))
    journal.keep("random/3/1", entry())
    again = Journal.at(tmp_path / "a.npz", "{}").entries
    assert again["random/3/0"].theta.tolist() == [[0.1, 1 / 3]]
    assert again["random/3/0"].values[0, 0] == np.pi
    assert [again[name].complete for name in ("random/3/0", "random/3/1")] == [True, False]


def test_progress_says_value_violation_and_gap() -> None:
    said: list[str] = []

    def listen(done: float, total: float, message: str) -> None:
        said.append(message)

    plan(RISKY, progress=listen, **{**GIVEN, "budgets": {"risk": 0.01}})
    plan(RISKY, nodes=2, budgets={"risk": 0.5}, families=("graphs",), iterations=5, bounds=(), progress=listen)
    assert any("exceeds a budget by" in message for message in said)
    assert any("gap" in message for message in said)


def test_a_run_keeps_the_better() -> None:
    said: list[str] = []
    run = Run(said.append)
    agents = [plan(RISKY, nodes=1, starts=1, bounds=(), families=("random",), iterations=1).controller] * 4
    for value, violation in ((1.0, 0.5), (5.0, 0.9), (0.0, 0.0), (-1.0, 0.0)):
        run.offer(value, violation, agents.pop)
    assert [step[1:] for step in run.history] == [(1.0, 0.5), (0.0, 0.0)]
    assert len(said) == 2
    assert not run.reached(1e-5, 1.0)


def test_the_history_ends_with_what_is_returned() -> None:
    run = Run(lambda message: None)
    agent = plan(RISKY, nodes=1, starts=1, bounds=(), families=("random",), iterations=1).controller
    for value in (1.0, 2.0, 3.0):
        run.offer(value, 0.0, lambda: agent)
    assert [step.value for step in run.settled(3.0 + 1e-12, 0.0)] == [1.0, 2.0, 3.0]
    assert [step.value for step in run.settled(3.1, 0.2)] == [1.0, 2.0, 3.0]
    assert [step.value for step in run.settled(2.5, 0.1)] == [1.0, 2.0, 2.5]  # a graph that fits is worth less
    assert [step.value for step in run.settled(3.5, 0.1)] == [1.0, 2.0, 3.0, 3.5]


def test_times_are_those_at_which_numbers_were_reached() -> None:
    found = plan(RISKY, **GIVEN)
    assert len(found.proved_at) == len(found.bounds)
    assert list(found.proved_at) == sorted(found.proved_at)
    told = found.to_dict()
    assert told["reached_at"] == found.history[-1].seconds <= found.proved_at[0]
    assert told["bounds"][0]["seconds"] == found.proved_at[0]


def test_too_many_nodes_are_refused_before_they_are_made() -> None:
    with pytest.raises(VersantError, match=r"planning with 10000000 nodes .ask for fewer. would take"):
        plan(RISKY, nodes=10_000_000, families=("random",))


def test_a_gap_that_time_did_not_allow_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("versant.planning.certificate._in_time", lambda *given: False)
    found = plan(RISKY, **GIVEN)
    monkeypatch.undo()
    assert found.first_order_gap == np.inf
    assert PlanVerdict.NOT_STATIONARY in found.verdict
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["first_order_gap"] is None
    assert verify(found, RISKY).holds


@pytest.mark.parametrize("content", ["something else", ""])
def test_other_files_are_no_checkpoints(content: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.npz"
    path.write_text(content)
    with pytest.raises(ProblemError, match="no checkpoint of a plan: name another file"):
        plan(tiger(), nodes=2, checkpoint=path)
    assert path.read_text() == content


@pytest.mark.parametrize("call", ["hello", "5", '{"nodes": 2}'])
def test_other_arrays_are_no_checkpoints(call: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.npz"
    np.savez(path, call=np.array(call), mine=np.zeros(3))
    with pytest.raises(ProblemError, match="no checkpoint of a plan: name another file"):
        plan(tiger(), nodes=2, checkpoint=path)


def test_floors_belong_to_what_a_run_is_asked_for() -> None:
    assert describe(RISKY) != describe(RISKY.with_budgets({"risk": (0.1, None)}))


def interrupted_plan(**call: Any) -> Plan:
    with pytest.raises(Interrupted) as caught:
        plan(RISKY, budgets={"risk": 0.16}, bounds=(), **call)
    assert caught.value.plan.verdict[-1] == PlanVerdict.INTERRUPTED
    return caught.value.plan


@pytest.mark.parametrize("call", [{"nodes": 4}, {"method": "columns"}])
def test_an_interrupt_before_anything_is_found_brings_a_plan(
    call: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PointSearch, "run", stop)
        best = interrupted_plan(**call)
    assert best.feasible
    assert best.value == pytest.approx(-20.0)  # listening for ever
    assert verify(best, RISKY).holds


@pytest.mark.parametrize(("call", "nodes"), [({"nodes": 4}, 1), ({"nodes": 5}, 5), ({"method": "columns"}, 5)])
def test_an_interrupt_between_searches_brings_a_policy_graph_that_is_small_enough(
    call: dict[str, Any], nodes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def generate_and_stop(self: Columns, *given: Any) -> None:
        generate(self, *given)
        raise KeyboardInterrupt

    generate = Columns.generate
    monkeypatch.setattr(Columns, "generate", generate_and_stop)
    best = interrupted_plan(**call)
    assert best.controller.n_nodes == nodes
    assert best.value == pytest.approx(-20.0 if nodes == 1 else 19.371368)


def test_a_controller_that_is_not_shown_to_keep_its_budget_gives_way_to_a_smaller_one_that_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    careless = Controller.random(4, RISKY.actions, RISKY.observations, 0)
    monkeypatch.setattr(importlib.import_module("versant.verbs.plan"), "ascend_from_starts", lambda *how: careless)
    found = plan(RISKY, nodes=4, budgets={"risk": 0.08}, bounds=())
    assert found.feasible
    assert found.value == pytest.approx(-20.0)
    assert found.history[-1].value == pytest.approx(-20.0)
    both = tiger(costs=("risk", "listen"))
    hopeless = plan(both, nodes=4, budgets={"risk": 0.08, "listen": 1.0}, bounds=())
    assert hopeless.controller.n_nodes == 4


def test_where_time_is_over_controllers_safely_within_come_first() -> None:
    task = RISKY.with_budgets({"risk": 0.5})
    search = Search(PlanningProblem(task, 2, {"risk": 0.5}), Natural(), 300, np.inf, 0.0, Run(lambda message: None))
    search.run(islice(random_starts(search.problem, 0), 6), "random")
    found = search.conclude()
    assert certify(task, found).feasible
