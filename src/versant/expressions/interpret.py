"""The slow, obvious engine: NumPy, trial after trial, every subject a lane.

It computes exactly what a `Program` says and nothing else; what need not wait for the trial before is computed for many
trials at a time (`versant.expressions.schedule`). It stays for good: compiled kernels are tested against it, verdicts
are recomputed by it, and with complex parameters it checks derivatives by complex step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.graph import Node
from versant.expressions.recurrence import Slot
from versant.expressions.schedule import Schedule, compute, constant_value, schedule

__all__ = ["compute", "constant_value", "interpret"]

Array = NDArray[Any]
Values = dict[int, Any]

AT_A_TIME = 8_192
"""Numbers in an array of many trials: as many as stay in the processor's cache."""


def interpret(
    slots: Sequence[Slot],
    summed: Sequence[Node],
    recorded: Sequence[Node],
    parameters: Array,
    data: Mapping[object, Array],
    lengths: Array,
    first: Array | None = None,
) -> tuple[Array, Array]:
    """Run a recurrence over the trials of many lanes.

    Parameters
    ----------
    slots : sequence of Slot
        What is carried from trial to trial.
    summed, recorded : sequence of Node
        Scalars to be summed over trials, and to be kept trial by trial.
    parameters : (lanes, K) array
        In natural units; real or complex.
    data : mapping
        Payload of a data leaf → (rows,) array.
    lengths : (lanes,) array of int
    first : (lanes,) array of int, optional
        The row of each lane's first trial; by default lane follows lane.

    Returns
    -------
    sums : (len(summed), lanes) array
    records : (len(recorded), trials, lanes) array
        NaN after a lane's last trial.
    """
    lanes, trials = len(lengths), int(lengths.max(initial=0))
    kind = np.result_type(parameters.dtype, np.float64)
    sums = np.zeros((len(summed), lanes), dtype=kind)
    records = np.full((len(recorded), trials, lanes), np.nan, dtype=kind)
    first = np.cumsum(lengths) - lengths if first is None else first
    plan = schedule(tuple(slots), (*summed, *recorded))
    fixed: Values = dict(plan.constants)
    fixed.update((n.serial, parameters[:, n.payload]) for n in plan.leaves if n.op == "parameter")
    with np.errstate(all="ignore"):
        plan.once.run(fixed)
        state = _initial(plan, fixed, lanes, kind)
        at_a_time = max(1, AT_A_TIME // max(lanes, 1))
        for begin in range(0, trials, at_a_time):
            numbers = np.arange(begin, min(begin + at_a_time, trials))
            values = fixed | _read(plan, data, numbers, lengths, first)
            plan.ahead.run(values)
            state = _trial_by_trial(plan, state, fixed, values, numbers, lengths)
            plan.behind.run(values)
            running = numbers[:, None] < lengths
            for i, node in enumerate(summed):
                sums[i] += _while(running, values[node.serial], 0.0).sum(axis=0)
            for i, node in enumerate(recorded):
                records[i, begin : begin + len(numbers)] = _while(running, values[node.serial], np.nan)
    return sums, records


def _initial(plan: Schedule, fixed: Values, lanes: int, kind: np.dtype[Any]) -> list[Array]:
    shapes = [(lanes, slot.symbol.size) if slot.symbol.size else (lanes,) for slot in plan.slots]
    values = [fixed[slot.initial.serial] for slot in plan.slots]
    return [np.array(np.broadcast_to(v, shape), dtype=kind) for v, shape in zip(values, shapes, strict=True)]


def _read(plan: Schedule, data: Mapping[object, Array], numbers: Array, lengths: Array, first: Array) -> Values:
    """Return the data of some trials, (trials, lanes) each; after its last trial a lane repeats it."""
    leaves = [leaf for leaf in plan.leaves if leaf.op == "data"]
    if not leaves:
        return {}
    rows = first + np.minimum(numbers[:, None], np.maximum(lengths - 1, 0))
    np.minimum(rows, len(data[leaves[0].payload]) - 1, out=rows)  # the last lanes may have no trial at all
    values = {leaf.serial: data[leaf.payload].take(rows) for leaf in leaves}
    return values | {n.serial: values[n.serial].astype(np.float64) for n in leaves if n.kind == "real"}


def _trial_by_trial(
    plan: Schedule,
    state: list[Array],
    fixed: Values,
    values: Values,
    numbers: Array,
    lengths: Array,
) -> list[Array]:
    """Carry the state over some trials; add what is kept of them to the values, and return the state after them."""
    kept: dict[int, list[Any]] = {serial: [] for serial in plan.kept}
    now = dict(fixed)
    shortest = int(lengths.min()) if len(lengths) else 0
    for row, t in enumerate(numbers):
        now.update((serial, values[serial][row]) for serial in plan.served)
        now.update((slot.symbol.serial, value) for slot, value in zip(plan.slots, state, strict=True))
        plan.within.run(now)
        for serial, rows in kept.items():
            rows.append(now[serial])
        before, new = state, [now[slot.update.serial] for slot in plan.slots]
        state = [n if np.shape(n) == v.shape else np.broadcast_to(n, v.shape) for n, v in zip(new, state, strict=True)]
        if t >= shortest:
            state = [_continued(t < lengths, n, v) for n, v in zip(state, before, strict=True)]
    values.update((serial, np.array(rows)) for serial, rows in kept.items())
    return state


def _continued(running: Array, new: Array, old: Array) -> Array:
    """Return the new state of lanes that are still running; what an array in memory holds is kept whole."""
    return np.where(running[:, None] if old.ndim == 2 else running, new, old)


def _while(running: Array, value: Any, otherwise: float) -> Array:
    """Return values, (trials, lanes), of lanes that are still running."""
    return np.where(running, value, otherwise) if not running.all() else np.broadcast_to(value, running.shape)
