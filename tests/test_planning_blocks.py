from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.planning_cases import random_controllers, random_problem
from versant.errors import ProblemError
from versant.planning.blocks import Blocks
from versant.planning.compression import compress, improve
from versant.planning.evaluation import ClosedLoop
from versant.planning.graphsearch import GraphSearch, solve_by_points
from versant.planning.joining import join, join_most
from versant.planning.pairs import pair_entries
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.products import ChainProducts, form_chain
from versant.planning.sawtooth import Points, drops
from versant.planning.sweeps import run_order, sweep_until
from versant.planning.thinning import cut, thin
from versant.planning.tiles import TiledChain, tileable
from versant.planning.unrolling import best_plan, follow, unroll
from versant.tasks.pomdp import Pomdp
from versant.tasks.zoo import tiger
from versant.tasks.zoo.grids import grid_4x3
from versant.tasks.zoo.rocks import rock_sample

ONE = np.ones(1)
ROCKS = rock_sample(4, 2)


def beliefs_met(pomdp: Pomdp, steps: int, seed: int) -> list[np.ndarray]:
    """Beliefs along a random walk, computed densely."""
    rng, belief, found = np.random.default_rng(seed), pomdp.start, [pomdp.start]
    for _ in range(steps):
        action = rng.integers(pomdp.n_actions)
        moved = belief @ pomdp.transitions[action].toarray()
        seen = pomdp.emissions[action].toarray()
        chances = moved @ seen
        belief = moved * seen[:, rng.choice(len(chances), p=chances / chances.sum())]
        belief = belief / belief.sum()
        found.append(belief)
    return found


@pytest.mark.parametrize("pomdp", [ROCKS, grid_4x3(), random_problem(0)])
def test_every_belief_lies_in_one_block(pomdp: Pomdp) -> None:
    blocks = Blocks(pair_entries(pomdp), pomdp.start)
    for seed in range(5):
        for belief in beliefs_met(pomdp, 20, seed)[1:]:
            assert len(np.unique(blocks.label[belief > 0.0])) == 1


def test_entries_are_those_of_dense_kernels() -> None:
    pomdp = random_problem(1)
    entries = pair_entries(pomdp)
    for number, (action, observation) in enumerate(entries.pairs):
        dense = pomdp.transitions[action].toarray() * pomdp.emissions[action].toarray()[:, observation]
        np.testing.assert_array_equal(entries.kernel(number).toarray(), dense)
    total = sum(entries.kernel(k).toarray().sum() for k in range(entries.n_pairs))
    assert total == pytest.approx(pomdp.n_states * pomdp.n_actions)


