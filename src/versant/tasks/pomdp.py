"""A partially observable Markov decision process (POMDP), with named costs and budgets.

In state s the agent takes action a, earns the expected reward R(s, a) and pays the expected costs C_i(s, a); the state
becomes s' with probability P(s' | s, a), and the agent observes o with probability O(o | a, s'). The agent never sees
the state: it starts from the belief b₀(s) and maximises

    E Σ_t γ^t R(s_t, a_t)    subject to    φ_i ≤ E Σ_t γ^t C_i(s_t, a_t) ≤ ε_i   for every budget ε_i and floor φ_i

=============== ==========================================
symbol          name in the code
=============== ==========================================
P(s' | s, a)    ``transitions[a][s, s']``
O(o | a, s')    ``emissions[a][s', o]``
R(s, a)         ``rewards[s, a]``
C_i(s, a)       ``costs[i][s, a]``
ε_i             ``budgets[i]``
φ_i             ``floors[i]``
b₀(s)           ``start[s]``
γ               ``discount``
=============== ==========================================

Source: Kaelbling, Littman & Cassandra 1998, *Planning and acting in partially observable stochastic domains*; the
constrained problem: Altman 1999, *Constrained Markov decision processes*.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from versant.errors import ProblemError
from versant.tasks.checks import (
    Array,
    Sparse,
    check_order,
    checked_belief,
    checked_budget,
    checked_cost_name,
    checked_discount,
    checked_horizon,
    checked_kernel,
    checked_names,
    index_of,
    known_costs,
    unknown_cost,
)
from versant.tasks.payoffs import expected_payoff, payoff_table

__all__ = ["CostEntries", "Limits", "Pomdp", "require_discounted"]

#: Keys are (state, action), or with next state and observation behind, by name or index; ``"*"`` stands for all.
CostEntries = Mapping[Any, float]

#: Upper bound of a total, or (lower, upper), each of which may be None.
Limits: TypeAlias = float | tuple[float | None, float | None] | None


@dataclass(frozen=True, eq=False)
class Pomdp:
    """A validated, immutable POMDP with named costs and budgets.

    Parameters
    ----------
    states, actions, observations : tuple of str
        Unique, non-empty names: S states, A actions, O observations.
    transitions : tuple of A sparse (S, S) arrays
        ``transitions[a][s, s']`` = P(s' | s, a); each row sums to one.
    emissions : tuple of A sparse (S, O) arrays
        ``emissions[a][s', o]`` = O(o | a, s'); each row sums to one.
    rewards : (S, A) array
        Expected immediate reward.
    start : (S,) array
        Start belief.
    discount : float or None
        In (0, 1]; None where a file gives none.
    costs : mapping of str to (S, A) array, optional
        Expected immediate cost of each named signal.
    budgets : mapping of str to float, optional
        Upper bound of the expected discounted total of a cost from the start belief.
    floors : mapping of str to float, optional
        Lower bound of the same; where it equals the budget, the total is to have this value.
    horizon : int, optional
        Number of decisions of a finite-horizon problem.
    name : str, optional
    notes : tuple of str, optional
        What a reader repaired or rescaled.

    Raises
    ------
    ProblemError
        Where a name, a shape, a probability, a sum, the discount or a budget is wrong; it names which.

    Examples
    --------
    >>> lamp = Pomdp.from_arrays(
    ...     transitions=[np.eye(2)],
    ...     emissions=[np.eye(2)],
    ...     rewards=[[0.0], [1.0]],
    ...     discount=0.9,
    ...     states=("off", "on"),
    ...     actions=("look",),
    ... )
    >>> lamp.n_states, lamp.action_index("look")
    (2, 0)
    >>> lamp.with_costs({"power": {("on", "*"): 2.0}}).costs["power"]
    array([[0.], [2.]])
    """

    states: tuple[str, ...]
    actions: tuple[str, ...]
    observations: tuple[str, ...]
    transitions: tuple[Sparse, ...]  # A times (S, S')
    emissions: tuple[Sparse, ...]  # A times (S', O)
    rewards: Array  # (S, A)
    start: Array  # (S,)
    discount: float | None
    costs: Mapping[str, Array] = field(default_factory=dict)  # each (S, A)
    budgets: Mapping[str, float] = field(default_factory=dict)
    horizon: int | None = None
    name: str = ""
    notes: tuple[str, ...] = ()
    floors: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def put(attribute: str, value: object) -> None:
            object.__setattr__(self, attribute, value)

        for attribute, noun in (("states", "state"), ("actions", "action"), ("observations", "observation")):
            put(attribute, checked_names(getattr(self, attribute), noun))
        put("transitions", self._kernels(self.transitions, "transitions", self.states))
        put("emissions", self._kernels(self.emissions, "emissions", self.observations))
        put("rewards", self._payoff(self.rewards, "reward"))
        put("start", checked_belief(self.start, self.states))
        costs = {checked_cost_name(name): self._payoff(c, f"cost {name!r}") for name, c in self.costs.items()}
        put("costs", MappingProxyType(costs))
        for attribute in ("budgets", "floors"):
            given = getattr(self, attribute).items()
            put(attribute, MappingProxyType({name: checked_budget(name, b, costs) for name, b in given}))
        check_order(self.floors, self.budgets)
        put("discount", checked_discount(self.discount))
        put("horizon", checked_horizon(self.horizon))
        put("notes", tuple(self.notes))

    @classmethod
    def from_arrays(
        cls,
        transitions: Sequence[Any],
        emissions: Sequence[Any],
        rewards: ArrayLike,
        discount: float | None,
        *,
        start: ArrayLike | None = None,
        states: Sequence[str] | None = None,
        actions: Sequence[str] | None = None,
        observations: Sequence[str] | None = None,
        name: str = "",
    ) -> Pomdp:
        """Build a problem from dense or sparse arrays; spaces without names are numbered, as in Cassandra's format.

        Parameters
        ----------
        transitions : (A, S, S) array, or sequence of A dense or sparse (S, S) arrays
        emissions : (A, S, O) array, or sequence of A dense or sparse (S, O) arrays
        rewards : (S, A) array
        discount : float or None
        start : (S,) array, optional
            Uniform where not given.
        states, actions, observations : sequence of str, optional
        name : str, optional
        """
        table = np.asarray(rewards, dtype=np.float64)
        if table.ndim != 2 or not len(emissions):
            raise ProblemError("rewards are a (states, actions) array, and every action has transitions and emissions")
        n_states, n_actions = table.shape
        n_observations = np.shape(emissions[0])[-1]
        return cls(
            states=tuple(states) if states is not None else _numbers(n_states),
            actions=tuple(actions) if actions is not None else _numbers(n_actions),
            observations=tuple(observations) if observations is not None else _numbers(n_observations),
            transitions=tuple(transitions),
            emissions=tuple(emissions),
            rewards=table,
            start=np.full(n_states, 1.0 / max(n_states, 1)) if start is None else np.asarray(start, dtype=np.float64),
            discount=discount,
            name=name,
        )

    def __reduce__(self) -> tuple[type[Pomdp], tuple[object, ...]]:
        values = (getattr(self, f.name) for f in fields(self))
        return Pomdp, tuple(dict(v) if isinstance(v, MappingProxyType) else v for v in values)

    def __repr__(self) -> str:
        budgets = f", budgets={dict(self.budgets)}" if self.budgets else ""
        budgets += f", floors={dict(self.floors)}" if self.floors else ""
        sizes = f"{self.n_states} states, {self.n_actions} actions, {self.n_observations} observations"
        return f"Pomdp({self.name or 'unnamed'!r}: {sizes}, discount={self.discount}, costs={[*self.costs]}{budgets})"

    @property
    def n_states(self) -> int:
        """Number of states, S."""
        return len(self.states)

    @property
    def n_actions(self) -> int:
        """Number of actions, A."""
        return len(self.actions)

    @property
    def n_observations(self) -> int:
        """Number of observations, O."""
        return len(self.observations)

    def state_index(self, state: str | int) -> int:
        """Index of a state given by name or index; ProblemError (with close matches) where there is none."""
        return index_of(state, self._state_numbers, "state")

    def action_index(self, action: str | int) -> int:
        """Index of an action given by name or index; ProblemError (with close matches) where there is none."""
        return index_of(action, self._action_numbers, "action")

    def observation_index(self, observation: str | int) -> int:
        """Index of an observation given by name or index; ProblemError (with close matches) where there is none."""
        return index_of(observation, self._observation_numbers, "observation")

    def with_costs(self, costs: Mapping[str, ArrayLike | CostEntries]) -> Pomdp:
        """Return the same problem with these costs added; a cost of the same name is replaced.

        Parameters
        ----------
        costs : mapping of str to array or mapping of tuples to float
            An array (S, A), or (S, A, S') or (S, A, S', O) where the cost depends on what follows, of which the
            expectation is kept. In a mapping, keys are (state, action), and with next state and observation behind
            where they matter, by name or index; ``"*"`` stands for all, later entries override earlier ones, and what
            is not named costs nothing.

        Examples
        --------
        >>> from versant.tasks.zoo import tiger
        >>> risky = tiger().with_costs({"risk": {("tiger-left", "open-left"): 1, ("tiger-right", "open-right"): 1}})
        >>> risky.costs["risk"]
        array([[0., 1., 0.], [0., 0., 1.]])
        """
        return replace(self, costs={**self.costs, **{name: self._cost(c) for name, c in costs.items()}})

    def with_budgets(self, budgets: Mapping[str, Limits]) -> Pomdp:
        """Return the same problem with these budgets set, in place of what there was for the same costs.

        Parameters
        ----------
        budgets : mapping of str to float, pair or None
            A number is an upper bound. A pair (lower, upper) bounds from both sides, where a bound may be None; two
            equal numbers ask for this very total. None lifts what there was.

        Examples
        --------
        >>> from versant.tasks.zoo import tiger
        >>> dict(tiger(costs=("risk",)).with_budgets({"risk": 0.08}).budgets)
        {'risk': 0.08}
        >>> tiger(costs=("listen",)).with_budgets({"listen": (10.0, None)})
        Pomdp('tiger': 2 states, 3 actions, 2 observations, discount=0.95, costs=['listen'], floors={'listen': 10.0})
        """
        if not isinstance(budgets, Mapping):
            raise ProblemError(f"budgets are given as {{cost: bound}}, not as {budgets!r}")
        lower, upper = {**self.floors}, {**self.budgets}
        for name, limits in budgets.items():
            if name not in self.costs:
                raise ProblemError(unknown_cost(name, self.costs))
            lower.pop(name, None)
            upper.pop(name, None)
            low, high = limits if isinstance(limits, tuple | list) and len(limits) == 2 else (None, limits)
            if low is not None:
                lower[name] = low
            if high is not None:
                upper[name] = high
        return replace(self, budgets=upper, floors=lower)

    def minimising(self, cost: str) -> Pomdp:
        """Return the problem in which this cost is to be small: its reward is minus the cost, the reward a cost.

        The former reward is the cost ``"reward"``, so that it can have budgets.

        Examples
        --------
        >>> from versant.tasks.zoo import tiger
        >>> [*tiger(costs=("risk",)).minimising("risk").costs]
        ['risk', 'reward']
        """
        if cost not in self.costs:
            raise ProblemError(f"there is no cost {cost!r} to minimise; {known_costs(self.costs)}")
        if "reward" in self.costs:
            raise ProblemError("a cost is called 'reward' already, so the reward cannot become a cost: rename it")
        return replace(self, rewards=-self.costs[cost], costs={**self.costs, "reward": self.rewards})

    @cached_property
    def _state_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.states)}

    @cached_property
    def _action_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.actions)}

    @cached_property
    def _observation_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.observations)}

    def _cost(self, cost: ArrayLike | CostEntries) -> Array:
        shape = (self.n_states, self.n_actions, self.n_states, self.n_observations)
        indices = (self.state_index, self.action_index, self.state_index, self.observation_index)
        table = payoff_table(cost, shape, indices) if isinstance(cost, Mapping) else cost
        return expected_payoff(table, self.transitions, self.emissions, "cost")

    def _kernels(self, kernels: Sequence[Any], noun: str, columns: Sequence[str]) -> tuple[Sparse, ...]:
        """Check one stochastic matrix an action; actions that share a matrix go on sharing it."""
        given = [*kernels]
        if len(given) != self.n_actions:
            raise ProblemError(f"{noun}: {len(given)} matrices for {self.n_actions} actions")
        checked: dict[int, Sparse] = {}
        for action, kernel in zip(self.actions, given, strict=True):
            if id(kernel) not in checked:
                checked[id(kernel)] = checked_kernel(kernel, f"{noun} of action {action!r}", self.states, columns)
        return tuple(checked[id(kernel)] for kernel in given)

    def _payoff(self, payoff: ArrayLike, noun: str) -> Array:
        table = np.array(payoff, dtype=np.float64)
        if table.shape != (self.n_states, self.n_actions):
            raise ProblemError(
                f"{noun}: shape {table.shape}, expected (states, actions) = {(self.n_states, self.n_actions)}"
            )
        if not np.isfinite(table).all():
            state, action = np.argwhere(~np.isfinite(table))[0]
            where = f"in state {self.states[state]!r} under action {self.actions[action]!r}"
            raise ProblemError(f"{noun} {where} is {table[state, action]}, expected a finite number")
        table.setflags(write=False)
        return table


def require_discounted(pomdp: Pomdp) -> float:
    """Return the discount of an infinite-horizon problem with discount below one; refuse every other.

    Raises
    ------
    ProblemError
        For a finite horizon, an absent discount, or a discount of one.
    """
    name = f"{pomdp.name}: " if pomdp.name else ""
    if pomdp.horizon is not None:
        raise ProblemError(
            f"{name}the problem has a finite horizon ({pomdp.horizon}); only discounted problems with an infinite "
            "horizon can be solved. Remove the horizon and give a discount below 1"
        )
    if pomdp.discount is None:
        raise ProblemError(f"{name}the problem has no discount; give one below 1 (in a file: 'discount: 0.95')")
    if pomdp.discount >= 1.0:
        raise ProblemError(
            f"{name}the discount is {pomdp.discount:g}: totals need not be finite; give a discount below 1"
        )
    return pomdp.discount


def _numbers(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))
