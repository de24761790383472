from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array

from versant.optimise.linear import Implicit, error_bound, factorise, product, refine


def contraction(order: int, batch: int = 3, discount: float = 0.95) -> np.ndarray:
    rng = np.random.default_rng(order)
    kernel = rng.dirichlet(np.full(order, 0.3), size=(batch, order))
    return np.eye(order) - discount * kernel


@pytest.mark.parametrize("order", [1, 5, 32, 33, 60])
@pytest.mark.parametrize("sparse", [False, True])
def test_every_structure_solves_both_ways(order: int, sparse: bool) -> None:
    dense = contraction(order)
    system = [csc_array(matrix) for matrix in dense] if sparse else dense
    right = np.random.default_rng(1).normal(size=(3, order, 2))
    factors = factorise(system)
    for matrix, b, x, y in zip(dense, right, factors.solve(right), factors.solve_transposed(right), strict=True):
        np.testing.assert_allclose(matrix @ x, b, atol=1e-12)
        np.testing.assert_allclose(matrix.T @ y, b, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_error_bound_holds_and_is_not_absurd(sparse: bool) -> None:
    dense = contraction(20)
    system = [csc_array(matrix) for matrix in dense] if sparse else dense
    truth = np.random.default_rng(2).normal(size=(3, 20, 2))
    right = product(system, truth)
    for disturbance in (1e-3, 1e-9, 0.0):
        wrong = truth + disturbance * np.random.default_rng(3).choice([-1.0, 1.0], truth.shape)
        bound = error_bound(system, wrong, right)
        actual = np.abs(wrong - truth).max(axis=1)
        assert (bound >= actual).all()
        assert (bound <= 45 * disturbance + 1e-10).all()


def test_refinement_does_not_lose_accuracy() -> None:
    system = contraction(40)
    right = np.random.default_rng(5).normal(size=(3, 40, 1))
    factors = factorise(system)
    rough = factors.solve(right) + 1e-6
    fine = refine(system, factors, right, rough)
    assert error_bound(system, fine, right).max() < 1e-11 < error_bound(system, rough, right).max()


def test_bound_refuses_what_it_cannot_bound() -> None:
    with pytest.raises(ValueError, match="needs"):
        error_bound(np.array([[[3.0]]]), np.array([[[1.0]]]), np.array([[[1.0]]]))


def test_singular_system_is_an_error() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        factorise(np.zeros((1, 40, 40)))


def test_after_the_deadline_there_is_no_product_and_an_error_bound_takes_one() -> None:
    calls: list[int] = []

    class Counted:
        def forward(self, vectors: np.ndarray) -> np.ndarray:
            calls.append(vectors.shape[1])
            return 0.5 * vectors

        backward = forward

        def contraction(self) -> float:
            return 0.5

        def first(
            self, right: np.ndarray, transposed: bool, near: np.ndarray | None, deadline: float, accuracy: float
        ) -> None:
            return None

    system, right = Implicit((Counted(),)), np.ones((1, 3, 2))
    found = factorise(system, deadline=0.0).solve(right)
    assert calls == []
    assert (error_bound(system, found, right) >= 2.0).all()
    assert calls == [2]
    assert (error_bound(system, factorise(system).solve(right), right) < 1e-9).all()
