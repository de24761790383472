"""Parameter recovery by the protocol of Wilson & Collins (2019): correlations of truth and estimate.

T = 1000 trials of a two-armed bandit with μ = [.2, .8]; α ~ U(0, 1), β ~ Exp(mean 10), Q₀ = .5; delta rule, softmax.
2,000 subjects, fitted by maximum likelihood and maximum a posteriori (default prior, and one with the mean and standard
deviation that logit α and log β have under the protocol). ``python -m benchmarks wilson_collins`` prints the table of
docs/explanation/validation.md.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
from scipy.stats import pearsonr, spearmanr

import versant as vs

SUBJECTS, TRIALS, MU = 2000, 1000, (0.2, 0.8)
EULER = 0.5772156649015329
MATCHED: Any = {
    "alpha": (0.0, math.pi / math.sqrt(3.0)),
    "beta": (math.log(10.0) - EULER, math.pi / math.sqrt(6.0)),
}
"""Mean and sd of a logistic variable, and of the logarithm of an exponential one with mean 10."""


@vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": 0.5 * vs.ones(n.choice)})
def delta_rule(p: Any, s: Any, t: Any) -> None:
    """Delta rule and softmax from Q₀ = .5: Model 3 of Wilson & Collins (2019)."""
    a = t.choose("choice", p.beta * s.Q)
    s.Q[a] += p.alpha * (t.reward - s.Q[a])


def truths(rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    return {"alpha": rng.uniform(0.0, 1.0, n), "beta": rng.exponential(10.0, n)}


def row(name: str, prior: Any) -> str:
    begun = time.perf_counter()
    found = vs.recover(delta_rule, vs.Bandit(MU, trials=TRIALS), SUBJECTS, parameters=truths, prior=prior, seed=2019)
    seconds = time.perf_counter() - begun
    alpha, beta = found.natural.T
    true = found.truth
    pairs = [(true["alpha"], alpha), (true["beta"], beta), (np.log(true["beta"]), found.estimates.z[:, 1])]
    told = [f"{pearsonr(a, b).statistic:.3f} / {spearmanr(a, b).statistic:.3f}" for a, b in pairs]
    counts = found.verdict_counts()
    flat, limit = counts["flat"], counts["at_limit"]
    return f"| {name} | {' | '.join(told)} | {flat} | {limit} | {seconds:.1f} |"


def main() -> None:
    print("| fit | α | β | log β | flat | at_limit | seconds |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name, prior in {
        "maximum likelihood": None,
        "maximum a posteriori, default prior": "default",
        "maximum a posteriori, the protocol's moments": MATCHED,
    }.items():
        print(row(name, prior), flush=True)


if __name__ == "__main__":
    main()
