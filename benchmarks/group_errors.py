"""Coverage of 95 % intervals of group effects and of subjects, in 2,000 simulated groups of 20 and of 100.

Every group is drawn from a known distribution of the unconstrained parameters, simulated, and fitted with
``method="group"``. Two designs: *between*, half of the subjects shifted in one parameter; *within*, every subject in
two sessions, the second shifted. Printed for every effect: bias, standard deviation of the estimates, mean standard
error, coverage with its Monte-Carlo error, and ``short`` where it is below 0.95 by more than two of them. Groups are
kept whatever their verdict; intervals that do not exist count as missed.

Resumable: chunks of 50 groups are files in the folder that VERSANT_GROUP_ERRORS names (by default ``group_errors``),
and only those that are not there are computed. VERSANT_GROUPS lowers the number of groups of each kind.
"""

from __future__ import annotations

import collections
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import versant as vs

MODEL = vs.models.find("q_learning")
SESSIONS = MODEL.variant("q_learning_sessions", reset={"session": ("Q",)})
MEAN, SHIFT = np.array([-0.3, 1.2]), -0.8
COVARIANCE = np.array([[0.6, 0.1], [0.1, 0.25]])
CHUNK = 50


@dataclass(frozen=True)
class Kind:
    """Groups of one design and size."""

    design: str
    subjects: int
    groups: int

    @property
    def formula(self) -> dict[str, str]:
        return {"alpha": "shifted"}

    @property
    def truth(self) -> dict[str, float]:
        return {"alpha Intercept": MEAN[0], "alpha shifted": SHIFT, "beta mean": MEAN[1]}

    def chunk(self, number: int) -> list[tuple[vs.Trials, np.ndarray]]:
        """Simulate CHUNK groups: their trials, and the true parameters of each subject (or cell)."""
        rng = np.random.default_rng([number, self.subjects, self.design == "within"])
        everyone = CHUNK * self.subjects
        z = rng.multivariate_normal(MEAN, COVARIANCE, everyone)
        shifted = np.arange(everyone) % 2
        if self.design == "between":
            z[:, 0] += SHIFT * shifted
            trials = played(z, 150, rng)
            trials = with_columns(trials, shifted=shifted[trials.subject_index].astype(float))
            cells = z[:, None]
        else:
            cells = np.stack([z, z + np.array([SHIFT, 0.0])], axis=1)
            trials = played(cells.reshape(-1, 2), 75, rng)
            second = (trials.subject_index % 2).astype(float)
            trials = with_columns(trials, session=second, shifted=second)
            trials = replace(trials, subjects=trials.subjects[:everyone], offsets=trials.offsets[::2])
        labels = [trials.subjects[i : i + self.subjects] for i in range(0, everyone, self.subjects)]
        true = cells.reshape(CHUNK, -1, 2)
        return [(trials.only(*group), parameters) for group, parameters in zip(labels, true, strict=True)]


KINDS = (
    Kind("between", 20, 2000),
    Kind("between", 100, 2000),
    Kind("within", 20, 2000),
    Kind("within", 100, 2000),
)


def played(z: np.ndarray, trials: int, rng: np.random.Generator) -> vs.Trials:
    truth = {"alpha": 1 / (1 + np.exp(-z[:, 0])), "beta": np.exp(z[:, 1])}
    return vs.simulate(MODEL, vs.Bandit((0.25, 0.75), trials=trials, reversal=40), truth, seed=rng)


def with_columns(trials: vs.Trials, **columns: np.ndarray) -> vs.Trials:
    return replace(trials, columns={**trials.columns, **columns})


def fitted(kind: Kind, trials: vs.Trials, z: np.ndarray) -> dict[str, Any]:
    model = MODEL if kind.design == "between" else SESSIONS
    fit = vs.fit(model, trials, method="group", formula=kind.formula, starts=2)
    low, high = fit.subject_interval()
    natural = np.stack([1 / (1 + np.exp(-z[:, 0])), np.exp(z[:, 1])], axis=1)
    return {
        "effects": np.stack([fit.group.effects, fit.group.errors, *fit.group.interval()]),  # (4, P)
        "sd": fit.group.sd,
        "inside": ((low <= natural) & (natural <= high)).mean(axis=0),  # (K,)
        "verdicts": " ".join(sorted(map(str, fit.group.verdicts))),
    }


def compute(kind: Kind, folder: Path) -> dict[str, np.ndarray]:
    """Return the results of all groups of a kind, computing what is not there."""
    parts = []
    for number in range(kind.groups // CHUNK):
        path = folder / f"{kind.design}-{kind.subjects}-{number}.npz"
        if not path.exists():
            begun = time.process_time()
            rows = [fitted(kind, trials, z) for trials, z in kind.chunk(number)]
            partial = path.with_suffix(".partial.npz")
            seconds = np.full(CHUNK, (time.process_time() - begun) / CHUNK)
            np.savez(partial, seconds=seconds, **{name: np.array([row[name] for row in rows]) for name in rows[0]})
            partial.replace(path)
        with np.load(path) as found:
            parts.append(dict(found))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def told(kind: Kind, name: str, coverage: np.ndarray, rest: str = f"{'':25s}") -> None:
    mean, error = coverage.mean(), coverage.std() / np.sqrt(len(coverage))
    flag = "short" if mean + 2 * error < 0.95 else ""
    print(f"{kind.design:8s} {kind.subjects:8d} {name:18s} {rest} {mean:9.4f} {error:7.4f} {flag}")


def main() -> None:
    folder = Path(os.environ.get("VERSANT_GROUP_ERRORS", "group_errors"))
    folder.mkdir(parents=True, exist_ok=True)
    most = int(os.environ.get("VERSANT_GROUPS", "1000000"))
    print(f"{'design':8s} {'subjects':>8s} {'effect':18s} {'bias':>8s} {'sd':>7s} {'mean se':>8s}", end=" ")
    print(f"{'coverage':>9s} {'±':>7s}")
    for kind in KINDS:
        kind = replace(kind, groups=min(kind.groups, max(most // CHUNK, 1) * CHUNK))
        found = compute(kind, folder)
        for i, (name, truth) in enumerate(kind.truth.items()):
            estimate, error, low, high = found["effects"][:, :, i].T
            rest = f"{estimate.mean() - truth:8.4f} {estimate.std():7.4f} {np.nanmean(error):8.4f}"
            told(kind, name, (low <= truth) & (truth <= high), rest)
        for k, name in enumerate(MODEL.parameters):
            rest = f"{found['sd'][:, k].mean() - np.sqrt(COVARIANCE[k, k]):8.4f} {found['sd'][:, k].std():7.4f} {'':8s}"
            print(f"{kind.design:8s} {kind.subjects:8d} {name + ' sd':18s} {rest}")
            told(kind, f"{name} of subjects", found["inside"][:, k])
        flags = dict(collections.Counter(found["verdicts"].tolist()))
        print(f"{kind.design:8s} {kind.subjects:8d} {kind.groups} groups: {flags}; "
              f"{found['seconds'].mean():.2f} s of CPU a group")  # fmt: skip


if __name__ == "__main__":
    main()
