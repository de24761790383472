"""What a learner's function sees: its parameters `p`, its state `s`, the sizes `n` and the trial `t`.

The same function is traced and simulated, so these namespaces hold operands of any graph; only the trial differs:
`TracedTrial` hands back what was recorded and adds up its log-likelihood, the simulator's trial draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from versant.errors import ModelError
from versant.expressions import build, functions
from versant.expressions.arrays import Array, Guard, MemoryArray, in_memory, spread
from versant.expressions.graph import Graph, Node, topological
from versant.expressions.operators import Operand, Scalar, node_of, truth_of
from versant.expressions.recurrence import Column, Flag

__all__ = [
    "Density",
    "Design",
    "JointDensity",
    "Outcome",
    "Parameters",
    "Sizes",
    "State",
    "TracedTrial",
    "choice_log_probability",
    "guard_of",
    "offered_options",
    "outcome_of",
    "state_operand",
]


class Design(Protocol):
    """What a learner may ask about the data or the task before any trial is seen."""

    @property
    def missing(self) -> frozenset[str]:
        """Columns in which some trials hold a declared missing code."""

    def options(self, name: str) -> int | None:
        """Return how many options a coded column has; None if the column is not coded."""

    def count(self, name: str) -> int:
        """Return how many options a column has; an error if that cannot be known."""

    def shows(self, name: str) -> bool:
        """Whether there is a column of this name."""


class Density(Protocol):
    """The distribution of a continuous response."""

    def log_density(self, value: Any) -> Any:
        """Return the log-density at `value`, as an expression."""

    def sample(self, rng: np.random.Generator, lanes: int) -> Any:
        """Draw one value a lane."""


class JointDensity(Protocol):
    """The distribution of a choice and a continuous response that goes with it, such as its reaction time."""

    @property
    def n_options(self) -> int:
        """How many options there are."""

    def log_density(self, choice: Any, value: Any) -> Any:
        """Return the log-density of a choice and a value, as an expression."""

    def sample(self, rng: np.random.Generator, lanes: int) -> tuple[Any, Any]:
        """Draw one choice 0..n-1 and one value a lane."""


class Parameters:
    """`p`: the parameters, in natural units, by name."""

    def __init__(self, values: Mapping[str, Scalar]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Scalar:
        values: dict[str, Scalar] = object.__getattribute__(self, "_values")
        if name not in values:
            raise ModelError(f"the learner has no parameter {name!r}; it declares {', '.join(values)}")
        return values[name]

    def __getitem__(self, name: str) -> Scalar:
        """``p["lambda"]``, for names that Python keeps for itself."""
        value: Scalar = getattr(self, name)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        raise ModelError(f"parameters do not change within a subject: p.{name} cannot be assigned")


class Sizes:
    """`n`: how many options a data column has, by the column's name."""

    def __init__(self, design: Design) -> None:
        self._design = design

    def __getattr__(self, name: str) -> int:
        return self._design.count(name)


class State:
    """`s`: what the learner carries from trial to trial, by name; shapes do not change."""

    def __init__(self, values: Mapping[str, Operand], guard: Guard | None = None) -> None:
        object.__setattr__(self, "_values", dict(values))
        object.__setattr__(self, "_guard", guard)
        for value in values.values():
            if isinstance(value, Array | MemoryArray):
                value.guard = guard

    def __getattr__(self, name: str) -> Operand:
        values: dict[str, Operand] = object.__getattribute__(self, "_values")
        if name not in values:
            raise ModelError(
                f"the learner declares no state {name!r}; declare it in state=; it has {', '.join(values) or 'none'}"
            )
        return values[name]

    def __setattr__(self, name: str, value: Any) -> None:
        values: dict[str, Operand] = object.__getattribute__(self, "_values")
        guard: Guard | None = object.__getattribute__(self, "_guard")
        values[name] = _assigned(name, getattr(self, name), value, guard)


