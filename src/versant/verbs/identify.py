"""The verb `identify`: which parameters of a fit do the data determine, and which does only the prior?

Three answers for every subject, each with its table: the spectrum of the likelihood's information at the estimate, in
units of the prior's (`versant.inference.identifiability`); how much narrower than the prior the posterior is; and the
profile likelihood of every parameter with its likelihood-ratio interval (`versant.inference.profile`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError
from versant.inference.identifiability import Curvature, curvature, direction_in_words, identified
from versant.inference.importance import rebind
from versant.inference.map import fit_subjects
from versant.inference.prior import default_prior
from versant.inference.profile import Profiles, profile_likelihoods
from versant.inference.result import Fit
from versant.inference.sample_result import Sample
from versant.inference.shown import Shown
from versant.progress import Progress, silent

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Identifiability", "identify"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False)
class Identifiability(Shown):
    """What the data say about the parameters of N subjects."""

    fit: Fit
    curvature: Curvature
    profiles: Profiles
    level: float

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the K parameters."""
        return tuple(self.fit.learner.parameters)

    @cached_property
    def flags(self) -> NDArray[Any]:
        """What the profiles say, (N, K) of `versant.inference.identifiability.Identified`."""
        return identified(self.profiles)

    @property
    def sloppy(self) -> NDArray[np.int64]:
        """Directions along which the data say less than the prior, (N,)."""
        return np.asarray((self.curvature.eigenvalues < 1.0).sum(axis=1))

    def frame(self) -> pd.DataFrame:
        """Return one row a subject and parameter.

        ``estimate`` of the fit, ``maximum_likelihood`` with the ends ``lower`` and ``upper`` of the likelihood-ratio
        interval (natural units; the domain's edge where it is open), ``contraction``, ``sloppiest`` (loading of the
        parameter on the direction that the data say least about) and ``flag``.
        """
        import pandas as pd

        parts = []
        for k, (name, domain) in enumerate(self.fit.learner.parameters.items()):
            part = {
                "subject": list(self.fit.subjects),
                "parameter": name,
                "estimate": self.fit.natural[:, k],
                "maximum_likelihood": domain.natural(self.profiles.peak[:, k]),
                "lower": domain.natural(self.profiles.lower[:, k]),
                "upper": domain.natural(self.profiles.upper[:, k]),
                "contraction": self.curvature.contraction[:, k],
                "sloppiest": self.curvature.directions[:, 0, k],
                "flag": [str(flag) for flag in self.flags[:, k]],
            }
            parts.append(pd.DataFrame(part))
        return pd.concat(parts, ignore_index=True)

    def direction_frame(self) -> pd.DataFrame:
        """Return one row a subject and direction, the sloppiest first.

        ``information`` is that of the data in units of the prior's, ``contraction`` how much narrower than the prior
        the posterior is along it, ``condition`` and ``condition_posterior`` those of the subject.
        """
        import pandas as pd

        c, size = self.curvature, len(self.parameters)
        count = len(self.fit.subjects)
        words = [direction_in_words(c.directions[n, i], self.parameters) for n in range(count) for i in range(size)]
        information = c.eigenvalues.ravel()
        with np.errstate(divide="ignore"):
            contraction = information / (1.0 + information)
        return pd.DataFrame(
            {
                "subject": np.repeat(np.array(self.fit.subjects, dtype=object), size),
                "rank": np.tile(np.arange(1, size + 1), count),
                "information": information,
                "contraction": contraction,
                "direction": words,
                "condition": np.repeat(c.condition, size),
                "condition_posterior": np.repeat(c.condition_posterior, size),
            }
        )

    def correlation_frame(self) -> pd.DataFrame:
        """Return one row a subject and pair of parameters: their posterior correlation (unconstrained units)."""
        import pandas as pd

        rows, columns = np.tril_indices(len(self.parameters), -1)
        parts = [
            pd.DataFrame(
                {
                    "subject": list(self.fit.subjects),
                    "parameter": self.parameters[j],
                    "other": self.parameters[i],
                    "correlation": self.curvature.correlation[:, i, j],
                }
            )
            for i, j in zip(rows, columns, strict=True)
        ]
        empty = pd.DataFrame(columns=["subject", "parameter", "other", "correlation"])
        return pd.concat(parts, ignore_index=True) if parts else empty

    def profile_frame(self) -> pd.DataFrame:
        """Return one row a subject, parameter and point: natural ``value``, unconstrained ``z`` and ``drop`` there.

        ``drop`` is how far the profile log-likelihood lies below the maximum.
        """
        import pandas as pd

        p, parts = self.profiles, []
        for k, (name, domain) in enumerate(self.fit.learner.parameters.items()):
            z = p.points[:, k]
            labels = np.repeat(np.array(self.fit.subjects, dtype=object), z.shape[1])
            columns = {"value": domain.natural(z).ravel(), "z": z.ravel(), "drop": p.drop[:, k].ravel()}
            parts.append(pd.DataFrame({"subject": labels, "parameter": name, **columns}))
        return pd.concat(parts, ignore_index=True)

    def counts(self) -> Mapping[str, dict[str, int]]:
        """Return, by parameter, how many subjects carry each flag."""
        return {name: dict(Counter(str(flag) for flag in self.flags[:, k])) for k, name in enumerate(self.parameters)}

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist, and open ends, are None."""

        def rows(table: pd.DataFrame) -> list[dict[str, Any]]:
            return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict(orient="records")]

        return {
            "model": self.fit.learner.name,
            "level": self.level,
            "parameters": rows(self.frame()),
            "directions": rows(self.direction_frame()),
            "correlations": rows(self.correlation_frame()),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        count = len(self.fit.subjects)
        lines = [f"{self.fit.learner.name}: {count} subjects, profile likelihoods at the {100 * self.level:g} % level"]
        for k, (name, flags) in enumerate(self.counts().items()):
            told = ", ".join(f"{flag} {number}" for flag, number in sorted(flags.items()))
            known = self.curvature.contraction[:, k]
            median = np.median(known[np.isfinite(known)]) if np.isfinite(known).any() else np.nan
            lines.append(f"{name}: {told}; median contraction {median:.2f}")
        some = self.sloppy > 0
        if some.any():
            mean = np.abs(self.curvature.directions[some, 0]).mean(axis=0)
            words = ", ".join(f"{self.parameters[k]} {mean[k]:.2f}" for k in np.argsort(-mean))
            lines.append(f"sloppy direction in {int(some.sum())} subjects; mean size of its loadings: {words}")
        return "\n".join(lines)


def identify(
    fit: Fit,
    *,
    level: float = 0.95,
    reach: float = 4.0,
    points: int = 21,
    starts: int = 3,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Identifiability:
    """Say which parameters the data identify.

    Parameters
    ----------
    fit : Fit
        Of any kind; the yardstick is its prior (for maximum likelihood, the default prior).
    level : float
        Of the likelihood-ratio intervals.
    reach : float
        Where to give up: an end farther than this many standard deviations of the default prior from its centre is
        called open.
    points : int
        Of each profile's curve, three or more.
    starts : int
        Of the search for the maximum of the likelihood, beside the estimates themselves.
    seed : int, Generator or None
        Of those starts (SPEC 7).
    progress : Progress

    Returns
    -------
    Identifiability

    Raises
    ------
    ModelError
        For a level, a reach or a number of points that makes no sense.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> trials = vs.simulate(model, vs.Bandit((0.2, 0.8), trials=200), {"alpha": 0.3, "beta": [4.0, 0.01]}, seed=1)
    >>> identify(vs.fit(model, trials)).frame()[["subject", "parameter", "flag"]].to_numpy().tolist()
    [[1, 'alpha', 'identified'], [2, 'alpha', 'not_identified'], [1, 'beta', 'identified'], [2, 'beta', 'open_below']]
    """
    if not 0.0 < level < 1.0 or not reach > 0.0 or points < 3:
        raise ModelError("identify() takes a level between 0 and 1, a positive reach, and three points or more")
    if isinstance(fit, Sample):
        raise ModelError("identify() takes a fit with estimates: method='map' or 'group'")
    from scipy.stats import chi2

    likelihood, around = rebind(fit), default_prior(fit.learner)
    everyone = np.arange(len(fit.subjects))
    best = fit_subjects(likelihood, None, starts, np.random.default_rng(seed), progress).unconstrained
    candidates = np.stack([fit.unconstrained, best])
    values = np.stack([likelihood.evaluate(z, everyone, 0).value for z in candidates])
    highest = np.where(np.isfinite(values), values, -np.inf).argmax(axis=0)
    bound = 0.5 * float(chi2.ppf(level, 1))
    profiles = profile_likelihoods(
        likelihood, candidates[highest, everyone], around, bound, reach=reach, points=points, progress=progress
    )
    return Identifiability(fit, curvature(likelihood, fit.unconstrained, fit.prior or around), profiles, level)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
