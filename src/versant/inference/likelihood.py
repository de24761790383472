"""A learner bound to recorded trials: log-likelihood, gradient and Hessian of every subject.

The engine works in natural parameters θ. With the link θ(z) of each parameter, the unconstrained derivatives are

    ∂ℓ/∂z_i = ∂ℓ/∂θ_i θ_i',    ∂²ℓ/∂z_i∂z_j = ∂²ℓ/∂θ_i∂θ_j θ_i' θ_j' + [i = j] ∂ℓ/∂θ_i θ_i''
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.agents.synonyms import spelled_out
from versant.errors import DataError, ModelError
from versant.expressions.engine import Engine, Interpreter, engine_for
from versant.expressions.graph import Node
from versant.expressions.recurrence import Column, Flag, Recurrence
from versant.expressions.rows import Rows
from versant.inference.answered import answered, never_answered
from versant.inference.programs import programs_of
from versant.inference.reading import as_learner_reads
from versant.trials import Trials
from versant.trials.faults import without_trials

__all__ = ["Derivatives", "Likelihood", "bind"]

Array = NDArray[Any]


def _nothing() -> Array:
    return np.empty(0)


@dataclass(frozen=True)
class Derivatives:
    """Log-likelihoods of M lanes with their derivatives (empty above the order asked for)."""

    value: Array  # (M,)
    gradient: Array = field(default_factory=_nothing)  # (M, K)
    hessian: Array = field(default_factory=_nothing)  # (M, K, K)


@dataclass(frozen=True)
class _TrialsDesign:
    """What a learner may ask about recorded trials."""

    trials: Trials
    missing: frozenset[str]

    def options(self, name: str) -> int | None:
        coding = self.trials.codings.get(name)
        return None if coding is None else coding.n

    def count(self, name: str) -> int:
        return self.trials.coding(name).n

    def shows(self, name: str) -> bool:
        return name in self.trials.columns


class Likelihood:
    """The likelihood of a learner on trials. Made by `bind`.

    Attributes
    ----------
    learner : Learner
    trials : Trials
        Those that count: without the trials that the missing policy skips.
    programs : Programs
    recurrence : Recurrence
    rows : Rows
    """

    def __init__(self, learner: Learner, trials: Trials, recurrence: Recurrence, engine: str) -> None:
        self.learner = learner
        self.trials = trials
        self.programs = programs_of(recurrence)
        self.recurrence = self.programs.recurrence
        self.rows = _rows(trials, recurrence)
        self._engine_name = engine
        self._engines: dict[int, Engine] = {}
        self._interpreters: dict[int, Interpreter] = {}

    @property
    def n_subjects(self) -> int:
        """How many subjects there are, N."""
        return len(self.rows.lengths)

    def engine(self, order: int) -> Engine:
        """Return the engine for this order, made when first asked for."""
        if order not in self._engines:
            self._engines[order] = engine_for(self.programs.derivatives(order), self.rows, self._engine_name)
        return self._engines[order]

    def interpreter(self, order: int) -> Interpreter:
        """Return the slow twin, by which verdicts are checked."""
        if order not in self._interpreters:
            self._interpreters[order] = Interpreter(self.programs.derivatives(order), self.rows)
        return self._interpreters[order]

    def along(self, natural: Array, directions: Array, subjects: NDArray[np.int64]) -> Array:
        """Return, by the slow twin, value, slope and curvature along directions, all in natural units: (3, M).

        Parameters
        ----------
        natural, directions : (M, K) arrays
        subjects : (M,) int array
        """
        slow = Interpreter(self.programs.directional, self.rows)
        return slow.sums(np.concatenate([natural, directions], axis=1), subjects)

    def on_kink(self, z: Array) -> NDArray[np.bool_]:
        """Return for which subjects' unconstrained parameters, (N, K), a switch of the learner is near (`kinks`)."""
        program = self.programs.kinks
        if program is None:
            return np.zeros(len(z), dtype=bool)
        engine = engine_for(program, self.rows, self._engine_name)
        with_slopes = np.concatenate([self.natural(z), self.slopes(z)], axis=1)
        return np.asarray(engine.sums(with_slopes, np.arange(len(z)))[0] > 0)

    def natural(self, z: Array) -> Array:
        """Return natural parameters (…, K) of unconstrained ones."""
        domains = self.learner.parameters.values()
        return np.stack([d.natural(z[..., k]) for k, d in enumerate(domains)], axis=-1)

    def evaluate(self, z: Array, subjects: NDArray[np.int64], order: int, engine: Engine | None = None) -> Derivatives:
        """Evaluate in unconstrained units.

        Parameters
        ----------
        z : (M, K) array
        subjects : (M,) int array
            Whose data each row of `z` meets.
        order : {0, 1, 2}
        engine : Engine, optional
            Another engine than this likelihood's own. Complex `z` (to check derivatives) is always the interpreter's.

        Returns
        -------
        Derivatives
        """
        own = self.interpreter if np.iscomplexobj(z) else self.engine
        sums = (engine or own(order)).sums(self.natural(z), subjects)
        return self.unconstrain(sums, z, order)

    def slopes(self, z: Array) -> Array:
        """Return dθ/dz, (M, K)."""
        return np.stack([d.slope(z[:, k]) for k, d in enumerate(self.learner.parameters.values())], axis=1)

    def unconstrain(self, sums: Array, z: Array, order: int) -> Derivatives:
        """Return an engine's sums with their derivatives taken along unconstrained parameters: the chain rule."""
        if order == 0:
            return Derivatives(sums[0])
        size, slope = z.shape[1], self.slopes(z).T  # (K, M)
        natural_gradient = sums[1 : 1 + size]
        with np.errstate(invalid="ignore"):  # far out an infinite derivative meets a flat link: no number, and said so
            gradient = (natural_gradient * slope).T
            if order == 1:
                return Derivatives(sums[0], gradient)
            return Derivatives(sums[0], gradient, self._hessian(sums, z, slope))

    def _hessian(self, sums: Array, z: Array, slope: Array) -> Array:
        """Return the Hessian along unconstrained parameters, (M, K, K)."""
        size = z.shape[1]
        hessian = np.empty((len(z), size, size), dtype=sums.dtype)
        row = 1 + size
        for i, domain in enumerate(self.learner.parameters.values()):
            for j in range(i + 1):
                hessian[:, i, j] = hessian[:, j, i] = sums[row] * slope[i] * slope[j]
                row += 1
            hessian[:, i, i] += sums[1 + i] * domain.curvature(z[:, i])
        return hessian

    def per_trial(self, nodes: Sequence[Node], z: Array) -> Array:
        """Evaluate expressions on every trial at one parameter vector a subject: (len(nodes), rows), in row order."""
        everyone = np.arange(self.n_subjects)
        records = self.interpreter(0).records(nodes, self.natural(z), everyone)
        subject = np.repeat(everyone, self.rows.lengths)
        within = np.arange(int(self.rows.offsets[-1])) - self.rows.offsets[subject]
        return np.asarray(records[:, within, subject])


