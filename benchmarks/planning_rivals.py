"""Planning against what else there is, same problems, same limit of time: the text's algorithm, Ipopt, msdm, PAYNT.

* `versant`: `vs.plan(problem, nodes=…, time=LIMIT)` as a user would call it;
* `text`: projected gradient ascent to the letter of the text (slips corrected): golden section on the raw ray, where
  points are no controllers, then projection onto the linearised budgets; as many random starts as the time allows;
* `Ipopt`: the whole problem as a nonlinear programme (`method="nlp"`), as many random starts as the time allows;
* `msdm`: gradient ascent on logits by Adam, as many starts as the time allows (unconstrained only);
* `PAYNT`: exact search of deterministic controllers with growing memory (unconstrained only), on the file we write.

Every controller found by `text` is evaluated by our exact evaluation; msdm and PAYNT report their own values. Best, and
median over starts in brackets. Rivals that are not installed are named and left out.
"""

from __future__ import annotations

import importlib.util
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import versant as vs
from benchmarks.gradients import Dense
from versant.agents.controller import Controller
from versant.optimise.simplex import project_budgets
from versant.planning.evaluation import ClosedLoop
from versant.planning.gradient import differentiate
from versant.planning.nlp import NonlinearProgramme
from versant.tasks.pomdp import Pomdp

Array = NDArray[np.float64]

LIMIT = 20.0
GOLDEN = (1.0 + math.sqrt(5.0)) / 2.0
CASES: tuple[tuple[str, Callable[[], Pomdp], dict[str, float], int], ...] = (
    ("tiger", lambda: vs.problems.find("tiger"), {}, 5),
    ("cheese", lambda: vs.problems.find("cheese"), {}, 8),
    ("shuttle", lambda: vs.problems.find("shuttle"), {}, 5),
    ("4x3 grid", lambda: vs.problems.find("grid_4x3"), {}, 10),
    ("network", lambda: vs.problems.find("network"), {}, 8),
    ("machine", lambda: vs.problems.find("machine_maintenance"), {}, 5),
    ("tiger, risk ≤ .08", lambda: vs.problems.find("tiger", costs=("risk",)), {"risk": 0.08}, 5),
    ("4x3 grid, bad ≤ .2", lambda: vs.problems.find("grid_4x3", costs=("bad",)), {"bad": 0.2}, 6),
)
FILES: tuple[tuple[str, int], ...] = (("hanks.95.pomdp", 5), ("mini-hall2.pomdp", 8))
"""Files in the folder ``pomdp`` of the folder that ``VERSANT_DATA`` names, and nodes."""


def cases() -> tuple[tuple[str, Callable[[], Pomdp], dict[str, float], int], ...]:
    """The cases above, and the files where there are any."""
    folder = os.environ.get("VERSANT_DATA")
    paths = [] if folder is None else [(Path(folder, "pomdp", name), nodes) for name, nodes in FILES]
    return (*((path.stem, partial(vs.read_pomdp, path), {}, nodes) for path, nodes in paths), *CASES)


def ours(pomdp: Pomdp, budgets: dict[str, float], nodes: int) -> str:
    plan = vs.plan(pomdp, nodes=nodes, budgets=budgets, time=LIMIT, seed=0)
    bound = "" if plan.upper_bound is None else f" ≤ {plan.upper_bound:.4f}"
    return f"{plan.value:.4f}{bound}" if plan.feasible else ", ".join(plan.verdict)


def text(pomdp: Pomdp, budgets: dict[str, float], nodes: int) -> str:
    """Best and median value of the starts that end within the budgets."""
    loop = ClosedLoop(pomdp, nodes)
    limits = np.array([budgets[name] for name in loop.costs if name in budgets])
    rows = [i for i, name in enumerate(loop.costs) if name in budgets]
    until, values, seed = time.monotonic() + LIMIT, [], 0
    while time.monotonic() < until:
        first = Controller.random(nodes, pomdp.actions, pomdp.observations, seed=seed)
        theta = _ascend(Dense(pomdp, loop), loop.layout.vector([first])[0], rows, limits, until)
        totals = loop.evaluate(theta[None]).totals[0]
        values.append(totals[0] if (totals[1:][rows] <= limits + 1e-6).all() else -np.inf)
        seed += 1
    return f"{max(values):.4f} ({np.median(values):.2f} of {len(values)})"


def _ascend(dense: Dense, theta: Array, rows: list[int], limits: Array, until: float) -> Array:
    shape = dense.loop.layout.blocks
    while time.monotonic() < until:
        evaluation = dense.loop.evaluate(theta[None])
        slopes, totals = differentiate(evaluation).slopes[0], evaluation.totals[0]
        length = _golden(lambda a, at=theta, up=slopes[0]: _value(dense, at + a * up))
        costs = slopes[1:][rows]
        bounds = limits - totals[1:][rows] + costs @ theta
        found = project_budgets((theta + length * slopes[0])[None], shape, costs[None], bounds[None], cap=1e8)
        moved = np.abs(found.point[0] - theta).max()
        theta = found.point[0]
        if moved < 1e-8:
            break
    return theta


