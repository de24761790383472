"""What sampling returns: draws of the group's and the subjects' parameters, their quality and a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.inference.cells import Cells, Coefficients, together
from versant.inference.design import GroupDesign
from versant.optimise.status import Word
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

__all__ = ["GroupSample", "Quality", "SampleVerdict", "judge"]

Array = NDArray[Any]

LARGEST_RHAT = 1.01
LEAST_DRAWS = 400


class SampleVerdict(Word):
    """Flags of a sampled posterior. ``converged`` alone is what one hopes for.

    Examples
    --------
    >>> SampleVerdict.FEW_DRAWS.advice
    'sample longer'
    """

    CONVERGED = ("converged", "no R-hat is above 1.01 and no transition after adaptation diverged", "nothing")
    CHAINS_DISAGREE = (
        "chains_disagree",
        "the rank-normalised R-hat of some parameter of the group or of a subject is above 1.01",
        "longer chains, more adaptation, or a model with fewer parameters",
    )
    DIVERGENCES = (
        "divergences",
        "some transition after adaptation diverged, so that a part of the posterior may not have been reached",
        "a diagonal covariance, tighter priors, or more adaptation",
    )
    FEW_DRAWS = (
        "few_draws",
        "the effective sample size, in bulk or tails, of some parameter of the group or of a subject is below 400",
        "sample longer",
    )


@dataclass(frozen=True)
class Quality:
    """R̂ and effective sample sizes of an array of quantities, of its shape without chains and draws."""

    rhat: Array
    ess_bulk: Array
    ess_tail: Array

    @classmethod
    def of(cls, arviz: Any, values: Array) -> Quality:
        """Compute them of (chains, draws, …) values."""
        return cls(
            *(
                np.asarray(part["x"].to_numpy())
                for part in (
                    arviz.rhat({"x": values}),
                    arviz.ess({"x": values}, method="bulk"),
                    arviz.ess({"x": values}, method="tail"),
                )
            )
        )


def judge(diverging: NDArray[np.bool_], quality: Mapping[str, Quality]) -> frozenset[SampleVerdict]:
    """Return the flags that draws deserve."""
    disagree = any((q.rhat > LARGEST_RHAT).any() for q in quality.values())
    few = any((np.minimum(q.ess_bulk, q.ess_tail) < LEAST_DRAWS).any() for q in quality.values())
    flags = {
        SampleVerdict.CONVERGED: not disagree and not diverging.any(),
        SampleVerdict.CHAINS_DISAGREE: disagree,
        SampleVerdict.DIVERGENCES: bool(diverging.any()),
        SampleVerdict.FEW_DRAWS: few,
    }
    return frozenset(flag for flag, holds in flags.items() if holds)


@dataclass(frozen=True)
class GroupSample:
    """Draws from the joint posterior of a group: C chains of T draws.

    With conditions, every condition of a subject counts as one of the N subjects.
    """

    learner: Learner
    trials: Trials  # those that were scored, as the learner reads them
    subjects: tuple[object, ...]
    design: GroupDesign
    people: tuple[object, ...]  # labels of the people; without conditions, the subjects
    cells: Cells | None  # which condition of whom; None without conditions, shared and fixed parameters
    loadings: Coefficients | None  # how parameters of cells follow from coefficients; None where `cells` is
    effects: Array  # (C, T, P)
    sd: Array  # (C, T, R), standard deviations between subjects, of the coefficients
    correlation: Array  # (C, T, R, R)
    coefficients: Array  # (C, T, people, R), what varies between subjects
    unconstrained: Array  # (C, T, N, K)
    natural: Array  # (C, T, N, K)
    log_likelihood: Array  # (C, T, N)
    diverging: NDArray[np.bool_]  # (C, T)
    stats: Mapping[str, Array]  # (C, T) each: lp, energy, n_steps, tree_depth, step_size
    quality: Mapping[str, Quality]  # of effects, sd and z
    verdicts: frozenset[SampleVerdict]

    @property
    def whole_trials(self) -> Trials:
        """The trials as they were before conditions were told apart: of the people, in their order."""
        return together(self.trials, self.cells, self.people)

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row an effect and one a standard deviation: mean, sd, interval, quality."""
        import pandas as pd

        labels = [(name, term) for name, term in self.design.names] + [(k, "sd") for k in self.design.labels]
        values = np.concatenate([self.effects, self.sd], axis=2)
        tails = (0.5 - level / 2.0, 0.5 + level / 2.0)
        low, high = np.quantile(values, tails, axis=(0, 1))
        both = (self.quality["effects"], self.quality["sd"])
        return pd.DataFrame(
            {
                "parameter": [name for name, _ in labels],
                "effect": [term for _, term in labels],
                "mean": values.mean(axis=(0, 1)),
                "sd": values.std(axis=(0, 1), ddof=1),
                "lower": low,
                "upper": high,
                "rhat": np.concatenate([q.rhat for q in both]),
                "ess_bulk": np.concatenate([q.ess_bulk for q in both]),
                "ess_tail": np.concatenate([q.ess_tail for q in both]),
            }
        )

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: posterior means and standard deviations of the natural parameters."""
        import pandas as pd

        table: dict[str, Any] = {"subject": list(self.subjects)}
        for k, name in enumerate(self.learner.parameters):
            table[name] = self.natural[..., k].mean(axis=(0, 1))
            table[f"{name}_sd"] = self.natural[..., k].std(axis=(0, 1), ddof=1)
        return pd.DataFrame(table)

    def to_dict(self) -> dict[str, Any]:
        """Return the summaries as JSON-able values."""
        rows = self.frame().to_dict(orient="records")
        return {
            "model": self.learner.name,
            "n_subjects": len(self.subjects),
            "chains": self.effects.shape[0],
            "draws": self.effects.shape[1],
            "divergences": int(self.diverging.sum()),
            "verdict": sorted(str(v) for v in self.verdicts),
            "group": [
                {str(k): v if isinstance(v, str) or np.isfinite(v) else None for k, v in r.items()} for r in rows
            ],
        }

    def to_datatree(self, *, trials: bool = False, predictive: Mapping[str, Array] | None = None) -> DataTree:
        """Return the draws as ArviZ expects them; see `versant.inference.sample_tree.tree_of`."""
        from versant.inference.sample_tree import tree_of

        return tree_of(self, trials=trials, predictive=predictive)

    def summary(self) -> str:
        """Return a few lines for a person."""
        flags = ", ".join(sorted(str(v) for v in self.verdicts))
        chains, draws = self.diverging.shape
        table = self.frame().to_string(index=False, float_format=lambda v: f"{v:.4g}")
        return f"{self.learner.name}: {len(self.subjects)} subjects, {chains} chains of {draws} draws; {flags}\n{table}"
