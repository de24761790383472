"""Derivatives of a controller's value and costs: one adjoint solve against what textbooks and users do.

* `per parameter, inverse`: Z⁻¹ formed, then ∂f = βᵀ Z⁻¹ (∂r + γ ∂T Z⁻¹ r) parameter by parameter, as the text has it;
* `per parameter, LU`: the same with one factorisation kept, and a solve for each parameter;
* `differences`: central differences, two evaluations of our own for each parameter;
* `JAX`: reverse mode through a dense `solve`, compiled.

All answers are compared with ours (the largest relative difference is in brackets). Medians of CPU time, rounds
interleaved, as multiples of ours; run it with OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import importlib.util
import platform
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lu_factor, lu_solve

import versant as vs
from versant.agents.controller import Controller
from versant.planning.evaluation import ClosedLoop, pair_kernels
from versant.planning.gradient import differentiate
from versant.tasks.pomdp import Pomdp

Array = NDArray[np.float64]

CASES: tuple[tuple[str, Callable[[], Pomdp], int], ...] = (
    ("tiger, 2 costs", lambda: vs.problems.find("tiger", costs=("risk", "listen")), 5),
    ("4x3 grid, 1 cost", lambda: vs.problems.find("grid_4x3", costs=("bad",)), 5),
    ("4x3 grid, 1 cost", lambda: vs.problems.find("grid_4x3", costs=("bad",)), 10),
    ("4x3 grid, 1 cost", lambda: vs.problems.find("grid_4x3", costs=("bad",)), 20),
)
ROUNDS = 5
SLOW = 2000
"""From so many parameters on, what works parameter by parameter is run once."""


class Dense:
    """The same totals by dense matrices and nothing clever."""

    def __init__(self, pomdp: Pomdp, loop: ClosedLoop) -> None:
        self.loop, self.discount = loop, loop.discount
        self.kernels = np.stack([kernel.toarray() for kernel in pair_kernels(pomdp)[1]])  # (K, S, S')
        self.payoffs, self.start = loop.payoffs, loop.start

    def parts(self, theta: Array, xp: Any = np) -> tuple[Any, Any, Any]:
        """T (SX, SX), r (SX, 1 + m) and β (SX,) at θ, by either array library."""
        layout = self.loop.layout
        nodes, pairs, actions = layout.nodes, layout.n_pairs, len(layout.actions)
        end = nodes + pairs * nodes * nodes
        start, action = theta[:nodes], theta[end:].reshape(nodes, actions)
        transition = theta[nodes:end].reshape(pairs, nodes, nodes)
        weighted = action.T[self.loop.pair_actions][:, :, None] * transition
        size = len(self.start) * nodes
        chain = xp.einsum("kst,kxy->sxty", self.kernels, weighted).reshape(size, size)
        payoff = xp.einsum("jsa,xa->sxj", self.payoffs, action).reshape(size, -1)
        return chain, payoff, xp.einsum("s,x->sx", self.start, start).reshape(size)

    def direct(self, theta: Array, solve: Callable[[Array], Callable[[Array], Array]]) -> Array:
        """Derivatives (1 + m, n), one parameter after the other: βᵀ Z⁻¹ (∂r + γ ∂T V), the bracket sparse."""
        loop, layout = self.loop, self.loop.layout
        chain, payoff, begin = self.parts(theta)
        apply = solve(np.eye(len(chain)) - self.discount * chain)
        values = apply(payoff).reshape(len(self.start), layout.nodes, -1)  # (S, X, 1 + m)
        ahead = self.discount * np.einsum("kst,txj->kxsj", self.kernels, values)  # γ P_k V for every pair and next node
        _, transition, action = (part[0] for part in layout.split(theta[None]))
        slopes = [self.start @ values[:, x] for x in range(layout.nodes)]

        def solved(x: int, inner: Array) -> Array:
            right = np.zeros_like(values)
            right[:, x] = inner
            return begin @ apply(right.reshape(len(begin), -1))

        for k, a in enumerate(loop.pair_actions):
            for x in range(layout.nodes):
                slopes += [solved(x, action[x, a] * ahead[k, after]) for after in range(layout.nodes)]
        for x in range(layout.nodes):
            for a in range(len(layout.actions)):
                pairs = np.flatnonzero(loop.pair_actions == a)
                inner = self.payoffs[:, :, a].T + np.einsum("ky,kysj->sj", transition[pairs, x], ahead[pairs])
                slopes.append(solved(x, inner))
        return np.stack(slopes, axis=1)


def inverse(matrix: Array) -> Callable[[Array], Array]:
    inverted = np.linalg.inv(matrix)
    return lambda right: inverted @ right


def factors(matrix: Array) -> Callable[[Array], Array]:
    kept = lu_factor(matrix)
    return lambda right: lu_solve(kept, right)


def differences(loop: ClosedLoop, theta: Array) -> Array:
    step = 1e-6
    columns = []
    for unit in step * np.eye(len(theta)):
        up, down = (loop.evaluate((theta + sign * unit)[None]).totals[0] for sign in (1.0, -1.0))
        columns.append((up - down) / (2.0 * step))
    return np.stack(columns, axis=1)


def traced(dense: Dense) -> Callable[[Array], Array]:
    """Reverse mode, one pass for each total."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def totals(theta: Any) -> Any:
        chain, payoff, begin = dense.parts(theta, jnp)
        return begin @ jnp.linalg.solve(jnp.eye(len(begin)) - dense.discount * chain, payoff)

    run = jax.jit(jax.jacrev(totals))
    return lambda theta: np.asarray(run(theta).block_until_ready())


