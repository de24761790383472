"""Planning at scale: what one evaluation and one gradient take against N, and RockSample(7,8) over time.

The first table evaluates controllers in RockSample problems of growing size: policy-like controllers ("graph": no
chance, γT is formed and swept) and stochastic ones ("lot": γT is known by its products). N is the number of pairs
(state, node); a graph is also evaluated at the pairs that it reaches only, as certificates are. "Warm" is the
evaluation of a controller a step of ascent away (a ten-thousandth of the way to another one), from the solutions of the
first. Memory is the most that was held for evaluation and gradient, beyond the problem.

How far a product is from what the machine can do: it must read and write its vectors and read the kernels once, which
takes a time at the bandwidth of copying a large array; and its dense part takes a time at the speed of multiplying
large matrices, both measured in the same run. The share is the larger of the two over the time the product takes
(above one where all fits into the cache).

The second table is the quality of RockSample(7,8) over time: the value of the best policy graph and the upper bound
(SARSOP: 21.10 and 24.71). Times are those of the processor, so that other work on the machine does not count.

The third, with --plans only, is what `plan` answers within a time on the clock, for any number of nodes and for 50.

    python -m benchmarks planning_scale
    python -m benchmarks.planning_scale --plans
    python -m benchmarks.planning_scale --figure docs/figures/planning-scaling.png
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import versant as vs
from benchmarks.engine import cpu_name
from versant.agents.controller import Controller
from versant.planning.compression import compress, improve
from versant.planning.evaluation import ClosedLoop, Evaluation
from versant.planning.gradient import differentiate
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.products import FormedChain
from versant.planning.thinning import thin
from versant.planning.tiles import TiledChain
from versant.planning.unrolling import follow
from versant.tasks.pomdp import Pomdp

Array = NDArray[np.float64]

SIZES = ((4, 4), (5, 7), (7, 8), (7, 10), (10, 10))
"""Width of the map and rocks."""

NODES = (10, 50)

MOMENTS = (2.0, 5.0, 10.0)
"""Seconds of search, without those of making graphs, after which graphs are made."""

ASKED = ((7, 8, 30.0), (10, 10, 60.0))
"""Width of the map, rocks, and seconds that a plan may take."""

NEAR = 1e-4
"""Share of another controller that a step of ascent mixes in."""


@dataclass(frozen=True)
class Machine:
    """What the machine can do."""

    bandwidth: float  # bytes a second of copying, read and write counted
    speed: float  # multiplications and additions a second of a product of large matrices


@dataclass(frozen=True)
class Row:
    """One line of the first table."""

    problem: str
    states: int
    nodes: int
    kind: str
    evaluation: float  # seconds
    warm: float
    gradient: float
    error: float
    product: float
    share: float
    memory: float  # bytes

    @property
    def pairs(self) -> int:
        return self.states * self.nodes

    def __str__(self) -> str:
        return (
            f"| {self.problem} | {self.states:,} | {self.nodes} | {self.pairs:,} | {self.kind} | {self.evaluation:.3f} "
            f"| {self.warm:.3f} | {self.gradient:.3f} | {self.error:.1e} | {1e3 * self.product:.2f} "
            f"| {self.share:.2f} | {self.memory / 1e9:.2f} |"
        )


def seconds(work: Callable[[], object], turns: int = 1) -> float:
    """Least processor time of several turns."""
    taken = []
    for _ in range(turns):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)


def machine() -> Machine:
    source = np.ones(20_000_000)
    target, square = np.empty_like(source), np.ones((1500, 1500))
    copying = seconds(lambda: np.copyto(target, source), 5)
    return Machine(2 * source.nbytes / copying, 2 * 1500**3 / seconds(lambda: square @ square, 5))


def without_chance(nodes: int, pomdp: Pomdp) -> Controller:
    """A random controller that draws nothing by lot."""
    rng = np.random.default_rng(0)
    shape = (nodes, pomdp.n_actions, pomdp.n_observations)
    return Controller(
        np.eye(nodes)[0],
        np.eye(pomdp.n_actions)[rng.integers(0, pomdp.n_actions, nodes)],
        np.eye(nodes)[rng.integers(0, nodes, shape)],
        pomdp.actions,
        pomdp.observations,
    )


def rows(task: Pomdp, nodes: int, limits: Machine) -> list[Row]:
    """Measure a graph at all pairs, at those it reaches, and a controller that draws by lot."""
    loop = ClosedLoop(task, nodes)
    graph = loop.layout.vector([without_chance(nodes, task)])
    lot, other = loop.layout.vector(
        [Controller.random(nodes, task.actions, task.observations, seed=seed) for seed in (0, 1)]
    )[:, None]
    ways = {
        "graph": lambda: loop.evaluate(graph),
        "graph, reached": lambda: loop.evaluate_reached(graph),
        "lot": lambda: loop.evaluate(lot),
    }
    found = []
    for kind, evaluate in ways.items():
        tracemalloc.start()
        evaluation = evaluate()
        slope = np.nan if "reached" in kind else seconds(lambda e=evaluation: differentiate(e))
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        again = seconds(evaluate)
        warm = np.nan
        if kind == "lot":
            near = (1.0 - NEAR) * lot + NEAR * other
            warm = seconds(lambda e=evaluation, n=near: loop.evaluate(n, e.solutions))
        product, share = product_of(evaluation, limits)
        error = float(evaluation.errors()[0, 0])
        found.append(
            Row(task.name, task.n_states, nodes, kind, again, warm, slope, error, product, share, float(memory))
        )
    return found


def product_of(evaluation: Evaluation, limits: Machine) -> tuple[float, float]:
    """Seconds of one product with the chain, and its share of what the machine can do."""
    loop, order = evaluation.loop, evaluation.solution.shape[1]
    _, transition, action = loop.layout.split(evaluation.theta)
    chain = loop._products(loop.discount * action[0].T[loop.pair_actions, :, None] * transition[0])
    if evaluation.pairs is not None:
        chain = evaluation.system.kernels[0]  # type: ignore[union-attr]
    vectors = np.ones((order, 1))
    chain.forward(vectors)
    taken = seconds(lambda: chain.forward(vectors), 3)
    moved, multiplied = 2 * vectors.nbytes, 0
    if isinstance(chain, FormedChain):
        moved += chain.matrix.data.nbytes + chain.matrix.indices.nbytes
    else:
        assert isinstance(chain, TiledChain)
        moved += loop.adjoint.data.nbytes + loop.adjoint.indices.nbytes
        multiplied = 2 * loop.adjoint.shape[0] * loop.layout.nodes**2
    return taken, max(moved / limits.bandwidth, multiplied / limits.speed) / taken


def draw(measured: Sequence[Row], path: str) -> None:
    """Seconds of evaluation and gradient, and memory, against N."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    lines = [
        (panels[0], "evaluation", "graph, reached", "evaluation", 1.0),
        (panels[0], "evaluation", "graph", "evaluation", 1.0),
        (panels[0], "evaluation", "lot", "evaluation", 1.0),
        (panels[1], "gradient", "graph", "gradient", 1.0),
        (panels[1], "gradient", "lot", "gradient", 1.0),
        (panels[2], "memory", "graph", "memory", 1e-9),
        (panels[2], "memory", "lot", "memory", 1e-9),
    ]
    colours = {"graph, reached": "tab:green", "graph": "tab:blue", "lot": "tab:orange"}
    for axes, title, kind, name, unit in lines:
        for nodes, style in zip(NODES, ("o-", "s--"), strict=True):
            points = [
                (one.pairs, unit * getattr(one, name)) for one in measured if (one.kind, one.nodes) == (kind, nodes)
            ]
            axes.plot(*zip(*points, strict=True), style, color=colours[kind], ms=4, label=f"{kind}, {nodes} nodes")
        axes.set(title=title, xlabel="pairs (state, node)", xscale="log", yscale="log")
    for axes, unit in zip(panels, ("s", "s", "GB"), strict=True):
        axes.set_ylabel(unit)
    panels[0].legend(frameon=False, fontsize=8)
    figure.suptitle(f"RockSample, one thread, {cpu_name()}")
    figure.savefig(path, dpi=80)


