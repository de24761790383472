"""What the tests that are worked by hand share."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

import versant as vs
from versant.formats.trials import read_trials


def log_likelihood(name: str, parameters: dict[str, float], **columns: Any) -> float:
    """Log-likelihood of one subject under a model of the zoo, from columns as a file would have them."""
    frame = pd.DataFrame({"subjID": [1] * len(next(iter(columns.values())))} | columns)
    return float(vs.log_likelihood(vs.models.find(name), read_trials(frame), parameters)[0])


def logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))
