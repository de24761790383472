"""What a hierarchical fit returns: the subjects' estimates, and the group's with their errors and verdict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from versant.inference.cells import Cells, Coefficients, together
from versant.inference.design import GroupDesign
from versant.inference.group_verdict import GroupVerdict
from versant.inference.hierarchical import Step
from versant.inference.result import Fit
from versant.inference.spread import Spread
from versant.readonly import make_read_only
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Group", "GroupFit", "Polish"]

Array = NDArray[Any]
Polish = Literal["integrated", "laplace"]


@dataclass(frozen=True)
class Group:
    """The distribution of what varies between subjects (by itself the unconstrained parameters), N(D_n b, Σ)."""

    design: GroupDesign
    spread: Spread
    effects: Array  # (P,), b
    effects_covariance: Array  # (P, P), of the estimates b; NaN under ``no_maximum``
    covariance: Array  # (R, R), Σ
    sd_errors: Array  # (R,), standard errors of √Σ_kk; NaN where it stands at the smallest allowed
    raised: Array  # (directions, R), unit vectors along which Σ stands at the smallest variance allowed
    evidence: float  # log marginal likelihood of the group: integrated, or by Laplace
    gain: float  # log evidence that a further Newton step promises
    evidence_error: float | None  # how far another rule of integration is from `evidence`; None by Laplace
    polish: Polish | None  # what was maximised after EM; None: nothing
    history: tuple[Step, ...]
    verdicts: frozenset[GroupVerdict]

    def __post_init__(self) -> None:
        make_read_only(self)

    @property
    def sd(self) -> Array:
        """Standard deviations between subjects, of the coefficients, (R,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    @property
    def correlation(self) -> Array:
        """Correlations between subjects, of the coefficients, (R, R)."""
        return np.asarray(self.covariance / np.outer(self.sd, self.sd))

    @property
    def errors(self) -> Array:
        """Standard errors of the effects, small-sample corrected, (P,)."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.sqrt(np.diag(self.effects_covariance)))

    @cached_property
    def degrees(self) -> Array:
        """Degrees of freedom of each effect, N minus the effects on its coefficient; infinite for a fixed one, (P,)."""
        left = np.maximum(self.design.n_subjects - self.design.companions, 1)
        return np.where(self.design.fixed, np.inf, left)

    def interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Return the lower and upper ends of the effects' intervals, (P,) each; Student's t."""
        from scipy.stats import t

        half = t.ppf(0.5 + level / 2.0, self.degrees) * self.errors
        return self.effects - half, self.effects + half

    def history_frame(self) -> pd.DataFrame:
        """Return one row a step: kind, Laplace evidence, changes."""
        import pandas as pd

        return pd.DataFrame([vars(step) for step in self.history]).rename_axis("iteration")


@dataclass(frozen=True, repr=False)
class GroupFit(Fit):
    """A hierarchical fit: a `Fit` of the subjects under the group's distribution, and the `Group`.

    With conditions, every condition of a subject counts as a subject of the `Fit`. The covariance of a subject's
    parameters includes that of the group's (`versant.inference.group_subjects`).
    """

    group: Group
    people: tuple[object, ...]  # labels of the N subjects of the group
    cells: Cells | None  # which condition of whom; None without conditions, shared and fixed parameters
    loadings: Coefficients | None  # how parameters of cells follow from coefficients; None where `cells` is
    centre: Array  # (C, K), posterior means of the unconstrained parameters; by Laplace, the modes
    coefficients: Array  # (N, R), what varies between subjects: posterior means; by Laplace, the modes
    coefficients_covariance: Array  # (N, R, R)
    coefficients_with_fixed: Array  # (N, R, F), covariances of the coefficients with the fixed effects

    @property
    def n_group_parameters(self) -> int:
        """Free parameters of the group: effects, and entries of the covariance."""
        return len(self.group.effects) + self.group.spread.count

    @property
    def integrated_bic(self) -> float:
        """-2 (evidence of the group) + (its free parameters) · log(all scored choices) (Huys et al. 2011)."""
        return float(-2.0 * self.group.evidence + self.n_group_parameters * np.log(self.n_choices.sum()))

    @property
    def whole_trials(self) -> Trials:
        """The trials as they were before conditions were told apart: of the N subjects, in their order."""
        return together(self.trials, self.cells, self.people)

    @property
    def back(self) -> NDArray[np.int64]:
        """Where each of `whole_trials` stands in `trials`, (n,)."""
        return np.arange(len(self.trials)) if self.cells is None else self.cells.back

    @property
    def aic(self) -> Array:
        """`Fit.aic`; NaN with conditions, shared or fixed parameters, which are not a row's own: see `vs.compare`."""
        return super().aic if self.cells is None else np.full(len(self.subjects), np.nan)

    @property
    def bic(self) -> Array:
        """`Fit.bic`; NaN where `aic` is."""
        return super().bic if self.cells is None else np.full(len(self.subjects), np.nan)

    def subject_interval(self, level: float = 0.95) -> tuple[Array, Array]:
        """Return the lower and upper ends of intervals of the natural parameters, (C, K) each.

        The posterior mean of the unconstrained parameter plus and minus its standard deviation, which counts that the
        group is estimated, times Student's t of as many degrees of freedom as the group's; taken through the link.
        """
        from scipy.stats import t

        design = self.group.design
        half = t.ppf(0.5 + level / 2.0, max(design.n_subjects - int(design.ranks.max()), 1)) * self.unconstrained_errors
        ends = [np.empty_like(half), np.empty_like(half)]
        for k, domain in enumerate(self.learner.parameters.values()):
            for end, sign in zip(ends, (-1.0, 1.0), strict=True):
                end[:, k] = domain.natural(self.centre[:, k] + sign * half[:, k])
        return ends[0], ends[1]

    def frame(self) -> pd.DataFrame:
        """Return `Fit.frame`, with intervals (`subject_interval`), and with a column for every condition."""
        table = super().frame()
        if self.cells is not None:
            table = table.drop(columns=["aic", "bic"])
        low, high = self.subject_interval()
        for k, name in enumerate(self.learner.parameters):
            at = list(table.columns).index(f"{name}_z")
            table.insert(at, f"{name}_lower", low[:, k])
            table.insert(at + 1, f"{name}_upper", high[:, k])
        if self.cells is not None:
            table["subject"] = [self.people[n] for n in self.cells.subject]
            for at, (name, values) in enumerate(self.cells.conditions.items()):
                table.insert(1 + at, name, values)
        return table

    def coefficients_frame(self) -> pd.DataFrame:
        """Return one row a subject: what varies between subjects, in unconstrained units, with standard errors."""
        import pandas as pd

        table: dict[str, Any] = {"subject": list(self.people)}
        errors = np.sqrt(np.einsum("nrr->nr", self.coefficients_covariance))
        for r, label in enumerate(self.group.design.labels):
            table[label], table[f"{label}_se"] = self.coefficients[:, r], errors[:, r]
        return pd.DataFrame(table)

    def group_frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return one row an effect, in unconstrained units, and for group means in natural units too.

        The natural value is that of the mean of the unconstrained parameter: the median over subjects.
        """
        import pandas as pd
        from scipy.stats import t

        g = self.group
        low, high = g.interval(level)
        rows: list[dict[str, Any]] = []
        for i, (name, term) in enumerate(g.design.names):
            ends = np.array([g.effects[i], low[i], high[i]])
            natural = self.learner.parameters[name].natural(ends) if term == "mean" else np.full(3, np.nan)
            with np.errstate(invalid="ignore", divide="ignore"):
                p = 2.0 * float(t.sf(abs(g.effects[i] / g.errors[i]), g.degrees[i]))
            rows.append(
                {
                    "parameter": name,
                    "effect": term,
                    "estimate": g.effects[i],
                    "se": g.errors[i],
                    "df": g.degrees[i],
                    "lower": low[i],
                    "upper": high[i],
                    "p": p if term != "mean" else np.nan,
                    "natural": natural[0],
                    "natural_lower": natural[1],
                    "natural_upper": natural[2],
                    "sd": 0.0 if g.design.fixed[i] else g.sd[g.design.owner[i]],
                    "sd_se": np.nan if g.design.fixed[i] else g.sd_errors[g.design.owner[i]],
                }
            )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        g = self.group
        records = self.group_frame().to_dict(orient="records")
        told: dict[str, Any] = {
            "covariance_kind": g.spread.kind,
            "minimum_sd": g.spread.minimum_sd,
            "effects": [{str(key): _plain(value) for key, value in row.items()} for row in records],
            "covariance": g.covariance.tolist(),
            "raised": g.raised.tolist(),
            "gain": _plain(g.gain),
            "evidence": _plain(g.evidence),
            "evidence_error": _plain(g.evidence_error),
            "polish": g.polish,
            "integrated_bic": _plain(self.integrated_bic),
            "verdict": sorted(str(v) for v in g.verdicts),
            "history": [{key: _plain(value) for key, value in vars(step).items()} for step in g.history],
        }
        return super().to_dict() | {"group": told}

    def summary(self) -> str:
        """Return a few lines for a person."""
        g = self.group
        flags = ", ".join(sorted(str(v) for v in g.verdicts))
        steps = [step.kind for step in g.history]
        newton = steps.count("newton") + steps.count("integrated")
        how = f"log evidence {g.evidence:.3f} ({g.polish or 'laplace'})"
        lines = [super().summary(), f"group: {flags}; {how}; {steps.count('em')} EM and {newton} Newton steps"]
        columns = ["parameter", "effect", "estimate", "se", "natural", "sd"]
        lines.append(self.group_frame()[columns].to_string(index=False, float_format=lambda v: f"{v:.4g}"))
        return "\n".join(lines)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | np.integer):
        return int(value)
    return float(value) if np.isfinite(value) else None
