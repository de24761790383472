"""Hierarchical EM against EM as it is usually written: scipy's BFGS with finite differences, subject after subject.

The rival has the same M-step (full covariance) and the same start, takes V from BFGS's inverse Hessian, and stops by
the same rule or after 100 iterations; its log posterior is a plain NumPy loop over trials. Ours runs EM alone
(polish=None), then with its polish. Printed are seconds of CPU, of all threads together, and the Laplace evidence of
both ends, computed in one way.
"""

from __future__ import annotations

import time

import numpy as np
from scipy.optimize import minimize

import versant as vs

MODEL = vs.models.find("q_learning")
SUBJECTS, TRIALS, REPEATS = 20, 100, 5


def group() -> vs.Trials:
    rng = np.random.default_rng(0)
    truth = {
        "alpha": 1 / (1 + np.exp(-rng.normal(-0.3, 0.8, SUBJECTS))),
        "beta": np.exp(rng.normal(1.2, 0.5, SUBJECTS)),
    }
    return vs.simulate(MODEL, vs.Bandit((0.3, 0.7), trials=TRIALS, reversal=30), truth, seed=1)


def log_likelihood(z: np.ndarray, choices: np.ndarray, rewards: np.ndarray) -> float:
    alpha, beta = 1 / (1 + np.exp(-z[0])), np.exp(z[1])
    values, total = np.zeros(2), 0.0
    for a, r in zip(choices, rewards, strict=True):
        logits = beta * values
        total += logits[a] - np.logaddexp(*logits)
        values[a] += alpha * (r - values[a])
    return float(total)


def rival(trials: vs.Trials, iterations: int = 100) -> tuple[np.ndarray, np.ndarray, int]:
    columns = [trials.columns[name] for name in ("choice", "reward")]
    data = [[c[trials.offsets[i] : trials.offsets[i + 1]] for c in columns] for i in range(SUBJECTS)]
    mean, covariance = np.array([0.0, 1.0]), np.diag([1.5**2, 1.0])
    z = np.tile(mean, (SUBJECTS, 1))
    steps = 0
    change = np.inf
    while change >= 1e-3 and steps < iterations:
        ends = [minimise(z[i], mean, covariance, *data[i]) for i in range(SUBJECTS)]
        z = np.stack([point for point, _ in ends])
        new = z.mean(axis=0)
        moved = (z - new)[:, :, None] * (z - new)[:, None, :]
        sigma = (moved + np.stack([spread for _, spread in ends])).mean(axis=0)
        sd = np.sqrt(np.diag(covariance))
        change = max((np.abs(new - mean) / sd).max(), (np.abs(sigma - covariance) / np.outer(sd, sd)).max())
        mean, covariance, steps = new, sigma, steps + 1
    return mean, covariance, steps


def minimise(
    start: np.ndarray, mean: np.ndarray, covariance: np.ndarray, choices: np.ndarray, rewards: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    precision = np.linalg.inv(covariance)

    def f(x: np.ndarray) -> float:
        return float(0.5 * (x - mean) @ precision @ (x - mean) - log_likelihood(x, choices, rewards))

    end = minimize(f, start, method="BFGS")
    return end.x, end.hess_inv


def main() -> None:
    trials = group()
    vs.fit(MODEL, trials, method="group")  # kernels are compiled once
    ours: dict[str, list[float]] = {"EM alone": [], "EM and polish": []}
    ends = {}
    for _ in range(REPEATS):
        for name, polish in (("EM alone", None), ("EM and polish", "integrated")):
            begun = time.process_time()
            ends[name] = vs.fit(MODEL, trials, method="group", polish=polish)
            ours[name].append(time.process_time() - begun)
    begun = time.process_time()
    mean, covariance, iterations = rival(trials)
    theirs = time.process_time() - begun
    evidence = vs.fit(MODEL, trials, vs.Prior(mean, covariance)).evidence.sum()
    print(f"{'':24s} {'seconds of CPU':>16s} {'times slower':>13s} {'evidence':>10s}")
    for name, seconds in ours.items():
        low, high = min(seconds), max(seconds)
        print(f"{name:24s} {low:7.3f} to {high:5.3f} {'':13s} {ends[name].evidence.sum():10.3f}")
    slower = theirs / np.median(ours["EM alone"])
    print(f"{f'rival, {iterations} iterations':24s} {theirs:16.2f} {slower:13.0f} {evidence:10.3f}")
    kinds = [step.kind for step in ends["EM alone"].group.history]
    print(f"ours: {kinds.count('em')} EM steps and {kinds.count('leap')} leaps")


if __name__ == "__main__":
    main()
