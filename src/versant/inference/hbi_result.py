"""Concurrent fit and comparison from start to verdict: see `versant.inference.hbi` for the equations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import DataError, ModelError
from versant.inference.dirichlet import exceedance
from versant.inference.hbi import GroupPosterior, Hyper, Null, State, concurrent
from versant.inference.likelihood import Likelihood
from versant.inference.map import fit_subjects
from versant.inference.prior import Prior
from versant.inference.result import Fit
from versant.inference.selection import omnibus_risk, select_models
from versant.inference.shown import Shown
from versant.optimise.status import Word
from versant.progress import Progress, silent
from versant.readonly import make_read_only

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HierarchicalSelection", "SelectionVerdict", "select_hierarchically"]

Array = NDArray[Any]

SAME_BOUND = 0.1


class SelectionVerdict(Word):
    """Flags of a concurrent fit. ``converged`` alone is what one hopes for.

    Examples
    --------
    >>> SelectionVerdict.FLAT_SUBJECTS.advice
    'the evidence of these subjects is doubtful: a tighter prior, or a model with fewer parameters'
    """

    CONVERGED = (
        "converged",
        "the last step changed no responsibility, no group mean (in standard deviations) and no log variance by 1e-4",
        "nothing",
    )
    FLAT_SUBJECTS = (
        "flat_subjects",
        "for some subject and a model it is likely to use (5 % or more) the Hessian is not positive definite",
        "the evidence of these subjects is doubtful: a tighter prior, or a model with fewer parameters",
    )
    STARTS_DISAGREE = (
        "starts_disagree",
        "started as if all used every model, and from the responsibilities of separate fits, the bound ends more than "
        "0.1 apart; the better end is returned",
        "treat frequencies with caution: the group may support several accounts",
    )


@dataclass(frozen=True, repr=False)
class HierarchicalSelection(Shown):
    """M models fitted concurrently to N subjects."""

    models: tuple[str, ...]  # M
    subjects: tuple[object, ...]  # N
    parameters: tuple[tuple[str, ...], ...]  # M of D_k names
    groups: tuple[GroupPosterior, ...]  # M, of unconstrained parameters
    unconstrained: tuple[Array, ...]  # M of (N, D_k), subjects' estimates under each model
    natural: tuple[Array, ...]  # M of (N, D_k)
    natural_means: tuple[Array, ...]  # M of (D_k,), the group means in natural units
    alpha: Array  # (M,)
    responsibilities: Array  # (M, N)
    exceedance: Array  # (M,)
    bound: float
    null_bounds: Mapping[Null, float]
    history: tuple[tuple[float, float], ...]  # bound and largest change, a step
    verdicts: frozenset[SelectionVerdict]

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def frequencies(self) -> Array:
        """Share of the subjects that use each model, Σ_n r_kn / N, (M,)."""
        return np.asarray(self.responsibilities.mean(axis=1))

    def bor(self, null: Null = "frequencies") -> float:
        """Return the Bayesian omnibus risk, the probability of the null hypothesis."""
        return omnibus_risk(self.bound, self.null_bounds[null])

    def protected(self, null: Null = "frequencies") -> Array:
        """Return protected exceedance probabilities, (M,)."""
        risk = self.bor(null)
        return np.asarray((1.0 - risk) * self.exceedance + risk / len(self.models))

    @property
    def best(self) -> str:
        """The most frequent model."""
        return self.models[int(self.alpha.argmax())]

    def frame(self) -> pd.DataFrame:
        """Return one row a model, in the order given."""
        import pandas as pd

        return pd.DataFrame(
            {
                "model": self.models,
                "frequency": self.frequencies,
                "exceedance": self.exceedance,
                "protected_exceedance": self.protected(),
                "users": self.responsibilities.sum(axis=1),
            }
        )

    def group_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row a model and parameter: group mean with its hierarchical error, in unconstrained units."""
        import pandas as pd
        from scipy.stats import t

        rows = []
        for k, group in enumerate(self.groups):
            half = float(t.ppf(0.5 + level / 2.0, group.degrees)) * group.errors
            for i, name in enumerate(self.parameters[k]):
                rows.append(
                    {
                        "model": self.models[k],
                        "parameter": name,
                        "mean": group.mean[i],
                        "error": group.errors[i],
                        "df": group.degrees,
                        "lower": group.mean[i] - half[i],
                        "upper": group.mean[i] + half[i],
                        "natural": self.natural_means[k][i],
                        "sd": group.precision[i] ** -0.5,
                    }
                )
        return pd.DataFrame(rows)

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: the probability that it uses each model."""
        import pandas as pd

        shares = dict(zip(self.models, self.responsibilities, strict=True))
        return pd.DataFrame({"subject": list(self.subjects)} | shares)

    def estimates(self, model: str) -> pd.DataFrame:
        """Return one row a subject: natural parameters under one of the models."""
        import pandas as pd

        if model not in self.models:
            raise ModelError(f"no model {model!r}; there are {', '.join(self.models)}")
        k = self.models.index(model)
        return pd.DataFrame(
            {"subject": list(self.subjects)} | dict(zip(self.parameters[k], self.natural[k].T, strict=True))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "best": self.best,
            "n_subjects": len(self.subjects),
            "bound": self.bound,
            "bor": self.bor(),
            "verdict": sorted(str(v) for v in self.verdicts),
            "models": self.frame().to_dict(orient="records"),
            "groups": self.group_frame().to_dict(orient="records"),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        flags = ", ".join(sorted(str(v) for v in self.verdicts))
        tables = [self.frame(), self.group_frame()[["model", "parameter", "mean", "error", "natural", "sd"]]]
        shown = [table.to_string(index=False, float_format=lambda v: f"{v:.4g}") for table in tables]
        return "\n".join([f"most frequent: {self.best}; {flags}, {len(self.history)} steps", *shown])


def select_hierarchically(
    likelihoods: Mapping[str, Likelihood],
    priors: Mapping[str, Prior],
    *,
    hyper: Hyper | None = None,
    starts: int = 5,
    rng: np.random.Generator,
    progress: Progress = silent,
) -> HierarchicalSelection:
    """Fit and compare models concurrently.

    Parameters
    ----------
    likelihoods : mapping
        Name of a model → its likelihood, of the same subjects.
    priors : mapping
        Name of a model → the prior under which subjects are fitted first; its mean is the prior mean of the group.
    hyper : Hyper, optional
    starts : int
        Of each subject's first optimisation.
    rng : numpy.random.Generator
    progress : Progress

    Raises
    ------
    DataError
        If the models are not of the same subjects and the same number of choices.
    """
    names, models = tuple(likelihoods), tuple(likelihoods.values())
    first = models[0]
    if any(model.trials.subjects != first.trials.subjects for model in models):
        raise DataError("the models are not of the same subjects", "bind them to the same trials")
    fits = _first_fits(likelihoods, priors, starts, rng, progress)
    evidence = np.stack([fit.evidence for fit in fits if fit.evidence is not None])
    centres = [priors[name].mean for name in names]
    variances = [np.diag(priors[name].covariance) for name in names]
    modes = [fit.unconstrained for fit in fits]

    def run(responsibilities: Array | None = None, null: Null | None = None) -> State:
        return concurrent(
            models, centres, variances, first.n_subjects, hyper or Hyper(),
            starts=modes, responsibilities=responsibilities, null=null, progress=progress,
        )  # fmt: skip

    ends = [run()]
    if np.isfinite(evidence).all():
        ends.append(run(select_models(names, first.trials.subjects, evidence).responsibilities))
    best = max(ends, key=lambda end: end.bound)
    nulls: dict[Null, float] = {kind: run(null=kind).bound for kind in ("frequencies", "responsibilities")}
    flags = {
        SelectionVerdict.CONVERGED: best.converged,
        SelectionVerdict.FLAT_SUBJECTS: bool((~best.definite & (best.responsibilities > 0.05)).any()),
        SelectionVerdict.STARTS_DISAGREE: best.bound - min(end.bound for end in ends) > SAME_BOUND,
    }
    return HierarchicalSelection(
        models=names,
        subjects=first.trials.subjects,
        parameters=tuple(tuple(model.learner.parameters) for model in models),
        groups=best.groups,
        unconstrained=best.modes,
        natural=tuple(model.natural(z) for model, z in zip(models, best.modes, strict=True)),
        natural_means=tuple(model.natural(g.mean) for model, g in zip(models, best.groups, strict=True)),
        alpha=best.alpha,
        responsibilities=best.responsibilities,
        exceedance=exceedance(best.alpha),
        bound=best.bound,
        null_bounds=nulls,
        history=best.history,
        verdicts=frozenset(flag for flag, holds in flags.items() if holds),
    )


def _first_fits(
    likelihoods: Mapping[str, Likelihood],
    priors: Mapping[str, Prior],
    starts: int,
    rng: np.random.Generator,
    progress: Progress,
) -> list[Fit]:
    """Fit every subject by every model alone; the models must score the same responses."""
    names = tuple(likelihoods)
    fits = [fit_subjects(model, priors[name], starts, rng, progress) for name, model in likelihoods.items()]
    for name, fit in zip(names, fits, strict=True):
        if (fit.n_choices != fits[0].n_choices).any():
            raise DataError(
                f"{names[0]!r} and {name!r} score different numbers of choices",
                "choose the same policy for missing responses for all models",
            )
        if (np.isnan(fit.chance) != np.isnan(fits[0].chance)).any():
            raise DataError(
                f"one of {names[0]!r} and {name!r} scores choices alone, the other continuous responses too",
                "compare models of the same responses",
            )
    return fits
