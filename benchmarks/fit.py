"""Whole-group MAP fits against scipy's L-BFGS-B, with finite differences and with exact gradients.

Rivals fit one subject after the other, from the same start under the same prior: the first evaluates a plain NumPy
likelihood (`_fit_rivals`, as most published fitting code does) and lets scipy take differences; the second is given the
compiled likelihood with its exact gradient. Before a time is reported, the rival's objective is compared with ours at
our estimates, and it is counted how often a rival ended at a lower posterior.

Times are processor time of all threads, so that ratios mean something on a busy machine, ours and the rivals' taken in
turns; medians over rounds, with their range. ``COUNTS=20x100,1000x200`` chooses sizes, ``ROUNDS=5`` how many rounds.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import minimize

import versant as vs
from benchmarks import _engine_cases as cases
from benchmarks import _fit_rivals as rivals
from benchmarks.engine import cpu_name
from versant.inference.likelihood import bind
from versant.inference.map import best_ends
from versant.inference.prior import default_prior

SIZES = "20x100,1000x200,10000x200"
SAMPLE = {"Q-learning, 2 arms": 4, "Q-learning, 4 arms": 4, "6 parameters, 4 arms": 1, "two-step, 7 parameters": 1}
LEARNERS = {
    "Q-learning, 2 arms": (cases.q_learning, rivals.q_learning(2)),
    "Q-learning, 4 arms": (cases.q_learning, rivals.q_learning(4)),
    "6 parameters, 4 arms": (cases.six_parameters, rivals.six_parameters),
    "two-step, 7 parameters": (cases.two_step, rivals.two_step),
}


@dataclass
class Rounds:
    """Processor time per subject of each way, round by round."""

    optimiser: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    differences: list[float] = field(default_factory=list)
    gradients: list[float] = field(default_factory=list)
    worse: dict[str, int] = field(default_factory=lambda: {"differences": 0, "gradients": 0})


def as_trials(case: cases.Case) -> vs.Trials:
    """A case's data as trials."""
    sizes = {leaf.payload.name: leaf.payload.options for leaf in case.recurrence.data if leaf.payload.options}
    columns = {name: column.ravel() for name, column in case.columns.items()}
    subject = np.repeat(np.arange(case.subjects), case.trials)
    return vs.Trials.from_columns(subject=subject, columns=columns, codings=sizes)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Processor time, wall time and result."""
    wall, spent = time.perf_counter(), time.process_time()
    result = work()
    return time.process_time() - spent, time.perf_counter() - wall, result


def measure(case: cases.Case, rounds: int) -> Rounds:
    """Time our fit and the rivals' in turns; raise if objectives differ."""
    model, likelihood = LEARNERS[case.model]
    trials, prior, found = as_trials(case), default_prior(model), Rounds()
    vs.fit(model, trials, starts=1)
    for turn in range(rounds):
        spent, _, _ = timed(lambda: best_ends(bind(model, trials), prior, 1, np.random.default_rng(0)))
        found.optimiser.append(spent / case.subjects)
        spent, wall, fit = timed(lambda: vs.fit(model, trials, starts=1))
        found.whole.append(spent / case.subjects)
        found.wall.append(wall / case.subjects)
        sample = [(turn * SAMPLE[case.model] + k) % case.subjects for k in range(SAMPLE[case.model])]
        for i in sample:
            one_subject(case, i, model, likelihood, prior, fit, found)
    return found


def one_subject(
    case: cases.Case, i: int, model: Any, likelihood: rivals.Likelihood, prior: vs.Prior, fit: vs.Fit, found: Rounds
) -> None:
    """Let the rivals fit subject i."""
    data = {name: column[i] for name, column in case.columns.items()}

    def numpy_objective(z: np.ndarray) -> float:
        return float(-likelihood(z, data) - prior.log_density(z[None])[0])

    ours = -float(fit.log_posterior[i])
    if abs(numpy_objective(fit.unconstrained[i]) - ours) > 1e-8 * abs(ours):
        raise SystemExit(f"{case.model}: the rival's objective is another function")
    exact = vs.objective(model, fit.trials.only(fit.subjects[i]))
    exact(exact.start)
    ways = {
        "differences": lambda: minimize(numpy_objective, prior.mean, method="L-BFGS-B"),
        "gradients": lambda: minimize(exact, exact.start, jac=True, method="L-BFGS-B"),
    }
    for name, way in ways.items():
        spent, _, end = timed(way)
        getattr(found, name).append(spent)
        found.worse[name] += end.fun > ours + 1e-3


def ratio(theirs: list[float], ours: list[float]) -> str:
    """Median and range of the ratios, round by round."""
    per_round = np.array(theirs).reshape(len(ours), -1).mean(axis=1) / ours
    return f"{np.median(per_round):6,.0f} ({per_round.min():,.0f}-{per_round.max():,.0f})"


def row(model: str, t: Rounds) -> str:
    """One model's lines of the table."""
    optimiser, whole, wall = (1e6 * np.median(times) for times in (t.optimiser, t.whole, t.wall))
    lines = [f"  {model:23s} optimiser {optimiser:6.0f} us, fit {whole:6.0f} us (wall {wall:.0f})"]
    for name, theirs in (("differences", t.differences), ("gradients", t.gradients)):
        against = f"x {ratio(theirs, t.whole)} of the fit, x {ratio(theirs, t.optimiser)} of the optimiser"
        lines.append(f"      {name:12s} {against}; {t.worse[name]} of {len(theirs)} ended worse")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    rounds = int(os.environ.get("ROUNDS", "5"))
    print(f"MAP, one start, on {cpu_name()}; processor time a subject, medians of {rounds} rounds (range)")
    print("optimiser: tracing, packing and Newton steps; fit: with verdicts, errors and evidence")
    for size in os.environ.get("COUNTS", SIZES).split(","):
        subjects, trials = map(int, size.split("x"))
        print(f"\n{subjects:,} subjects x {trials} trials")
        for case in cases.cases(subjects, trials):
            print(row(case.model, measure(case, rounds)))
