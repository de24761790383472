"""Engines: what turns parameters and data into summed log-likelihoods and derivatives.

There are two behind one protocol: `Interpreter` (NumPy; slow, obvious, takes complex parameters) and the compiled
kernels. An engine is made for one `Program` and one `Rows`, and is then asked many times; `engine_for` makes one by
name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.expressions.graph import Node
from versant.expressions.interpret import interpret
from versant.expressions.recurrence import Program
from versant.expressions.rows import Rows

__all__ = ["ENGINES", "Engine", "Interpreter", "engine_for"]

Array = NDArray[Any]


class Engine(Protocol):
    """Evaluates one program on one set of data."""

    program: Program
    rows: Rows

    def sums(self, parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Evaluate the program's sums.

        Parameters
        ----------
        parameters : (lanes, K) array
            In natural units.
        subjects : (lanes,) int array
            Whose data each lane uses; a subject may stand in several lanes.

        Returns
        -------
        (1 + K + K(K+1)/2, lanes) array
            Value, gradient, lower triangle of the Hessian, as far as the program's order goes.
        """


ENGINES = ("kernel", "interpreter")


def engine_for(program: Program, rows: Rows, name: str = "kernel", threads: int | None = None) -> Engine:
    """Make an engine.

    Parameters
    ----------
    program : Program
    rows : Rows
    name : {"kernel", "interpreter"}
        Machine code, or NumPy.
    threads : int, optional
        Over how many threads a kernel spreads the lanes; by default as many as there are CPUs for this process. The
        answer does not depend on it.

    Raises
    ------
    ModelError
        If the name is unknown, or the data hold codes for which the learner was not traced.
    """
    if name == "interpreter":
        return Interpreter(program, rows)
    if name != "kernel":
        raise ModelError(f"there is no engine {name!r}; choose one of {', '.join(map(repr, ENGINES))}")
    from versant.expressions.compiled.kernel import Kernel  # llvmlite is loaded only where it is used
    from versant.expressions.compiled.workers import available

    return Kernel(program, rows, threads=available() if threads is None else threads)


class Interpreter:
    """The NumPy engine.

    Parameters
    ----------
    program : Program
    rows : Rows
    """

    def __init__(self, program: Program, rows: Rows) -> None:
        self.program = program
        self.rows = rows

    def sums(self, parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Evaluate the program's sums; see `Engine.sums`. Parameters may be complex."""
        return self.totals(self.program.summed, parameters, subjects)

    def totals(self, nodes: Sequence[Node], parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Sum nodes over trials: (len(nodes), lanes). Nodes may read more parameters than the recurrence has."""
        blocks = [self._run(nodes, (), parameters[lanes], subjects[lanes])[0] for lanes in _blocks(len(subjects))]
        return np.concatenate(blocks, axis=1)

    def records(self, nodes: Sequence[Node], parameters: Array, subjects: NDArray[np.int64]) -> Array:
        """Evaluate nodes on every trial: (len(nodes), trials, lanes), NaN after a lane's last trial."""
        return self._run((), nodes, parameters, subjects)[1]

    def _run(
        self, summed: Sequence[Node], recorded: Sequence[Node], parameters: Array, subjects: NDArray[np.int64]
    ) -> tuple[Array, Array]:
        lengths, first = self.rows.lengths[subjects], self.rows.offsets[subjects]
        return interpret(self.program.slots, summed, recorded, parameters, self.rows.columns, lengths, first)


def _blocks(lanes: int, size: int = 4096) -> list[slice]:
    """Return lanes in blocks whose intermediate values stay in the processor's cache."""
    return [slice(start, start + size) for start in range(0, max(lanes, 1), size)]
