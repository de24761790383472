"""Groups larger than memory: a folder of Parquet parts, fitted part after part, resumable.

Every part holds whole subjects. A part is fitted, and its table of estimates written, while the next is read: memory is
that of two parts, and of 8 bytes a subject, by which a subject that stands in two parts is found. What is done is what
stands in the output folder: after an interrupt the same call goes on where it stopped; a call with other settings is
refused rather than mixed in.

    OUT/settings.json       what was asked for, and the codings the first part showed
    OUT/parts/….parquet     the estimates of each part's subjects (`Fit.frame`)
    OUT/result.json         totals, once every part is done
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.agents.learner import Learner, MissingPolicy
from versant.errors import DataError, VersantError
from versant.files import write_json
from versant.formats.tables import write_table
from versant.formats.trials import read_trials
from versant.inference.prior import PriorLike, as_prior
from versant.progress import Progress, silent
from versant.trials import Trials
from versant.trials.coding import Options
from versant.verbs.fit import fit

__all__ = ["PartitionedFit", "fit_parts"]


@dataclass(frozen=True)
class PartitionedFit:
    """Totals of a fit in parts; the estimates stand in files."""

    model: str
    n_subjects: int
    log_likelihood: float
    verdicts: Mapping[str, int]  # how many subjects carry each flag
    parts: tuple[Path, ...]  # tables of estimates, one a part

    def to_dict(self) -> dict[str, Any]:
        """Return the totals as JSON-able values."""
        return {
            "model": self.model,
            "n_subjects": self.n_subjects,
            "log_likelihood": self.log_likelihood,
            "verdicts": dict(self.verdicts),
            "parts": [str(path) for path in self.parts],
        }


def fit_parts(
    model: Learner,
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    prior: PriorLike = "default",
    *,
    starts: int = 5,
    seed: int = 0,
    on_missing: MissingPolicy | None = None,
    rename: Mapping[str, str] | None = None,
    missing: Any = None,
    choices: Mapping[str, Options] | None = None,
    progress: Progress = silent,
) -> PartitionedFit:
    """Fit every subject of a folder of Parquet files, one file at a time.

    Parameters
    ----------
    model, prior, starts, on_missing
        As for `versant.fit`.
    seed : int
        Part i draws its starts from ``(seed, i)``, so the answer does not depend on interrupts.
    folder : path
        Searched for ``*.parquet``, with subfolders. A subject must not stand in two parts.
    out : path
        Where results go; results of the same call that stand there are kept.
    rename, missing, choices
        As for `versant.read_trials`. Codings that the first part shows hold for all.
    progress : Progress

    Returns
    -------
    PartitionedFit

    Raises
    ------
    VersantError
        If there are no parts, or `out` holds results of other settings.
    DataError
        As `versant.read_trials`, and for a subject in two parts.
    """
    source, target = Path(folder), Path(out)
    parts = sorted(path.relative_to(source) for path in source.rglob("*.parquet"))
    if not parts:
        raise VersantError(f"{source}: no .parquet file stands in this folder")
    gaussian = as_prior(model, prior)
    asked = {
        "model": model.name,
        "source": _digest(model),
        "prior": None if gaussian is None else [gaussian.mean.tolist(), gaussian.covariance.tolist()],
        "starts": starts,
        "seed": seed,
        "on_missing": on_missing,
        "rename": dict(rename or {}),
        "missing": json.loads(json.dumps(missing, default=str)),
        "parts": [[str(part), (source / part).stat().st_size] for part in parts],
    }
    codings = _settled(target / "settings.json", asked, choices)
    tables = [target / "parts" / part for part in parts]
    waiting = [number for number, table in enumerate(tables) if not table.exists()]

    def read(number: int) -> Trials:
        return read_trials(source / parts[number], rename, missing, codings or choices)

    seen = _Subjects(tables, parts)
    with ThreadPoolExecutor(1) as reader:
        coming: Future[Trials] | None = None
        for number, table in enumerate(tables):
            progress(number, len(parts), f"{parts[number]}")
            if number in waiting:
                trials = read(number) if coming is None else coming.result()
                codings = codings or _settle(target / "settings.json", asked, trials)
                waiting.remove(number)
                coming = reader.submit(read, waiting[0]) if waiting else None
                one = fit(model, trials, gaussian, starts=starts, seed=_part_seed(seed, number), on_missing=on_missing)
                write_table(one.frame(), table)
            seen.add(number)
    progress(len(parts), len(parts), "done")
    result = PartitionedFit(model.name, seen.count, seen.log_likelihood, dict(seen.verdicts), tuple(tables))
    write_json(target / "result.json", result.to_dict())
    return result


def _part_seed(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng([seed, number])


def _digest(model: Learner) -> str:
    """Return a fingerprint of the learner's source, so that an edited model is not mixed with its former self."""
    return hashlib.sha256(inspect.getsource(model.function).encode()).hexdigest()[:16]