def test_successors_in_blocks_are_those_of_the_problem() -> None:
    search = PointSearch(PointBased(ROCKS, ()), ONE)
    number, belief = search.model.root
    for action in range(ROCKS.n_actions):
        after = search.successors(number, belief, action)
        assert after.masses.sum() == pytest.approx(1.0)
        whole = np.zeros(ROCKS.n_states)
        for position in range(len(after.masses)):
            target, ahead = after.belief(position)
            whole[search.model.blocks.states(target)] += ahead
        np.testing.assert_allclose(whole, ROCKS.start @ ROCKS.transitions[action].toarray(), atol=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_sawtooth_in_machine_code_is_the_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.dirichlet(np.full(6, 0.3), size=40)
    points[points < 0.05] = 0.0
    depths = -rng.random(40)
    beliefs = rng.dirichlet(np.full(6, 0.5), size=30)
    beliefs[beliefs < 0.03] = 0.0
    held = Points(6)
    for point, depth in zip(points, depths, strict=True):
        held.lower(held.add(point), depth)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(points > 0.0, beliefs[:, None, :] / points, np.inf).min(axis=2)
    expected = np.minimum((shares * depths).min(axis=1), 0.0)
    np.testing.assert_allclose(held.drops(beliefs), expected, rtol=1e-13, atol=1e-300)
    before = held.drops(beliefs)
    held.prune()
    np.testing.assert_allclose(held.drops(beliefs), before, rtol=1e-12)


def test_a_point_without_depth_pulls_nothing_down() -> None:
    begins, places, masses = np.array([0, 2]), np.array([0, 1]), np.array([0.5, 0.5])
    assert drops(np.array([[0.5, 0.5]]), begins, places, masses, np.zeros(1)) == 0.0


@pytest.mark.parametrize("kind", ["acyclic", "permutation", "random"])
def test_sweeps_solve_discounted_chains(kind: str) -> None:
    rng = np.random.default_rng(3)
    dense = {
        "acyclic": np.eye(50, k=1),
        "permutation": np.eye(50)[rng.permutation(50)],
        "random": rng.dirichlet(np.full(50, 0.05), size=50),
    }[kind]
    kernel, right = csr_array(0.9 * dense), rng.normal(size=(50, 2))
    order = run_order(kernel)
    found = sweep_until(kernel, order, right, 1e-14, sweeps=1 if kind == "acyclic" else 500)
    np.testing.assert_allclose(found, np.linalg.solve(np.eye(50) - kernel.toarray(), right), rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("states", [1, 2, 7])
def test_chains_are_formed_as_their_products_say(monkeypatch: pytest.MonkeyPatch, states: int) -> None:
    monkeypatch.setattr("versant.planning.tiles.ELEMENTS", states * 24)
    monkeypatch.setattr("versant.planning.tiles.LEAST_STATES", 1)
    pomdp = random_problem(2)
    loop = ClosedLoop(pomdp, 3)
    _, transition, action = loop.layout.split(loop.layout.vector(random_controllers(pomdp, 3, 1)))
    moves = 0.9 * action[0].T[loop.pair_actions, :, None] * transition[0]
    formed, vectors = form_chain(loop.entries, moves, 10**6), np.random.default_rng(0).normal(size=(12, 2))
    assert formed is not None
    assert form_chain(loop.entries, moves, 10) is None
    assert tileable(loop.entries)
    for lazy in (ChainProducts(loop.adjoint, loop.reached, moves), TiledChain(loop.entries, moves)):
        np.testing.assert_allclose(formed.forward(vectors), lazy.forward(vectors), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(formed.backward(vectors), lazy.backward(vectors), rtol=1e-12, atol=1e-14)


def test_pairs_that_few_states_show_are_not_multiplied_by_all() -> None:
    seen = [np.eye(9)[np.arange(9)]] * 2  # each of nine observations in one state
    moves = [np.full((9, 9), 1.0 / 9)] * 2
    pomdp = Pomdp.from_arrays(moves, seen, np.zeros((9, 2)), 0.9)
    assert not tileable(pair_entries(pomdp))


@pytest.mark.parametrize("pomdp", [tiger(), ROCKS])
def test_graphs_are_worth_what_their_plans_promise(pomdp: Pomdp) -> None:
    search = PointSearch(PointBased(pomdp, ()), ONE)
    search.run(3e7)
    promised = search.bound()
    followed = follow(search, best_plan(search), 10_000)
    assert followed is not None
    assert followed.totals()[0] == pytest.approx(promised.parts[0], rel=1e-8)
    assert followed.graph().merged().totals(search.model)[0] == pytest.approx(promised.parts[0], rel=1e-8)
    assert unroll(search, 100, 10_000).totals()[0] <= promised.value
    small = thin(followed, ONE, 1, 0.05 * abs(promised.parts[0]))
    assert small.n_nodes <= followed.n_nodes
    assert small.totals()[0] >= 0.95 * promised.parts[0] - 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_entries_stored_twice_do_not_matter_to_the_order_of_sweeps(seed: int) -> None:
    drawn = np.random.default_rng(seed).integers(0, 10, (10, 3))
    columns = np.concatenate([drawn, drawn[:, ::-1]], axis=1)
    twice = csr_array((np.full(columns.size, 0.1), columns.ravel(), np.arange(0, columns.size + 1, 6)), shape=(10, 10))
    once = csr_array(twice.toarray())
    assert run_order(twice).tolist() == run_order(once).tolist()
    assert twice.nnz == columns.size


def test_smaller_graphs_of_rock_sample_lose_little_and_never_gain_nodes() -> None:
    search = GraphSearch(PointBased(ROCKS, ()), ONE)
    search.run(3e8)
    model, followed = search.points.model, follow(search.points, best_plan(search.points), 10_000)
    assert followed is not None
    graph = thin(followed, ONE, 1, 1e-3).graph().merged()
    whole = graph.totals(model)[0]
    sizes = [graph.n_nodes, graph.n_nodes * 4 // 5, graph.n_nodes // 2]
    graphs = [improve(model, compress(model, graph, ONE, size), ONE) for size in sizes]
    worth = [one.totals(model)[0] for one in graphs]
    assert [one.n_nodes <= size for one, size in zip(graphs, sizes, strict=True)] == [True] * 3
    assert worth[0] >= whole - 1e-9
    assert worth[1] >= 0.9 * whole
    assert all(later <= before + 1e-6 for before, later in pairwise(worth))


def test_joined_nodes_act_alike_and_are_far_fewer() -> None:
    search = PointSearch(PointBased(ROCKS, ()), ONE)
    search.run(3e7)
    graph = follow(search, best_plan(search), 10_000)
    assert graph is not None
    same, few = join(graph, graph.n_nodes), join_most(graph, 4)
    assert same is not None
    assert same.n_nodes <= graph.graph().merged().n_nodes < graph.n_nodes
    assert same.totals(search.model)[0] == pytest.approx(graph.totals()[0], rel=1e-9)
    assert few.n_nodes <= 4
    assert few.totals(search.model)[0] <= graph.totals()[0] + 1e-9
    assert join(graph, 1) is None


def test_cutting_keeps_the_size_and_the_better_part_of_the_value() -> None:
    search = PointSearch(PointBased(grid_4x3(), ()), ONE)
    search.run(3e7)
    graph = follow(search, best_plan(search), 10_000)
    assert graph is not None
    small, about = cut(graph, ONE, graph.n_nodes // 2)
    assert small.n_nodes <= graph.n_nodes // 2
    assert small.totals()[0] == pytest.approx(about[0], rel=1e-3)
    assert 0.5 * graph.totals()[0] <= small.totals()[0] <= search.bound().value


def test_compression_that_comes_too_late_is_no_worse_than_one_action() -> None:
    model = PointBased(ROCKS, ())
    graph = solve_by_points(model, ONE, 1e8).graph
    model.deadline = 0.0
    small = compress(model, graph, ONE, 3)
    assert small.n_nodes <= 3
    assert small.totals(model)[0] >= (model.blind[:, 0] @ model.start).max() - 1e-9


@pytest.mark.parametrize("discount", [0.99, 0.9999])
def test_bounds_enclose_each_other_at_high_discounts(discount: float) -> None:
    pomdp = replace(tiger(), discount=discount)
    model = PointBased(pomdp, ())
    found = solve_by_points(model, ONE, 3e7)
    loop = ClosedLoop(pomdp, found.graph.n_nodes)
    evaluation = loop.evaluate(loop.layout.vector([found.graph.controller(loop.layout)])).refined()
    assert evaluation.totals[0, 0] == pytest.approx(found.totals[0], rel=1e-7)
    assert evaluation.errors()[0, 0] <= 1e-6 * abs(found.totals[0])
    assert found.totals[0] <= found.upper


def test_undiscounted_problems_are_refused() -> None:
    with pytest.raises(ProblemError, match="discount below 1"):
        PointBased(replace(tiger(), discount=1.0), ())