def bind(
    learner: Learner, trials: Trials, on_missing: MissingPolicy | None = None, engine: str = "kernel"
) -> Likelihood:
    """Bind a learner to trials.

    Parameters
    ----------
    learner : Learner
    trials : Trials
    on_missing : {"skip", "learn"}, optional
        Instead of the learner's own policy. Who never responded keeps one trial (`versant.inference.answered`).
    engine : str
        Which engine evaluates it.

    Raises
    ------
    DataError
        If the trials lack what the learner reads, or hold missing responses and no policy was chosen.
    """
    _require_kinds(learner, trials)
    if on_missing not in (None, "skip", "learn"):
        raise ModelError(f"on_missing={on_missing!r} is unknown: choose 'skip' or 'learn'")
    policy = on_missing or learner.on_missing
    trials = as_learner_reads(learner, trials)
    recurrence = learner.trace(_TrialsDesign(trials, frozenset()))
    reads = {node.payload.name for node in recurrence.data if isinstance(node.payload, Column)}
    missing = sorted(reads & set(trials.missing))
    if missing and policy is None:
        first = int(np.argmax(trials.missing[missing[0]]))
        raise DataError(
            "a response is missing and nothing says what the learner does on such a trial",
            "choose on_missing='skip' (leave the trial out) or on_missing='learn' (learn without the response)",
            trials.source,
            int(trials.rows[first]),
            missing[0],
            trials.subjects[int(trials.subject_index[first])],
        )
    silent = never_answered(trials, missing) if missing and policy == "skip" else np.empty(0, dtype=np.int64)
    if missing and policy == "skip":
        trials = answered(trials, missing)
    missing = [name for name in missing if name in trials.missing]
    if missing:
        recurrence = learner.trace(_TrialsDesign(trials, frozenset(missing)))
    likelihood = Likelihood(learner, trials, recurrence, engine)
    if len(silent):
        _require_silence(likelihood, silent)
    return likelihood


def _require_silence(likelihood: Likelihood, silent: NDArray[np.int64]) -> None:
    """Raise DataError where the one trial that is kept of a subject holds a response after all, but not every one."""
    centre = np.array([domain.mean for domain in likelihood.learner.parameters.values()])
    natural = likelihood.natural(np.tile(centre, (len(silent), 1)))
    scored = likelihood.interpreter(0).totals([likelihood.recurrence.scored], natural, silent)[0]
    if scored.any():
        raise without_trials(likelihood.trials, likelihood.trials.subjects[int(silent[np.argmax(scored > 0)])])


