"""The compiled engine: see `Kernel`."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.expressions.compiled.machine import Machine, host
from versant.expressions.compiled.plan import make_plan
from versant.expressions.compiled.runner import Bound, Runner
from versant.expressions.graph import Node
from versant.expressions.recurrence import Program
from versant.expressions.rows import Rows

__all__ = ["Kernel"]

Array = NDArray[Any]


class Kernel:
    """Evaluates one program on one set of data by machine code, every vector lane a subject.

    Parameters
    ----------
    program : Program
    rows : Rows
    threads : int
        Over how many threads lanes are spread; the answer does not depend on it.
    machine : Machine, optional
        What to compile for; by default this machine and its widest vectors.

    Raises
    ------
    ModelError
        If the data hold codes for which the program was not traced, or `threads` is below one.
    """

    def __init__(self, program: Program, rows: Rows, *, threads: int = 1, machine: Machine | None = None) -> None:
        if threads < 1:
            raise ModelError(f"threads={threads}: at least one is needed")
        self.program = program
        self.rows = rows
        self.threads = threads
        self.machine = host() if machine is None else machine
        self._summing = Runner(make_plan(program), rows, self.machine, threads)
        self._recording: dict[tuple[int, ...], Runner] = {}

    def with_rows(self, rows: Rows) -> Kernel:
        """Return this kernel on other data (the next part of a large table, say), without compiling again."""
        other = copy(self)
        other.rows = rows
        other._summing, other._recording = self._summing.with_rows(rows), {}
        return other

    def sums(self, parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Evaluate the program's sums; see `versant.expressions.engine.Engine.sums`."""
        lanes, sums = self._summing.run(parameters, subjects)
        return sums.take(lanes.places, axis=1)

    def bound(self, subjects: NDArray[np.int64]) -> Bound:
        """Return the program's sums of these subjects as a call without arguments; see `Bound`."""
        return self._summing.bound(subjects)

    def records(self, nodes: Sequence[Node], parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Evaluate nodes on every trial.

        Parameters
        ----------
        nodes : sequence of Node
            Scalars of the program's graph, such as those of ``program.recurrence.records``.
        parameters : (lanes, K) array
            In natural units.
        subjects : (lanes,) int array

        Returns
        -------
        (len(nodes), trials, lanes) array
            NaN after a lane's last trial.
        """
        key = tuple(node.serial for node in nodes)
        if key not in self._recording:
            plan = make_plan(self.program, tuple(nodes))
            self._recording[key] = Runner(plan, self.rows, self.machine, self.threads)
        lanes, written = self._recording[key].run(parameters, subjects)
        width = self.machine.width
        result = np.full((len(nodes), int(lanes.longest.max(initial=0)), lanes.count), np.nan)
        for group, (start, longest) in enumerate(zip(lanes.starts, lanes.longest, strict=True)):
            of_group = lanes.order[group * width : min((group + 1) * width, lanes.count)]
            result[:, :longest, of_group] = written[start : start + longest, :, : len(of_group)].transpose(1, 0, 2)
        return result
