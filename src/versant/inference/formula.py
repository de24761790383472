"""Formulas: how parameters depend on what is known about the subjects and on the conditions they were in.

    "alpha ~ group * age; beta ~ 1"                    subjects differ: covariates with one value a subject
    "alpha ~ drug; beta ~ session"                     conditions within a subject, the same effect for all
    "alpha ~ group * drug + (drug | subject)"          the effect of the condition varies between subjects too

The right-hand sides are Wilkinson formulas as the package formulaic reads them: text columns are factors in treatment
coding (the first level in order is the reference), numbers enter as they are (``center(age)`` centres). Parameters that
are not named have one mean. With X_c the row of a cell (a subject in a condition) and Z_c that of what varies,

    z_c = X_c b + Z_c u_n,      u_n ~ N(0, Σ)                  Z_c = 1 unless ``(… | subject)`` says otherwise

This is rewritten by coefficients w_n = D_n b + u_n wherever a column of X is Z_c times something of the subject's own
(hierarchical centring); the other columns are fixed effects (`versant.inference.cells`).

Sources: Wilkinson & Rogers 1973; Laird & Ware 1982; Gelfand, Sahu & Carlin 1995.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner
from versant.errors import CapabilityError, ModelError
from versant.inference.cells import Cells, Coefficients, JointLikelihood, split
from versant.inference.conditions import Table, table_of
from versant.inference.design import GroupDesign, require_rank
from versant.inference.likelihood import Likelihood
from versant.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FormulaLike", "Structure", "structure_for", "structure_of"]

Array = NDArray[Any]
FormulaLike = str | Mapping[str, str]
CENTRED = 1e-9


@dataclass(frozen=True)
class Structure:
    """What a group's parameters are made of; without cells, every parameter of a subject is a coefficient."""

    design: GroupDesign
    cells: Cells | None = None
    coefficients: Coefficients | None = None

    @property
    def reach(self) -> Array:
        """How the parameters of every cell (without cells, subject) move with the effects, (C, K, P)."""
        if self.cells is None or self.coefficients is None:
            return self.design.stacked
        return self.coefficients.reach(self.design, self.cells.subject)

    def bound_to(self, likelihood: Likelihood) -> Likelihood | JointLikelihood:
        """Return the likelihood as a function of what varies and what is fixed; see `JointLikelihood`."""
        if self.cells is None or self.coefficients is None:
            return likelihood
        apart = split(likelihood, self.cells)
        return JointLikelihood(apart, self.cells, self.coefficients, likelihood.trials.subjects)


@dataclass(frozen=True)
class _Side:
    """The right-hand side of one parameter."""

    mean: str = "1"
    varying: str = "1"  # within (… | subject); "0": nothing varies


@dataclass(frozen=True)
class _Part:
    """What one parameter contributes."""

    terms: tuple[str, ...]  # P_k effects
    varying: tuple[str, ...]  # R_k coefficients
    design: Array  # (N, R_k, P_k)
    loadings: Array  # (C, R_k)
    matrix: Array  # (C, P_k)


def structure_of(
    parameters: Sequence[str],
    trials: Trials,
    formula: FormulaLike | None = None,
    shared: Collection[str] = (),
    known: Mapping[str, float] | None = None,
) -> Structure:
    """Return what a formula describes.

    Parameters
    ----------
    parameters : sequence of str
        Of the learner.
    trials : Trials
    formula : str or mapping, optional
        ``"alpha ~ age; beta ~ group"``, or parameter → right-hand side.
    shared : collection of str
        Parameters that do not vary between subjects.
    known : mapping, optional
        Parameter → its unconstrained value, the same for all.

    Raises
    ------
    CapabilityError
        If formulaic is needed and not installed.
    ModelError
        For unknown parameters, or a formula that cannot be read.
    DataError
        For a column that is missing, or effects that cannot be told apart.
    """
    known = known or {}
    sides = _sides(formula, parameters) if formula is not None else {}
    _require_consistent(parameters, sides, shared, known)
    sides = {name: _Side(sides.get(name, _Side()).mean, "0") for name in shared} | {
        name: side for name, side in sides.items() if name not in shared
    }
    reader = _Reader(trials, sides)
    parts = {name: reader.part(name, sides.get(name, _Side())) for name in parameters if name not in known}
    if not any(part.varying for part in parts.values()):
        raise ModelError("no parameter varies between subjects: a group needs one that is neither shared nor fixed")
    structure = _assembled(parameters, parts, reader.table.cells, known)
    own = not (shared or known or reader.table.within)
    return Structure(structure.design) if own else structure


