"""The verb `plan`: a POMDP with budgets → a finite-state controller with its certificate."""

from __future__ import annotations

import os
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, Literal

import numpy as np

from versant.agents.controller import Controller
from versant.errors import ProblemError, VersantError
from versant.memory import within_memory
from versant.planning.alphavectors import lower_vectors
from versant.planning.bounds import BoundMethod
from versant.planning.certificate import Certificate, certify
from versant.planning.findings import Pool
from versant.planning.givenstarts import Start
from versant.planning.journal import Journal, describe
from versant.planning.magnitude import magnitude
from versant.planning.onesided import OneSided, one_sided
from versant.planning.proofs import prove
from versant.planning.protocol import Method
from versant.planning.result import Interrupted, Larger, Plan
from versant.planning.verdict import PlanVerdict, judge
from versant.planning.ways import MARGIN, NODES, Family, Task, ascend_from_starts, best_so_far, safer, solve
from versant.progress import Progress, silent
from versant.tasks.pomdp import Limits, Pomdp
from versant.threads import on_one_thread
from versant.verbs.plan_settings import SOLVERS, check_settings, drawn_seed, given_starts, rule_of

__all__ = ["plan"]

TIME_SHARES = (0.2, 0.65, 0.85, 1.0)
"""When, as shares of the time, policy graphs are there, the search ends, the best are at their end, the bounds are."""

CLOSE = 1e-6
"""Share of its value that a controller may lose for being shown to keep the budgets."""

EXTENSION = 0.1
"""Share of the time that a certificate may take beyond it, for a value without a narrow error bar is of no use."""


