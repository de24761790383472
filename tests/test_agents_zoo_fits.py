"""Maxima a posteriori of every model on its example file, with verdicts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import versant as vs
from tests.test_agents_zoo import CASES
from tests.zoo import Case
from versant.formats.trials import read_trials
from versant.inference.likelihood import bind
from versant.inference.verdict import Verdict

SAME = {"banditNarm_exampleData.txt": "bandit4arm_exampleData.txt"}  # and the files of one subject are of the first
FITTED = {
    (vs.models.find(case.model).function, SAME.get(case.file, case.file).replace("_single", "")): case
    for case in reversed(CASES)
    if case.file
}
CORNERED = {"alt_delta", "alt_gamma"}  # what sharpens a belief has corners, and maxima there


@pytest.mark.parametrize("case", FITTED.values(), ids=repr)
def test_fit_of_the_example_file(case: Case, shared_data: Path) -> None:
    model = vs.models.find(case.model)
    trials = read_trials(shared_data / "behaviour" / "hbayesdm" / str(case.file))
    fit = vs.fit(model, trials, starts=2)
    flags = Counter(flag for verdicts in fit.verdicts for flag in verdicts)
    assert set(flags) <= {Verdict.CONVERGED, Verdict.CHANCE, Verdict.STARTS_DISAGREE, Verdict.KINK}
    assert case.model in CORNERED or 2 * flags[Verdict.CONVERGED] >= len(fit.subjects)
    smooth = np.array([Verdict.KINK not in verdicts for verdicts in fit.verdicts])
    assert fit.gradient_size[smooth].max(initial=0.0) < 1e-6
    bound = bind(model, trials)
    centre = np.tile([d.mean for d in model.parameters.values()], (len(trials.subjects), 1))
    assert fit.log_posterior is not None
    assert fit.prior is not None
    at_centre = bound.evaluate(centre, np.arange(len(centre)), 0).value + fit.prior.log_density(centre)
    assert (fit.log_posterior >= at_centre - 1e-9).all()
    better = fit.log_likelihood.sum() > fit.chance.sum()
    if case.model == "alt_gamma":  # its choices do not see what is on offer
        assert flags[Verdict.CHANCE] == len(fit.subjects)
    elif bound.recurrence.choices_only:
        assert better
