"""A fit that can be interrupted: what it has done is kept in a file.

Of a hierarchical fit the subjects' own estimates and every climb of EM are kept, finished or in the middle, with the
state of the random generator after each; the polish, and the search for better modes, are done again. Of a sampled one
every finished chain is, or the draws of every hundred subjects who are sampled alone. Numbers are kept to the last bit,
so that an interrupted fit ends where an uninterrupted one does. The file is NumPy's .npz, without pickle, and names
what the fit was asked for: no other one goes on from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import VersantError
from versant.expressions.digest import digest
from versant.files import atomic_path
from versant.inference.cells import JointLikelihood
from versant.inference.hierarchical import Climb, Middle, Step
from versant.inference.laplace import Laplace
from versant.inference.likelihood import Likelihood
from versant.trials.origin import digests

__all__ = ["Stages", "told"]

Array = NDArray[Any]

SECONDS = 5.0
"""Least time between two writings of a climb in the middle."""

NUMBERS = ("evidence", "mean_change", "covariance_change")


@dataclass
class Stages:
    """What a fit has done.

    Parameters
    ----------
    rng : numpy.random.Generator
        That of the fit: put into the state that it had after a stage which is found in the file.
    path : Path, optional
        Without it nothing is kept.
    call : str
        What the fit was asked for, as JSON.
    """

    rng: np.random.Generator
    path: Path | None = None
    call: str = ""
    found: dict[str, Array] = field(default_factory=dict)
    written: float = 0.0

    @classmethod
    def at(cls, path: str | os.PathLike[str] | None, call: dict[str, Any], rng: np.random.Generator) -> Stages:
        """Open a file or begin it; the state of the generator belongs to the call.

        Raises
        ------
        VersantError
            If the file is of another fit, or no such file.
        """
        if path is None:
            return cls(rng)
        told = json.dumps({**call, "generator": _state(rng)}, sort_keys=True)
        place = Path(path)
        if not place.exists():
            return cls(rng, place, told)
        try:
            with np.load(place, allow_pickle=False) as content:
                found = {name: content[name] for name in content.files}
                was = json.loads(str(found.pop("call")))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise VersantError(f"{place} is no file of an interrupted fit: name another one") from error
        ours = json.loads(told)
        differ = sorted(name for name in {*was, *ours} if was.get(name) != ours.get(name))
        if differ:
            raise VersantError(f"{place} is of another fit ({', '.join(differ)} differ): name another file")
        return cls(rng, place, told, found)

    def alone(self, compute: Callable[[], Array]) -> Array:
        """Return the subjects' own estimates, computed unless they are found."""
        if "alone/z" not in self.found:
            self._keep("alone", {"z": compute()})
        self._restore("alone")
        return self.found["alone/z"]

    def piece(self, name: str, compute: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """Return the arrays that a piece of work gives, computed unless they are found."""
        if self.path is None:
            return compute()
        if f"{name}/generator" not in self.found:
            self._keep(name, compute())
        self._restore(name)
        before = len(name) + 1
        own = [key for key in self.found if key.startswith(f"{name}/") and key != f"{name}/generator"]
        return {key[before:]: self.found[key] for key in own}

    def climb(self, name: str, start: Climb, go_on: Callable[..., Climb]) -> Climb:
        """Return where a climb ended: `go_on(start, middle, keep)`, from the beginning or from what is found."""
        if f"{name}/effects" in self.found:
            self._restore(name)
            return self._climb(name)
        middle = self._middle(name)

        def keep(now: Middle) -> None:
            if self.path is not None and time.monotonic() - self.written >= SECONDS:
                self._keep_middle(name, now)

        end = go_on(start, middle, keep)
        for left in [key for key in self.found if key.startswith(f"{name}/middle")]:
            del self.found[left]
        self._keep(name, _arrays(end))
        return end

    def _middle(self, name: str) -> Middle | None:
        if f"{name}/middle/done" not in self.found:
            return None
        self._restore(f"{name}/middle")
        before = self._climb(f"{name}/middle/before") if f"{name}/middle/before/effects" in self.found else None
        return Middle(int(self.found[f"{name}/middle/done"]), self._climb(f"{name}/middle/now"), before)

    def _keep_middle(self, name: str, now: Middle) -> None:
        arrays = {f"now/{key}": value for key, value in _arrays(now.now).items()} | {"done": np.array(now.done)}
        if now.before is not None:
            arrays |= {f"before/{key}": value for key, value in _arrays(now.before).items()}
        for left in [key for key in self.found if key.startswith(f"{name}/middle/before")]:
            del self.found[left]
        self._keep(f"{name}/middle", arrays)

    def _keep(self, name: str, arrays: dict[str, Array]) -> None:
        """Add a stage, and write the file anew."""
        if self.path is None:
            self.found |= {f"{name}/{key}": value for key, value in arrays.items() if name == "alone"}
            return
        self.found |= {f"{name}/{key}": value for key, value in arrays.items()}
        self.found[f"{name}/generator"] = np.array(_state(self.rng))
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, allow_pickle=False, call=np.array(self.call), **self.found)
        self.written = time.monotonic()

    def _restore(self, name: str) -> None:
        if f"{name}/generator" in self.found:
            self.rng.bit_generator.state = json.loads(str(self.found[f"{name}/generator"]))

    def _climb(self, name: str) -> Climb:
        laplace = Laplace(**{part.name: self.found[f"{name}/{part.name}"] for part in fields(Laplace)})
        kinds, numbers = self.found[f"{name}/kinds"].tolist(), self.found[f"{name}/numbers"].tolist()
        history = tuple(Step(kind, *row) for kind, row in zip(kinds, numbers, strict=True))
        return Climb(self.found[f"{name}/effects"], self.found[f"{name}/group"], laplace, history)


def told(likelihood: Likelihood, parts: Sequence[Array], joint: object = None) -> dict[str, str]:
    """Return what tells a fit from another, apart from options: model, trials, and arrays of prior and structure."""
    made = list(parts)
    if isinstance(joint, JointLikelihood):
        made += [joint.coefficients.varying, joint.coefficients.fixed, joint.coefficients.known]
    structure = hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in made)).hexdigest()
    columns = sorted(digests(likelihood.trials).items())
    data = hashlib.sha256("".join(f"{name}:{value};" for name, value in columns).encode()).hexdigest()
    return {"model": digest(likelihood.recurrence), "trials": data, "prior or structure": structure}


def _arrays(climb: Climb) -> dict[str, Array]:
    return {
        "effects": climb.effects,
        "group": climb.covariance,
        **{part.name: getattr(climb.laplace, part.name) for part in fields(Laplace)},
        "kinds": np.array([step.kind for step in climb.history]),
        "numbers": np.array([[getattr(step, name) for name in NUMBERS] for step in climb.history]),
    }


def _state(rng: np.random.Generator) -> str:
    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else int(value)

    return json.dumps(rng.bit_generator.state, default=plain, sort_keys=True)
