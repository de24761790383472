"""Subjects whose parameters change with a condition, parameters that all share, parameters that are known.

The unit of evaluation is the *cell*: the trials of one subject in one condition. Its unconstrained parameters are

    z_c = o + A_c w_n + B_c b_f        c a cell of subject n;  w_n (R): what varies between subjects
                                       b_f (F): fixed effects, the same for all;  o: parameters that are known

and a subject's log-likelihood is the sum over its cells, each with its own state. With the derivatives g_c, H_c of a
cell's log-likelihood in z, J_c = (A_c, B_c), and v = (w, b_f),

    ∂ℓ/∂v = Σ_c J_cᵀ g_c,        ∂²ℓ/∂v∂vᵀ = Σ_c J_cᵀ H_c J_c

Cells are on their own only if no state passes from one to the other: `split` raises where a condition changes and the
learner does not start anew. Sessions of one subject in the same condition are one cell, and the learner starts anew
between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError
from versant.expressions.engine import Engine
from versant.expressions.recurrence import Flag
from versant.inference.design import GroupDesign
from versant.inference.likelihood import Derivatives, Likelihood
from versant.trials import Trials
from versant.trials.coding import tidy

__all__ = ["Cells", "Coefficients", "Conditional", "JointLikelihood", "split", "together"]

Array = NDArray[Any]


@dataclass(frozen=True)
class Cells:
    """C cells of N subjects: all cells of a subject together, subjects in the trials' order."""

    subject: NDArray[np.int64]  # (C,), ascending
    rows: NDArray[np.int64]  # (n,), the cell of each trial
    conditions: Mapping[str, Array]  # (C,) each

    @property
    def order(self) -> NDArray[np.int64]:
        """The rows of the trials as they stand when cells are told apart, (n,)."""
        return np.argsort(self.rows, kind="stable")

    @property
    def back(self) -> NDArray[np.int64]:
        """Where each row of the trials stands among those told apart, (n,)."""
        return np.argsort(self.order)


@dataclass(frozen=True)
class Coefficients:
    """How the parameters of each cell follow from what varies, what is fixed and what is known."""

    known: Array  # (K,), o: zero but for parameters that are known
    varying: Array  # (C, K, R), A
    fixed: Array  # (C, K, F), B

    def unconstrained(self, w: Array, fixed: Array, subject: NDArray[np.int64]) -> Array:
        """Return z of every cell, (…, C, K), of w (…, N, R) and b_f (…, F)."""
        own: Array = np.einsum("ckr,...cr->...ck", self.varying, w[..., subject, :])
        own += self.known + np.einsum("ckf,...f->...ck", self.fixed, fixed)
        return own

    def reach(self, design: GroupDesign, subject: NDArray[np.int64]) -> Array:
        """Return how z of every cell moves with the group's effects, (C, K, P): A_c D_n, and B_c for fixed ones."""
        moved: Array = self.varying @ design.stacked[subject]
        moved[:, :, np.flatnonzero(design.fixed)] += self.fixed
        return moved


def split(likelihood: Likelihood, cells: Cells) -> Likelihood:
    """Return the likelihood with every cell as a subject of its own, labelled by subject and condition.

    Raises
    ------
    DataError
        Where a condition changes and some of the learner's state would pass on.
    """
    trials = likelihood.trials
    changes = (cells.rows[1:] != cells.rows[:-1]) & (trials.subject_index[1:] == trials.subject_index[:-1])
    anew = _starts_anew(likelihood)
    carried = changes & ~np.all([np.ones(len(trials), dtype=bool), *anew.values()], axis=0)[1:]
    if carried.any():
        at = int(np.argmax(carried)) + 1
        passing = ", ".join(name for name, own in anew.items() if not own[at])
        raise DataError(
            f"a condition changes here, and state of {likelihood.learner.name} ({passing}) would pass on into it",
            f"let it start anew there: model.variant('anew', reset={{'session': {tuple(anew)}}}), with a column "
            "session (or block) that changes with the condition",
            trials.source,
            int(trials.rows[at]),
            ", ".join(cells.conditions),
            trials.subjects[int(trials.subject_index[at])],
        )
    order = cells.order
    apart = replace(
        trials,
        subjects=tuple(_label(trials, cells, c) for c in range(len(cells.subject))),
        offsets=np.concatenate([[0], np.cumsum(np.bincount(cells.rows))]),
        columns={name: column[order] for name, column in trials.columns.items()},
        missing={name: column[order] for name, column in trials.missing.items()},
        rows=trials.rows[order],
    )
    return Likelihood(likelihood.learner, apart, likelihood.recurrence, "kernel")


def _label(trials: Trials, cells: Cells, c: int) -> Any:
    subject = trials.subjects[int(cells.subject[c])]
    values = {name: column[c] for name, column in cells.conditions.items()}
    told = [f"{name}={value if isinstance(value, str) else tidy(value)}" for name, value in values.items()]
    return " ".join([str(subject), *told]) if told else subject