def structure_for(
    learner: Learner,
    trials: Trials,
    formula: FormulaLike | None = None,
    shared: Collection[str] | None = None,
    fixed: Mapping[str, float] | None = None,
) -> Structure:
    """Return what a group's parameters are made of; `structure_of` with known parameters in natural units."""
    shared = (shared,) if isinstance(shared, str) else tuple(shared or ())
    known = {}
    for name, value in (fixed or {}).items():
        domain = learner.parameters.get(name)
        known[name] = 0.0 if domain is None else float(domain.unconstrained(value))  # unknown names raise below
    return structure_of(list(learner.parameters), trials, formula, shared, known)


def _require_consistent(
    parameters: Sequence[str], sides: Mapping[str, _Side], shared: Collection[str], known: Mapping[str, float]
) -> None:
    given = [*sides, *shared, *known]
    unknown = [name for name in given if name not in parameters]
    if unknown:
        raise ModelError(f"there is no parameter {unknown[0]!r}; the parameters are {', '.join(parameters)}")
    for name in known:
        if name in sides or name in shared:
            raise ModelError(f"parameter {name} is fixed to a value, and cannot be shared or have a formula")
    for name in shared:
        if name in sides and sides[name].varying != "1":
            raise ModelError(f"parameter {name} is shared, and its formula says that it varies between subjects")


def _sides(formula: FormulaLike, parameters: Sequence[str]) -> dict[str, _Side]:
    if isinstance(formula, str):
        parts = [part.partition("~") for part in formula.replace("\n", ";").split(";") if part.strip()]
        if not parts or not all(tilde for _, tilde, _ in parts):
            raise ModelError(f"formula={formula!r} must read 'parameter ~ terms', several separated by ';'")
        pairs = [(left.strip(), right.strip()) for left, _, right in parts]
    else:
        pairs = [(str(left), str(right).strip()) for left, right in formula.items()]
    names = [left for left, _ in pairs]
    if len(set(names)) < len(names):
        raise ModelError(f"formula: a parameter is given twice; the parameters are {', '.join(parameters)}")
    return {name: _side(name, right) for name, right in pairs}


def _side(name: str, text: str) -> _Side:
    """Take ``(… | subject)`` out of a right-hand side."""
    bar = re.search(r"\|\s*subject\s*\)", text)
    if bar is None:
        if "|" in text:
            raise ModelError(f"the formula of {name}, {text!r}: what varies is written (terms | subject)")
        return _Side(text)
    start, depth = bar.start(), 1
    while depth and start:
        start -= 1
        depth += {")": 1, "(": -1}.get(text[start], 0)
    rest = (text[:start].strip().rstrip("+") + "+" + text[bar.end() :].strip().lstrip("+")).strip("+ ")
    if depth or "|" in rest:
        raise ModelError(f"the formula of {name}, {text!r}, cannot be read: it takes one (terms | subject)")
    return _Side(rest or "1", text[start + 1 : bar.start()].strip())


