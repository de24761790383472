"""Simulating learners: the very function that is fitted, run trial by trial with a random generator.

All subjects run side by side: the operands the function sees hold one number a subject and compute at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.agents.trial import Density, JointDensity, Parameters, State, choice_log_probability, offered_options
from versant.errors import ModelError, ProblemError
from versant.expressions import build
from versant.expressions.arrays import Array as Unrolled
from versant.expressions.arrays import MemoryArray
from versant.expressions.graph import Graph, Node
from versant.expressions.interpret import compute, constant_value
from versant.expressions.operators import Operand, Scalar, node_of
from versant.progress import Progress, silent
from versant.tasks.behavioural import Episode, Task
from versant.trials import Trials

__all__ = ["simulate_learner"]

Array = NDArray[Any]


@dataclass(frozen=True)
class _TaskDesign:
    """What a learner may ask about a task."""

    task: Task
    missing: frozenset[str] = frozenset()

    def options(self, name: str) -> int | None:
        return self.task.options.get(name)

    def count(self, name: str) -> int:
        if name not in self.task.options:
            known = ", ".join(self.task.options)
            raise ProblemError(f"the learner asks how many options {name!r} has; the task has options in {known}")
        return self.task.options[name]

    def shows(self, name: str) -> bool:
        return True


def simulate_learner(
    learner: Learner,
    task: Task,
    natural: Array,
    subjects: tuple[object, ...],
    rng: np.random.Generator,
    progress: Progress = silent,
    absent: NDArray[np.bool_] | None = None,
    standing: Mapping[str, Array] | None = None,
) -> Trials:
    """Simulate subjects.

    Parameters
    ----------
    learner : Learner
    task : Task
    natural : (N, K) array
        Natural parameters.
    subjects : tuple of N labels
    rng : numpy.random.Generator
    progress : Progress
    absent : (N, trials) bool array, optional
        Trials on which a subject does not respond: the state stays as it was, whatever the task shows.
    standing : mapping of (N, trials) arrays, optional
        Session and block of each trial, where the task does not show them.

    Returns
    -------
    Trials
        With the columns that the learner chose, observed or read, and those that the task always shows.

    Raises
    ------
    ProblemError
        If neither the task nor `standing` says where a session or block begins with which the learner starts anew.
    """
    count = len(natural)
    design = _TaskDesign(task)
    episode = _standing_too(learner, task.begin(count, rng), standing or {})
    state = _fresh_state(learner, natural, design)
    fresh, stands = state, {level: episode.answer(level, {}) for level in learner.reset}
    rows: list[Mapping[str, Array]] = []
    for number in range(task.trials):
        for level, names in learner.reset.items():
            before, stands[level] = stands[level], episode.answer(level, {})
            state |= {name: _restarted(state[name], fresh[name], stands[level] != before) for name in names}
        graph = _calculator()
        trial = _SimulatedTrial(graph, design, episode, rng, count)
        p = _parameters(learner, natural, graph)
        held = State({name: _move(value, graph) for name, value in state.items()})
        with np.errstate(all="ignore"):  # an option without probability has the logarithm -inf
            learner.function(p, held, trial)
        for column in task.shows:
            getattr(trial, column)
        after = {name: getattr(held, name) for name in state}
        if absent is not None and absent[:, number].any():
            after = {name: _restarted(value, state[name], absent[:, number]) for name, value in after.items()}
        state = after
        rows.append(trial._made)
        episode.advance()
        progress(number + 1, task.trials, "simulating")
    return _as_trials(learner, subjects, rows, trial._codings)


@dataclass
class _Standing:
    """An episode in which sessions and blocks are known that its task does not show."""

    episode: Episode
    standing: Mapping[str, Array]  # (N, trials) each
    number: int = 0

    def answer(self, column: str, made: Mapping[str, Array]) -> Array:
        """See `Episode`."""
        if column in self.standing:
            return np.asarray(self.standing[column][:, self.number])
        return self.episode.answer(column, made)

    def advance(self) -> None:
        """See `Episode`."""
        self.episode.advance()
        self.number += 1


def _standing_too(learner: Learner, episode: Episode, standing: Mapping[str, Array]) -> Episode:
    """Return an episode that also knows the sessions and blocks that are given, where its task does not."""
    wanted = {}
    for level in ("session", "block"):
        try:
            episode.answer(level, {})
        except ProblemError:
            if level in standing:
                wanted[level] = standing[level]
            elif level in learner.reset:
                raise ProblemError(
                    f"{learner.name} starts anew with each {level}, and this task has none: simulate with like=, "
                    f"trials with a column {level!r}"
                ) from None
    return _Standing(episode, wanted) if wanted else episode


def _as_trials(
    learner: Learner, subjects: tuple[object, ...], rows: list[Mapping[str, Array]], codings: Mapping[str, int]
) -> Trials:
    columns = {name: np.stack([row[name] for row in rows], axis=1).ravel() for name in rows[0]}
    standing = {level: columns.pop(level) for level in ("session", "block") if level in columns}
    codings = {name: n for name, n in codings.items() if name != "trial"}
    columns.pop("trial", None)  # where a task shows it: it is counted below
    return Trials.from_columns(
        subject=np.repeat(np.array(subjects, dtype=object), len(rows)),
        **standing,
        trial=np.tile(np.arange(1, len(rows) + 1), len(subjects)),
        columns=columns,
        codings=codings,
        source=f"simulation of {learner.name}",
    )


def _calculator() -> Graph:
    """Return a graph that computes each node as it is made."""

    def value(node: Node) -> Any:
        if node.op == "const":
            return constant_value(node)
        if not node.args:
            return None
        return compute(node, [a.value for a in node.args])

    return Graph(compute=value)


def _parameters(learner: Learner, natural: Array, graph: Graph) -> Parameters:
    return Parameters(
        {name: Scalar(graph.leaf("parameter", k, value=natural[:, k])) for k, name in enumerate(learner.parameters)}
    )


def _fresh_state(learner: Learner, natural: Array, design: _TaskDesign) -> dict[str, Operand]:
    graph = _calculator()
    return learner.initial_state(_parameters(learner, natural, graph), design, graph)


def _move(value: Operand, graph: Graph) -> Operand:
    """Return a state's value as leaves of another graph, so that a long simulation keeps no history."""
    if isinstance(value, Unrolled):
        return Unrolled([graph.leaf("state", k, value=e.value) for k, e in enumerate(value.entries)], value.shape)
    assert isinstance(value, Scalar | MemoryArray)
    node = graph.leaf("state", None, size=value.node.size, value=value.node.value)
    return MemoryArray(node, value.shape) if isinstance(value, MemoryArray) else Scalar(node)


