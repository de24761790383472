"""The design of a group: how what varies between subjects depends on the subject.

Subject n has R coefficients w_n that vary between subjects. Their means depend on the group's effects b,

    w_n ~ N(m_n, Σ),      m_n = D_n b,      D_n (R, P)

Without covariates and conditions there is one coefficient a parameter, and b holds the K group means. Effects of which
no coefficient depends (columns of D that are zero) are *fixed*: they are the same for every subject and enter the
likelihood directly (`versant.inference.cells`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError

__all__ = ["GroupDesign", "by_parameter", "intercepts", "require_rank"]

Array = NDArray[Any]


@dataclass(frozen=True)
class GroupDesign:
    """The designs of N subjects: R coefficients, P effects."""

    varying: tuple[tuple[str, str], ...]  # R, (parameter, term) of each coefficient
    names: tuple[tuple[str, str], ...]  # P, (parameter, term) of each effect
    stacked: Array  # (N, R, P), D

    def __post_init__(self) -> None:
        if self.stacked.shape[1:] != (len(self.varying), len(self.names)):
            raise ModelError(
                f"a design of {len(self.varying)} coefficients and {len(self.names)} effects needs matrices of that "
                f"shape, not {self.stacked.shape[1:]}"
            )

    @property
    def n_subjects(self) -> int:
        """How many subjects there are, N."""
        return len(self.stacked)

    @property
    def n_varying(self) -> int:
        """How many coefficients vary between subjects, R."""
        return len(self.varying)

    @property
    def n_effects(self) -> int:
        """How many effects there are, P."""
        return len(self.names)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What each coefficient is called: its parameter, and its term unless that is the mean. R."""
        return tuple(name if term in ("mean", "Intercept") else f"{name} {term}" for name, term in self.varying)

    @cached_property
    def fixed(self) -> NDArray[np.bool_]:
        """Which effects are fixed, (P,)."""
        return np.asarray(~(self.stacked != 0.0).any(axis=(0, 1)))

    @cached_property
    def owner(self) -> NDArray[np.int64]:
        """Which coefficient each effect belongs to, -1 for a fixed one, (P,)."""
        return np.where(self.fixed, -1, (self.stacked != 0.0).any(axis=0).argmax(axis=0))

    @cached_property
    def ranks(self) -> NDArray[np.int64]:
        """How many effects the mean of each coefficient has, (R,)."""
        return np.array([np.linalg.matrix_rank(self.stacked[:, j]) for j in range(self.n_varying)], dtype=np.int64)

    @cached_property
    def companions(self) -> NDArray[np.int64]:
        """How many effects the coefficient of each effect has, 0 for a fixed one, (P,)."""
        return np.where(self.fixed, 0, self.ranks[self.owner])

    def means(self, effects: Array) -> Array:
        """Return m_n of each subject, (…, P) → (…, N, R)."""
        return np.asarray(np.einsum("nkp,...p->...nk", self.stacked, effects))

    def effects(self, w: Array, precision: Array, old: Array, held: tuple[Array, Array] | None = None) -> Array:
        """Return the b that brings D b nearest to w (N, R) by generalised least squares, (P,); fixed ones as `old`.

        With `held`, P (P, P) and h (P,), under the prior -½ bᵀP b + hᵀb.
        """
        free = self.stacked[:, :, ~self.fixed]
        weighted = np.einsum("nkp,kl->npl", free, precision)
        left = np.einsum("npl,nlq->pq", weighted, free)
        right = np.einsum("npl,nl->p", weighted, w)
        if held is not None:
            left, right = left + held[0][np.ix_(~self.fixed, ~self.fixed)], right + held[1][~self.fixed]
        found = np.array(old, dtype=np.float64)
        found[~self.fixed] = np.linalg.solve(left, right)
        return found

    def scale(self, sd: Array) -> Array:
        """Return the standard deviation between subjects that an effect is measured by, 1 for a fixed one, (P,)."""
        return np.where(self.fixed, 1.0, sd[self.owner])

    @property
    def plain(self) -> bool:
        """Whether there is nothing but one mean a coefficient."""
        return self.n_varying == self.n_effects and bool((self.stacked == np.eye(self.n_varying)).all())


def by_parameter(parameters: Sequence[str], terms: Sequence[Sequence[str]], matrices: Sequence[Array]) -> GroupDesign:
    """Return the design in which every parameter has one coefficient, with a design matrix of its own.

    Parameters
    ----------
    parameters : K names
    terms : K sequences of names
        Of each parameter's effects.
    matrices : K of (N, P_k) arrays

    Raises
    ------
    DataError
        If effects cannot be told apart.
    """
    for name, names, matrix in zip(parameters, terms, matrices, strict=True):
        require_rank(name, names, matrix)
    counts = [len(names) for names in terms]
    full = np.zeros((len(matrices[0]), len(parameters), sum(counts)))
    for k, matrix in enumerate(matrices):
        at = sum(counts[:k])
        full[:, k, at : at + counts[k]] = matrix
    named = tuple((name, term) for name, names in zip(parameters, terms, strict=True) for term in names)
    return GroupDesign(tuple((name, "mean") for name in parameters), named, full)


def require_rank(parameter: str, terms: Sequence[str], matrix: Array) -> None:
    """Raise `DataError` unless the effects on a parameter can be told apart."""
    if matrix.shape[1] != len(terms):
        raise ModelError(f"the design of {parameter} needs one column a term, {len(terms)}, not {matrix.shape}")
    if not terms or np.linalg.matrix_rank(matrix) < len(terms):
        raise DataError(
            f"the effects on {parameter} ({', '.join(terms)}) cannot be told apart in these trials",
            "leave out a term, or join groups",
        )


def intercepts(parameters: Sequence[str], subjects: int) -> GroupDesign:
    """Return the design of a group without covariates.

    Examples
    --------
    >>> intercepts(["alpha", "beta"], 3).means(np.array([0.5, 2.0]))[0]
    array([0.5, 2. ])
    """
    means = tuple((name, "mean") for name in parameters)
    return GroupDesign(means, means, np.tile(np.eye(len(parameters)), (subjects, 1, 1)))
