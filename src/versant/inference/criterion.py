"""The criteria by which models are compared: their names, what each takes, which way is better.

    evidence        Laplace's log p(A)                    importance     the same, importance-sampled
    aic, bic        2K - 2ℓ, K log n - 2ℓ                 integrated_bic -2 Σ_n log p(A_n | group) + P log n of a group
    loo             Σ_t elpd_t, each response left out    cv             Σ_u elpd_u by cross-validation

Of evidence, importance, loo and cv more is better, of the others less.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from versant.errors import ModelError

__all__ = ["CRITERIA", "LESS_IS_BETTER", "OPTIONS", "SAMPLED", "Criterion", "named", "require_options"]

Criterion = Literal["evidence", "importance", "aic", "bic", "integrated_bic", "loo", "cv"]
CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
LESS_IS_BETTER = frozenset({"aic", "bic", "integrated_bic"})

OTHER_NAMES: dict[str, Criterion] = {
    "laplace": "evidence",
    "log_evidence": "evidence",
    "marginal_likelihood": "evidence",
    "importance_sampling": "importance",
    "corrected_laplace": "importance",
    "ibic": "integrated_bic",
    "psis_loo": "loo",
    "looic": "loo",
    "cross_validation": "cv",
    "crossvalidation": "cv",
}
"""What else criteria are called."""

OPTIONS: dict[str, tuple[str, ...]] = {
    "importance": ("draws", "seed"),
    "integrated_bic": ("draws", "seed"),
    "loo": ("draws", "seed"),
    "cv": ("draws", "seed", "over", "folds", "starts"),
}
"""What each criterion takes, if it has to be computed."""
SAMPLED = frozenset(OPTIONS)


def named(text: str) -> Criterion:
    """Return the criterion that a name means, whatever its case, with hyphens or underscores.

    Raises
    ------
    ModelError
        If there is no such criterion.

    Examples
    --------
    >>> named("BIC"), named("Laplace"), named("PSIS-LOO")
    ('bic', 'evidence', 'loo')
    """
    key = str(text).strip().lower().replace("-", "_").replace(" ", "_")
    found = next((name for name in CRITERIA if name == key), OTHER_NAMES.get(key))
    if found is None:
        listed = ", ".join(map(repr, CRITERIA))
        raise ModelError(f"criterion={text!r} is unknown: choose {listed}; also known as {', '.join(OTHER_NAMES)}")
    return found


def require_options(criterion: Criterion, options: Collection[str]) -> None:
    """Raise ModelError for an option that does not belong to a criterion."""
    unknown = sorted(set(options) - set(OPTIONS.get(criterion, ())))
    if unknown:
        raise ModelError(f"criterion={criterion!r} takes no {unknown[0]}=")
