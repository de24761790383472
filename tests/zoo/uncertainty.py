"""Exploration, surprise, memory and learned transitions.

From Gershman (2018), Speekenbrink & Konstantinidis (2015), Li et al. (2011), Collins & Frank (2012), Daw et al. (2011)
and Piray et al. (2019).
"""

from __future__ import annotations

import math
from typing import Any

from tests.zoo import Case, Rows
from tests.zoo.bandits import draw_pay, draw_two, log_softmax
from tests.zoo.independent import answered, each


def exploring(theta: dict[str, float], rows: Rows, safe: bool = False) -> float:
    total, block, mean, variance = 0.0, None, [0.0, 0.0], [0.0, 0.0]
    for label, choice, reward in each(rows, "block", "choice", "reward"):
        if label != block:
            block, mean, variance = label, [0.0, 0.0], [100.0, 0.0 if safe else 100.0]
        value, both = mean[0] - mean[1], math.sqrt(variance[0] + variance[1])
        x = theta.get("w1", 0.0) * value + theta.get("w3", 0.0) * value / both
        x += theta.get("w2", 0.0) * (math.sqrt(variance[0]) - math.sqrt(variance[1]))
        total += math.log(0.5 * math.erfc((-x if choice == 1 else x) / math.sqrt(2)))
        a = int(choice) - 1
        precision = 1 / variance[a] + 1 / 10 if variance[a] else math.inf
        mean[a] += (reward - mean[a]) / (10 * precision)
        variance[a] = 1 / precision
    return total


def tracked(mean: list[float], variance: list[float], a: int, reward: float) -> tuple[list[float], list[float]]:
    """Means and variances after option a has paid and all have walked on."""
    gain = variance[a] / (variance[a] + 16)
    mean = [m + gain * (reward - m) if k == a else m for k, m in enumerate(mean)]
    variance = [v - gain * v if k == a else v for k, v in enumerate(variance)]
    return [50 + 0.9836 * (m - 50) for m in mean], [0.9836**2 * v + 2.8**2 for v in variance]


def bonus(theta: dict[str, float], rows: Rows) -> float:
    mean, variance, total = [50.0] * 4, [1000.0] * 4, 0.0
    for choice, reward in each(rows, "choice", "outcome"):
        a = int(choice) - 1
        worth = [m + theta["bonus"] * math.sqrt(v) for m, v in zip(mean, variance, strict=True)]
        total += log_softmax([theta["beta"] * x for x in worth], a)
        mean, variance = tracked(mean, variance, a, reward)
    return total


def highest(mean: list[float], sd: list[float], k: int) -> float:
    """Chance that the draw of option k is the highest, by Simpson's rule on a fine grid around its mean."""
    low, size = mean[k] - 9 * sd[k], 2000
    width = 18 * sd[k] / size
    total = 0.0
    for i in range(size + 1):
        t = low + i * width
        density = math.exp(-0.5 * ((t - mean[k]) / sd[k]) ** 2) / (sd[k] * math.sqrt(2 * math.pi))
        for j in range(len(mean)):
            density *= 1 if j == k else 0.5 * math.erfc((mean[j] - t) / (sd[j] * math.sqrt(2)))
        total += density * (1 if i in (0, size) else 4 if i % 2 else 2)
    return total * width / 3


def sampling(theta: dict[str, float], rows: Rows) -> float:
    mean, variance, total = [50.0] * 4, [1000.0] * 4, 0.0
    for choice, reward in each(rows, "choice", "outcome"):
        a = int(choice) - 1
        chance = highest(mean, [theta["spread"] * math.sqrt(v) for v in variance], a)
        total += math.log((1 - theta["xi"]) * chance + theta["xi"] / 4)
        mean, variance = tracked(mean, variance, a, reward)
    return total


def surprise(theta: dict[str, float], rows: Rows) -> float:
    values, rates, total = [0.0, 0.0], [1.0, 1.0], 0.0
    for choice, reward in each(rows, "choice", "outcome"):
        a = int(choice) - 1
        total += log_softmax([theta["beta"] * v for v in values], a)
        error = reward - values[a]
        values[a] += theta["kappa"] * rates[a] * error
        rates[a] = theta["eta"] * abs(error) + (1 - theta["eta"]) * rates[a]
    return total