def _assigned(name: str, old: Operand, value: Any, guard: Guard | None) -> Operand:
    if isinstance(old, Scalar):
        new = build.as_real(node_of(value, old.node.graph))
        when = None if guard is None else guard([new])
        return Scalar(build.where(when, new, old.node))
    if isinstance(old, MemoryArray):
        filled = old.combine(value, _second)
        when = None if guard is None else guard([filled.node])
        return MemoryArray(build.where(when, filled.node, old.node), old.shape, guard)
    assert isinstance(old, Array)
    given = Array.of(value, old.graph)
    if given.shape not in (old.shape, ()):
        raise ModelError(f"s.{name} has shape {old.shape} and cannot be assigned an array of shape {given.shape}")
    entries = [build.as_real(e) for e in spread(given, old.shape)]
    when = None if guard is None else guard(entries)
    return Array([build.where(when, a, b) for a, b in zip(entries, old.entries, strict=True)], old.shape, guard)


def _second(first: Node, second: Node) -> Node:
    """Return the second, spread over the entries of the first."""
    return second if second.size else build.add(first.graph.constant(0.0, first.size), second)


def state_operand(value: Any, graph: Graph) -> Operand:
    """Return the operand of an initial state: a scalar, an unrolled array, or (if large) an array in memory."""
    if isinstance(value, Scalar):
        return Scalar(build.as_real(value.node))
    array = Array.of(value, graph)
    entries = [build.as_real(e) for e in array.entries]
    if not array.shape:
        return Scalar(entries[0])
    if not graph.unrolls(array.shape):
        return in_memory(array)
    return Array(entries, array.shape)


class DataColumn(Scalar):
    """A data column whose use decides how it is read: as an index (codes) or in arithmetic (numbers)."""

    __slots__ = ("_graph", "_name")

    def __init__(self, name: str, graph: Graph) -> None:
        self._name = name
        self._graph = graph

    @property
    def node(self) -> Node:
        """The column as numbers."""
        return self._graph.leaf("data", Column(self._name))

    def as_index(self, length: int) -> Node:
        """Return the column as codes 0..length-1."""
        return self._graph.leaf("data", Column(self._name, length), "int", 0, length - 1)

    def __repr__(self) -> str:
        return f"DataColumn({self._name!r})"


