"""Policy graphs whose nodes stand in blocks: systems, values and visits, against those over all pairs."""

import time

import numpy as np
import pytest
from numpy.testing import assert_allclose

from versant.planning.certificate import certify
from versant.planning.evaluation import ClosedLoop
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.unrolling import BlockGraph, best_plan, follow, unroll
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.tasks.zoo.rocks import rock_sample


def searched(task: Pomdp, effort: float) -> PointSearch:
    search = PointSearch(PointBased(task, ()), np.array([1.0]))
    search.run(effort)
    return search


def spread_out(graph: BlockGraph, parts: list[np.ndarray]) -> np.ndarray:
    """Vectors over blocks as one over all states, (X, S)."""
    found = np.zeros((graph.n_nodes, len(graph.model.start)))
    for node, (home, part) in enumerate(zip(graph.homes.tolist(), parts, strict=True)):
        found[node, graph.model.blocks.states(home)] = part
    return found


@pytest.mark.parametrize("task", [tiger(), rock_sample(3, 2)], ids=["tiger", "rocks"])
def test_values_and_visits_over_blocks_are_those_over_all_pairs(task: Pomdp) -> None:
    search = searched(task, 3e6)
    for graph in (unroll(search, 30, 10_000), follow(search, best_plan(search), 10_000)):
        assert graph is not None
        whole = graph.graph()
        values = whole.values(search.model)[:, 0]
        for node, (home, part) in enumerate(zip(graph.homes.tolist(), graph.values(), strict=True)):
            assert_allclose(part[0], values[node, graph.model.blocks.states(home)], atol=1e-7)
        assert_allclose(spread_out(graph, graph.occupancy()), whole.occupancy(search.model), atol=1e-7)


@pytest.mark.parametrize("task", [tiger(), rock_sample(3, 2)], ids=["tiger", "rocks"])
def test_a_plan_that_is_followed_promises_what_its_nodes_are_worth(task: Pomdp) -> None:
    search = searched(task, 3e6)
    graph = follow(search, best_plan(search), 10_000)
    assert graph is not None
    assert graph.near is not None
    for promised, known in zip(graph.near, graph.values(), strict=True):
        assert_allclose(promised, known, atol=1e-6)


def test_visits_cut_short_are_not_kept() -> None:
    search = searched(rock_sample(3, 2), 3e6)
    graph = unroll(search, 30, 10_000)
    graph.occupancy(0.0)
    assert sum(part.sum() for part in graph.occupancy()) == pytest.approx(1.0 / (1.0 - search.model.discount))


def test_a_certificate_in_haste_has_error_bars_that_hold_what_is_exact() -> None:
    task = rock_sample(5, 6)
    search = searched(task, 3e6)
    graph = follow(search, best_plan(search), 10_000)
    assert graph is not None
    controller = graph.graph().merged().controller(ClosedLoop(task, 1).layout)
    exact, quick = certify(task, controller), certify(task, controller, time.perf_counter(), 60.0)
    assert quick.gap == np.inf
    assert abs(quick.value - exact.value) <= quick.value_error + exact.value_error
    assert quick.value_error < 1e-4
    assert_allclose(quick.moves.sum(), exact.moves.sum(), rtol=1e-3)
