"""NUTS on a hierarchical model: effective draws a second of CPU against NumPyro (JAX) and Stan, same model and data.

The model: two-armed bandit, delta rule, 20 subjects × 100 trials (simulated); unconstrained means N(0, 1.5²), standard
deviations half-normal(1), correlation LKJ(2), non-centred in all three. 4 chains of 1,000 + 1,000. Ours is timed as a
whole (start, sampling, collecting, quality), the rivals without compilation, which is printed apart. The least bulk ESS
of group means and standard deviations counts. The rivals' means must agree with ours within five Monte-Carlo errors.

They run in their own process, by the interpreter that VERSANT_RIVALS names (with numpyro, or pystan): by default this
one; one that cannot run is told and left out. VERSANT_ROUNDS (2) says how often all take their turn.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

import versant as vs
from versant.errors import CapabilityError

MODEL = vs.models.find("bandit2arm_delta")
SUBJECTS, TRIALS, CHAINS, LENGTH = 20, 100, 4, 1000
HERE = Path(__file__).parent


def group() -> vs.Trials:
    rng = np.random.default_rng(0)
    truth = {
        "A": 1 / (1 + np.exp(-rng.normal(-0.4, 0.8, SUBJECTS))),
        "tau": 5 / (1 + np.exp(-rng.normal(0.3, 0.6, SUBJECTS))),
    }
    return vs.simulate(MODEL, vs.Bandit((0.3, 0.7), trials=TRIALS, reversal=30), truth, seed=1)


def ours(trials: vs.Trials, seed: int) -> tuple[np.ndarray, float, float]:
    begun = time.process_time()
    sample = vs.fit(MODEL, trials, method="sample", draws=LENGTH, tune=LENGTH, chains=CHAINS, seed=seed)
    seconds = time.process_time() - begun
    return np.concatenate([sample.effects, sample.sd], axis=2), seconds, 0.0


def rival(name: str, data: Path, seed: int) -> tuple[np.ndarray, float, float]:
    out = data.with_name(f"{name}.npz")
    python = os.environ.get("VERSANT_RIVALS", sys.executable)
    arguments = [str(data), str(out), str(CHAINS), str(LENGTH), str(seed)]
    done = subprocess.run([python, "-W", "ignore", str(HERE / f"_nuts_{name}.py"), *arguments], capture_output=True)
    if done.returncode:
        said = done.stderr.decode().strip().splitlines()[-1:]
        raise CapabilityError(f"{name} did not run: {' '.join(said)}")
    with np.load(out) as found:
        return found["draws"], float(found["seconds"]), float(found["compile"])


def least_ess(draws: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        return float(arviz.ess({"x": draws})["x"].min())


def main() -> None:
    trials = group()
    ours(trials, 0)  # kernels are compiled once
    names = ("numpyro", "stan")
    found: dict[str, list[tuple[np.ndarray, float, float]]] = {name: [] for name in ("versant", *names)}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        columns = {name: trials.columns[name].reshape(SUBJECTS, TRIALS) for name in ("choice", "reward")}
        np.savez(data, **columns)
        for turn in range(int(os.environ.get("VERSANT_ROUNDS", "2"))):
            found["versant"].append(ours(trials, turn))
            for name in names:
                try:
                    found[name].append(rival(name, data, turn))
                except CapabilityError as error:
                    print(error)
    found = {name: runs for name, runs in found.items() if runs}
    rates = {name: [least_ess(draws) / seconds for draws, seconds, _ in runs] for name, runs in found.items()}
    reference = found["versant"][0][0]
    print(f"{'':9s} {'CPU s':>8s} {'compile':>8s} {'ESS':>6s} {'ESS/s':>16s} {'ours is ×':>10s}   means and sds")
    for name, runs in found.items():
        draws, seconds, compiled = runs[0]
        spread = np.hypot(reference.std(axis=(0, 1)), draws.std(axis=(0, 1)))
        error = spread / np.sqrt(min(map(least_ess, (reference, draws))))
        apart = np.abs(draws.mean(axis=(0, 1)) - reference.mean(axis=(0, 1))) / error
        if (apart > 5.0).any():
            raise RuntimeError(f"{name} samples something else: its means are {apart.round(1)} errors away from ours")
        times = " to ".join(f"{rate:.0f}" for rate in (min(rates[name]), max(rates[name])))
        ratio = np.median(rates["versant"]) / np.median(rates[name])
        means = " ".join(f"{value:.3f}" for value in draws.mean(axis=(0, 1)))
        print(f"{name:9s} {seconds:8.2f} {compiled:8.1f} {least_ess(draws):6.0f} {times:>16s} {ratio:10.1f}   {means}")


if __name__ == "__main__":
    main()