class TracedTrial:
    """`t` while a learner is traced.

    A statement that needs a missing response is not executed: its term is left out of the log-likelihood, and what it
    would have written keeps its value.
    """

    def __init__(
        self, graph: Graph, design: Design, derived: Mapping[str, Callable[[Any], Any]] = MappingProxyType({})
    ) -> None:
        self._graph = graph
        self._design = design
        self._derived = derived
        self._total = graph.constant(0.0)
        self._records: dict[str, Node] = {}
        self._scored = graph.constant(0.0)
        self._responses = graph.constant(0.0)
        self._chance = graph.constant(0.0)
        self._read: set[str] = set()
        self._chosen: dict[str, bool] = {}  # whether each was chosen under a condition
        self._observed: list[str] = []

    def __getattr__(self, name: str) -> Scalar:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._derived and not self._design.shows(name):
            seen = set(self._read)
            value = Scalar(node_of(self._derived[name](self), self._graph))
            self._read = seen  # what the task tells may be computed from a later choice in the file
            return value
        self._read.add(name)
        options = self._design.options(name)
        if options is None:
            return DataColumn(name, self._graph)
        return Scalar(self._graph.leaf("data", Column(name, options), "int", 0, options - 1))

    def choose(
        self,
        name: str,
        logits: Any = None,
        *,
        probabilities: Any = None,
        lapse: Any = None,
        when: Any = None,
        among: Any = None,
    ) -> Scalar:
        """Observe a choice among options; return the recorded one.

        Parameters
        ----------
        name : str
            The column that holds the choice.
        logits : vector of length n, or scalar
            Preferences; choice probabilities are their softmax. A scalar is the log-odds of option 1 against option 0.
        probabilities : vector of length n, or scalar
            Instead of logits: the probabilities themselves; a scalar is that of option 1.
        lapse : scalar in [0, 1], optional
            Probability of choosing uniformly at random instead.
        when : condition, optional
            The choice enters the likelihood only where this holds.
        among : sequence of n options, optional
            Which of the column's options are on offer, in the order of the logits; by default all of them.
        """
        self._begin_choice(name, when)
        log_probability, n = choice_log_probability(self._graph, logits, probabilities, lapse)
        if among is None:
            width, offered = n, None
        else:
            width, offered = self._design.count(name), offered_options(name, among, n)
        known = self._design.options(name)
        if known is not None and known != width:
            raise ModelError(
                f"the learner offers {n} options in {name!r}, but the column has {known}; "
                f"if the data do not show every option, read them with choices={{'{name}': {n}}}"
            )
        chosen = Scalar(self._graph.leaf("data", Column(name, width), "int", 0, width - 1))
        term = log_probability(chosen) if offered is None else _offered_term(log_probability, chosen, offered)
        condition = self._add(term, [chosen.node], when)
        self._scored = build.add(self._scored, self._constant_where(condition, 1.0))
        self._chance = build.add(self._chance, self._constant_where(condition, -math.log(n)))
        return chosen

    def observe(self, name: str, density: Density, *, when: Any = None) -> Scalar:
        """Observe a continuous response (rating, reaction time) with the given density; return the recorded one."""
        value = DataColumn(name, self._graph)
        self._observed.append(name)
        condition = self._add(density.log_density(value), [value.node], when)
        self._responses = build.add(self._responses, self._constant_where(condition, 1.0))
        return value

    def respond(self, choice: str, value: str, density: JointDensity, *, when: Any = None) -> tuple[Scalar, Scalar]:
        """Observe a choice and, with it, a continuous response (its reaction time); return the recorded ones.

        Parameters
        ----------
        choice, value : str
            The columns that hold them.
        density : JointDensity
            Such as `versant.agents.wiener.Wiener`.
        when : condition, optional
            They enter the likelihood only where this holds.
        """
        self._begin_choice(choice, when)
        known = self._design.options(choice)
        if known not in (None, density.n_options):
            raise ModelError(f"the density has {density.n_options} options, but the column {choice!r} has {known}")
        chosen = Scalar(self._graph.leaf("data", Column(choice, density.n_options), "int", 0, density.n_options - 1))
        observed = DataColumn(value, self._graph)
        self._observed.append(value)
        condition = self._add(density.log_density(chosen, observed), [chosen.node, observed.node], when)
        self._scored = build.add(self._scored, self._constant_where(condition, 1.0))
        return chosen, observed

    def score(self, term: Any, *, when: Any = None) -> None:
        """Add a term to the log-likelihood beside what is chosen and observed: a normalising constant of the data.

        The log-likelihood of choosing at random has it too.
        """
        constant = build.as_real(node_of(term, self._graph))
        condition = self._add(Scalar(constant), [], when)
        self._chance = build.add(self._chance, build.where(condition, constant, self._graph.constant(0.0)))

    def record(self, name: str, value: Any) -> None:
        """Name a trial-wise quantity (value, prediction error) that a user may ask for."""
        if name in self._records:
            raise ModelError(f"the learner records {name!r} twice in one trial")
        self._records[name] = build.as_real(node_of(value, self._graph))

    def _begin_choice(self, name: str, when: Any) -> None:
        """Refuse a choice that the learner has seen already, and one that would be scored twice."""
        if name in self._read and name not in self._chosen:
            raise ModelError(
                f"the learner reads t.{name} before it chooses it: it would know the choice that it is to explain. "
                f"Call t.choose({name!r}, ...) first, and use what it returns"
            )
        if name in self._chosen and (when is None or not self._chosen[name]):
            raise ModelError(f"the learner chooses {name!r} twice in one trial, which would score it twice")
        self._chosen[name] = when is not None

    def _add(self, term: Scalar, needed: list[Node], when: Any) -> Node | None:
        """Add a term to the log-likelihood; return the condition under which it counts (None: always)."""
        conditions = [] if when is None else [truth_of(when, self._graph)]
        present = self._guard([term.node, *needed, *conditions])
        condition = build.all_of(conditions if present is None else [*conditions, present])
        self._total = build.add(self._total, build.where(condition, term.node, self._graph.constant(0.0)))
        return condition

    def _constant_where(self, condition: Node | None, value: float) -> Node:
        """Return `value` where a term counts, and zero elsewhere."""
        return build.where(condition, self._graph.constant(value), self._graph.constant(0.0))

    def __getitem__(self, name: str) -> Scalar:
        """``t["choose"]``: a column whose name is no attribute, or one of the statements."""
        return self.__getattr__(name)

    def _guard(self, nodes: list[Node]) -> Node | None:
        """Return the condition that every column which `nodes` read is present; None if that always holds."""
        if not self._design.missing:
            return None
        payloads = {n.payload for n in topological(nodes) if n.op == "data"}
        names = sorted({c.name for c in payloads if isinstance(c, Column)} & self._design.missing)
        return build.all_of([self._graph.leaf("data", Flag("present", name), "bool") for name in names])


