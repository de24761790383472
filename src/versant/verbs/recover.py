"""The verb `recover`: simulate subjects with known parameters in one's own design, fit them, compare.

The subjects are fitted in pieces, each with a random generator of its own: 200 at a time where everybody is fitted
alone, a group at a time otherwise. What is said of them is defined in `versant.inference.recovery`.

Source: Wilson & Collins 2019 (parameter recovery); Talts et al. 2018 (calibration).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.prior import PriorLike, as_prior, default_prior
from versant.inference.recovery import Estimates, Recovery, unconstrained_truth
from versant.progress import Progress, silent
from versant.tasks.behavioural import Task
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.fit import Method, fit
from versant.verbs.ledger import Record, design_told, fingerprint, run_pieces
from versant.verbs.simulate import simulate

__all__ = ["Truths", "recover", "true_parameters"]

SUBJECTS_A_PIECE = 200
"""Where they are fitted alone."""

Array = NDArray[np.float64]
Truths = Mapping[str, Any] | Callable[[np.random.Generator, int], Mapping[str, Any]] | None


def recover(
    model: Learner,
    task: Task | Pomdp,
    n: int = 200,
    *,
    parameters: Truths = None,
    prior: PriorLike = "default",
    method: Method = "map",
    groups: int | None = None,
    level: float = 0.95,
    like: Trials | None = None,
    on_missing: MissingPolicy | None = None,
    seed: int | np.random.Generator | None = 0,
    resume: str | os.PathLike[str] | None = None,
    progress: Progress = silent,
    **options: Any,
) -> Recovery:
    """Simulate and fit subjects with known parameters.

    Parameters
    ----------
    model : Learner
    task : Task or Pomdp
        The design.
    n : int
        How many subjects, of all groups together.
    parameters : mapping or callable, optional
        True natural values by name (numbers, or n values), or a function of a generator and n that returns them.
        Without it, they are drawn from the prior (for maximum likelihood, from the default prior).
    prior, method, on_missing, progress
        Of the fit, as for `versant.fit`.
    groups : int, optional
        Of ``method="group"`` and ``"sample"``: so many groups, of sizes as equal as may be; one by default.
    like : Trials, optional
        Recorded trials whose lengths and missing responses the simulated ones are to have.
    level : float
        Of the intervals whose coverage is counted.
    seed : int, Generator or None
        Of truths, simulation and fits (SPEC 7).
    resume : path, optional
        A file in which the estimates of every 200 subjects, or of every group, are kept; an interrupted study goes on
        from there.
    **options
        Of the method, as for `versant.fit`: ``starts``, ``covariance``, ``polish``, ``pooling``, ``draws`` …

    Returns
    -------
    Recovery

    Raises
    ------
    ModelError
        If the parameters do not fit the model, n < 2, groups are of fewer than two subjects or asked of subjects who
        are fitted alone, the level is not between 0 and 1, or an option does not belong to the method.
    DataError
        If a subject of `like` has more trials than the task.
    VersantError
        If the file is of another study, or the seed of a study that is to be resumed is no whole number.

    Examples
    --------
    >>> import versant as vs
    >>> found = recover(vs.models.find("q_learning"), vs.Bandit(trials=300, reversal=50), 40, seed=1)
    >>> bool(found.frame().correlation.min() > 0.7)
    True
    """
    if n < 2:
        raise ModelError(f"n={n}: recovery needs two subjects or more")
    if not 0.0 < level < 1.0:
        raise ModelError(f"level={level} must lie between 0 and 1")
    around = as_prior(model, prior)
    cut = _cut(n, method, groups, options)
    rng = np.random.default_rng(seed)
    truth = true_parameters(model, parameters, prior, n, rng)
    trials = simulate(model, task, truth, subjects=n, like=like, seed=rng)
    z = unconstrained_truth(model, truth)

    def piece(i: int, own: np.random.Generator) -> Record:
        rows = slice(cut[i], cut[i + 1])
        found = fit(
            model, trials.only(*trials.subjects[rows]), prior, method=method, seed=own, on_missing=on_missing,
            progress=progress if len(cut) == 2 else silent, **options,
        )  # fmt: skip
        return Estimates.of(found, z[rows], level).to_record()

    settings = {
        "study": "recovery",
        "model": fingerprint(model),
        "design": design_told(task, like),
        "truth": {name: values.tolist() for name, values in truth.items()},
        "prior": None if around is None else [around.mean.tolist(), around.covariance.tolist()],
        "method": method,
        "level": level,
        "on_missing": on_missing,
        "options": options,
        "sizes": np.diff(cut).tolist(),
    }
    records = run_pieces(
        len(cut) - 1, piece, seed=seed, settings=settings, path=resume, message="fitting", progress=progress
    )
    return Recovery(model, method, trials, truth, level, Estimates.from_records(records))


def _cut(n: int, method: Method, groups: int | None, options: Mapping[str, Any]) -> list[int]:
    """Return where pieces begin, and n."""
    structural = [name for name in ("formula", "shared", "fixed") if name in options]
    if structural:
        raise ModelError(f"recover() fits every parameter of every subject: it takes no {structural[0]}=")
    if method == "map" or options.get("pooling") == "none":
        if groups is not None:
            raise ModelError("groups= is for method='group' or 'sample': here everybody is fitted alone")
        return [*range(0, n, SUBJECTS_A_PIECE), n]
    count = 1 if groups is None else groups
    if not 1 <= count <= n // 2:
        raise ModelError(f"groups={count} of {n} subjects: a group has two or more")
    return [int(place) for place in np.linspace(0, n, count + 1).round()]


def true_parameters(
    model: Learner, parameters: Truths, prior: PriorLike, n: int, rng: np.random.Generator
) -> dict[str, Array]:
    """Return natural values by name, (n,) each: given ones, or draws from the prior."""
    if parameters is None:
        around = as_prior(model, prior) or default_prior(model)
        z = around.mean + rng.standard_normal((n, len(around.mean))) @ np.linalg.cholesky(around.covariance).T
        return {name: domain.natural(z[:, k]) for k, (name, domain) in enumerate(model.parameters.items())}
    given = parameters(rng, n) if callable(parameters) else parameters
    if set(given) != set(model.parameters):
        names = ", ".join(map(str, given))
        raise ModelError(f"the true parameters must give {', '.join(model.parameters)}; given were {names}")
    wrong = [name for name, values in given.items() if np.shape(values) not in ((), (n,))]
    if wrong:
        raise ModelError(f"parameter {wrong[0]} needs one value, or one for each of the {n} subjects")
    return {name: np.array(np.broadcast_to(given[name], (n,)), dtype=np.float64) for name in model.parameters}