def _value(dense: Dense, theta: Array) -> float:
    chain, payoff, begin = dense.parts(theta)
    try:
        return float(begin @ np.linalg.solve(np.eye(len(chain)) - dense.discount * chain, payoff[:, 0]))
    except np.linalg.LinAlgError:
        return -np.inf


def _golden(value: Callable[[float], float]) -> float:
    """Golden section on [0, 1], to 1 % of where it stands."""
    low, high = 0.0, 1.0
    left, right = high - (high - low) / GOLDEN, low + (high - low) / GOLDEN
    at_left, at_right = value(left), value(right)
    while high - low > 1e-2 * (left + right) and high - low > 1e-10:
        if at_right >= at_left:
            low, left, at_left = left, right, at_right
            right = low + (high - low) / GOLDEN
            at_right = value(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - (high - low) / GOLDEN
            at_left = value(left)
    return 0.5 * (left + right)


def ipopt(pomdp: Pomdp, budgets: dict[str, float], nodes: int) -> str:
    """Best and median value of the starts that end within the budgets."""
    until, values = time.monotonic() + LIMIT, []
    while (left := until - time.monotonic()) > 0.0:
        method = NonlinearProgramme(seconds=left)
        how: Any = {"method": method, "families": ("random",), "starts": 1, "bounds": ()}
        plan = vs.plan(pomdp, nodes=nodes, budgets=budgets, seed=len(values), **how)
        values.append(plan.value if plan.feasible else -np.inf)
    return f"{max(values):.4f} ({np.median(values):.2f} of {len(values)})"


def msdm(pomdp: Pomdp, budgets: dict[str, float], nodes: int) -> str:
    if budgets:
        return "–"
    import torch
    from msdm.algorithms.fscgradientascent import FSCGradientAscent

    torch.set_num_threads(1)
    task = _Tables(pomdp)
    until, values = time.monotonic() + LIMIT, []
    while time.monotonic() < until or not values:
        learner = FSCGradientAscent(controller_state_count=nodes, iterations=1000, seed=len(values) + 1)
        values.append(float(learner.train_on(task).value.expected_value))
    return f"{max(values):.4f} ({np.median(values):.2f} of {len(values)})"


class _Tables:
    """The arrays that msdm's gradient ascent reads of a problem."""

    def __init__(self, pomdp: Pomdp) -> None:
        self.transition_matrix = np.stack([part.toarray() for part in pomdp.transitions], axis=1)
        self.observation_matrix = np.stack([part.toarray() for part in pomdp.emissions])
        self.state_action_reward_matrix = np.array(pomdp.rewards)
        self.initial_state_vec = np.array(pomdp.start)
        self.discount_rate = pomdp.discount


def paynt(pomdp: Pomdp, budgets: dict[str, float], nodes: int) -> str:
    if budgets:
        return "–"
    with tempfile.TemporaryDirectory() as folder:
        vs.write_pomdp(pomdp, Path(folder, "problem.pomdp"))
        command = [_paynt(), folder, "--sketch", "problem.pomdp", "--fsc-synthesis", "--timeout", str(int(LIMIT))]
        said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=6 * LIMIT)
    found = re.findall(r"^optimum: (\S+)", said.stdout + said.stderr, re.MULTILINE)
    return f"{float(found[-1]):.4f}" if found else f"no answer (exit code {said.returncode})"


def _paynt() -> str | None:
    beside = Path(sys.executable).with_name("paynt")
    return str(beside) if beside.exists() else shutil.which("paynt")


def main() -> None:
    ways: dict[str, Callable[[Pomdp, dict[str, float], int], str]] = {"versant": ours, "text": text}
    have = {
        "Ipopt": importlib.util.find_spec("casadi") is not None,
        "msdm": importlib.util.find_spec("msdm") is not None,
        "PAYNT": _paynt() is not None,
    }
    ways |= {name: way for name, way in (("Ipopt", ipopt), ("msdm", msdm), ("PAYNT", paynt)) if have[name]}
    absent = [name for name, there in have.items() if not there]
    print(f"{LIMIT:.0f} s each")
    if absent:
        print(f"not installed, left out: {', '.join(absent)} (pip install casadi msdm paynt)")
    print("| problem | nodes | " + " | ".join(ways) + " |")
    print("|---" * (2 + len(ways)) + "|")
    for name, build, budgets, nodes in cases():
        cells = " | ".join(way(build(), budgets, nodes) for way in ways.values())
        print(f"| {name} | {nodes} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
