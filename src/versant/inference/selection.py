"""Random-effects model selection: which models are how frequent in the population a group was drawn from.

Every subject n uses one of M models, z_n ~ m, and m ~ Dirichlet(α₀). With log evidences L_nk, variational Bayes
iterates

    g_nk ∝ exp(L_nk + E[log m_k])        responsibilities: the probability that n uses k
    α_k  = α₀_k + Σ_n g_nk               E[m] = α / Σ α: frequencies

with free energy F = Σ g (L + E[log m]) - Σ g log g - KL(Dirichlet(α) ‖ Dirichlet(α₀)). Under the null all models are
equally frequent, F₀ = Σ_n log mean_k exp L_nk, and the Bayesian omnibus risk is the null's probability:

    bor = 1 / (1 + exp(F - F₀)),      protected exceedance = (1 - bor) exceedance + bor / M

Families of models (a partition) share a flat prior: α₀ = 1 / (size of the family). With α₀ < 1 the factorised
approximation feeds on itself, so families are counted on draws of the exact posterior by Gibbs sampling: z | m, m | z.

Two groups differ in their frequencies with probability 1 / (1 + exp(F_all - F_first - F_second - …)).

Sources: Stephan et al. 2009; Penny et al. 2010 (families); Rigoux et al. 2014.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.dirichlet import divergence, exceedance, expected_log
from versant.inference.shown import Shown
from versant.readonly import make_read_only

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Selection", "draw_frequencies", "groups_differ", "omnibus_risk", "select_models"]

Array = NDArray[Any]

TOLERANCE = 1e-10
ITERATIONS = 10_000


@dataclass(frozen=True, repr=False)
class Selection(Shown):
    """Frequencies of M models in the population, and who used which."""

    models: tuple[str, ...]  # M
    subjects: tuple[object, ...]  # N
    evidence: Array  # (M, N), log evidences that went in
    alpha: Array  # (M,), of the Dirichlet posterior
    responsibilities: Array  # (M, N), probability that a subject uses a model
    exceedance: Array  # (M,)
    protected: Array  # (M,), protected exceedance
    bor: float  # Bayesian omnibus risk: probability that all models are equally frequent
    free_energy: float
    null_energy: float
    families: Mapping[str, tuple[str, ...]]  # may be empty
    family_frequencies: Mapping[str, float]
    family_exceedance: Mapping[str, float]
    groups: Mapping[str, Selection]  # of each group of subjects by itself; may be empty
    difference: float | None  # probability that the groups' frequencies differ

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def frequencies(self) -> Array:
        """Expected frequencies E[m], (M,)."""
        return np.asarray(self.alpha / self.alpha.sum())

    @property
    def frequency_errors(self) -> Array:
        """Posterior standard deviations of the frequencies, (M,)."""
        mean = self.frequencies
        return np.asarray(np.sqrt(mean * (1.0 - mean) / (self.alpha.sum() + 1.0)))

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
                "evidence": self.evidence.sum(axis=1),
                "frequency": self.frequencies,
                "frequency_sd": self.frequency_errors,
                "exceedance": self.exceedance,
                "protected_exceedance": self.protected,
                "users": self.responsibilities.sum(axis=1),
            }
        )

    def subject_frame(self) -> pd.DataFrame:
        """Return one row a subject: the probability of each model."""
        import pandas as pd

        return pd.DataFrame(
            {"subject": list(self.subjects)} | dict(zip(self.models, self.responsibilities, strict=True))
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "best": self.best,
            "n_subjects": len(self.subjects),
            "bor": self.bor,
            "models": self.frame().to_dict(orient="records"),
            "families": {
                name: {"frequency": self.family_frequencies[name], "exceedance": self.family_exceedance[name]}
                for name in self.families
            },
            "groups": {name: group.frame().to_dict(orient="records") for name, group in self.groups.items()},
            "groups_differ": self.difference,
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        k = int(self.alpha.argmax())
        lines = (
            f"most frequent: {self.best} ({100 * self.frequencies[k]:.1f} % of the population, exceedance "
            f"{self.exceedance[k]:.4f}, protected {self.protected[k]:.4f})\n"
            f"probability that all models are equally frequent: {self.bor:.4g}"
        )
        for name in self.families:
            lines += f"\nfamily {name}: {100 * self.family_frequencies[name]:.1f} % of the population, exceedance "
            lines += f"{self.family_exceedance[name]:.4f}"
        for name, group in self.groups.items():
            lines += f"\ngroup {name}: {group.best} ({100 * group.frequencies.max():.1f} %)"
        if self.difference is not None:
            lines += f"\nprobability that the groups differ in their frequencies: {self.difference:.4f}"
        return lines


def select_models(
    models: Sequence[str],
    subjects: Sequence[object],
    evidence: Array,
    families: Mapping[str, Sequence[str]] | None = None,
    *,
    groups: Sequence[str] | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Selection:
    """Select among models by random effects.

    Parameters
    ----------
    models : sequence of M names
    subjects : sequence of N labels
    evidence : (M, N) array
        Log evidences.
    families : mapping of names to models, optional
        A partition of the models, to be compared beside them.
    groups : sequence of N labels, optional
        Groups of subjects, to be selected for one by one and compared.
    seed : int, Generator or None
        Of the draws by which families are counted.

    Raises
    ------
    ModelError
        If an evidence is not finite, or the families are no partition.

    Examples
    --------
    >>> found = select_models(["a", "b"], range(8), np.array([[0.0] * 8, [-3.0] * 7 + [2.0]]))
    >>> found.best, found.frequencies.round(2)
    ('a', array([0.85, 0.15]))
    """
    evidence = np.array(evidence, dtype=np.float64)
    if evidence.shape != (len(models), len(subjects)):
        raise ModelError(f"{len(models)} models × {len(subjects)} subjects do not fit evidences {evidence.shape}")
    if not np.isfinite(evidence).all():
        k, n = np.argwhere(~np.isfinite(evidence))[0]
        raise ModelError(
            f"model {models[k]!r} has no evidence for subject {subjects[n]} (its Hessian is not positive definite): "
            "fit with a tighter prior, or leave the subject out"
        )
    parts = _partition(models, families or {})
    prior = np.ones(len(models))
    alpha, responsibilities, energy = _iterate(evidence, prior)
    null = float(_log_sum(evidence - np.log(len(models))).sum())
    bor = omnibus_risk(energy, null)
    phi = exceedance(alpha)
    names = list(dict.fromkeys(groups or ()))
    members = [[n for n, label in enumerate(groups or ()) if label == name] for name in names]
    apart = {
        name: select_models(models, [subjects[n] for n in own], evidence[:, own])
        for name, own in zip(names, members, strict=True)
    }
    if len(names) == 1:
        raise ModelError(f"all subjects are of one group, {names[0]!r}: there is nothing to compare it with")
    frequencies, family_phi = _count_families(models, parts, evidence, np.random.default_rng(seed))
    return Selection(
        models=tuple(models),
        subjects=tuple(subjects),
        evidence=evidence,
        alpha=alpha,
        responsibilities=responsibilities,
        exceedance=phi,
        protected=(1.0 - bor) * phi + bor / len(models),
        bor=bor,
        free_energy=energy,
        null_energy=null,
        families=parts,
        family_frequencies=dict(zip(parts, frequencies, strict=True)),
        family_exceedance=dict(zip(parts, family_phi, strict=True)),
        groups=apart,
        difference=groups_differ([evidence[:, own] for own in members]) if names else None,
    )


def omnibus_risk(energy: float, null: float) -> float:
    """Return 1 / (1 + exp(F - F₀)), without overflow."""
    from scipy.special import expit

    return float(expit(null - energy))


def groups_differ(evidences: Sequence[Array]) -> float:
    """Return the probability that groups of subjects differ in their model frequencies.

    Parameters
    ----------
    evidences : sequence of (M, N_g) arrays
        Log evidences of each group, the same models in the same order.

    Examples
    --------
    >>> one = np.array([[3.0] * 10, [0.0] * 10])
    >>> groups_differ([one, one[::-1]]) > 0.99 > 0.5 > groups_differ([one, one])
    True
    """
    prior = np.ones(len(evidences[0]))
    together = _iterate(np.concatenate(evidences, axis=1), prior)[2]
    apart = sum(_iterate(np.asarray(group, dtype=np.float64), prior)[2] for group in evidences)
    return omnibus_risk(together, apart)


def _iterate(evidence: Array, prior: Array) -> tuple[Array, Array, float]:
    """Return (α, responsibilities, free energy) at the fixed point of variational Bayes."""
    alpha = prior + evidence.shape[1] / len(prior)
    for _ in range(ITERATIONS):
        logits = evidence + expected_log(alpha)[:, None]
        g = np.exp(logits - _log_sum(logits))
        new = prior + g.sum(axis=1)
        change = np.abs(new - alpha).max()
        alpha = new
        if change < TOLERANCE * len(evidence[0]):
            break
    logits = evidence + expected_log(alpha)[:, None]
    total = _log_sum(logits)
    # with g in proportion to exp(logits), Σ g logits - Σ g log g is the sum of the normalisers
    return alpha, np.exp(logits - total), float(total.sum() - divergence(alpha, prior))


def draw_frequencies(
    evidence: Array, prior: Array, rng: np.random.Generator, draws: int = 200, chains: int = 200, warm_up: int = 50
) -> Array:
    """Draw model frequencies from their exact posterior by Gibbs sampling, (draws * chains, M)."""
    weights = np.exp(evidence - evidence.max(axis=0))  # (M, N)
    m = rng.dirichlet(np.ones(len(prior)), chains)
    kept = []
    for step in range(warm_up + draws):
        cumulated = np.cumsum(m[:, :, None] * weights, axis=1)  # (chains, M, N)
        chosen = (rng.random((chains, 1, evidence.shape[1])) * cumulated[:, -1:] >= cumulated).sum(axis=1)
        counts = (chosen[:, None, :] == np.arange(len(prior))[:, None]).sum(axis=2)
        gammas = np.maximum(rng.standard_gamma(prior + counts), 1e-300)
        m = gammas / gammas.sum(axis=1, keepdims=True)
        if step >= warm_up:
            kept.append(m)
    return np.concatenate(kept)


def _count_families(
    models: Sequence[str], parts: Mapping[str, tuple[str, ...]], evidence: Array, rng: np.random.Generator
) -> tuple[list[float], list[float]]:
    """Return the expected frequency and the exceedance of each family."""
    if not parts:
        return [], []
    places = [[models.index(name) for name in members] for members in parts.values()]
    prior = np.empty(len(models))
    for place in places:
        prior[place] = 1.0 / len(place)
    m = draw_frequencies(evidence, prior, rng)
    shares = np.stack([m[:, place].sum(axis=1) for place in places], axis=1)
    largest = np.bincount(shares.argmax(axis=1), minlength=len(places)) / len(shares)
    return shares.mean(axis=0).tolist(), largest.tolist()


def _log_sum(values: Array) -> Array:
    from scipy.special import logsumexp

    return np.asarray(logsumexp(values, axis=0))


def _partition(models: Sequence[str], families: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    named = [name for members in families.values() for name in members]
    if families and sorted(named) != sorted(models):
        raise ModelError(f"families must name every model once; models: {', '.join(models)}; named: {', '.join(named)}")
    return {name: tuple(members) for name, members in families.items()}
