"""What sampling returns: draws of the subjects' parameters, their quality and a verdict for each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.inference.prior import Prior
from versant.inference.sample_quality import Quality, SampleVerdict, judge
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

__all__ = ["Sample"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False)
class Sample:
    """Draws from the posteriors of N subjects' K parameters: C chains of T draws.

    Every subject alone, under the prior, with chains of its own; of a group, see `GroupSample`.
    """

    learner: Learner
    trials: Trials  # those that were scored, as the learner reads them
    subjects: tuple[object, ...]
    prior: Prior  # of every subject; of a group, of its means
    unconstrained: Array  # (C, T, N, K)
    natural: Array  # (C, T, N, K)
    log_likelihood: Array  # (C, T, N)
    diverging: NDArray[np.bool_]  # (C, T, N); of a group, (C, T)
    stats: Mapping[str, Array]  # of the shape of `diverging` each: lp, energy, n_steps, tree_depth, step_size
    quality: Mapping[str, Quality]  # of z, the unconstrained parameters; of a group, also of effects and sd

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._whose()}; {self._flags()})"

    @property
    def chains(self) -> int:
        """How many chains there are, C."""
        return int(self.unconstrained.shape[0])

    @property
    def draws(self) -> int:
        """How many draws of each chain there are, T."""
        return int(self.unconstrained.shape[1])

    @property
    def pooled(self) -> Array:
        """The unconstrained parameters, all chains one after the other, (C T, N, K)."""
        return self.unconstrained.reshape(-1, *self.unconstrained.shape[2:])

    def subject_quality(self, n: int) -> Quality:
        """Return R̂ and effective sample sizes of a subject's parameters, (K,) each."""
        return self.quality["z"][n]

    def subject_diverging(self, n: int) -> NDArray[np.bool_]:
        """Return which transitions of a subject's chains diverged, (C, T)."""
        return self.diverging[..., n]

    @cached_property
    def verdicts(self) -> tuple[frozenset[SampleVerdict], ...]:
        """The flags of each subject, N."""
        everyone = range(len(self.subjects))
        return tuple(judge(self.subject_diverging(n), [self.subject_quality(n)]) for n in everyone)

    @property
    def verdict(self) -> frozenset[SampleVerdict]:
        """The flags of the whole: ``converged`` if everybody is, the others if anybody has them."""
        found = frozenset().union(*self.verdicts)
        settled = all(SampleVerdict.CONVERGED in flags for flags in self.verdicts)
        return found if settled else found - {SampleVerdict.CONVERGED}

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row a subject: posterior means, sds and intervals of the natural parameters, quality, verdict.

        ``rhat`` and ``ess`` are the worst of the subject's parameters.
        """
        import pandas as pd

        tails = (0.5 - level / 2.0, 0.5 + level / 2.0)
        low, high = np.quantile(self.natural, tails, axis=(0, 1))
        table: dict[str, Any] = {"subject": list(self.subjects)}
        for k, name in enumerate(self.learner.parameters):
            table[name] = self.natural[..., k].mean(axis=(0, 1))
            table[f"{name}_sd"] = self.natural[..., k].std(axis=(0, 1), ddof=1)
            table[f"{name}_lower"], table[f"{name}_upper"] = low[:, k], high[:, k]
        everyone = range(len(self.subjects))
        table["log_likelihood"] = self.log_likelihood.mean(axis=(0, 1))
        table["rhat"] = [float(self.subject_quality(n).rhat.max()) for n in everyone]
        table["ess"] = [float(self.subject_quality(n).ess.min()) for n in everyone]
        table["divergences"] = [int(self.subject_diverging(n).sum()) for n in everyone]
        table["verdict"] = [" ".join(sorted(flags)) for flags in self.verdicts]
        return pd.DataFrame(table)

    def verdict_counts(self) -> dict[str, int]:
        """Return how many subjects carry each flag."""
        counts = Counter(str(flag) for flags in self.verdicts for flag in flags)
        return {str(flag): counts[str(flag)] for flag in SampleVerdict}

    def to_dict(self) -> dict[str, Any]:
        """Return the summaries as JSON-able values; numbers that do not exist are None."""
        return {
            "model": self.learner.name,
            "n_subjects": len(self.subjects),
            "chains": self.chains,
            "draws": self.draws,
            "divergences": int(self.diverging.sum()),
            "verdict": sorted(str(flag) for flag in self.verdict),
            "prior": {"mean": self.prior.mean.tolist(), "covariance": self.prior.covariance.tolist()},
            "subjects": plain_rows(self.frame()),
        }

    def to_datatree(self, *, trials: bool = False, predictive: Mapping[str, Array] | None = None) -> DataTree:
        """Return the draws as ArviZ expects them; see `versant.inference.sample_tree.tree_of`."""
        from versant.inference.sample_tree import tree_of

        return tree_of(self, trials=trials, predictive=predictive)

    def summary(self) -> str:
        """Return a few lines for a person."""
        worst = max(float(q.rhat.max()) for q in self.quality.values())
        least = min(float(q.ess.min()) for q in self.quality.values())
        lines = [
            self._whose(),
            f"largest R-hat {worst:.3f}, least effective sample size {least:.0f}, divergences {self.diverging.sum()}",
            f"verdicts: {self._flags()}",
        ]
        return "\n".join(lines)

    def _whose(self) -> str:
        return f"{self.learner.name}: {len(self.subjects)} subjects, {self.chains} chains of {self.draws} draws"

    def _flags(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.verdict_counts().items() if number)


def plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON-able values; numbers that do not exist are None."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