def _restarted(value: Operand, fresh: Operand, begins: Array) -> Operand:
    """Return a state's value with the lanes where `begins` holds (a new block, say) back at another one."""
    if isinstance(value, Unrolled):
        assert isinstance(fresh, Unrolled)
        pairs = zip(value.entries, fresh.entries, strict=True)
        return Unrolled([_chosen(f, v, begins) for v, f in pairs], value.shape)
    assert isinstance(value, Scalar | MemoryArray)
    assert isinstance(fresh, Scalar | MemoryArray)
    node = _chosen(fresh.node, value.node, begins[:, None] if value.node.size else begins)
    return MemoryArray(node, value.shape) if isinstance(value, MemoryArray) else Scalar(node)


def _chosen(fresh: Node, value: Node, begins: Array) -> Node:
    return value.graph.leaf("state", None, size=value.size, value=np.where(begins, fresh.value, value.value))


class _SimulatedTrial:
    """`t` in a simulation: choices are drawn, everything else is the task's answer."""

    def __init__(
        self, graph: Graph, design: _TaskDesign, episode: Episode, rng: np.random.Generator, count: int
    ) -> None:
        self._graph = graph
        self._design = design
        self._episode = episode
        self._rng = rng
        self._count = count
        self._made: dict[str, Array] = {}
        self._codings: dict[str, int] = {}

    def __getattr__(self, name: str) -> Scalar:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in self._made:
            self._made[name] = np.broadcast_to(self._episode.answer(name, self._made), (self._count,))
            options = self._design.options(name)
            if options is not None:
                self._codings[name] = options
        return _Shown(self._graph, name, self._made[name], self._codings.get(name))

    def __getitem__(self, name: str) -> Scalar:
        return self.__getattr__(name)

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
        log_probability, n = choice_log_probability(self._graph, logits, probabilities, lapse)
        width = n if among is None else self._design.count(name)
        if self._design.options(name) not in (None, width):
            raise ModelError(f"the learner offers {n} options in {name!r}, the task {self._design.options(name)}")
        logs = [np.broadcast_to(log_probability(k).node.value, (self._count,)) for k in range(n)]
        cumulated = np.cumsum(np.exp(np.stack(logs, axis=1)), axis=1)
        if not np.isfinite(cumulated).all():
            lane = int(np.argmin(np.isfinite(cumulated).all(axis=1)))
            raise ModelError(f"the probabilities of {name!r} are not numbers for simulated subject {lane + 1}")
        draw = self._rng.random(self._count) * cumulated[:, -1]
        chosen = (draw[:, None] >= cumulated).sum(axis=1)
        if among is not None:
            offered = [node_of(option, self._graph).value for option in offered_options(name, among, n)]
            options = np.stack([np.broadcast_to(option, (self._count,)) for option in offered], axis=1)
            chosen = options[np.arange(self._count), chosen]
        self._codings[name] = width
        self._made[name] = chosen
        return Scalar(self._graph.leaf("data", name, "int", 0, width - 1, value=chosen))

    def observe(self, name: str, density: Density, *, when: Any = None) -> Scalar:
        drawn = np.asarray(density.sample(self._rng, self._count), dtype=np.float64)
        self._made[name] = np.broadcast_to(drawn, (self._count,))
        return Scalar(self._graph.leaf("data", name, value=self._made[name]))

    def respond(self, choice: str, value: str, density: JointDensity, *, when: Any = None) -> tuple[Scalar, Scalar]:
        if self._design.options(choice) not in (None, density.n_options):
            raise ModelError(f"the density has {density.n_options} options, the task {self._design.options(choice)}")
        chosen, drawn = density.sample(self._rng, self._count)
        self._codings[choice] = density.n_options
        self._made[choice] = np.asarray(chosen, dtype=np.int64)
        self._made[value] = np.asarray(drawn, dtype=np.float64)
        return (
            Scalar(self._graph.leaf("data", choice, "int", 0, density.n_options - 1, value=self._made[choice])),
            Scalar(self._graph.leaf("data", value, value=self._made[value])),
        )

    def score(self, term: Any, *, when: Any = None) -> None:
        """A term of the likelihood only: nothing happens in a simulation."""

    def record(self, name: str, value: Any) -> None:
        """Latent quantities are not part of behaviour; they come from `Likelihood.per_trial`."""
        build.as_real(node_of(value, self._graph))


class _Shown(Scalar):
    """A column that the task showed: codes when it indexes, numbers otherwise."""

    __slots__ = ("_codes", "_numbers")

    def __init__(self, graph: Graph, name: str, values: Array, options: int | None) -> None:
        self._numbers = (
            graph.leaf("data", name, value=values.astype(np.float64))
            if options is None
            else graph.leaf("data", name, "int", 0, options - 1, value=values)
        )
        self._codes = values

    @property
    def node(self) -> Node:
        """The column as numbers, or as codes if the task says it holds options."""
        return self._numbers

    def as_index(self, length: int) -> Node:
        """Return the column as codes 0..length-1."""
        codes = self._codes.astype(np.int64)
        if (codes != self._codes).any() or (codes < 0).any() or (codes >= length).any():
            raise ProblemError(f"the task shows {self._codes[0]!r} in a column that indexes {length} entries")
        return self._numbers.graph.leaf("data", None, "int", 0, length - 1, value=codes)
