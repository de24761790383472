"""Every figure of fits by its name: the table it draws, and the drawing.

kind            of                                      shows
estimates       fit, sampled posterior                  estimates with intervals and verdicts
shrinkage       hierarchical fit or sample, and fits    how the group draws estimates towards itself
                alone
group           hierarchical fit, sampled posterior     the distribution over people
pairs           fit, sampled posterior                  estimates against each other, with the group's ellipse;
                                                        draws of the group or of a subject
ranks           sampled posterior                       whether chains agree
convergence     hierarchical fit, hierarchical          the bound step by step
                selection, controller fitted
trajectory      fit, sampled posterior, controller      latent quantities of a subject
                fitted
controller      controller fitted                       its nodes as a graph, the moves that were made
recovery        recovery                                estimates over truth
confusion       confusion                               confusion and inversion matrices
comparison      comparison                              differences of the criterion
selection       selections                              evidence, frequencies, who used which
predictive      predictive check                        recorded over replicated statistics
calibration     calibration                             distribution of ranks
identify        identifiability                         profile likelihoods
frontier        frontier                                value against a budget
plan            plan                                    the controller as a graph, and convergence
occupancy       plan (and its task)                     time in each state and node
beliefs         plan (and its task, of 2 or 3 states)   nodes over beliefs
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from versant.errors import ModelError
from versant.figures import (
    beliefs,
    calibration,
    controller,
    convergence,
    draws,
    frontier,
    group,
    identify,
    pairs,
    predictive,
    recovery,
    selection,
    shrinkage,
    trajectory,
)
from versant.figures import fit as fits
from versant.figures import plan as plans
from versant.inference.calibration import Calibration
from versant.inference.controller_result import ControllerFit
from versant.inference.group_result import GroupFit
from versant.inference.hbi_result import HierarchicalSelection
from versant.inference.recovery import Recovery
from versant.inference.result import Fit
from versant.inference.sample_result import GroupSample, Sample
from versant.inference.selection import Selection
from versant.planning.result import Plan
from versant.verbs.compare import Comparison
from versant.verbs.confusion import Confusion
from versant.verbs.frontier import Frontier
from versant.verbs.identify import Identifiability
from versant.verbs.predictive import Predictive

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["figure", "figure_table", "kinds"]


@dataclass(frozen=True)
class _Kind:
    of: tuple[type, ...]
    table: Callable[..., Any]  # result and options → table
    draw: Callable[..., Any]  # result, table and title → figure
    options: tuple[str, ...] = ()  # of the table


def _domains(result: Any) -> Any:
    return dict(result.learner.parameters)


CATALOGUE: dict[str, _Kind] = {
    "estimates": _Kind((Fit, Sample), fits.table_estimates, lambda r, t, title: fits.figure_estimates(t, title)),
    "shrinkage": _Kind(
        (GroupFit, GroupSample),
        lambda r, alone: shrinkage.table_shrinkage(alone, r),
        lambda r, t, title: shrinkage.figure_shrinkage(t, _domains(r), title),
        ("alone",),
    ),
    "group": _Kind(
        (GroupFit, GroupSample), group.table_group, lambda r, t, title: group.figure_group(t, _domains(r), title)
    ),
    "pairs": _Kind(
        (Fit, Sample),
        pairs.table_pairs,
        lambda r, t, title: pairs.figure_pairs(t, pairs.table_ellipses(r), title),
        ("subject",),
    ),
    "ranks": _Kind((Sample,), draws.table_ranks, lambda r, t, title: draws.figure_ranks(t, title), ("subject",)),
    "convergence": _Kind(
        (GroupFit, HierarchicalSelection, ControllerFit),
        convergence.table_convergence,
        lambda r, t, title: convergence.figure_convergence(t, title),
    ),
    "trajectory": _Kind(
        (Fit, Sample, ControllerFit),
        trajectory.table_trajectory,
        lambda r, t, title: trajectory.figure_trajectory(t, title),
        ("subject",),
    ),
    "controller": _Kind((ControllerFit,), controller.table_controller, controller.figure_controller),
    "recovery": _Kind(
        (Recovery,),
        recovery.table_recovery,
        lambda r, t, title: recovery.figure_recovery(t, title),
    ),
    "confusion": _Kind(
        (Confusion,), selection.table_confusion, lambda r, t, title: selection.figure_confusion(t, title)
    ),
    "comparison": _Kind(
        (Comparison,),
        selection.table_comparison,
        lambda r, t, title: selection.figure_comparison(t, r.criterion, title),
    ),
    "selection": _Kind(
        (Selection, HierarchicalSelection),
        selection.table_selection,
        lambda r, t, title: selection.figure_selection(t, r.subject_frame(), title),
    ),
    "predictive": _Kind(
        (Predictive,), predictive.table_predictive, lambda r, t, title: predictive.figure_predictive(t, title)
    ),
    "calibration": _Kind(
        (Calibration,), calibration.table_calibration, lambda r, t, title: calibration.figure_calibration(t, title)
    ),
    "identify": _Kind(
        (Identifiability,),
        identify.table_identify,
        lambda r, t, title: identify.figure_identify(t, _domains(r.fit), r.profiles.bound, title),
    ),
    "frontier": _Kind((Frontier,), frontier.table_frontier, lambda r, t, title: frontier.figure_frontier(r, title)),
    "plan": _Kind((Plan,), plans.table_edges, lambda r, t, title: plans.figure_plan(r, title)),
    "occupancy": _Kind(
        (Plan,), beliefs.table_occupancy, lambda r, t, title: beliefs.figure_occupancy(t, title), ("task",)
    ),
    "beliefs": _Kind((Plan,), beliefs.table_beliefs, lambda r, t, title: beliefs.figure_beliefs(t, title), ("task",)),
}

FIRST: dict[type, str] = {
    GroupFit: "group",
    GroupSample: "group",
    HierarchicalSelection: "selection",
    ControllerFit: "controller",
}
"""What is shown of a result with several figures, where it is not the first in the catalogue."""


def kinds(result: Any) -> tuple[str, ...]:
    """Return the names of the figures that there are of a result, the one shown by default first.

    Examples
    --------
    >>> import versant as vs
    >>> model = vs.models.find("q_learning")
    >>> fit = vs.fit(model, vs.simulate(model, vs.Bandit(trials=20), {"alpha": 0.3, "beta": 4.0}, seed=1), starts=1)
    >>> kinds(fit)
    ('estimates', 'pairs', 'trajectory')
    """
    found = [name for name, kind in CATALOGUE.items() if isinstance(result, kind.of)]
    if not found:
        raise ModelError(f"there is no figure of a {type(result).__name__}")
    first = FIRST.get(type(result), found[0])
    return (first, *(name for name in found if name != first))


def figure_table(result: Any, kind: str | None = None, **options: Any) -> pd.DataFrame:
    """Return the numbers that a figure draws; see `figure`."""
    chosen = _chosen(result, kind, options)
    table: pd.DataFrame = chosen.table(result, **options)
    return table


def figure(result: Any, kind: str | None = None, *, title: str = "", **options: Any) -> Figure:
    """Draw a result.

    Parameters
    ----------
    result
        What a verb returned.
    kind : str, optional
        Which figure, see `versant.figures.catalogue`; without it the first of `kinds`.
    title : str, optional
    subject : label, optional
        Of ``"trajectory"``: whose; the first subject without it. Of ``"pairs"`` and ``"ranks"`` of a sampled posterior:
        whose draws; the group's without it, or the first subject's.
    alone : Fit
        Of ``"shrinkage"``: the fit of the same subjects one by one.
    task : Pomdp
        Of ``"occupancy"`` and ``"beliefs"``: the problem that a plan was made for.

    Returns
    -------
    matplotlib.figure.Figure
        ``save(figure, path)`` of `versant.figures.canvas` writes it, the same bytes for the same numbers;
        ``figure_table`` of the same result has the numbers.

    Raises
    ------
    ModelError
        If there is no such figure of this result, or an option does not belong to it.

    Examples
    --------
    >>> import versant as vs
    >>> found = vs.recover(vs.models.find("q_learning"), vs.Bandit(trials=30), 5, starts=1)
    >>> [ax.get_xlabel() for ax in figure(found).axes]
    ['truth', 'truth']
    """
    chosen = _chosen(result, kind, options)
    drawn: Figure = chosen.draw(result, chosen.table(result, **options), title)
    return drawn


def _chosen(result: Any, kind: str | None, options: dict[str, Any]) -> _Kind:
    there = kinds(result)
    name = there[0] if kind is None else kind
    if name not in there:
        raise ModelError(f"there is no figure {name!r} of a {type(result).__name__}: choose {', '.join(there)}")
    chosen = CATALOGUE[name]
    unknown = sorted(set(options) - set(chosen.options))
    if unknown:
        raise ModelError(f"the figure {name!r} takes no {unknown[0]}=")
    if "task" in chosen.options and "task" not in options:
        raise ModelError(f"the figure {name!r} needs task=, the problem that the plan was made for")
    if name == "shrinkage" and "alone" not in options:
        raise ModelError("the figure 'shrinkage' needs alone=, the fit of the same subjects one by one")
    return chosen
