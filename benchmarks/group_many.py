"""Hierarchical fits of models with two to seven parameters: CPU time, evidence and verdict on hBayesDM's example files.

Full covariance, 5 to 30 subjects: the hard case of `method="group"`. The data stand beside a developer's checkout
(``shared/data/behaviour``). Printed are seconds of CPU with the model already compiled, the integrated log evidence, by
how much another rule of integration differs, and what a further Newton step by that rule would promise.
"""

from __future__ import annotations

import time
from pathlib import Path

import versant as vs

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "behaviour" / "hbayesdm"
MODELS = {
    "bandit2arm_delta": "bandit2arm",
    "bandit4arm_4par": "bandit4arm",
    "bandit4arm_lapse": "bandit4arm",
    "bandit4arm_lapse_decay": "bandit4arm",
    "gng_m3": "gng",
    "gng_m4": "gng",
    "hgf_ibrb": "hgf_ibrb",
    "igt_orl": "igt",
    "pstRT_rlddm1": "pstRT",
    "pstRT_rlddm6": "pstRT",
    "ts_par6": "ts",
    "ts_par7": "ts",
}


def main() -> None:
    print(f"{'model':24s} {'K':>2s} {'N':>3s} {'CPU s':>6s} {'evidence':>10s} {'gap':>6s} {'gain':>7s} verdict")
    for name, task in MODELS.items():
        model, trials = vs.models.find(name), vs.read_trials(DATA / f"{task}_exampleData.txt")
        vs.fit(model, trials, starts=1)
        begun = time.process_time()
        group = vs.fit(model, trials, method="group").group
        seconds = time.process_time() - begun
        flags = " ".join(sorted(map(str, group.verdicts)))
        print(
            f"{name:24s} {len(model.parameters):2d} {len(trials.subjects):3d} {seconds:6.1f} {group.evidence:10.2f} "
            f"{group.evidence_error:6.3f} {group.gain:7.4f} {flags}",
            flush=True,
        )


if __name__ == "__main__":
    main()
