"""What a fit of a controller returns: the controller, how well it accounts for each subject, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.agents.controller_model import ControllerModel
from versant.optimise.status import Word
from versant.readonly import make_read_only
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PROMISED", "ControllerFit", "ControllerVerdict"]

Array = NDArray[np.float64]

PROMISED = 1e-3


class ControllerVerdict(Word):
    """Flags of a controller that was fitted to behaviour. ``stationary`` alone is what one hopes for.

    Examples
    --------
    >>> ControllerVerdict.RARELY_USED.advice
    'fewer nodes, more trials, or a concentration above 1; read nothing into that distribution'
    """

    STATIONARY = (
        "stationary",
        "the log posterior, linearised at the controller, promises less than 0.001 over all controllers of its size",
        "nothing; a maximum that no start led to may be higher",
    )
    NOT_STATIONARY = (
        "not_stationary",
        "the log posterior, linearised at the controller, still promises 0.001 or more",
        "more starts; or a concentration above 1, with which the ascent is faster",
    )
    CHANCE = (
        "chance",
        "a likelihood-ratio test at the 5 % level does not tell the fit from choosing uniformly at random",
        "read nothing into the controller",
    )
    RARELY_USED = (
        "rarely_used",
        "some distribution of the controller is used less than once in all the data, as far as can be known",
        "fewer nodes, more trials, or a concentration above 1; read nothing into that distribution",
    )
    STARTS_DISAGREE = (
        "starts_disagree",
        "fewer than half of the starts reached the best optimum found (within 0.001 of its log posterior, relatively)",
        "more starts: a better optimum may exist",
    )


@dataclass(frozen=True, eq=False, repr=False)
class ControllerFit:
    """One controller for N subjects. Its nodes have no order: another numbering is the same controller."""

    model: ControllerModel
    controller: Controller
    trials: Trials  # n rows
    subjects: tuple[object, ...]  # N
    concentration: float  # of the Dirichlet prior
    log_likelihood: Array  # (N,)
    chance: Array  # (N,), of choosing uniformly
    n_choices: NDArray[np.int64]  # (N,)
    n_parameters: int  # free probabilities that the data can speak of, for all subjects together
    promise: float  # what the linearised log posterior still promises
    nodes: Array  # (n, X), probability of each node in each trial, given all data
    moves: Array  # (X, A, O, X'), expected number of uses of each transition in the data
    heights: Array  # (B,), log posterior at which each start ended, up to a constant
    history: Array  # (R, 2), log posterior and promise of the best start, step by step
    verdicts: frozenset[ControllerVerdict]

    def __post_init__(self) -> None:
        make_read_only(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._whose()}; {self._flags()})"

    @property
    def aic(self) -> float:
        """Akaike's information criterion, of all subjects."""
        return float(2.0 * self.n_parameters - 2.0 * self.log_likelihood.sum())

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, of all subjects, counting their choices."""
        return float(self.n_parameters * np.log(self.n_choices.sum()) - 2.0 * self.log_likelihood.sum())

    @property
    def occupancy(self) -> Array:
        """Share of all trials that are spent in each node, (X,)."""
        return np.asarray(self.nodes.mean(axis=0))

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": list(self.subjects),
                "n_choices": self.n_choices,
                "log_likelihood": self.log_likelihood,
                "chance": self.chance,
                "pseudo_r2": 1.0 - self.log_likelihood / self.chance if self.chance.all() else np.nan,
            }
        )

    def node_frame(self) -> pd.DataFrame:
        """Return one row a node: share of trials, probability at the start, and of each action."""
        import pandas as pd

        columns = {"node": np.arange(self.model.nodes), "occupancy": self.occupancy, "start": self.controller.start}
        return pd.DataFrame({**columns, **dict(zip(self.controller.actions, self.controller.action.T, strict=True))})

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values; numbers that do not exist are None."""
        subjects = self.frame().to_dict(orient="records")
        return {
            "model": self.model.name,
            "controller": self.controller.to_dict(),
            "concentration": self.concentration,
            "log_likelihood": float(self.log_likelihood.sum()),
            "n_parameters": self.n_parameters,
            "aic": self.aic,
            "bic": self.bic,
            "promise": self.promise,
            "verdict": sorted(map(str, self.verdicts)),
            "subjects": [{k: None if v != v else v for k, v in row.items()} for row in subjects],
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        return "\n".join(
            [
                self._whose(),
                f"log-likelihood {self.log_likelihood.sum():.3f} (chance {self.chance.sum():.3f}), BIC {self.bic:.3f}",
                f"verdict: {self._flags()}",
                self.node_frame().to_string(index=False, float_format="%.3f"),
            ]
        )

    def _whose(self) -> str:
        return f"{self.model.name}, {len(self.subjects)} subjects, {int(self.n_choices.sum())} choices"

    def _flags(self) -> str:
        return ", ".join(sorted(map(str, self.verdicts)))