def _require_kinds(learner: object, trials: object) -> None:
    """Raise where a name stands for a learner, or a table for trials: the commonest slips of a first try."""
    if not isinstance(learner, Learner):
        hint = f": a shipped one is vs.models.find({learner!r})" if isinstance(learner, str) else ""
        raise ModelError(f"the model is not a learner but {type(learner).__name__}{hint}")
    if not isinstance(trials, Trials):
        problem = f"the trials are not trials but {type(trials).__name__}"
        raise DataError(problem, "read them by vs.read_trials, from a file or a DataFrame")


def _rows(trials: Trials, recurrence: Recurrence) -> Rows:
    """Return the columns that a recurrence reads, each as it reads it."""
    columns: dict[object, Array] = {}
    for node in recurrence.data:
        use = node.payload
        if isinstance(use, Flag):
            columns[use] = _begins(trials, use.name) if use.meaning == "reset" else ~trials.missing[use.name]
        elif use.options is None:
            columns[use] = (
                np.nan_to_num(trials.numbers(use.name), nan=0.0)
                if use.name in trials.missing
                else trials.numbers(use.name)
            )
        else:
            columns[use] = np.maximum(trials.codes(use.name, use.options), 0)
    return Rows(columns, trials.offsets)


def _begins(trials: Trials, level: str) -> NDArray[np.bool_]:
    """Return where a new session or block begins within a subject (its first trial is no reset)."""
    levels = ["session"] if level == "session" else ["session", "block"]
    known = [name for name in levels if name in trials.columns]
    if level not in known:
        raise DataError(
            f"the learner starts anew with each {level}, and the trials have no such column",
            f"name it with rename={{...: '{level}'}}",
            trials.source,
            column=level,
        )
    begins = np.zeros(len(trials), dtype=bool)
    for name in known:
        values = trials.columns[name]
        begins[1:] |= values[1:] != values[:-1]
    begins[trials.offsets[:-1]] = False
    return begins


def natural_table(learner: Learner, parameters: Any, subjects: Sequence[object]) -> Array:
    """Return (N, K) natural parameters from what a user gave.

    Parameters
    ----------
    learner : Learner
    parameters : mapping or pandas.DataFrame
        Name → one number, or (N,) numbers in the order of `subjects`. A frame with a column ``subject`` is matched by
        label.
    subjects : sequence
        Labels.

    Raises
    ------
    ModelError
        For missing or unknown names, wrong lengths, subjects that are not there, or values outside their domain (its
        edges are allowed).
    """
    names, count = list(learner.parameters), len(subjects)
    given = spelled_out(learner.synonyms, parameters)
    if "subject" in given and "subject" not in names:
        given = _matched(given, subjects)
    unknown, absent = sorted(set(given) - set(names)), sorted(set(names) - set(given))
    if unknown or absent:
        detail = [f"not given: {', '.join(absent)}"] * bool(absent) + [f"unknown: {', '.join(unknown)}"] * bool(unknown)
        detail += [f"other names: {', '.join(learner.synonyms)}"] * bool(learner.synonyms)
        raise ModelError(f"{learner.name} has the parameters {', '.join(names)}; {'; '.join(detail)}")
    columns = []
    for name in names:
        values, domain = given[name].astype(np.float64), learner.parameters[name]
        if values.ndim > 1 or (values.ndim == 1 and len(values) not in (1, count)):
            raise ModelError(f"parameter {name} needs one value, or one for each of the {count} subjects")
        outside = ~((values >= domain.lower) & (values <= domain.upper) & np.isfinite(values))
        if outside.any():
            bad = np.atleast_1d(values)[np.atleast_1d(outside)][0]
            raise ModelError(f"parameter {name}: {bad:g} lies outside [{domain.lower:g}, {domain.upper:g}]")
        columns.append(np.broadcast_to(values, (count,)))
    return np.stack(columns, axis=1)


def _matched(given: Mapping[str, Array], subjects: Sequence[object]) -> dict[str, Array]:
    labels = [str(label) for label in given["subject"]]
    place = {label: i for i, label in enumerate(labels)}
    if len(place) != len(labels):
        raise ModelError("the parameters hold a subject twice")
    absent = [str(s) for s in subjects if str(s) not in place]
    if absent:
        raise ModelError(f"the parameters lack the subjects {', '.join(absent[:5])}" + (" …" if absent[5:] else ""))
    order = np.array([place[str(s)] for s in subjects])
    return {name: values[order] if values.ndim else values for name, values in given.items() if name != "subject"}