@on_one_thread
def plan(
    pomdp: Pomdp,
    nodes: int | Literal["grow"] | None = None,
    budgets: Mapping[str, Limits] | None = None,
    *,
    minimise: str | None = None,
    method: str | Method = "natural",
    deterministic: bool = False,
    starts: int | Sequence[Start] | None = None,
    also: Sequence[Start] = (),
    families: Sequence[Family] | None = None,
    bounds: Sequence[BoundMethod] | None = None,
    iterations: int | None = None,
    time: float | None = None,
    memory: float | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    pool: Pool | None = None,
    seed: int | np.random.Generator | None = 0,
    progress: Progress = silent,
) -> Plan:
    """Find a good finite-state controller within budgets, and certify it.

    Parameters
    ----------
    pomdp : Pomdp
        Discounted, infinite horizon.
    nodes : int or "grow", optional
        Size of the controller; "grow" adds nodes until the bound or the improvement says stop. Unless given, 5, or the
        size of the largest controller to start from. The methods "alpha" and "columns" choose the size themselves.
    budgets : mapping of str to float, pair or None, optional
        Bounds of expected discounted total costs: a number is an upper bound, a pair (lower, upper) bounds from both
        sides, where either may be None; two equal numbers ask for this very total (to one in ten millions). They take
        precedence over those of the problem.
    minimise : str, optional
        The cost that is to be as small as the budgets allow; the reward then is the cost ``"reward"``, as in
        ``plan(problem, minimise="risk", budgets={"reward": (15.0, None)})``, and the plan's value is minus the cost.
    method : {"natural", "sqp", "pga", "pga-exact", "nlp", "alpha", "columns"} or Method
        Rule of ascent; or "nlp", a solver of nonlinear programmes (Ipopt, with the extra ``nlp``), for comparison; or
        "alpha", the policy graph of a point-based search (without budgets), whose values are the α-vectors in the
        plan's `alpha`, or "columns", the best mixture of such graphs within the budgets, by column generation.
    deterministic : bool
        Whether to look for a controller without chance: what the ascents found is rounded and improved by exchange of
        single decisions. That none of this size is better is not proved; upper bounds hold for all policies.
    starts : int or sequence of Controller or AlphaPolicy, optional
        Number of random starts, or what to start from, and from nothing else; unless given, 40, and fewer where there
        are more than 300 pairs of state and node. Where the upper bound is reached before, the others are not drawn.
        Of controllers with fewer nodes than `nodes`, nodes are split, which changes nothing; deterministic ones with
        more are compressed; α-vectors become the policy graph that they are from the start belief.
    also : sequence of Controller or AlphaPolicy
        What to start from besides.
    families : sequence of {"graphs", "random", "exchange"}, optional
        Families of starts: policy graphs of a point-based search at several multipliers of the budgets, random ones,
        and the best that were found with one node exchanged. Unless given, random ones; policy graphs where the size of
        the problem allows, else one action for ever; exchanges where method, `deterministic` and `starts` leave it
        open. Where no method,
        `starts`, `families` and budgets are given, and there are more than 200,000 pairs of state and node, the policy
        graph itself is the answer, reduced to `nodes` nodes: an ascent would not get far.
    bounds : sequence of {"qmdp", "fib", "sawtooth"}, optional
        Upper bounds to compute beside that of the fully observed problem, the tightest and slowest last; unless given,
        those that the size of the problem allows.
    iterations : int, optional
        Limit of each ascent; 2000 unless `time` is given, which then is the only limit. With it and without `time`, the
        same seed gives the same answer. For "alpha" and "columns" the number of searches.
    time : float, optional
        Seconds. Fresh random starts are drawn until they are over, or until the upper bound is reached.
    memory : float, optional
        Gigabytes that planning may take besides what the process holds. Searches for policy graphs stop there; sizes
        of controllers that would not fit are refused. Without it, what the machine has is the limit of the latter.
    checkpoint : path, optional
        Where ascents that are done are kept while planning goes on. The same call with a file that an interrupted one
        has left behind goes on from there; a call that ends removes it.
    pool : Pool, optional
        What searches for policy graphs have found at other limits of the same budgets: they begin with it and add to
        it. Not together with `checkpoint`.
    seed : int, Generator or None
        Of the random starts.
    progress : Progress

    Returns
    -------
    Plan

    Raises
    ------
    ProblemError
        For an undiscounted or finite-horizon problem, an unknown cost or name, limits that are no numbers above zero,
        starts that are not for the problem or cannot be compressed, what the method has no use for, or the checkpoint
        of another call.
    VersantError
        Where what is asked for would not fit into memory.
    Interrupted
        A KeyboardInterrupt, on Ctrl-C, whose `plan` is the best so far, certified.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> found = plan(tiger(costs=("risk",)), nodes=3, budgets={"risk": 0.5}, starts=8, seed=1, bounds=["fib"])
    >>> found.feasible, found.value <= found.upper_bound
    (True, True)
    """
    begun = clock.perf_counter()
    check_settings(method, bounds, families, iterations, time, memory)
    if not isinstance(pomdp, Pomdp):
        raise ProblemError(f"plan() takes a Pomdp, not {type(pomdp).__name__}: read a file by vs.read_pomdp")
    aimed = pomdp if minimise is None else pomdp.minimising(minimise)
    bounded = aimed.with_budgets(budgets or {})
    sided = one_sided(bounded)
    name, drawn = method if isinstance(method, str) else method.name, drawn_seed(seed)
    starts, also, nodes = given_starts(sided.pomdp, nodes, starts, also)
    settings: dict[str, Any] = {"nodes": nodes, "method": name, "deterministic": deterministic, "families": families}
    settings |= {"iterations": iterations, "seed": drawn, "starts": starts, "also": also}
    if pool is not None and checkpoint is not None:
        raise ProblemError("a checkpoint is of a call that stands alone: leave it or the pool out")
    journal = Journal() if checkpoint is None else Journal.at(checkpoint, describe(sided.pomdp, **settings))
    ready, deadline, end, finish = (begun + share * time if time is not None else np.inf for share in TIME_SHARES)
    task = Task(sided.pomdp, drawn, iterations, begun, time, ready, deadline, end, finish, progress, journal, pool)
    report = partial(_report, task, bounded, sided, name, minimise, deterministic)
    try:
        with within_memory(memory):
            if method in SOLVERS:
                if also or deterministic or starts is not None or families is not None:
                    raise ProblemError(f"method {name!r} takes no `starts`, `also`, `families` nor `deterministic`")
                controller = solve(task, name, nodes)
            else:
                controller = ascend_from_starts(task, rule_of(method), nodes, starts, families, also, deterministic)
            found = report(controller, bounds)
    except KeyboardInterrupt as stop:
        best = report(best_so_far(task, NODES if nodes is None and name not in SOLVERS else nodes), ())
        raise Interrupted(replace(best, verdict=(*best.verdict, PlanVerdict.INTERRUPTED))) from stop
    journal.close()
    if pool is not None and task.run.columns is not None:
        pool.findings = task.run.columns.findings()
    return found


