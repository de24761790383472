"""A journal of the ascents that are done, in a file from which an interrupted run continues.

Ascents are numbered by family, size and order. With the same problem and the same settings the same ascents come in the
same order, so that a run that finds its ascents here goes on as if it had never stopped. The file is NumPy's .npz and
holds numbers and one text only: what the run was asked for, so that no other run continues from it.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.controller import Controller
from versant.errors import ProblemError
from versant.files import atomic_path
from versant.tasks.pomdp import Pomdp

__all__ = ["Entry", "Journal", "describe"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Entry:
    """Ascents that ran side by side."""

    theta: Array  # (B, n) where they ended
    values: Array  # (B, 1+m)
    complete: bool  # False: time ended them, they may go on from here
    steps: int = 0  # of all of them together


@dataclass(eq=False)
class Journal:
    """Ascents that are done, by name.

    Parameters
    ----------
    path : Path or None
        Where they are kept; without a path only in memory, and not at all.
    call : str
        What the run was asked for.
    """

    path: Path | None = None
    call: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def at(cls, path: str | os.PathLike[str], call: str) -> Journal:
        """Open the journal of a file, or begin one.

        Raises
        ------
        ProblemError
            Where the file is no journal, or that of another call.
        """
        place = Path(path)
        if not place.exists():
            return cls(place, call)
        try:
            with np.load(place, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files}
            known = str(arrays.pop("call"))
            differing = _difference(known, call)
            entries = {
                name: Entry(
                    arrays[name + "/theta"],
                    arrays[name + "/values"],
                    bool(arrays[name + "/complete"]),
                    int(arrays[name + "/steps"]),
                )
                for name in sorted({name.rsplit("/", 1)[0] for name in arrays})
            }
        except (OSError, ValueError, TypeError, AttributeError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ProblemError(f"{place} is no checkpoint of a plan: name another file") from error
        if known != call:
            raise ProblemError(f"{place} is the checkpoint of another call: {differing}. Remove it, or name another")
        return cls(place, call, entries)

    def keep(self, name: str, entry: Entry) -> None:
        """Add an entry, and write the file anew."""
        if self.path is None:
            return
        self.entries[name] = entry
        arrays: dict[str, Any] = {"call": np.array(self.call)}
        for key, one in self.entries.items():
            arrays |= {f"{key}/{part}": value for part, value in vars(one).items()}
        with atomic_path(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, **arrays)

    def close(self) -> None:
        """Remove the file: the run is over."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def describe(pomdp: Pomdp, **settings: Any) -> str:
    """Return what a run is asked for, as text: the settings, and a digest of the problem.

    Examples
    --------
    >>> from versant.tasks.zoo import tiger
    >>> describe(tiger(), nodes=3) == describe(tiger(), nodes=3)
    True
    >>> describe(tiger(), nodes=3) == describe(tiger(costs=("risk",)), nodes=3)
    False
    """
    digest = hashlib.sha256()
    for kernel in (*pomdp.transitions, *pomdp.emissions):
        for part in (kernel.indptr, kernel.indices, kernel.data):
            digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    for table in (pomdp.rewards, pomdp.start, *pomdp.costs.values()):
        digest.update(table.tobytes())
    limits = (dict(pomdp.budgets), dict(pomdp.floors))
    texts = (pomdp.actions, pomdp.observations, [*pomdp.costs], *limits, pomdp.discount)
    digest.update(json.dumps(texts).encode())
    return json.dumps({"problem": digest.hexdigest(), **settings}, sort_keys=True, default=_as_text)


def _as_text(value: object) -> str:
    """Stand in for what JSON does not know: a digest of a controller, the text of anything else."""
    if not isinstance(value, Controller):
        return str(value)
    content = json.dumps(value.to_dict(), sort_keys=True)
    return f"controller {hashlib.sha256(content.encode()).hexdigest()[:16]}"


def _difference(known: str, call: str) -> str:
    """Say which settings differ."""
    ours, theirs = json.loads(call), json.loads(known)
    names = sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))
    return ", ".join(
        "another problem" if name == "problem" else f"{name} {theirs.get(name)!r}, not {ours.get(name)!r}"
        for name in names
    )
