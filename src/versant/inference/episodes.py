"""Recorded behaviour as a controller sees it: episodes of (action, observation), side by side.

An episode is a subject's trials, or the part of them between two resets. Episodes stand longest first, so that those
still running at step t are the first ones, and every step is one array operation for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller_model import ControllerModel
from versant.errors import DataError
from versant.trials import Trials
from versant.trials.coding import tidy
from versant.trials.faults import fault, no_column

__all__ = ["Episodes", "episodes_of"]

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Episodes:
    """E episodes of n trials in all, in the order of steps: all first trials, all second ones, and so on."""

    actions: tuple[str, ...]
    observations: tuple[str, ...]
    pairs: NDArray[np.intp]  # (K, 2), (action, observation) after which some episode goes on
    rows: Codes  # (n,), of the table of trials
    subject: Codes  # (n,)
    action: Codes  # (n,)
    pair: Codes  # (n,), number of the pair; -1 in the last trial of an episode
    running: Codes  # (T,), episodes that have a trial t
    n_subjects: int

    @cached_property
    def steps(self) -> tuple[tuple[slice, slice, slice], ...]:
        """For each step: its trials, those of them after which an episode goes on, and the trials that follow these."""
        begins = np.concatenate([[0], np.cumsum(self.running)]).tolist()
        following = [*self.running[1:].tolist(), 0]
        return tuple(
            (slice(begin, end), slice(begin, begin + count), slice(end, end + count))
            for begin, end, count in zip(begins[:-1], begins[1:], following, strict=True)
        )


def episodes_of(model: ControllerModel, trials: Trials) -> Episodes:
    """Cut trials into episodes.

    Parameters
    ----------
    model : ControllerModel
    trials : Trials

    Raises
    ------
    DataError
        Where a column does not exist or is not coded, has options the controller does not know, or holds a missing
        cell: what a controller does next depends on every action and observation before.
    """
    coded = [
        _coded(trials, model.action, model.actions),
        _coded(trials, model.observation, model.observations),
    ]
    firsts = _firsts(model, trials)
    lengths = np.diff(np.append(firsts, len(trials)))
    order = np.argsort(-lengths, kind="stable")
    running = (lengths[None, :] > np.arange(lengths.max())[:, None]).sum(axis=1)
    rows = np.concatenate([firsts[order[:count]] + t for t, count in enumerate(running)])
    (action, actions), (observation, observations) = ((codes[rows], options) for codes, options in coded)
    last = np.isin(rows, firsts + lengths - 1)
    kinds, pair = np.unique(np.where(last, -1, action * len(observations) + observation), return_inverse=True)
    return Episodes(
        actions,
        observations,
        pairs=np.stack(np.divmod(kinds[1:], len(observations)), axis=1).astype(np.intp),
        rows=rows,
        subject=trials.subject_index[rows],
        action=action,
        pair=pair - 1,
        running=running,
        n_subjects=trials.n_subjects,
    )


def _coded(trials: Trials, column: str, known: tuple[str, ...] | None) -> tuple[Codes, tuple[str, ...]]:
    """Return a column's codes and the names of its options, in the order of `known`."""
    codes, coding = trials.codes(column), trials.coding(column)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        remedy = "leave out the subject, or all its trials from there on (Trials.select)"
        raise fault(trials, "a missing cell: a controller's next node depends on it", remedy, column, missing[0], None)
    labels = tuple(label if isinstance(label, str) else str(tidy(label)) for label in coding.labels)
    if known is None:
        return codes, labels
    unknown = [label for label in labels if label not in known]
    if unknown:
        problem = f"the controller does not know {unknown[0]!r}; it knows {', '.join(known)}"
        raise DataError(problem, "give trials of the same actions and observations", trials.source, column=column)
    return np.array([known.index(label) for label in labels], dtype=np.int64)[codes], known


def _firsts(model: ControllerModel, trials: Trials) -> Codes:
    """Rows at which an episode begins."""
    begins = np.zeros(len(trials), dtype=bool)
    begins[trials.offsets[:-1]] = True
    if model.reset is not None:
        if model.reset not in trials.columns:
            raise no_column(trials, model.reset)
        values: Any = trials.columns[model.reset]
        begins[1:] |= values[1:] != values[:-1]
    return np.flatnonzero(begins).astype(np.int64)
