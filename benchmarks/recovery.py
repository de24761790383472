"""Recovery of every model's parameters: simulated with known ones, fitted, compared; a table in Markdown.

``python -m benchmarks recovery`` prints it; with its output, ``docs/models.py`` writes ``docs/reference/models.md``.
40 subjects share the true parameters; fitted is the median over subjects, with the quartiles beside it, of maxima a
posteriori under the default prior.
"""

from __future__ import annotations

import numpy as np

import versant as vs
from benchmarks._zoo_designs import DESIGNS

SUBJECTS = 40


def rows(name: str) -> list[str]:
    """A line of the table for each parameter of a model."""
    task, truth = DESIGNS[name]
    model = vs.models.find(name)
    fit = vs.fit(model, vs.simulate(model, task, truth, subjects=SUBJECTS, seed=1), starts=3)
    sure = sum(vs.Verdict.CONVERGED in flags for flags in fit.verdicts)
    low, middle, high = np.quantile(fit.natural, [0.25, 0.5, 0.75], axis=0)
    lines = []
    for k, parameter in enumerate(model.parameters):
        first = f"`{name}` | {task.trials} | {sure}/{SUBJECTS}" if k == 0 else " | | "
        found = f"{middle[k]:.3g} ({low[k]:.3g} to {high[k]:.3g})"
        lines.append(f"| {first} | {parameter} | {truth[parameter]:g} | {found} |")
    return lines


def main() -> None:
    print("| model | trials | converged | parameter | true | fitted: median (quartiles) |")
    print("|---|---|---|---|---|---|")
    for name in DESIGNS:
        print("\n".join(rows(name)), flush=True)


if __name__ == "__main__":
    main()