def ratio(times: list[float], mine: float) -> str:
    """How many times longer, two digits where it is not."""
    found = float(np.median(times)) / mine
    return f"{found:.0f}" if found >= 10.0 else f"{found:.1f}"


def main() -> None:
    rivals = ["per parameter, inverse", "per parameter, LU", "differences"]
    rivals += ["JAX"] if importlib.util.find_spec("jax") else []
    print(f"CPU: {platform.processor() or platform.machine()}; times slower than ours (largest relative difference)")
    print("| problem | nodes | order of Z | parameters | ours, ms | " + " | ".join(rivals) + " |")
    print("|---" * (5 + len(rivals)) + "|")
    for name, build, nodes in CASES:
        print(row(name, build(), nodes, rivals), flush=True)


def row(name: str, pomdp: Pomdp, nodes: int, rivals: list[str]) -> str:
    loop = ClosedLoop(pomdp, nodes)
    dense = Dense(pomdp, loop)
    theta = loop.layout.vector([Controller.random(nodes, pomdp.actions, pomdp.observations, seed=nodes)])[0]
    works: dict[str, Callable[[], Array]] = {
        "ours": lambda: differentiate(loop.evaluate(theta[None])).slopes[0],
        "per parameter, inverse": lambda: dense.direct(theta, inverse),
        "per parameter, LU": lambda: dense.direct(theta, factors),
        "differences": lambda: differences(loop, theta),
    }
    if "JAX" in rivals:
        reverse = traced(dense)
        works["JAX"] = lambda: reverse(theta)
    truth = works["ours"]()
    errors: dict[str, float] = {}
    times: dict[str, list[float]] = {key: [] for key in works}
    for done in range(ROUNDS):
        for key, work in works.items():
            if done and len(theta) > SLOW and key not in ("ours", "JAX"):
                continue
            repeats = 20 if key in ("ours", "JAX") else 1
            if not done:
                errors[key] = float(np.abs(work() - truth).max() / np.abs(truth).max()) if key != "ours" else 0.0
            begin = time.process_time()
            for _ in range(repeats):
                work()
            times[key].append((time.process_time() - begin) / repeats)
    assert max(errors.values()) < 1e-5, errors
    mine = float(np.median(times["ours"]))
    cells = " | ".join(f"×{ratio(times[rival], mine)} ({errors[rival]:.0e})" for rival in rivals)
    order = nodes * loop.n_states
    return f"| {name} | {nodes} | {order} | {loop.layout.size:,} | {1e3 * mine:.2f} | {cells} |"


if __name__ == "__main__":
    main()
