"""Maxima a posteriori and Laplace evidences on the example data of the CBM toolbox (Piray et al. 2019).

Under N(0, 6.25) on unconstrained parameters, as its manual has it: rates by the logistic function, inverse temperatures
by exp, trials without a response left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import versant as vs
from tests.zoo import Rows, read_rows
from tests.zoo.uncertainty import transitions
from versant.formats.trials import read_trials

# ``cbm.output.parameters`` of model_RL, as the manual prints it: 40 subjects' alpha and beta, unconstrained
PRINTED = """
-0.9099 -0.1596  -2.2959  0.2281  -1.8879  0.0641  -2.9416  0.6446   0.1626 -1.7082  -2.3983 -0.2423  -2.2385 -0.3139
-1.1035 -0.1045  -0.1508 -1.0967  -3.1319  0.3766  -1.6312  2.8806  -1.9657  1.4585   1.3684  1.3809   0.2462  1.2869
 0.5822  1.6409   0.1195  0.7961   0.2869  1.3080  -0.9798  2.4429  -0.2855  1.3087   0.6944  2.0278   1.3887  1.4371
 0.0819  1.0805  -0.5053  1.9617   0.4317  1.4263   0.1695  0.8347   0.6204 -0.8997   0.0504  2.2729  -0.2048 -0.2258
 0.4743  1.2425   0.5359  0.7142   1.0363  0.0334   0.7106  0.2387  -1.4016  1.7652   0.0332  2.4478  -0.8369  1.4053
-0.0262  0.6052   0.1145  1.2742   0.3787  1.6922   0.0006  2.0756   1.6417  0.6821
"""


def wide(model: vs.Learner) -> dict[str, tuple[float, float]]:
    return dict.fromkeys(model.parameters, (0.0, 2.5))


def test_one_rate_as_the_manual_prints_it(shared_data: Path) -> None:
    trials = read_trials(shared_data / "behaviour" / "cbm" / "rl_task.csv")
    fit = vs.fit(vs.models.find("q_learning"), trials, wide(vs.models.find("q_learning")))
    printed = np.array(PRINTED.split(), dtype=np.float64).reshape(40, 2)
    np.testing.assert_allclose(fit.unconstrained, printed, rtol=0, atol=5.1e-5)


def laplace(log_posterior: Callable[[np.ndarray], float], z: np.ndarray) -> float:
    """Evidence at a maximum by differences of the log-posterior: log p + K/2 log 2π - ½ log|H|."""
    size, step = len(z), 1e-3
    shift = step * np.eye(size)
    hessian = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [s * r * log_posterior(z + s * shift[i] + r * shift[j]) for s in (1, -1) for r in (1, -1)]
            hessian[i, j] = -sum(corners) / (4 * step * step)
    return float(log_posterior(z) + 0.5 * size * math.log(2 * math.pi) - 0.5 * np.linalg.slogdet(hessian)[1])


@pytest.mark.parametrize("name", ["two_step_hybrid", "two_step_model_based", "two_step_model_free"])
def test_two_step_models_at_the_maxima_of_their_statement(name: str, shared_data: Path) -> None:
    path = shared_data / "behaviour" / "cbm" / "two_step.csv"
    missing = dict.fromkeys(("choice1", "state2", "choice2", "outcome"), 0)
    model = vs.models.find(name)
    fit = vs.fit(model, read_trials(path, missing=missing), wide(model))
    assert fit.evidence is not None
    everyone = list(read_rows(path, "subject").values())
    for n in (0, 7, 13):
        smooth = vs.Verdict.CONVERGED in fit.verdicts[n]

        def log_posterior(z: np.ndarray, rows: Rows = everyone[n]) -> float:
            pairs = zip(model.parameters.items(), z, strict=True)
            theta = {k: float(domain.natural(x)) for (k, domain), x in pairs}
            prior = -0.5 * (z @ z) / 6.25 - 0.5 * len(z) * math.log(2 * math.pi * 6.25)
            return float(transitions(theta, rows) + prior)

        z = fit.unconstrained[n]
        best = log_posterior(z)
        steps = np.concatenate([np.eye(len(z)), -np.eye(len(z))]) * 1e-3
        assert max(log_posterior(z + step) for step in steps) <= best + 1e-9
        if smooth:
            assert fit.evidence[n] == pytest.approx(laplace(log_posterior, z), abs=2e-3)
