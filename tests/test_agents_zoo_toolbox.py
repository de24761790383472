"""Log-likelihoods as the Stan programs of hBayesDM compute them on its example data.

``zoo/hbayesdm.tsv`` holds, for one setting of the individual parameters, what those programs gave for the first subject
and for all subjects together: likelihoods of their model blocks, compiled with Stan 2.35 (of `ts_par4_reported`, the
generated quantity). Their diffusion densities are series cut off at an error of 1e-6 or so; ours go to rounding.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import versant as vs
from versant.formats.trials import read_trials

with (Path(__file__).parent / "zoo" / "hbayesdm.tsv").open(newline="") as stream:
    PUBLISHED = list(csv.DictReader(stream, delimiter="\t"))


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["model"])
def test_likelihood_is_that_of_the_toolbox(row: dict[str, str], shared_data: Path) -> None:
    trials = read_trials(shared_data / "behaviour" / "hbayesdm" / f"{row['file']}_exampleData.txt")
    parameters = {name: float(value) for name, value in (pair.split("=") for pair in row["parameters"].split())}
    found = vs.log_likelihood(vs.models.find(row["model"]), trials, parameters)
    assert found[0] == pytest.approx(float(row["first"]), abs=1e-6)
    assert found.sum() == pytest.approx(float(row["total"]), abs=1e-6, rel=1e-10)


def test_every_model_of_the_toolbox_is_compared() -> None:
    families = ("alt_", "bandit", "bart_", "cgt_", "choiceRT_", "cra_", "dbdm_", "dd_", "gng_", "hgf_ibrb", "igt_")
    families += ("peer_", "prl_", "pst", "ra_", "rdt_", "task2AFC_", "ts_", "ug_", "wcs_")
    shipped = {name for name in vs.models.names() if name.startswith(families)}
    assert shipped - {row["model"] for row in PUBLISHED} == {"choiceRT_lba_single"}
    assert len(PUBLISHED) >= 64
