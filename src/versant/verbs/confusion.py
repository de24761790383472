"""The verb `confusion`: can one's design tell these models apart?

Each of M models simulates n subjects with parameters drawn from its prior, and all models are fitted to all of them:

    confusion[i, j] = P(j fits best | i simulated)         rows sum to one, but for ties
    inversion[i, j] = P(i simulated | j fits best)         every model equally likely to simulate

Source: Wilson & Collins 2019.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.criterion import Criterion, require_options
from versant.inference.prior import PriorLike, as_prior
from versant.inference.shown import Shown
from versant.progress import Progress, silent
from versant.readonly import make_read_only
from versant.tasks.behavioural import Task
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.compare import compare
from versant.verbs.criteria import choose
from versant.verbs.fit import Method, fit
from versant.verbs.ledger import design_told, fingerprint, run_pieces
from versant.verbs.recover import true_parameters
from versant.verbs.simulate import simulate

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Confusion", "confusion"]

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Confusion(Shown):
    """How often each of M models fits best, by the model that simulated."""

    models: tuple[str, ...]  # M
    criterion: Criterion
    n: int  # subjects that each model simulated
    wins: NDArray[np.int64]  # (M, M), [simulated, best]; ties count for nobody
    differences: Array  # (M, M), mean criterion of [simulated, fitted] minus that of the model that simulated

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def confusion(self) -> Array:
        """P(best | simulated), (M, M)."""
        return np.asarray(self.wins / self.n)

    @property
    def inversion(self) -> Array:
        """P(simulated | best), (M, M); NaN in the column of a model that never fits best."""
        with np.errstate(invalid="ignore"):
            return np.asarray(self.wins / self.wins.sum(axis=0))

    @property
    def accuracy(self) -> float:
        """Share of all subjects whose own model fits best."""
        return float(np.trace(self.wins) / (self.n * len(self.models)))

    @property
    def undecided(self) -> NDArray[np.int64]:
        """For how many subjects of each model no single model fits best, (M,)."""
        return np.asarray(self.n - self.wins.sum(axis=1))

    def frame(self) -> pd.DataFrame:
        """Return one row a pair: simulated, fitted, confusion with its Monte-Carlo error, inversion, difference."""
        import pandas as pd

        rows = []
        for i, simulated in enumerate(self.models):
            for j, fitted in enumerate(self.models):
                p = self.confusion[i, j]
                rows.append(
                    {
                        "simulated": simulated,
                        "fitted": fitted,
                        "confusion": p,
                        "confusion_mc": np.sqrt(p * (1.0 - p) / self.n),
                        "inversion": self.inversion[i, j],
                        "difference": self.differences[i, j],
                    }
                )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        return {
            "models": list(self.models),
            "criterion": self.criterion,
            "n": self.n,
            "accuracy": self.accuracy,
            "confusion": self.confusion.tolist(),
            "inversion": [[v if np.isfinite(v) else None for v in row] for row in self.inversion.tolist()],
            "undecided": self.undecided.tolist(),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        import pandas as pd

        table = pd.DataFrame(self.confusion, index=list(self.models), columns=list(self.models))
        return f"own model best ({self.criterion}): {100 * self.accuracy:.1f} %\n{table.to_string(float_format='%.2f')}"


def confusion(
    models: Sequence[Learner] | Mapping[str, Learner],
    task: Task | Pomdp,
    n: int = 50,
    *,
    criterion: Criterion = "evidence",
    priors: Mapping[str, PriorLike] | None = None,
    starts: int = 5,
    like: Trials | None = None,
    on_missing: MissingPolicy | None = None,
    seed: int | np.random.Generator | None = 0,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Confusion:
    """Simulate with every model, fit every model, count which fits best.

    Parameters
    ----------
    models : sequence of Learner, or mapping of names to Learner
    task : Task or Pomdp
        The design.
    n : int
        Subjects that each model simulates.
    criterion : {"evidence", "importance", "aic", "bic", "integrated_bic", "loo", "cv"}
        What decides. AIC and BIC are taken at the maximum likelihood; for the integrated BIC the subjects of a
        simulating model are fitted as a group.
    priors : mapping, optional
        Name of a model → its prior, for simulation and fit; the default prior for models it does not name.
    starts : int
        Of each fit.
    like, on_missing, seed, progress
        As for `versant.recover`.
    resume : path, optional
        A file in which the results of each simulating model are kept; an interrupted study goes on from there.
    **options
        Of the criterion, as for `versant.compare`: ``draws``, and of ``"cv"`` ``over`` and ``folds``.

    Returns
    -------
    Confusion

    Raises
    ------
    ModelError
        For fewer than two models, names that repeat or are unknown, a prior of None, or an option that does not belong
        to the criterion.

    Examples
    --------
    >>> import versant as vs
    >>> pair = [vs.models.find("q_learning"), vs.models.find("q_learning_perseveration")]
    >>> confusion(pair, vs.Bandit(trials=100, reversal=20), 10, starts=1, seed=1).wins.shape
    (2, 2)
    """
    given = dict(priors or {})
    named = _named(models, given)
    if n < 1:
        raise ModelError(f"n={n}: at least one subject is needed")
    criterion = choose(criterion, [])
    require_options(criterion, options)
    names = list(named)
    method: Method = "group" if criterion == "integrated_bic" else "map"

    def piece(own: int, rng: np.random.Generator) -> dict[str, Any]:
        model = named[names[own]]
        truth = true_parameters(model, None, given.get(names[own], "default"), n, rng)
        trials = simulate(model, task, truth, subjects=n, like=like, seed=rng)
        used = {other: None if criterion in ("aic", "bic") else given.get(other, "default") for other in named}
        fits = {
            other: fit(one, trials, used[other], method=method, starts=starts, seed=rng, on_missing=on_missing)
            for other, one in named.items()
        }
        found = compare(fits, criterion=criterion, seed=rng, **options)
        means = found.score.mean(axis=1)
        away = [float(v) if np.isfinite(v) else None for v in means - means[own]]
        return {"wins": found.wins.tolist(), "differences": away}

    settings = {
        "n": n,
        "criterion": criterion,
        "starts": starts,
        "on_missing": on_missing,
        **options,
        **_study(named, given, design_told(task, like)),
    }
    how: Any = {"message": "simulating and fitting", "progress": progress}
    rows = run_pieces(len(names), piece, seed=seed, settings=settings, path=resume, **how)
    wins = np.array([row["wins"] for row in rows], dtype=np.int64)
    return Confusion(tuple(names), criterion, n, wins, np.array([row["differences"] for row in rows], dtype=np.float64))


def _named(models: Sequence[Learner] | Mapping[str, Learner], priors: Mapping[str, PriorLike]) -> dict[str, Learner]:
    """Return the models by their names; raise ModelError where `confusion` says so."""
    named = dict(models) if isinstance(models, Mapping) else {model.name: model for model in models}
    if len(named) < 2 or len(named) < len(models):
        raise ModelError("confusion() takes two models or more, each with a name of its own")
    if not set(priors) <= set(named) or None in priors.values():
        raise ModelError(f"priors= gives priors (not None) of the models {', '.join(named)}")
    odd = [name for name, model in named.items() if not isinstance(model, Learner)]
    if odd:
        raise ModelError(f"confusion() takes learners; {odd[0]!r} is a {type(named[odd[0]]).__name__}")
    return named


def _study(named: Mapping[str, Learner], priors: Mapping[str, PriorLike], design: Any) -> dict[str, Any]:
    """Return what tells a study from another: models, their priors, the design."""
    return {
        "study": "confusion",
        "models": {name: fingerprint(model) for name, model in named.items()},
        "design": design,
        "priors": {name: _told(model, priors.get(name, "default")) for name, model in named.items()},
    }


def _told(model: Learner, prior: PriorLike) -> list[Any]:
    around = as_prior(model, prior)
    assert around is not None
    return [around.mean.tolist(), around.covariance.tolist()]