class _Reader:
    """Turns right-hand sides into matrices, over the cells that their variables make."""

    def __init__(self, trials: Trials, sides: Mapping[str, _Side]) -> None:
        self.trials = trials
        columns = list(map(str, trials.columns))
        needed: dict[str, str] = {}
        for name, side in sides.items():
            for text in (side.mean, side.varying):
                if text not in ("0", "1"):
                    needed |= dict.fromkeys(_variables(text, name, columns), name)
        self.table: Table = table_of(trials, needed)

    def part(self, name: str, side: _Side) -> _Part:
        """Return the matrices of a parameter."""
        table = self.table
        self._require_within(name, side)
        z_names, z = self._matrix(name, side.varying, table.combinations)
        x_names, x, x_grid = self._matrices(name, side.mean)
        if side.mean == "1" and side.varying == "1":
            x_names = z_names = ("mean",)
        require_rank(name, x_names, x)
        if z_names:
            require_rank(name, z_names, z)
        by_subject = x_grid.reshape(self.trials.n_subjects, len(z), -1)  # (N, G, P_k)
        own = np.einsum("rg,ngp->nrp", np.linalg.pinv(z), by_subject)
        own[np.abs(own) < CENTRED] = 0.0
        apart = np.abs(by_subject - np.einsum("gr,nrp->ngp", z, own)).max(axis=(0, 1), initial=0.0)
        own[:, :, apart > CENTRED * np.maximum(1.0, np.abs(x).max(axis=0))] = 0.0
        return _Part(x_names, z_names, own, z[table.combination], x)

    def _require_within(self, name: str, side: _Side) -> None:
        named = [] if side.varying in ("0", "1") else _variables(side.varying, name, self.table.between)
        strangers = [variable for variable in named if variable in self.table.between]
        if strangers:
            raise ModelError(
                f"the formula of {name}: ({side.varying} | subject) cannot vary within subjects, as {strangers[0]} "
                "has one value a subject"
            )

    def _matrices(self, name: str, side: str) -> tuple[tuple[str, ...], Array, Array]:
        """Return terms, the matrix over cells (C, P_k), and over subjects and combinations of conditions."""
        table = self.table
        if side == "1":
            return ("mean",), np.ones((len(table.cells.subject), 1)), np.ones((len(table.grid), 1))
        matrix = self._model_matrix(name, side, table.frame)
        if not table.within:
            return tuple(map(str, matrix.columns)), _numbers(matrix), _numbers(matrix)
        return (
            tuple(map(str, matrix.columns)), _numbers(matrix), _numbers(matrix.model_spec.get_model_matrix(table.grid)),
        )  # fmt: skip

    def _matrix(self, name: str, side: str, frame: pd.DataFrame) -> tuple[tuple[str, ...], Array]:
        if side in ("0", "1"):
            count = int(side)
            return ("Intercept",) * count, np.ones((len(frame), count))
        matrix = self._model_matrix(name, side, frame)
        return tuple(map(str, matrix.columns)), _numbers(matrix)

    @staticmethod
    def _model_matrix(name: str, side: str, frame: pd.DataFrame) -> Any:
        try:
            return _formulaic().model_matrix(side, frame, na_action="raise")
        except Exception as error:  # formulaic raises many kinds
            raise ModelError(f"the formula of {name}, {side!r}, cannot be used: {_unpainted(error)}") from error


def _unpainted(error: Exception) -> str:
    """Return what formulaic says, without its marks and colours, in one line."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m|[⧛⧚]", "", str(error)).split())


def _numbers(matrix: Any) -> Array:
    return np.asarray(matrix, dtype=np.float64)


def _formulaic() -> Any:
    try:
        import formulaic
    except ImportError:
        raise CapabilityError("formulas need the package formulaic: pip install 'versant[formula]'") from None
    return formulaic


def _variables(side: str, name: str, columns: Collection[str]) -> list[str]:
    """Return the variables of a right-hand side: those that it needs, and columns that it names."""
    formulaic = _formulaic()
    try:
        needed = set(map(str, formulaic.Formula(side).required_variables))
    except Exception as error:  # formulaic raises many kinds
        raise ModelError(f"the formula of {name}, {side!r}, cannot be read: {_unpainted(error)}") from error
    # formulaic does not count what stands inside a function, as in center(age)
    return sorted(needed | {column for column in columns if re.search(rf"\b{re.escape(column)}\b", side)})


def _assembled(
    parameters: Sequence[str], parts: Mapping[str, _Part], cells: Cells, known: Mapping[str, float]
) -> Structure:
    """Put the parameters' matrices beside each other."""
    subjects = int(cells.subject[-1]) + 1
    varying = [(name, term) for name, part in parts.items() for term in part.varying]
    names = [(name, term) for name, part in parts.items() for term in part.terms]
    stacked = np.zeros((subjects, len(varying), len(names)))
    loadings = np.zeros((len(cells.subject), len(parameters), len(varying)))
    everything = np.zeros((len(cells.subject), len(parameters), len(names)))
    row = column = 0
    for name, part in parts.items():
        rows, columns = slice(row, row + len(part.varying)), slice(column, column + len(part.terms))
        stacked[:, rows, columns] = part.design
        loadings[:, parameters.index(name), rows] = part.loadings
        everything[:, parameters.index(name), columns] = part.matrix
        row, column = rows.stop, columns.stop
    design = GroupDesign(tuple(varying), tuple(names), stacked)
    offset = np.array([known.get(name, 0.0) for name in parameters])
    return Structure(design, cells, Coefficients(offset, loadings, everything[:, :, design.fixed]))
