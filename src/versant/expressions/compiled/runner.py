"""Running a compiled plan: subjects into lanes, lanes over threads, results out again."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.expressions.compiled.function import ARGUMENTS, scratch_size, write_module
from versant.expressions.compiled.machine import Machine
from versant.expressions.compiled.objects import object_code
from versant.expressions.compiled.packer import PACKER_ARGUMENTS
from versant.expressions.compiled.packing import Lanes, Record, arrange, checked_columns
from versant.expressions.compiled.plan import Plan
from versant.expressions.compiled.workers import deal, run
from versant.expressions.rows import Rows

__all__ = ["Bound", "Runner"]

Array = NDArray[Any]


@dataclass(frozen=True)
class _Arranged:
    """Packed lanes, where they are in memory, and the ranges of groups that threads take."""

    lanes: Lanes
    addresses: tuple[int, int, int, int]  # of starts, longest, lengths, data
    ranges: list[tuple[int, int]]


class Code:
    """A plan as machine code; the same for all data of one layout.

    Parameters
    ----------
    plan : Plan
    record : Record
    machine : Machine
    """

    def __init__(self, plan: Plan, record: Record, machine: Machine) -> None:
        self.plan, self.record, self.width = plan, record, machine.width
        self.scratch = scratch_size(plan) * machine.width
        self._loaded = machine.load(object_code(write_module(plan, record, machine), machine))
        self.kernel = _prototype(ARGUMENTS)(self._loaded.address("kernel"))
        self.packer = _prototype(PACKER_ARGUMENTS)(self._loaded.address("pack"))


@lru_cache(maxsize=64)
def _code(plan: Plan, record: Record, machine: Machine) -> Code:
    """Return the code of a plan, kept for its next data."""
    return Code(plan, record, machine)


class Runner:
    """Machine code with the data it is run on.

    It remembers how two sets of lanes were packed: the last one, and the largest of those before. So all subjects, and
    those that an optimiser still works on, are packed once.

    Parameters
    ----------
    plan : Plan
    rows : Rows
    machine : Machine
    threads : int
    """

    def __init__(self, plan: Plan, rows: Rows, machine: Machine, threads: int) -> None:
        self._rows, self._machine, self._threads = rows, machine, threads
        self._columns = checked_columns(plan.data, rows)
        self._code = _code(plan, Record.of(self._columns), machine)
        self._arrangements: list[_Arranged] = []

    def with_rows(self, rows: Rows) -> Runner:
        """Return the same on other data; compiled again only if their layout differs."""
        return Runner(self._code.plan, rows, self._machine, self._threads)

    def run(self, parameters: Array, subjects: NDArray[np.int64]) -> tuple[Lanes, Array]:
        """Run all lanes.

        Returns
        -------
        lanes : Lanes
        results : array
            Sums, (1 + K + K(K+1)/2, groups * width); or what was recorded, (records of all groups, n, width).
        """
        arranged = self._arranged(np.asarray(subjects, dtype=np.int64))
        lanes, code, plan = arranged.lanes, self._code, self._code.plan
        natural = self._in_lanes(parameters, lanes)
        if plan.records:
            results = np.empty((len(lanes.data), len(plan.records), code.width))
        else:
            results = np.empty((plan.n_sums, len(lanes.order)))
        starts, longest, lengths, data = arranged.addresses
        addresses = (starts, longest, lengths, natural.ctypes.data, data, results.ctypes.data)

        def run_groups(first: int, last: int) -> None:
            scratch = np.empty(code.scratch)
            code.kernel(first, last, lanes.groups, *addresses, scratch.ctypes.data)

        self._run(run_groups, arranged.ranges, natural, results, lanes)
        return lanes, results

    def bound(self, subjects: NDArray[np.int64]) -> Bound:
        """Return the code on the lanes of these subjects, with memory of its own."""
        return Bound(self._code, self._arranged(np.asarray(subjects, dtype=np.int64)))

    def _run(self, call: Callable[[int, int], None], ranges: list[tuple[int, int]], *held: object) -> None:
        """Run on threads, which know arrays by address only: each holds what they belong to until it is done."""

        def call_holding(first: int, last: int, _held: tuple[object, ...] = held) -> None:
            call(first, last)

        run(call_holding, ranges, self._threads)

    def _in_lanes(self, parameters: Array, lanes: Lanes) -> Array:
        """Return parameters as (K, groups * width)."""
        natural, size = np.asarray(parameters, dtype=np.float64), self._code.plan.n_parameters
        if natural.shape != (lanes.count, size):
            raise ModelError(f"parameters have shape {natural.shape}, not {(lanes.count, size)}")
        return np.ascontiguousarray(natural.T.take(lanes.order, axis=1))

    def _arranged(self, subjects: NDArray[np.int64]) -> _Arranged:
        for arranged in self._arrangements:
            if np.array_equal(arranged.lanes.subjects, subjects):
                return arranged
        code = self._code
        lanes = arrange(self._rows, subjects, code.record, code.width)
        places = (lanes.starts, lanes.longest, lanes.lengths, lanes.data)
        starts, longest, lengths, data = (array.ctypes.data for array in places)
        arranged = _Arranged(lanes, (starts, longest, lengths, data), deal(lanes.longest, self._threads))
        columns = [self._columns[payload].ctypes.data for payload, _ in code.record.fields]
        sources = np.array(columns, dtype=np.uintp)
        addresses = (starts, longest, lengths, lanes.rows.ctypes.data, sources.ctypes.data, data)
        fill = partial(_apply, code.packer, addresses)
        self._run(fill, arranged.ranges, sources, lanes, self._columns)
        largest = max(self._arrangements, key=lambda a: a.lanes.count, default=arranged)
        self._arrangements = [arranged] if largest is arranged else [arranged, largest]
        return arranged


class Bound:
    """Machine code bound to lanes and memory, for a caller that evaluates the same subjects very often.

    Write parameters, call, read sums; no other thread may do so meanwhile. See `Lanes` for order and places.

    Attributes
    ----------
    lanes : Lanes
    parameters : (K, groups * width) array
        To be filled in, in natural units.
    sums : (1 + K + K(K+1)/2, groups * width) array
    """

    def __init__(self, code: Code, arranged: _Arranged) -> None:
        self.lanes = arranged.lanes
        self.parameters = np.zeros((code.plan.n_parameters, len(self.lanes.order)))
        self.sums = np.zeros((code.plan.n_sums, len(self.lanes.order)))
        self._code, self._scratch = code, np.empty(code.scratch)  # what is known by address only is held
        starts, longest, lengths, data = arranged.addresses
        before = (0, self.lanes.groups, self.lanes.groups, starts, longest, lengths)
        after = (self.parameters.ctypes.data, data, self.sums.ctypes.data, self._scratch.ctypes.data)
        self._call = partial(code.kernel, *before, *after)

    def __call__(self) -> None:
        """Evaluate all lanes, on this thread."""
        self._call()


def _apply(function: Callable[..., None], addresses: tuple[int, ...], first: int, last: int) -> None:
    function(first, last, *addresses)


def _prototype(arguments: Sequence[str]) -> Any:
    return ctypes.CFUNCTYPE(None, *[ctypes.c_int64 if a.startswith("i64") else ctypes.c_void_p for a in arguments])
