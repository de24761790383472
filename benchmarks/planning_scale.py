"""Planning at scale: what one evaluation and one gradient take against N, and RockSample(7,8) over time.

The first table evaluates controllers in RockSample problems of growing size: policy-like controllers (no chance, γT is
formed and swept) and stochastic ones (γT is known by its products). N is the number of pairs (state, node). The
bandwidth of memory is that of copying a large array in the same run; a product must read and write its vectors and read
the kernels once, and the share is the time this would take at that bandwidth, over the time it takes.

The second table is the quality of RockSample(7,8) over time: the value of the best policy graph and the upper bound
(SARSOP: 21.10 and 24.71). Times are those of the processor, so that other work on the machine does not count.

    python -m benchmarks planning_scale
"""

from __future__ import annotations

import resource
import time

import numpy as np

import versant as vs
from versant.agents.controller import Controller
from versant.planning.compression import compress, improve
from versant.planning.evaluation import ClosedLoop
from versant.planning.gradient import differentiate
from versant.planning.pointbased import PointBased, PointSearch
from versant.planning.thinning import thin
from versant.planning.unrolling import follow
from versant.tasks.pomdp import Pomdp

SIZES = ((4, 4, 10), (5, 7, 10), (7, 8, 10), (7, 10, 10))
"""Width of the map, rocks, nodes."""

MOMENTS = (2.0, 5.0, 10.0)
"""Seconds of search, without those of making graphs, after which graphs are made."""


def bandwidth() -> float:
    """Bytes per second of copying, read and write counted."""
    source = np.ones(20_000_000)
    target = np.empty_like(source)
    times = []
    for _ in range(5):
        begun = time.process_time()
        np.copyto(target, source)
        times.append(time.process_time() - begun)
    return 2 * source.nbytes / min(times)


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


def scale(task: Pomdp, nodes: int, name: str, copying: float) -> str:
    """One line: seconds of evaluation and gradient, error bar, share of the bandwidth of one product."""
    loop = ClosedLoop(task, nodes)
    agent = (
        without_chance(nodes, task)
        if name == "graph"
        else Controller.random(nodes, task.actions, task.observations, seed=0)
    )
    theta = loop.layout.vector([agent])
    begun = time.process_time()
    evaluation = loop.evaluate(theta)
    evaluated = time.process_time()
    differentiate(evaluation)
    seconds = (evaluated - begun, time.process_time() - evaluated)
    _, transition, action = loop.layout.split(theta)
    products = loop._products(0.95 * action[0].T[loop.pair_actions, :, None] * transition[0])
    vectors = np.ones((task.n_states * nodes, 1))
    products.forward(vectors)
    begun = time.process_time()
    for _ in range(3):
        products.forward(vectors)
    one = (time.process_time() - begun) / 3
    kernels = loop.adjoint if name == "lot" else products.matrix  # type: ignore[union-attr]
    moved = 2 * vectors.nbytes + kernels.data.nbytes + kernels.indices.nbytes
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return (
        f"| {task.name} | {task.n_states} | {nodes} | {task.n_states * nodes} | {name} | {seconds[0]:.3f} "
        f"| {seconds[1]:.3f} | {evaluation.errors()[0, 0]:.1e} | {1e3 * one:.2f} | {moved / copying / one:.2f} "
        f"| {memory:.2f} |"
    )


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


def main() -> None:
    copying = bandwidth()
    print(f"copying: {copying / 1e9:.1f} GB/s\n")
    print("| problem | states | nodes | N | controller | evaluation, s | gradient, s | error bar | product, ms", end="")
    print(" | share of bandwidth | memory, GB |\n|---|---|---|---|---|---|---|---|---|---|---|")
    for width, rocks, nodes in SIZES:
        task = vs.problems.find("rock_sample", n=width, k=rocks)
        for name in ("graph", "lot"):
            print(scale(task, nodes, name, copying), flush=True)
    print("\nRockSample(7,8) over time\n")
    quality(vs.problems.find("rock_sample", n=7, k=8), MOMENTS, 50)


if __name__ == "__main__":
    main()
