"""What sampling returns: draws of the subjects' parameters, and of a group's, with their quality and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.inference.cells import Cells, Coefficients, together
from versant.inference.design import GroupDesign
from versant.inference.prior import Prior
from versant.inference.sample_quality import Quality, SampleVerdict, judge
from versant.readonly import make_read_only
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

__all__ = ["GroupSample", "Sample"]

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
        make_read_only(self)

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

    @property
    def means(self) -> Array:
        """Posterior means of the natural parameters, (N, K)."""
        return np.asarray(self.natural.mean(axis=(0, 1)))

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
            table[name] = self.means[:, k]
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
            "subjects": _plain_rows(self.frame()),
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


@dataclass(frozen=True, repr=False)
class GroupSample(Sample):
    """Draws from the joint posterior of a group and its subjects: C chains of T draws.

    With conditions, every condition of a subject counts as one of the N subjects.
    """

    design: GroupDesign
    people: tuple[object, ...]  # labels of the people; without conditions, the subjects
    cells: Cells | None  # which condition of whom; None without conditions, shared and fixed parameters
    loadings: Coefficients | None  # how parameters of cells follow from coefficients; None where `cells` is
    effects: Array  # (C, T, P)
    sd: Array  # (C, T, R), standard deviations between subjects, of the coefficients
    correlation: Array  # (C, T, R, R)
    coefficients: Array  # (C, T, people, R), what varies between subjects

    @property
    def whole_trials(self) -> Trials:
        """The trials as they were before conditions were told apart: of the people, in their order."""
        return together(self.trials, self.cells, self.people)

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return `Sample.frame`, with a column for every condition."""
        table = super().frame(level)
        if self.cells is not None:
            table["subject"] = [self.people[n] for n in self.cells.subject]
            for at, (name, values) in enumerate(self.cells.conditions.items()):
                table.insert(1 + at, name, values)
        return table

    def subject_quality(self, n: int) -> Quality:
        """Return R̂ and effective sample sizes of a subject's coefficients, (R,) each."""
        return self.quality["z"][n if self.cells is None else int(self.cells.subject[n])]

    def subject_diverging(self, n: int) -> NDArray[np.bool_]:
        """Return which transitions diverged, (C, T): chains are those of all subjects together."""
        return self.diverging

    @property
    def verdict(self) -> frozenset[SampleVerdict]:
        """The flags of the group and its subjects together."""
        return judge(self.diverging, self.quality.values())

    def group_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row an effect and one a standard deviation: mean, sd, interval, quality.

        Of a group mean also the natural value, the median over people: its posterior mean and interval.
        """
        import pandas as pd

        labels = [(name, term) for name, term in self.design.names] + [(k, "sd") for k in self.design.labels]
        values = np.concatenate([self.effects, self.sd], axis=2)
        tails = (0.5 - level / 2.0, 0.5 + level / 2.0)
        low, high = np.quantile(values, tails, axis=(0, 1))
        both = (self.quality["effects"], self.quality["sd"])
        natural = np.full((3, len(labels)), np.nan)
        for i, (name, term) in enumerate(self.design.names):
            if term == "mean":
                link = self.learner.parameters[name].natural
                natural[:, i] = link(values[..., i]).mean(), link(low[i]), link(high[i])
        return pd.DataFrame(
            {
                "parameter": [name for name, _ in labels],
                "effect": [term for _, term in labels],
                "mean": values.mean(axis=(0, 1)),
                "sd": values.std(axis=(0, 1), ddof=1),
                "lower": low,
                "upper": high,
                "natural": natural[0],
                "natural_lower": natural[1],
                "natural_upper": natural[2],
                "rhat": np.concatenate([q.rhat for q in both]),
                "ess_bulk": np.concatenate([q.ess_bulk for q in both]),
                "ess_tail": np.concatenate([q.ess_tail for q in both]),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the summaries as JSON-able values; numbers that do not exist are None."""
        return super().to_dict() | {"group": _plain_rows(self.group_frame())}

    def summary(self) -> str:
        """Return a few lines for a person."""
        table = self.group_frame().drop(columns=["natural_lower", "natural_upper"])
        return f"{super().summary()}\n{table.to_string(index=False, float_format=lambda v: f'{v:.4g}')}"

    def _flags(self) -> str:
        return ", ".join(sorted(str(flag) for flag in self.verdict))


def _plain_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as JSON-able values; numbers that do not exist are None."""
    return [{str(key): _plain(value) for key, value in row.items()} for row in table.to_dict(orient="records")]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not np.isfinite(value) else value
