from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from tests.planning_cases import random_problem
from versant.planning.graphsearch import GraphSearch
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.series import solve_discounted
from versant.planning.sweeps import run_order, sweep_until
from versant.planning.walks import WALKS, Walk, walk
from versant.tasks.zoo import tiger

ONE = np.ones(1)


@pytest.mark.parametrize("way", WALKS)
def test_walks_are_beliefs_that_follow_one_another_and_depend_on_the_seed_only(way: Walk) -> None:
    pomdp = random_problem(3)
    search = PointSearch(PointBased(pomdp, ()), ONE)
    search.run(1e6)
    first, again = (walk(search, way, np.random.default_rng(5)) for _ in range(2))
    assert len(first) == len(again)
    assert all(np.array_equal(one, other) for (_, one), (_, other) in zip(first, again, strict=True))
    for (home, belief), (_, following) in pairwise(first):
        after = [search.successors(home, belief, action) for action in range(pomdp.n_actions)]
        ahead = [one.belief(j)[1] / one.masses[j] for one in after for j in np.flatnonzero(one.masses)]
        assert min(np.abs(following - one).max() for one in ahead if len(one) == len(following)) < 1e-12


def test_searches_with_a_limit_of_work_are_the_same_every_time() -> None:
    bounds = [GraphSearch(PointBased(random_problem(4), ()), ONE).run(3e6) for _ in range(2)]
    assert bounds[0].totals.tolist() == bounds[1].totals.tolist()
    assert bounds[0].upper == bounds[1].upper


def test_walks_end_at_once_where_the_bounds_agree() -> None:
    search = PointSearch(PointBased(tiger(), (), precision=1e3), ONE)
    assert [len(walk(search, way, np.random.default_rng(0))) for way in WALKS] == [1, 1, 1]


@pytest.mark.parametrize("discount", [0.99, 0.9995])
def test_mixed_iterates_solve_slow_chains_in_few_sweeps(discount: float) -> None:
    rng = np.random.default_rng(1)
    ring = np.zeros((300, 300))
    ring[np.arange(300), (np.arange(300) + 1) % 300] = 0.6
    ring[np.arange(300), rng.integers(0, 300, 300)] += 0.4
    chain, right = csr_array(ring), rng.normal(size=(300, 2))
    kernel = csr_array(discount * chain)
    exact = np.linalg.solve(np.eye(300) - discount * ring, right)
    found = sweep_until(kernel, run_order(kernel), right, 1e-13, sweeps=200)
    assert np.abs(found - exact).max() <= 1e-8 * np.abs(exact).max()


def test_chains_beyond_the_direct_limit_are_solved_as_accurately(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    dense = rng.dirichlet(np.full(60, 0.1), size=60)
    right = rng.normal(size=(60, 1))
    direct = solve_discounted(csr_array(dense), 0.999, right)
    monkeypatch.setattr("versant.planning.series.DIRECT_LIMIT", 1)
    assert solve_discounted(csr_array(dense), 0.999, right) == pytest.approx(direct, rel=1e-8)