@dataclass(frozen=True)
class Outcome:
    """What one traced trial adds up to."""

    log_likelihood: Node
    chance: Node  # log-likelihood of choosing uniformly at random
    scored: Node  # how many choices were scored; of a learner without choices, how many continuous responses
    choices_only: bool  # no continuous response was observed
    records: Mapping[str, Node]


def guard_of(trial: TracedTrial) -> Guard:
    """Return what tells under which condition every column that some nodes read is present."""
    return trial._guard


def outcome_of(trial: TracedTrial) -> Outcome:
    """Return what the trial's statements added up to.

    Raises
    ------
    ModelError
        If nothing was observed.
    """
    if not (trial._chosen or trial._observed):
        raise ModelError("the learner observes nothing: call t.choose() or t.observe() in it")
    scored = trial._scored if trial._chosen else trial._responses
    return Outcome(trial._total, trial._chance, scored, not trial._observed, dict(trial._records))


def offered_options(name: str, among: Any, n: int) -> list[Any]:
    """Return the options on offer, as many as there are logits."""
    offered = list(among)
    if len(offered) != n:
        raise ModelError(f"among= names {len(offered)} options of {name!r}, and there are {n} logits")
    return offered


def _offered_term(log_probability: Callable[[Any], Any], chosen: Scalar, offered: list[Any]) -> Scalar:
    """Return the log-probability of the option chosen; minus infinity if it was not on offer."""
    place: Any = len(offered) - 1
    for k in range(len(offered) - 2, -1, -1):
        place = functions.where(chosen == offered[k], k, place)
    if isinstance(place, int):  # one place only: its option is a constant
        return Scalar(log_probability(place).node)
    possible: Any = chosen == offered[0]
    for option in offered[1:]:
        possible = possible | (chosen == option)
    term: Scalar = functions.where(possible, log_probability(place), -math.inf)
    return term


def choice_log_probability(graph: Graph, logits: Any, probabilities: Any, lapse: Any) -> tuple[Any, int]:
    """Return the log-probability as a function of the option (an operand or an int), and how many options there are."""
    if (logits is None) == (probabilities is None):
        raise ModelError("choose() needs either logits or probabilities")
    given = logits if probabilities is None else probabilities
    if isinstance(given, Scalar | int | float):
        other = 0.0 if probabilities is None else 1.0 - given
        given = [other, given]
    n = len(given)
    if n < 2:
        raise ModelError(f"a choice needs two options or more, not {n}")
    options = given if isinstance(given, MemoryArray) else Array.of(given, graph)
    if len(options.shape) != 1:
        raise ModelError(f"a choice needs one axis, the options, not shape {options.shape}")
    if probabilities is None and lapse is None:
        return functions.log_softmax(options).__getitem__, n

    def log_probability(option: Any) -> Any:
        if probabilities is not None:
            chosen = options[option]
        elif n == 2 and isinstance(options, Array):
            chosen = functions.sigmoid((options - options[::-1])[option])
        else:
            chosen = functions.softmax(options)[option]
        return functions.log(chosen if lapse is None else (1.0 - lapse) * chosen + lapse / n)

    return log_probability, n
