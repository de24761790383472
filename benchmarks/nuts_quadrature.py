"""NUTS of every subject alone against quadrature, on the very subjects of its calibration.

Truths and data are those of ``python -m benchmarks calibration``, "NUTS of each subject, default prior, 50 trials". The
posterior of two parameters is summed over 101² points, to five prior standard deviations to either side. Printed are

* of all VERSANT_SUBJECTS (10000): mean and spread of the truth's exact posterior probability, which are .5 and 1 up to
  chance: what calibration would find if draws were perfect;
* of the first 400, with 4 chains of 1,000 + 1,000: mean difference of posterior means in posterior standard deviations,
  with its standard error; mean ratio of standard deviations; mean and χ² p-value of the draws' exact probabilities.
"""

from __future__ import annotations

import os

import numpy as np
from scipy.stats import chisquare

import versant as vs
from benchmarks.calibration import MODEL
from versant.inference.likelihood import bind
from versant.inference.prior import default_prior
from versant.verbs.calibrate import SUBJECTS_A_PIECE

POINTS, REACH, CLOSE, PIECES, THINNED = 101, 5.0, 400, 50, 100
PRIOR = default_prior(MODEL)
SDS = np.sqrt(np.diag(PRIOR.covariance))
EDGES = [m + s * np.linspace(-REACH, REACH, POINTS) for m, s in zip(PRIOR.mean, SDS, strict=True)]
GRID = np.stack(np.meshgrid(*EDGES, indexing="ij"), axis=-1).reshape(-1, 2)


def subjects(count: int) -> list[tuple[np.ndarray, vs.Trials]]:
    """Return the pieces of the calibration: truths (200, 2) and what they did."""
    design, root, found = vs.Bandit((0.2, 0.8), trials=50, reversal=20), np.linalg.cholesky(PRIOR.covariance), []
    for rng in np.random.default_rng(2026).spawn(PIECES)[: -(-count // SUBJECTS_A_PIECE)]:
        z = PRIOR.mean + rng.standard_normal((SUBJECTS_A_PIECE, 2)) @ root.T
        truth = {name: domain.natural(z[:, k]) for k, (name, domain) in enumerate(MODEL.parameters.items())}
        found.append((z, vs.simulate(MODEL, design, truth, subjects=SUBJECTS_A_PIECE, seed=rng)))
    return found


def posteriors(trials: vs.Trials) -> np.ndarray:
    """Return the posterior weights of every subject on the grid, (N, points, points)."""
    likelihood, prior = bind(MODEL, trials), PRIOR.log_density(GRID)
    found = []
    for n in range(likelihood.n_subjects):
        log = likelihood.evaluate(GRID, np.full(len(GRID), n), 0).value + prior
        weight = np.exp(log - log.max())
        found.append((weight / weight.sum()).reshape(POINTS, POINTS))
    return np.array(found)


def probability(weights: np.ndarray, k: int, z: np.ndarray) -> np.ndarray:
    """Return the posterior probability that parameter k is less than z: a grid point's weight ends half a step on."""
    edges = EDGES[k] + 0.5 * (EDGES[k][1] - EDGES[k][0])
    return np.interp(z, edges, weights.sum(axis=1 - k).cumsum())


def main() -> None:
    pieces = subjects(int(os.environ.get("VERSANT_SUBJECTS", "10000")))
    exact, close = [], []
    for number, (z, trials) in enumerate(pieces):
        weights = posteriors(trials)
        exact.append([[probability(w, k, own[k]) for k in range(2)] for w, own in zip(weights, z, strict=True)])
        if number < CLOSE // SUBJECTS_A_PIECE:
            close.append(compare(trials, weights, number))
    print("| quantity | exact: mean | spread | NUTS: bias, sd | ± | ratio of sds | mean of draws | χ² p |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    told = np.concatenate(exact)
    for k, name in enumerate(MODEL.parameters):
        bias, ratio, draws = (np.concatenate([one[part][k] for one in close]) for part in range(3))
        p = chisquare(np.histogram(draws, bins=20, range=(0.0, 1.0))[0]).pvalue
        print(
            f"| {name} | {told[:, k].mean():.4f} | {told[:, k].std() * np.sqrt(12):.3f} | {bias.mean():.4f} "
            f"| {bias.std() / np.sqrt(len(bias)):.4f} | {ratio.mean():.4f} | {draws.mean():.4f} | {p:.2f} |"
        )
    print(f"{len(told)} subjects; standard error of an exact mean {1 / np.sqrt(12 * len(told)):.4f}")


def compare(trials: vs.Trials, weights: np.ndarray, seed: int) -> tuple[list[np.ndarray], ...]:
    """Return bias (N,), ratio of sds (N,) and exact probabilities of thinned draws, a list over parameters each."""
    drawn = vs.fit(MODEL, trials, method="sample", pooling="none", seed=seed).pooled
    bias, ratio, draws = [], [], []
    for k in range(2):
        margin = weights.sum(axis=2 - k)
        mean = margin @ EDGES[k]
        sd = np.sqrt(margin @ EDGES[k] ** 2 - mean**2)
        bias.append((drawn[..., k].mean(axis=0) - mean) / sd)
        ratio.append(drawn[..., k].std(axis=0) / sd)
        some = drawn[:: len(drawn) // THINNED, :, k].T
        draws.append(np.concatenate([probability(w, k, z) for w, z in zip(weights, some, strict=True)]))
    return bias, ratio, draws


if __name__ == "__main__":
    main()