def quality(task: Pomdp, moments: tuple[float, ...], nodes: int) -> None:
    """Print value and bound after so many seconds of search, and how long making the graphs then took."""
    one = np.ones(1)
    begun = time.process_time()
    model = PointBased(task, ())
    search = PointSearch(model, one)
    searched = time.process_time() - begun
    print("| search, s | graphs, s | lower | upper | trials | nodes | value | nodes | value |")
    print("|---|---|---|---|---|---|---|---|---|")
    for moment in moments:
        while searched < moment:
            begun = time.process_time()
            model.deadline = time.perf_counter() + 0.5
            search.run(float("inf"))
            searched += time.process_time() - begun
        begun = time.process_time()
        model.deadline = float("inf")
        bound = search.bound()
        graph = follow(search, 3000)
        assert graph is not None
        whole = thin(graph, one, 1, 1e-4 * abs(bound.parts[0])).graph().merged()
        small = improve(model, compress(model, whole, one, nodes), one)
        made = time.process_time() - begun
        print(
            f"| {searched:.1f} | {made:.1f} | {bound.parts[0]:.4f} | {bound.value:.4f} | {search.trials} "
            f"| {whole.n_nodes} | {whole.totals(model)[0]:.4f} | {small.n_nodes} | {small.totals(model)[0]:.4f} |",
            flush=True,
        )


def plans() -> None:
    """Print what `plan` finds in large problems within a time."""
    print("| problem | states | asked | nodes | value | error bar | upper bound | time, s | taken, s |\n|" + "---|" * 9)
    for width, rocks, limit in ASKED:
        task = vs.problems.find("rock_sample", n=width, k=rocks)
        for nodes in ("grow", 50):
            found = vs.plan(task, nodes, time=limit)
            assert found.upper_bound is not None
            assert found.value - found.value_error <= found.upper_bound
            print(
                f"| {task.name} | {task.n_states:,} | {nodes} | {found.controller.n_nodes} | {found.value:.3f} "
                f"| {found.value_error:.0e} | {found.upper_bound:.3f} | {limit:.0f} | {found.seconds:.1f} |",
                flush=True,
            )


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.planning_scale")
    parser.add_argument("--figure", help="file to draw to")
    parser.add_argument("--plans", action="store_true", help="only what plans reach within a time")
    chosen = parser.parse_args(arguments)
    if chosen.plans:
        plans()
        return
    limits = machine()
    print(f"copying: {limits.bandwidth / 1e9:.1f} GB/s, multiplying matrices: {limits.speed / 1e9:.0f} GFLOP/s\n")
    print("| problem | states | nodes | N | controller | evaluation, s | warm, s | gradient, s | error bar ", end="")
    print("| product, ms | share of the limit | memory, GB |\n|" + "---|" * 12)
    measured = []
    for width, rocks in SIZES:
        task = vs.problems.find("rock_sample", n=width, k=rocks)
        for nodes in NODES:
            for row in rows(task, nodes, limits):
                measured.append(row)
                print(row, flush=True)
    if chosen.figure:
        draw(measured, chosen.figure)
    print("\nRockSample(7,8) over time\n")
    quality(vs.problems.find("rock_sample", n=7, k=8), MOMENTS, 50)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
