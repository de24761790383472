"""Two-step (Daw et al. 2011), go/no-go (Guitart-Masip et al. 2012), selection (Frank et al. 2004)."""

from __future__ import annotations

import math
from typing import Any

from tests.zoo import Case, Rows


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def two_step(theta: dict[str, float], rows: Rows, moves: int = 1) -> float:
    a1, a2 = theta.get("a1", theta.get("a")), theta.get("a2", theta.get("a"))
    heat1, heat2 = theta.get("beta1", theta.get("beta")), theta.get("beta2", theta.get("beta"))
    values, total, previous = [0.0] * 7, 0.0, None  # 1, 2: first stage; 3..6: second
    for c, k, r in zip(rows["level1_choice"], rows["level2_choice"], rows["reward"], strict=True):
        c, k = int(c), int(k)
        one, two = max(values[3], values[4]), max(values[5], values[6])
        planned = (0.7 * one + 0.3 * two, 0.3 * one + 0.7 * two)
        net = [theta["w"] * planned[i] + (1 - theta["w"]) * values[i + 1] for i in (0, 1)]
        stay = 0.0 if previous is None else theta["pi"] * (1 if previous == 2 else -1)
        right = logistic(heat1 * (net[1] - net[0]) + stay)
        total += math.log(right if c == 2 else 1 - right)
        other = {1: 2, 2: 1, 3: 4, 4: 3}[k]
        total += math.log(logistic(heat2 * (values[2 + k] - values[2 + other])))
        for _ in range(moves):
            values[c] += a1 * (values[2 + k] - values[c])
        values[2 + k] += a2 * (r - values[2 + k])
        values[c] += theta.get("lambda", 1.0) * a1 * (r - values[2 + k])
        previous = c
    return total


def go_nogo(theta: dict[str, float], rows: Rows) -> float:
    go, stay, cue_value, total = {}, {}, {}, 0.0
    for cue, pressed, r in zip(rows["cue"], rows["keyPressed"], rows["outcome"], strict=True):
        weight = go.get(cue, 0.0) - stay.get(cue, 0.0) + theta.get("b", 0.0)
        weight += theta.get("pi", 0.0) * cue_value.get(cue, 0.0)
        press = (1 - theta["xi"]) * logistic(weight) + theta["xi"] / 2
        total += math.log(press if pressed else 1 - press)
        scale = theta["rho"] if "rho" in theta else theta["rhoRew" if r >= 0 else "rhoPun"]
        for values in (cue_value, go if pressed else stay):
            values[cue] = (1 - theta["ep"]) * values.get(cue, 0.0) + theta["ep"] * scale * r
    return total


def transfer(theta: dict[str, float], rows: Rows) -> float:
    values: dict[tuple[float, float], float] = {}
    total = 0.0
    for cue, background, pressed, r in zip(
        rows["cue"], rows["pavlovian"], rows["keyPressed"], rows["outcome"], strict=True
    ):
        difference = values.get((cue, 1), 0.0) - values.get((cue, 0), 0.0)
        go = logistic(theta["rho"] * difference + theta["b"] + theta["pi"] * background)
        go = (1 - theta["xi"]) * go + theta["xi"] / 2
        total += math.log(go if pressed else 1 - go)
        old = values.get((cue, pressed), 0.0)
        values[cue, pressed] = old + theta["ep"] * (r - old)
    return total


def selection(theta: dict[str, float], rows: Rows) -> float:
    values, total = {str(k): 0.0 for k in range(1, 7)}, 0.0
    for pair, first_taken, r in zip(rows["type"], rows["choice"], rows["reward"], strict=True):
        first, second = str(int(pair))
        p = logistic(theta["beta"] * (values[first] - values[second]))
        total += math.log(p if first_taken else 1 - p)
        taken = first if first_taken else second
        error = r - values[taken]
        values[taken] += theta.get("alpha", theta.get("alpha_pos" if error >= 0 else "alpha_neg")) * error
    return total


def draw_two_step(rng: Any, n: int) -> dict[str, Any]:
    return {
        "level1_choice": rng.integers(1, 3, n), "level2_choice": rng.integers(1, 5, n), "reward": rng.integers(0, 2, n)
    }  # fmt: skip


def draw_go_nogo(rng: Any, n: int) -> dict[str, Any]:
    return {"cue": rng.integers(1, 5, n), "keyPressed": rng.integers(0, 2, n), "outcome": rng.integers(-1, 2, n)}


def draw_transfer(rng: Any, n: int) -> dict[str, Any]:
    return draw_go_nogo(rng, n) | {"cue": [1 + k % 3 for k in range(n)], "pavlovian": rng.choice([-2, -1, 0, 1, 2], n)}


def draw_selection(rng: Any, n: int) -> dict[str, Any]:
    return {"type": rng.choice([12, 34, 56], n), "choice": rng.integers(0, 2, n), "reward": rng.integers(0, 2, n)}


CASES = [
    *(Case(f"ts_par{k}", two_step, draw_two_step, "ts_exampleData.txt") for k in (4, 6, 7)),
    Case("ts_par4_reported", lambda theta, rows: two_step(theta, rows, 2), draw_two_step, "ts_exampleData.txt"),
    *(Case(f"gng_m{k}", go_nogo, draw_go_nogo, "gng_exampleData.txt") for k in (1, 2, 3, 4)),
    Case("pit", transfer, draw_transfer),
    *(Case(name, selection, draw_selection, "pst_exampleData.txt") for name in ("pst_Q", "pst_gainloss_Q")),
]
