"""The verb `compare`: several models' fits of the same trials → which accounts for them best.

For each model and subject a criterion (`versant.inference.criterion`), and its sum over subjects: of people, whatever
conditions they were in. The evidence is a property of model *and* prior; AIC and BIC presume maximum likelihood, and at
a maximum a posteriori they come out a little too large. How sure a difference is shows in its standard error, from the
variance between subjects of the difference d_n of a model from the best one: √(N Var_n d_n).

Sources: Akaike 1974; Schwarz 1978; MacKay 2003, chapter 28; Vehtari, Gelman & Gabry 2017.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

import numpy as np

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import ModelError
from versant.inference.comparison import Comparison
from versant.inference.criterion import LESS_IS_BETTER, SAMPLED, Criterion
from versant.inference.crossvalidation import CrossValidation
from versant.inference.folds import Over
from versant.inference.hbi_result import HierarchicalSelection
from versant.inference.prior import PriorLike
from versant.inference.result import Fit
from versant.inference.sample_result import Sample
from versant.inference.scored import Score, Scored, require_same_trials
from versant.inference.selection import Selection
from versant.progress import Progress, silent
from versant.trials import Trials
from versant.verbs.criteria import Result, account_of, choose, score_of
from versant.verbs.loo import LeaveOneOut
from versant.verbs.selection import fit_and_compare, select

__all__ = ["Comparison", "Criterion", "compare"]

OF_GROUPS = ("formula", "shared", "fixed")

Results = Sequence[Fit | Sample | LeaveOneOut | CrossValidation | Scored] | Mapping[str, Any]


@overload
def compare(
    fits: Results,
    *,
    criterion: Criterion | None = None,
    draws: int = 1000,
    over: Over = "block",
    folds: int | None = None,
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Comparison: ...


@overload
def compare(
    fits: Results,
    *,
    method: Literal["bms"],
    criterion: Criterion | None = None,
    families: Mapping[str, Sequence[str]] | None = None,
    groups: Sequence[object] | Mapping[Any, object] | str | None = None,
    draws: int = 1000,
    over: Over = "block",
    folds: int | None = None,
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Selection: ...


@overload
def compare(
    fits: Sequence[Learner] | Mapping[str, Learner],
    trials: Trials,
    *,
    method: Literal["hbi"],
    prior: PriorLike = "default",
    starts: int = 5,
    seed: int | np.random.Generator | None = 0,
    on_missing: MissingPolicy | None = None,
    progress: Progress = silent,
) -> HierarchicalSelection: ...


def compare(
    fits: Any, trials: Trials | None = None, *, method: str = "table", progress: Progress = silent, **options: Any
) -> Any:
    """Compare models that were fitted, or are to be fitted, to the same trials.

    Parameters
    ----------
    fits : sequence, or mapping of names
        Results of `versant.fit`, `versant.load_fit`, `versant.loo` or `versant.crossvalidate`. A sequence goes by the
        models' own names, which then must differ. For ``method="hbi"`` models instead.
    trials : Trials, optional
        For ``method="hbi"``, and only there.
    method : {"table", "bms", "hbi"}
        ``"table"``: sums over subjects. ``"bms"``: random-effects selection on the evidences of the fits
        (`versant.inference.selection`). ``"hbi"``: the models are fitted and compared concurrently
        (`versant.inference.hbi`).
    criterion : {"evidence", "importance", "aic", "bic", "integrated_bic", "loo", "cv"}, optional
        Of the table and of ``"bms"``: what decides; see `versant.inference.criterion`, which knows other names too.
        Without it the Laplace evidence, or what results of `versant.loo` or `versant.crossvalidate` know. For
        ``"bms"``, -½ of what is better when less stands for the log evidence.
    families : mapping of names to models, optional
        Of ``"bms"``: families of equal prior frequency.
    groups : sequence of N labels, mapping of subjects to labels, or str, optional
        Of ``"bms"``: groups of subjects (a str: that column of the trials), whose model frequencies are compared.
    draws, seed : int; int, Generator or None
        Of criteria that are sampled, and (`seed`) of folds and families.
    over, folds, starts
        Of ``criterion="cv"``, as for `versant.crossvalidate`.
    prior, starts, seed, on_missing
        Of ``"hbi"``, as for `versant.fit`; the prior is where subjects start, and its mean the prior mean of the group.
    progress : Progress

    Returns
    -------
    Comparison, Selection or HierarchicalSelection

    Raises
    ------
    DataError
        If the fits are not of the same subjects, the same trials and the same scored choices.
    ModelError
        If there are fewer than two fits, names repeat, a fit has no such criterion, or an option does not belong to the
        method or criterion.

    Examples
    --------
    >>> import versant as vs
    >>> one, two = vs.models.find("q_learning"), vs.models.find("q_learning_dual")
    >>> truth = {"alpha": 0.3, "beta": 4.0}
    >>> trials = vs.simulate(one, vs.Bandit((0.3, 0.7), trials=100), truth, subjects=10, seed=1)
    >>> fits = [vs.fit(one, trials), vs.fit(two, trials)]
    >>> compare(fits).best, compare(fits, method="bms").best
    ('q_learning', 'q_learning')
    >>> list(compare(fits, criterion="loo", draws=200).frame().columns[-6:])
    ['loo', 'loo_mc', 'difference', 'difference_se', 'wins', 'flagged']
    """
    sampled = ["draws", "over", "folds", "starts", "seed"]
    allowed = {
        "table": ["criterion", *sampled],
        "bms": ["criterion", "families", "groups", *sampled],
        "hbi": ["prior", "starts", "seed", "on_missing"],
    }
    if method not in allowed:
        raise ModelError(f"method={method!r} is unknown: choose {', '.join(map(repr, allowed))}")
    unknown = sorted(set(options) - set(allowed[method]))
    if unknown:
        raise ModelError(
            f"compare(method={method!r}) takes no {unknown[0]}=; it takes {', '.join(allowed[method])}"
            + ("; formula=, shared= and fixed= are for fit(method='group')" if unknown[0] in OF_GROUPS else "")
        )
    if (trials is not None) != (method == "hbi"):
        raise ModelError("trials belong to method='hbi', which fits models itself; other methods take fits")
    if trials is not None:
        return fit_and_compare(fits, trials, progress=progress, **options)
    named = _named(fits)
    accounts = {name: account_of(result) for name, result in named.items()}
    first, *others = accounts.items()
    for other in others:
        require_same_trials(first, other)
    wanted = {name: options.pop(name) for name in ("families", "groups") if name in options}
    criterion = choose(options.pop("criterion", None), list(accounts.values()))
    seed = options.pop("seed", 0)
    drawn = {"seed": seed} if criterion in SAMPLED else {}
    scores = [score_of(named[name], accounts[name], criterion, progress, options | drawn) for name in named]
    if method == "bms":
        return select(named, accounts, criterion, scores, seed=seed, **wanted)
    return _table(accounts, criterion, scores)


def _table(accounts: Mapping[str, Scored], criterion: Criterion, scores: Sequence[Score]) -> Comparison:
    first = next(iter(accounts.values()))
    nothing = Score.exact(np.full(len(first.subjects), np.nan))

    def known(name: str) -> Any:
        return np.stack([one.known.get(name, nothing).values for one in accounts.values()])

    return Comparison(
        models=tuple(accounts),
        subjects=first.subjects,
        criterion=criterion,
        less_is_better=criterion in LESS_IS_BETTER,
        estimated=tuple(one.estimated for one in accounts.values()),
        n_parameters=tuple(one.n_parameters for one in accounts.values()),
        log_likelihood=np.stack([one.log_likelihood for one in accounts.values()]),
        aic=known("aic"),
        bic=known("bic"),
        evidence=known("evidence"),
        score=np.stack([score.values for score in scores]),
        score_errors=np.stack([score.errors for score in scores]),
        doubtful=np.stack([score.doubtful for score in scores]),
        flagged=np.stack([one.flagged for one in accounts.values()]),
    )


def _named(fits: Any) -> dict[str, Result]:
    pairs = list(fits.items()) if isinstance(fits, Mapping) else [(_name(fit), fit) for fit in fits]
    if len(pairs) < 2:
        raise ModelError(f"compare() takes two fits or more, not {len(pairs)}")
    strange = next((fit for _, fit in pairs if not isinstance(fit, Result)), None)
    if strange is not None:
        raise ModelError(f"compare() takes fits, not {type(strange).__name__}: models themselves are for method='hbi'")
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ModelError(f"two fits are called {twice!r}: give names, compare({{'one': fit_1, 'two': fit_2}})")
    return dict(pairs)


def _name(fit: Any) -> str:
    if isinstance(fit, Fit | Sample):
        return fit.learner.name
    return str(fit.model if isinstance(fit, Scored) else getattr(getattr(fit, "account", fit), "model", "?"))