def memory(theta: dict[str, float], rows: Rows) -> float:
    total, block = 0.0, None
    slow: dict[tuple[Any, int], float] = {}
    fast: dict[tuple[Any, int], float] = {}
    last: dict[Any, int] = {}
    for label, i, size, choice, reward in each(rows, "block", "stimulus", "set_size", "choice", "reward"):
        if label != block:
            block, last = label, {}
            slow, fast = ({(s, k): 1 / 3 for s in range(10) for k in range(3)} for _ in (0, 1))
        a = int(choice)
        w, p = theta["rho"] * min(1, theta["K"] / size), 0.0
        for values, share in ((fast, w), (slow, 1 - w)):
            net = [50 * values[i, k] + theta["kappa"] * (last.get(i) == k) for k in range(3)]
            p += share * math.exp(log_softmax(net, a))
        total += math.log((1 - theta["eps"]) * p + theta["eps"] / 3)
        rate = 1.0 if reward == 1 else theta["neg"]
        slow[i, a] += theta["alpha"] * rate * (reward - slow[i, a])
        fast = {key: v + theta["phi"] * (1 / 3 - v) for key, v in fast.items()}
        fast[i, a] += rate * (reward - fast[i, a])
        last[i] = a
    return total


def transitions(theta: dict[str, float], rows: Rows) -> float:
    cached, second, total, last = {1: 0.0, 2: 0.0}, {(s, k): 0.0 for s in (2, 3) for k in (1, 2)}, 0.0, None
    seen = {(s, c): 0 for s in (2, 3) for c in (1, 2)}
    w = theta.get("w", 1.0 if "alpha1" not in theta else 0.0)
    for c, s, k, outcome in each(rows, "choice1", "state2", "choice2", "outcome"):
        if 0 in (c, k, outcome):
            continue
        same, crossed = seen[2, 1] + seen[3, 2], seen[3, 1] + seen[2, 2]
        named = 0.7 if same > crossed else 0.3 if same < crossed else 0.5
        best = {z: max(second[z, 1], second[z, 2]) for z in (2, 3)}
        planned = {1: named * best[2] + (1 - named) * best[3], 2: named * best[3] + (1 - named) * best[2]}
        other = 3 - c
        net = theta["beta1"] * (w * (planned[c] - planned[other]) + (1 - w) * (cached[c] - cached[other]))
        net += theta["phi"] * ((last == c) - (last == other))
        total += answered(net, True) + answered(theta["beta2"] * (second[s, k] - second[s, 3 - k]), True)
        cached[c] += theta.get("alpha1", 0.0) * (second[s, k] - cached[c])
        error = (1.0 if outcome == 1 else 0.0) - second[s, k]
        second[s, k] += theta["alpha2"] * error
        cached[c] += theta.get("alpha1", 0.0) * theta.get("lambda", 0.0) * error
        seen[s, c] += 1
        last = c
    return total


def draw_blocks(rng: Any, n: int) -> dict[str, Any]:
    pay = {"choice": rng.integers(1, 3, n), "reward": rng.normal(0, 5, n)}
    return pay | {"block": [1 + 3 * k // n for k in range(n)]}


def draw_memory(rng: Any, n: int) -> dict[str, Any]:
    sizes = [2 if 2 * k < n else 4 for k in range(n)]
    stimuli = [int(rng.integers(size)) if k else 0 for k, size in enumerate(sizes)]
    stimuli[-4:] = [0, 1, 2, 3]
    return {
        "block": sizes, "set_size": sizes, "stimulus": stimuli, "choice": rng.integers(0, 3, n),
        "reward": rng.integers(0, 2, n),
    }  # fmt: skip


def draw_transitions(rng: Any, n: int) -> dict[str, Any]:
    columns = {name: rng.integers(1, 3, n) for name in ("choice1", "choice2", "outcome")}
    return columns | {"state2": rng.integers(2, 4, n)}


KINDS = ("value", "ucb", "thompson", "hybrid")
CASES = [
    *(Case(f"exploration_{kind}", exploring, draw_blocks) for kind in KINDS),
    *(Case(f"exploration_{kind}_safe", lambda theta, rows: exploring(theta, rows, True), draw_blocks)
      for kind in KINDS),
    Case("kalman_thompson", sampling, draw_pay),
    Case("kalman_ucb", bonus, draw_pay),
    Case("pearce_hall", surprise, draw_two),
    Case("rlwm", memory, draw_memory),
    *(Case(f"two_step_{kind}", transitions, draw_transitions)
      for kind in ("hybrid", "model_based", "model_free")),
]  # fmt: skip
