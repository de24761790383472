"""The same seed gives the same plan, bit by bit, on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PLAN = """
import hashlib
import numpy as np
import versant as vs

task = vs.problems.find("grid_4x3", costs=("bad",))
plan = vs.plan(task, 32, {"bad": 0.3}, starts=1, iterations=4, seed=1, bounds=(), families=("random",))
found = hashlib.sha256(np.array([plan.value, plan.value_error, plan.first_order_gap]).tobytes())
for part in (plan.controller.start, plan.controller.action, plan.controller.transition):
    found.update(part.tobytes())
print(found.hexdigest())
"""


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor has one thread")
def test_plans_do_not_depend_on_the_number_of_threads() -> None:
    answers = set()
    for threads in ("1", "2"):
        settings = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        run = subprocess.run(
            [sys.executable, "-c", PLAN], env=os.environ | settings, capture_output=True, text=True, check=True
        )
        answers.add(run.stdout)
    assert len(answers) == 1
