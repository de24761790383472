"""What a kernel's time depends on: subjects, trials, options, and entries of state; as a table and a figure.

Value, gradient and Hessian on one thread; each point is the least of several turns, taken by all points of a series in
turn. With `--figure FILE` the series are also drawn.

    python -m benchmarks kernel_scaling
    python -m benchmarks.kernel_scaling --figure docs/figures/kernel-scaling.png
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import versant as vs
from benchmarks._engine_cases import Case, _Sizes, bandit
from benchmarks.engine import cpu_name
from versant.expressions.compiled.kernel import Kernel

SUBJECTS, TRIALS, TURNS = 1_000, 200, 9


@dataclass(frozen=True)
class Series:
    """Times of one thing that grows: (size, seconds, trials in all) by the name of a line."""

    title: str
    label: str
    lines: dict[str, list[tuple[int, float, int]]]


@vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(n.stimulus, 2)})
def cues(p: Any, s: Any, t: Any) -> None:
    a = t.choose("choice", p.beta * s.Q[t.stimulus])
    s.Q[t.stimulus, a] += p.alpha * (t.reward - s.Q[t.stimulus, a])


def cue_case(stimuli: int, unroll: int) -> Case:
    rng = np.random.default_rng(stimuli)
    recurrence = cues.trace(_Sizes(stimulus=stimuli, choice=2), unroll=unroll)
    shape = (SUBJECTS, TRIALS)
    columns = {
        "stimulus": rng.integers(0, stimuli, shape),
        "choice": rng.integers(0, 2, shape),
        "reward": rng.integers(0, 2, shape).astype(float),
    }
    theta = np.column_stack([rng.uniform(0.1, 0.9, SUBJECTS), rng.uniform(0.5, 5.0, SUBJECTS)])
    return Case(f"{stimuli} cues", recurrence, columns, theta)


def times(cases: dict[int, Case], order: int = 2) -> list[tuple[int, float, int]]:
    """Return the least time of each case, of turns taken by all of them."""
    works: dict[int, Callable[[], Any]] = {}
    for size, case in cases.items():
        kernel, subjects = Kernel(case.program(order), case.rows()), np.arange(case.subjects)
        works[size] = lambda k=kernel, c=case, s=subjects: k.sums(c.parameters, s)
        works[size]()
    least = dict.fromkeys(works, float("inf"))
    for _ in range(TURNS):
        for size, work in works.items():
            work()  # what the others left in the caches is not timed
            start = time.process_time()
            work()
            least[size] = min(least[size], time.process_time() - start)
    return [(size, least[size], case.subjects * case.trials) for size, case in cases.items()]


def measured() -> list[Series]:
    subjects = {n: bandit(4, n, TRIALS, rich=False) for n in (10, 30, 100, 300, 1_000, 3_000, 10_000)}
    trials = {t: bandit(4, SUBJECTS, t, rich=False) for t in (25, 50, 100, 200, 400, 800)}
    options = {k: bandit(k, SUBJECTS, TRIALS, rich=False) for k in (2, 3, 4, 6, 8, 12, 16, 24)}
    small, large = (2, 4, 6, 8, 12, 16, 24, 40), (2, 4, 6, 8, 12, 16, 24, 40, 100, 200, 400)
    return [
        Series("Subjects, 200 trials, 4 options", "subjects", {"and Hessian": times(subjects)}),
        Series("Trials, 1,000 subjects, 4 options", "trials", {"and Hessian": times(trials)}),
        Series("Options", "options", {"value and gradient": times(options, 1), "and Hessian": times(options)}),
        Series(
            "Entries of state, of which a trial touches two",
            "entries",
            {
                "in registers": [(2 * n, s, t) for n, s, t in times({n: cue_case(n, 10_000) for n in small})],
                "in memory": [(2 * n, s, t) for n, s, t in times({n: cue_case(n, 0) for n in large})],
            },
        ),
    ]


def draw(series: Sequence[Series], path: str) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.5), layout="constrained")
    for axes, one in zip(figure.subplots(2, 2).flat, series, strict=True):
        for name, points in one.lines.items():
            axes.plot([n for n, _, _ in points], [s / t * 1e9 for _, s, t in points], "o-", label=name, ms=4)
        sizes = sorted({n for points in one.lines.values() for n, _, _ in points})
        highest = max(s / t * 1e9 for points in one.lines.values() for _, s, t in points)
        axes.set(title=one.title, xlabel=one.label, ylabel="ns a trial and subject", xscale="log")
        axes.set_ylim(0, 1.1 * highest)
        axes.set_xticks(sizes[::2], labels=[f"{n:,}" for n in sizes[::2]])
        axes.minorticks_off()
        axes.legend(frameon=False)
    figure.suptitle(f"Value, gradient and Hessian of Q-learning on one thread, {cpu_name()}")
    figure.savefig(path, dpi=80)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kernel_scaling")
    parser.add_argument("--figure", help="file to draw to")
    chosen = parser.parse_args(arguments)
    series = measured()
    print("what grows | size | ms | ns a trial and subject")
    for one in series:
        for name, points in one.lines.items():
            for size, taken, trials in points:
                print(f"{one.label}, {name} | {size} | {taken * 1e3:.3g} | {taken / trials * 1e9:.3g}", flush=True)
    if chosen.figure:
        draw(series, chosen.figure)


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
