"""What is fitted when behaviour is explained by a controller: how many nodes, and which columns it acts on and sees.

The parameters are the controller's own distributions (`versant.agents.controller`): κ, ψ and η.
"""

from __future__ import annotations

from dataclasses import dataclass

from versant.errors import ModelError

__all__ = ["ControllerModel"]


@dataclass(frozen=True)
class ControllerModel:
    """A finite-state controller whose distributions are unknown.

    Parameters
    ----------
    nodes : int
        X, one or more. One node has no memory; win-stay lose-shift between two options needs two.
    action : str
        Column of trials with what was done, coded as options.
    observation : str
        Column with what was seen after it, coded as options: an observation of a POMDP, or a reward of 0 or 1.
    reset : str, optional
        A column (``"session"``, ``"block"``): where it changes, the controller starts anew.
    actions, observations : sequence of str, optional
        All there are, in the order the controller is to have them (a problem's ``actions`` and ``observations``); by
        default the options of the columns.

    Raises
    ------
    ModelError
        For fewer than one node.

    Examples
    --------
    >>> ControllerModel(2, action="choice", observation="reward").name
    'controller of 2 nodes'
    """

    nodes: int
    action: str = "action"
    observation: str = "observation"
    reset: str | None = None
    actions: tuple[str, ...] | None = None
    observations: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.nodes, bool) or not isinstance(self.nodes, int) or self.nodes < 1:
            raise ModelError(f"nodes={self.nodes!r}: a controller has one node or more, a whole number")
        for name in ("actions", "observations"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))

    @property
    def name(self) -> str:
        """How results call it."""
        return f"controller of {self.nodes} node{'s' if self.nodes > 1 else ''}"
