"""Learners: agents with a real-valued state that is updated deterministically, written once as an ordinary function.

    @vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(n.choice)})
    def q_learning(p, s, t):
        a = t.choose("choice", p.beta * s.Q)          # observation model: logits
        s.Q[a] += p.alpha * (t.reward - s.Q[a])       # learning model

The function is traced (`trace`) into a recurrence that is differentiated and evaluated, and run as it is to simulate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from versant.agents.parameters import Domain
from versant.agents.synonyms import Synonym, declared_names
from versant.agents.trial import (
    Design,
    Parameters,
    Sizes,
    State,
    TracedTrial,
    guard_of,
    outcome_of,
    state_operand,
)
from versant.errors import ModelError
from versant.expressions import build
from versant.expressions.arrays import Array, MemoryArray
from versant.expressions.graph import Graph, Node, topological
from versant.expressions.operators import Operand, Scalar
from versant.expressions.recurrence import Flag, Recurrence
from versant.trials.coding import Label

__all__ = ["Learner", "MissingPolicy", "learner"]

MissingPolicy = Literal["skip", "learn"]
_LEVELS = ("session", "block")


@dataclass(frozen=True, repr=False)
class Learner:
    """A learner: a function of one trial, its parameters and its state. Made by the decorator `learner`.

    Attributes
    ----------
    name : str
    function : callable
        ``function(p, s, t)``.
    parameters : mapping
        Name → `Domain`, in order.
    state : mapping or callable
        Initial state by name, or a function ``(p, n)`` that returns it.
    reset : mapping
        ``"session"`` or ``"block"`` → names of the state that starts anew there.
    on_missing : {"skip", "learn", None}
        What happens on a trial whose response is missing.
    columns : mapping
        Column → its name in files that do not have the first.
    choices : mapping
        Column of options → their labels in order, for files that do not show every option.
    derived : mapping
        Column → function of the trial that computes it, for trials that do not record it.
    synonyms : mapping
        Other names of parameters → the names declared; of several in an array, their names in tuples.
    """

    name: str
    function: Callable[[Any, Any, Any], None]
    parameters: Mapping[str, Domain]
    state: Mapping[str, Any] | Callable[[Any, Any], Mapping[str, Any]]
    reset: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    on_missing: MissingPolicy | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, tuple[Label, ...]] = field(default_factory=dict)
    derived: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    synonyms: Mapping[str, Synonym] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.function.__doc__)

    def __repr__(self) -> str:
        told = (f"{name} in ({domain.lower:g}, {domain.upper:g})" for name, domain in self.parameters.items())
        return f"Learner({self.name}: {', '.join(told)})"

    @property
    def n_parameters(self) -> int:
        """How many parameters there are, K."""
        return len(self.parameters)

    def variant(self, name: str, **changes: Any) -> Learner:
        """Return the same function under another name, with other declarations (``state=``, ``reset=`` …).

        Parameters
        ----------
        name : str
        **changes
            Attributes of the learner.
        """
        return replace(self, name=name, **changes)

    def initial_state(self, p: Parameters, design: Design, graph: Graph) -> dict[str, Operand]:
        """Return the state before the first trial, as operands on `graph`."""
        state = self.state(p, Sizes(design)) if callable(self.state) else self.state
        if not isinstance(state, Mapping):
            raise ModelError(f"{self.name}: state= must give a dict of names and initial values")
        unknown = {name for names in self.reset.values() for name in names} - set(state)
        if unknown:
            raise ModelError(f"{self.name}: reset= names state that is not declared: {', '.join(sorted(unknown))}")
        return {name: state_operand(value, graph) for name, value in state.items()}

    def trace(self, design: Design, unroll: int | None = None) -> Recurrence:
        """Trace the function into a recurrence.

        Parameters
        ----------
        design : Design
            What the data look like.
        unroll : int, optional
            State arrays of up to this many entries are unrolled into scalars; larger ones live in memory. By default,
            what is faster, see `versant.expressions.graph.Graph`.

        Raises
        ------
        ModelError
            If the function cannot be traced.
        """
        graph = Graph(unroll)
        p = Parameters({name: Scalar(graph.leaf("parameter", k)) for k, name in enumerate(self.parameters)})
        initial = self.initial_state(p, design, graph)
        symbols = {name: _symbols(name, value, graph) for name, value in initial.items()}
        t = TracedTrial(graph, design, self.derived)
        s = State(
            {name: self._at_trial_start(name, symbols[name], initial[name], graph) for name in initial}, guard_of(t)
        )
        self.function(p, s, t)
        out = outcome_of(t)
        update = [node for name in initial for node in _nodes(getattr(s, name))]
        roots = [*update, out.log_likelihood, out.chance, out.scored, *out.records.values()]
        return Recurrence(
            graph=graph,
            parameters=tuple(self.parameters),
            state=tuple(node for name in initial for node in _nodes(symbols[name])),
            initial=tuple(node for name in initial for node in _nodes(initial[name])),
            update=tuple(update),
            log_likelihood=out.log_likelihood,
            chance=out.chance,
            scored=out.scored,
            choices_only=out.choices_only,
            records=MappingProxyType(dict(out.records)),
            data=tuple(n for n in topological(roots) if n.op == "data"),
        )

    def _at_trial_start(self, name: str, symbol: Operand, initial: Operand, graph: Graph) -> Operand:
        value = symbol
        for level in _LEVELS:
            if name in self.reset.get(level, ()):
                begins = graph.leaf("data", Flag("reset", level), "bool")
                nodes = [build.where(begins, i, v) for i, v in zip(_nodes(initial), _nodes(value), strict=True)]
                value = _like(symbol, nodes)
        return _like(value, _nodes(value))


def _nodes(value: Operand) -> list[Node]:
    if isinstance(value, Array):
        return value.entries
    assert isinstance(value, Scalar | MemoryArray)
    return [value.node]


def _like(value: Operand, nodes: list[Node]) -> Operand:
    if isinstance(value, Array):
        return Array(list(nodes), value.shape)
    return MemoryArray(nodes[0], value.shape) if isinstance(value, MemoryArray) else Scalar(nodes[0])


def _symbols(name: str, value: Operand, graph: Graph) -> Operand:
    if isinstance(value, Array):
        count = math.prod(value.shape)
        return Array([graph.leaf("state", (name, k)) for k in range(count)], value.shape)
    if isinstance(value, MemoryArray):
        return MemoryArray(graph.leaf("state", (name,), size=value.node.size), value.shape)
    return Scalar(graph.leaf("state", (name,)))


def learner(
    *,
    state: Mapping[str, Any] | Callable[[Any, Any], Mapping[str, Any]] | None = None,
    reset: Mapping[str, str | tuple[str, ...]] | None = None,
    on_missing: MissingPolicy | None = None,
    columns: Mapping[str, str] | None = None,
    choices: Mapping[str, Sequence[Label]] | None = None,
    derived: Mapping[str, Callable[[Any], Any]] | None = None,
    synonyms: Mapping[str, Synonym] | None = None,
    **parameters: Domain,
) -> Callable[[Callable[[Any, Any, Any], None]], Learner]:
    """Make a `Learner` of a function of one trial.

    Parameters
    ----------
    state : mapping or callable, optional
        Initial state by name (numbers, or arrays from `zeros`, `ones` or nested lists), or a function ``(p, n)`` that
        returns it: `p` holds the parameters, `n.column` how many options a data column has.
    reset : mapping, optional
        ``{"block": "Q"}`` or ``{"session": ("Q", "C")}``: state that starts anew with each block or session.
    on_missing : {"skip", "learn"}, optional
        What happens on trials with a declared missing response: the whole trial is skipped, or every statement that
        does not need the response still runs. Without it, such data are an error that asks.
    columns : mapping, optional
        ``{"reward": "outcome"}``: where the trials have no column ``reward``, the learner reads ``outcome``.
    choices : mapping, optional
        ``{"level2_choice": (1, 2, 3, 4)}``: the labels of a column's options in order. They hold where every value in
        the trials is one of them; otherwise, the trials must show as many options in a coding of their own.
    derived : mapping, optional
        ``{"state": lambda t: ...}``: what computes a column that the trials do not record from those that they do. In
        a simulation the task shows the column.
    synonyms : mapping, optional
        ``{"sigma0": "s0"}``: other names under which a parameter's values may be given;
        ``{"omega": ("omega2", "omega3")}``: or those of several, as an array.
    **parameters : Domain
        `unit`, `positive`, `real` or `interval(lo, hi)`.

    Returns
    -------
    callable
        The decorator.

    Raises
    ------
    ModelError
        If a parameter is no domain, or an option is unknown.

    Examples
    --------
    >>> from versant.agents.parameters import positive, unit
    >>> @learner(alpha=unit, beta=positive, state={"Q": [0.0, 0.0]})
    ... def q_learning(p, s, t):
    ...     a = t.choose("choice", p.beta * s.Q)
    ...     s.Q[a] += p.alpha * (t.reward - s.Q[a])
    >>> list(q_learning.parameters)
    ['alpha', 'beta']
    """
    for name, domain in parameters.items():
        if not isinstance(domain, Domain):
            raise ModelError(f"parameter {name}={domain!r} is no domain: use unit, positive, real or interval(lo, hi)")
    if not parameters:
        raise ModelError("a learner needs at least one parameter, such as alpha=vs.unit")
    if on_missing not in (None, "skip", "learn"):
        raise ModelError(f"on_missing={on_missing!r} is unknown: choose 'skip' or 'learn'")
    levels = {k: (v,) if isinstance(v, str) else tuple(v) for k, v in (reset or {}).items()}
    if not set(levels) <= set(_LEVELS):
        raise ModelError(f"reset= takes 'session' and 'block', not {', '.join(sorted(set(levels) - set(_LEVELS)))}")
    lost = sorted({n for names in (synonyms or {}).values() for n in declared_names(names)} - set(parameters))
    if lost:
        raise ModelError(f"synonyms= stand for parameters that are not declared: {', '.join(lost)}")

    def decorate(function: Callable[[Any, Any, Any], None]) -> Learner:
        return Learner(
            name=function.__name__,
            function=function,
            parameters=MappingProxyType(dict(parameters)),
            state=state if state is not None else {},
            reset=MappingProxyType(levels),
            on_missing=on_missing,
            columns=MappingProxyType(dict(columns or {})),
            choices=MappingProxyType({name: tuple(labels) for name, labels in (choices or {}).items()}),
            derived=MappingProxyType(dict(derived or {})),
            synonyms=MappingProxyType(dict(synonyms or {})),
        )

    return decorate
