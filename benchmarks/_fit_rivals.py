"""What a user would write instead: a NumPy likelihood, a loop over one subject's trials, given to scipy's L-BFGS-B.

Each takes unconstrained parameters; the functions compute what the learners of `_engine_cases` say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Columns = Mapping[str, np.ndarray]
Likelihood = Callable[[np.ndarray, Columns], float]


def unit(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def q_learning(options: int) -> Likelihood:
    def log_likelihood(z: np.ndarray, data: Columns) -> float:
        alpha, beta = unit(z[0]), np.exp(z[1])
        values, total = np.zeros(options), 0.0
        for a, r in zip(data["choice"], data["reward"], strict=True):
            total += log_softmax(beta * values)[a]
            values[a] += alpha * (r - values[a])
        return total

    return log_likelihood


def six_parameters(z: np.ndarray, data: Columns) -> float:
    alpha_pos, alpha_neg, phi, beta, kappa, eps = (
        unit(z[0]), unit(z[1]), unit(z[2]), np.exp(z[3]), z[4], unit(z[5])
    )  # fmt: skip
    values, last, total = np.zeros(4), np.zeros(4), 0.0
    for a, r in zip(data["choice"], data["reward"], strict=True):
        p = np.exp(log_softmax(beta * values + kappa * last))[a]
        total += np.log((1 - eps) * p + eps / 4)
        delta = r - values[a]
        new = values[a] + (alpha_pos if delta >= 0 else alpha_neg) * delta
        values = (1 - phi) * values
        values[a] = new
        last = np.zeros(4)
        last[a] = 1.0
    return total


def two_step(z: np.ndarray, data: Columns) -> float:
    a1, a2, lam, w = unit(z[0]), unit(z[1]), unit(z[2]), unit(z[5])
    b1, b2, stay = np.exp(z[3]), np.exp(z[4]), z[6]
    q1, q2, last, total = np.zeros(2), np.zeros((2, 2)), np.zeros(2), 0.0
    transition = np.array([[0.7, 0.3], [0.3, 0.7]])
    for c1, s, c2, r in zip(data["c1"], data["state"], data["c2"], data["reward"], strict=True):
        planned = transition @ q2.max(axis=1)
        total += log_softmax(b1 * (w * planned + (1 - w) * q1 + stay * last))[c1] + log_softmax(b2 * q2[s])[c2]
        d1, d2 = q2[s, c2] - q1[c1], r - q2[s, c2]
        q1[c1] += a1 * (d1 + lam * d2)
        q2[s, c2] += a2 * d2
        last = np.zeros(2)
        last[c1] = 1.0
    return total
