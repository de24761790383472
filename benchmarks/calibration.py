"""Simulation-based calibration of every kind of posterior: ranks of truths, χ² and its power, ECDF bands.

A delta-rule learner in a two-armed bandit that reverses every 20 trials. Laplace: 2,000 subjects at each length, under
the default prior and under an informative one. No-U-turn sampler: 10,000 and 5,000 subjects alone, 300 groups of 5.
Hierarchical maximum likelihood: 240 groups of 20, whose truths come from the sampler's prior.

``python -m benchmarks calibration`` prints the table of docs/explanation/validation.md. With ``VERSANT_BENCH_KEEP=DIR``
an interrupted run goes on from that folder; ``VERSANT_BENCH_ONLY=TEXT`` leaves out studies with other first words.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import versant as vs

MODEL = vs.models.find("q_learning")
INFORMATIVE: Any = {"alpha": (0.0, 0.7), "beta": (1.2, 0.5)}
ALONE: dict[str, Any] = {"method": "sample", "pooling": "none"}
STUDIES: dict[str, tuple[int, int, dict[str, Any]]] = {
    "Laplace, default prior, 50 trials": (50, 2000, {}),
    "Laplace, default prior, 200 trials": (200, 2000, {}),
    "Laplace, default prior, 1000 trials": (1000, 2000, {}),
    "Laplace, informative prior, 50 trials": (50, 2000, {"prior": INFORMATIVE}),
    "Laplace, informative prior, 200 trials": (200, 2000, {"prior": INFORMATIVE}),
    "Laplace, informative prior, 1000 trials": (1000, 2000, {"prior": INFORMATIVE}),
    "importance sampling, default prior, 50 trials": (50, 2000, {"method": "importance"}),
    "importance sampling, default prior, 200 trials": (200, 2000, {"method": "importance"}),
    "hierarchical (EM, integrated), 20 × 100 trials": (100, 240, {"method": "group", "prior": INFORMATIVE}),
    "NUTS of each subject, default prior, 50 trials": (50, 10_000, ALONE),
    "NUTS of each subject, default prior, 200 trials": (200, 5_000, ALONE),
    "NUTS of groups, 5 × 40 trials": (
        40,
        300,
        {"method": "sample", "prior": INFORMATIVE, "subjects": 5},
    ),
}


def study(name: str) -> vs.Calibration:
    trials, n, options = STUDIES[name]
    keep = os.environ.get("VERSANT_BENCH_KEEP")
    file = None if keep is None else Path(keep) / f"calibration-{name.replace(' ', '-')}.jsonl"
    design = vs.Bandit((0.2, 0.8), trials=trials, reversal=20)
    return vs.calibrate(MODEL, design, n, seed=2026, resume=file, **options)


def main() -> None:
    print("| posterior | quantity | ranks | χ² p | band | mean | spread | finds: shift | finds: factor |")
    print("|---|---|---:|---:|---|---:|---:|---:|---:|")
    wanted = os.environ.get("VERSANT_BENCH_ONLY", "")
    for name in (name for name in STUDIES if name.startswith(wanted)):
        found = study(name)
        for i, row in enumerate(found.frame().itertuples()):
            p = "< 0.001" if row.chi2_p < 0.001 else f"{row.chi2_p:.3f}"
            where = "outside" if row.outside else "inside"
            print(
                f"| {name if i == 0 else ''} | {row.quantity} | {row.n} | {p} | {where} "
                f"| {row.mean:.3f} | {row.spread:.3f} | {row.detectable_shift:.2f} | {row.detectable_scale:.2f} |",
                flush=True,
            )
        print(f"<!-- {name}: {found.verdicts} -->", flush=True)


if __name__ == "__main__":
    main()