def _settled(file: Path, asked: Mapping[str, Any], choices: Mapping[str, Options] | None) -> dict[str, Any] | None:
    """Return the codings that an earlier run settled; None if this is the first run."""
    if not file.exists():
        return None
    stored = json.loads(file.read_text(encoding="utf-8"))
    codings = stored.pop("choices")
    given = {name: value if isinstance(value, int) else list(value) for name, value in (choices or {}).items()}
    same = all(codings.get(name) == v or len(codings.get(name, ())) == v for name, v in given.items())
    if stored != asked or not same:
        different = sorted(k for k in asked if stored.get(k) != asked[k]) or ["choices"]
        raise VersantError(
            f"{file.parent} holds results of another fit (different: {', '.join(different)}); name another folder"
        )
    return dict(codings)


def _settle(file: Path, asked: Mapping[str, Any], trials: Trials) -> dict[str, Any]:
    """Write down what was asked for and the codings that the first part shows."""
    codings: dict[str, Any] = {
        name: [label.item() if hasattr(label, "item") else label for label in labels]
        for name, labels in trials.choices.items()
    }
    write_json(file, {**asked, "choices": codings})
    return codings


class _Subjects:
    """What the tables of the parts add up to.

    Parameters
    ----------
    tables : sequence of Path
        Estimates, one table a part.
    parts : sequence of Path
        Their names, for errors.
    """

    def __init__(self, tables: Sequence[Path], parts: Sequence[Path]) -> None:
        self._tables, self._parts = tables, parts
        self._digests: list[NDArray[np.uint64]] = []  # sorted, one array a part
        self.count = 0
        self.log_likelihood = 0.0
        self.verdicts: Counter[str] = Counter()

    def add(self, number: int) -> None:
        """Add the next part's table."""
        import pandas as pd

        done = pd.read_parquet(self._tables[number], columns=["subject", "log_likelihood", "verdict"])
        digests = np.sort(pd.util.hash_array(done["subject"].to_numpy(), categorize=False))
        for other, known in enumerate(self._digests):
            if np.isin(digests, known, assume_unique=True).any():
                self._refuse_twice(other, number)
        self._digests.append(digests)
        self.count += len(done)
        self.log_likelihood += float(done["log_likelihood"].sum())
        for flags, count in done["verdict"].value_counts().items():
            self.verdicts.update({flag: int(count) for flag in str(flags).split()})

    def _refuse_twice(self, first: int, second: int) -> None:
        """Raise if a subject stands in both parts; equal digests alone are no proof."""
        import pandas as pd

        one, two = (pd.read_parquet(self._tables[k], columns=["subject"])["subject"] for k in (first, second))
        both = set(one) & set(two)
        if both:
            problem = f"the subject stands in two parts, {self._parts[first]} and {self._parts[second]}"
            subject = min(both, key=str)
            raise DataError(
                problem, "write all trials of a subject into one part", str(self._parts[second]), subject=subject
            )
