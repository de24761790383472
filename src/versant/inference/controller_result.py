"""What a fit of a controller returns: the controller, how well it accounts for each subject, and its verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.agents.controller_model import ControllerModel
from versant.optimise.status import Word

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


@dataclass(frozen=True, eq=False)
class ControllerFit:
    """One controller for N subjects. Its nodes have no order: another numbering is the same controller."""

    model: ControllerModel
    controller: Controller
    subjects: tuple[object, ...]
    log_likelihood: Array  # (N,)
    chance: Array  # (N,), of choosing uniformly
    n_choices: NDArray[np.int64]  # (N,)
    n_parameters: int  # free probabilities that the data can speak of, for all subjects together
    promise: float  # what the linearised log posterior still promises
    nodes: Array  # (n, X), probability of each node in each trial, given all data
    verdicts: frozenset[ControllerVerdict]

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @property
    def aic(self) -> float:
        """Akaike's information criterion, of all subjects."""
        return float(2.0 * self.n_parameters - 2.0 * self.log_likelihood.sum())

    @property
    def bic(self) -> float:
        """Schwarz's information criterion, of all subjects, counting their choices."""
        return float(self.n_parameters * np.log(self.n_choices.sum()) - 2.0 * self.log_likelihood.sum())

    def frame(self) -> pd.DataFrame:
        """Return one row a subject."""
        import pandas as pd

        return pd.DataFrame(
            {
                "subject": list(self.subjects),
                "n_choices": self.n_choices,
                "log_likelihood": self.log_likelihood,
                "chance": self.chance,
                "pseudo_r2": 1.0 - self.log_likelihood / self.chance,
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {
            "model": self.model.name,
            "controller": self.controller.to_dict(),
            "log_likelihood": float(self.log_likelihood.sum()),
            "n_parameters": self.n_parameters,
            "aic": self.aic,
            "bic": self.bic,
            "promise": self.promise,
            "verdict": sorted(map(str, self.verdicts)),
            "subjects": self.frame().to_dict(orient="records"),
        }

    def summary(self) -> str:
        """Return a few lines for a person."""
        return "\n".join(
            [
                f"{self.model.name}: {len(self.subjects)} subjects, {int(self.n_choices.sum())} choices",
                f"log-likelihood {self.log_likelihood.sum():.3f} (chance {self.chance.sum():.3f}), BIC {self.bic:.3f}",
                f"verdict: {', '.join(sorted(map(str, self.verdicts)))}",
            ]
        )