def _report(
    task: Task,
    bounded: Pomdp,
    sided: OneSided,
    method: str,
    minimise: str | None,
    deterministic: bool,
    controller: Controller,
    bounds: Sequence[BoundMethod] | None,
) -> Plan:
    """Certify a controller, bound what any policy can earn, and put everything together."""
    controller, certificate = _certified(task, bounded, controller, deterministic)
    proofs = prove(task, certificate, sided, bounds)
    upper, excess = proofs.upper, proofs.excess
    if upper is not None and certificate.feasible and certificate.value - certificate.value_error > upper:
        raise VersantError(
            f"contradiction: the controller found earns {certificate.value} within the budgets, but the upper bound "
            f"is {upper}. Please report this problem"
        )
    history = tuple(task.run.history)
    if certificate.feasible:
        history = task.run.settled(certificate.value, certificate.value_error)
    larger = _larger(task, controller)
    proved = excess is not None and excess.value > 0
    verdict = judge(certificate, upper, proved, -np.inf if larger is None else larger.value)
    return Plan(
        controller=controller,
        value=certificate.value,
        value_error=certificate.value_error,
        costs=certificate.costs,
        upper_bound=upper,
        bounds=proofs.bounds,
        proved_at=proofs.moments,
        multipliers=certificate.multipliers,
        first_order_gap=certificate.gap,
        verdict=verdict,
        least_excess=excess,
        history=history,
        moves=certificate.moves,
        problem=bounded.name,
        minimised=minimise,
        method=method,
        seed=task.seed,
        families=task.run.families,
        seconds=task.run.elapsed,
        larger=larger if PlanVerdict.LIMITED_BY_SIZE in verdict else None,
        alpha=lower_vectors(controller, sided.pomdp, task.finish + _extension(task)) if method == "alpha" else None,
    )


def _certified(
    task: Task, bounded: Pomdp, controller: Controller, deterministic: bool
) -> tuple[Controller, Certificate]:
    """Certify a controller or, where it is not shown to keep the budgets, the best smaller one that is, if any.

    Where rounding alone hides whether they are kept, that one has to be worth about as much. A policy graph that is
    worth less than was promised gives way to what ascents found.
    """
    best = controller, certify(bounded, controller, task.finish, _extension(task))
    least, standby = best[1].value, task.run.standby
    others: Iterable[Controller] = () if standby is None else (standby[1],)
    if best[1].feasible:
        others = others if standby is not None and standby[0] > least else ()
    else:
        others = chain(others, safer(task, controller, deterministic))
        least = least - CLOSE * magnitude(least, best[1].scale) if best[1].undecided else -np.inf
    for other in others:
        found = certify(bounded, other, task.finish, _extension(task))
        if found.feasible and found.value > least:
            best, least = (other, found), found.value
    return best


def _extension(task: Task) -> float:
    """Seconds that a certificate may take beyond the end; 0 without a limit of time."""
    return 0.0 if task.time is None else max(0.0, clock.perf_counter() - task.finish) + EXTENSION * task.time


def _larger(task: Task, controller: Controller) -> Larger | None:
    """The best mixture of policy graphs, if it keeps the budgets and has more nodes."""
    columns = task.run.columns
    mixed = columns.best(MARGIN) if columns is not None and columns.found else None
    if mixed is None or mixed.excess > 0.0 or mixed.graph.n_nodes <= controller.n_nodes:
        return None
    return Larger(mixed.graph.n_nodes, float(mixed.totals[0]))