def _starts_anew(likelihood: Likelihood) -> dict[str, NDArray[np.bool_]]:
    """Return where each part of the learner's state starts anew, (n,), by its name."""
    state = dict.fromkeys(
        str(node.payload[0]) for node in likelihood.recurrence.state if isinstance(node.payload, tuple)
    )
    found = {}
    for name in state:
        found[name] = np.zeros(len(likelihood.trials), dtype=bool)
        for level, names in likelihood.learner.reset.items():
            if name in names:
                found[name] |= likelihood.rows.columns[Flag("reset", level)]
    return found


def together(trials: Trials, cells: Cells | None, people: Sequence[object]) -> Trials:
    """Return trials whose conditions `split` told apart as they were before: of the N people, in their order."""
    if cells is None or not cells.conditions:
        return trials
    back = cells.back
    labels: tuple[Any, ...] = tuple(people)
    return replace(
        trials,
        subjects=labels,
        offsets=np.searchsorted(cells.subject[cells.rows], np.arange(len(labels) + 1)),
        columns={name: column[back] for name, column in trials.columns.items()},
        missing={name: column[back] for name, column in trials.missing.items()},
        rows=trials.rows[back],
    )


class JointLikelihood:
    """The log-likelihood of subjects as a function of v = (w, b_f), with exact derivatives.

    Parameters
    ----------
    likelihood : Likelihood
        Of the cells: every cell a subject of its own (`split`).
    cells : Cells
    coefficients : Coefficients
    people : tuple
        Labels of the N subjects.
    """

    def __init__(
        self, likelihood: Likelihood, cells: Cells, coefficients: Coefficients, people: tuple[object, ...]
    ) -> None:
        self.likelihood = likelihood
        self.people = people
        self.cells = cells
        self.coefficients = coefficients
        self.subject = cells.subject
        self.offsets = np.searchsorted(cells.subject, np.arange(len(self.people) + 1))
        self._both = np.concatenate([coefficients.varying, coefficients.fixed], axis=2)

    @property
    def n_varying(self) -> int:
        """R."""
        return int(self.coefficients.varying.shape[2])

    @property
    def n_fixed(self) -> int:
        """F."""
        return int(self.coefficients.fixed.shape[2])

    def evaluate(self, v: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None) -> Derivatives:
        """Evaluate at each row of v (M, R + F) on its subject's cells; see `Likelihood.evaluate`."""
        lane, cell = self._spread(subjects)
        loadings = self._both[cell]
        z = self.coefficients.known + np.einsum("ckq,cq->ck", loadings, v[lane])
        return self._summed(z, lane, cell, loadings, order, engine)

    def at(self, fixed: Array) -> Conditional:
        """Return the likelihood of w given fixed effects: (F,), or (E, F) as `Conditional` says."""
        return Conditional(self, np.atleast_2d(fixed))

    def given(
        self, w: Array, fixed: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None
    ) -> Derivatives:
        """Evaluate in w (M, R) alone, at fixed effects (M, F)."""
        lane, cell = self._spread(subjects)
        loadings = self.coefficients.varying[cell]
        z = self.coefficients.known + np.einsum("ckr,cr->ck", loadings, w[lane])
        z += np.einsum("ckf,cf->ck", self.coefficients.fixed[cell], fixed[lane])
        return self._summed(z, lane, cell, loadings, order, engine)

    def _spread(self, subjects: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the lane and the cell of every cell of every lane."""
        counts = np.diff(self.offsets)[subjects]
        lane = np.repeat(np.arange(len(subjects)), counts)
        within = np.arange(len(lane)) - np.repeat(np.cumsum(counts) - counts, counts)
        return lane, self.offsets[subjects][lane] + within

    def _summed(
        self,
        z: Array,
        lane: NDArray[np.int64],
        cell: NDArray[np.int64],
        loadings: Array,
        order: int,
        engine: Engine | None,
    ) -> Derivatives:
        d = self.likelihood.evaluate(z, cell, order, engine)
        first = np.flatnonzero(np.diff(lane, prepend=-1))
        value = np.add.reduceat(d.value, first)
        if order == 0:
            return Derivatives(value)
        gradient = np.add.reduceat(np.einsum("ckq,ck->cq", loadings, d.gradient), first)
        if order == 1:
            return Derivatives(value, gradient)
        return Derivatives(value, gradient, np.add.reduceat(np.swapaxes(loadings, 1, 2) @ d.hessian @ loadings, first))


class Conditional:
    """The log-likelihood of subjects as a function of w alone, at E settings of the fixed effects.

    Subject e·N + n is subject n at setting e.
    """

    def __init__(self, joint: JointLikelihood, fixed: Array) -> None:
        self.joint = joint
        self.fixed = fixed  # (E, F)

    def evaluate(self, w: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None) -> Derivatives:
        """Evaluate at each row of w (M, R); see `Likelihood.evaluate`."""
        people = len(self.joint.offsets) - 1
        return self.joint.given(w, self.fixed[subjects // people], subjects % people, order, engine)
