"""NUTS of every subject alone: effective draws a second of CPU, all chains side by side against nutpie one by one.

The model: two-armed bandit, delta rule, 50 subjects × 100 trials (simulated), the default prior of the model. Both
evaluate the same compiled kernel; 4 chains of 1,000 + 1,000 of each subject. nutpie samples one subject after another,
from draws of the prior as we do and in units of the same first metric, VERSANT_SUBJECTS (10) of them. Counted is the
least bulk ESS of each subject's parameters, summed over subjects. Means must agree within five Monte-Carlo errors.
VERSANT_ROUNDS (3) says how often both take their turn.
"""

from __future__ import annotations

import os
import time
import warnings
from typing import Any

import numpy as np

import versant as vs
from versant.inference.likelihood import bind
from versant.inference.prior import default_prior
from versant.inference.sample_gradient import lane_gradient
from versant.inference.sample_quality import Quality

MODEL = vs.models.find("bandit2arm_delta")
SUBJECTS, TRIALS, CHAINS, LENGTH = 50, 100, 4, 1000


def group() -> vs.Trials:
    rng = np.random.default_rng(0)
    truth = {"A": rng.uniform(0.1, 0.8, SUBJECTS), "tau": rng.uniform(0.5, 4.5, SUBJECTS)}
    return vs.simulate(MODEL, vs.Bandit((0.3, 0.7), trials=TRIALS, reversal=30), truth, seed=1)


def ours(trials: vs.Trials, seed: int) -> tuple[np.ndarray, float]:
    begun = time.process_time()
    sample = vs.fit(MODEL, trials, method="sample", pooling="none", draws=LENGTH, tune=LENGTH, chains=CHAINS, seed=seed)
    return sample.unconstrained, time.process_time() - begun


def nutpies(trials: vs.Trials, fit: vs.Fit, some: int, seed: int) -> tuple[np.ndarray, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import nutpie
        from nutpie.compiled_pyfunc import from_pyfunc

    likelihood, prior, found = bind(MODEL, trials), default_prior(MODEL), []
    size = MODEL.n_parameters
    begun = time.process_time()
    for n in range(some):
        centre, root = fit.unconstrained[n], np.linalg.cholesky(fit.covariance[n])

        def make(n: int = n, centre: np.ndarray = centre, root: np.ndarray = root) -> Any:
            gradient = lane_gradient(likelihood, np.array([n]))

            def density(x: np.ndarray) -> tuple[float, np.ndarray]:
                z = (centre + root @ x)[None]
                value, slope = gradient(z)
                return float(value[0] + prior.log_density(z)[0]), (slope + prior.gradient(z))[0] @ root

            return density

        def start(seed: int, centre: np.ndarray = centre, root: np.ndarray = root) -> np.ndarray:
            z = prior.mean + np.linalg.cholesky(prior.covariance) @ np.random.default_rng(seed).standard_normal(size)
            return np.linalg.solve(root, z - centre)

        model = from_pyfunc(
            size, make, lambda *_: lambda x, **_: {"x": np.array(x)}, [np.dtype("float64")], [(size,)], ["x"],
            make_initial_point_fn=start,
        )  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trace = nutpie.sample(
                model, draws=LENGTH, tune=LENGTH, chains=CHAINS, seed=seed, progress_bar=False, save_warmup=False
            )
        found.append(centre + trace.posterior["x"].to_numpy() @ root.T)
    return np.stack(found, axis=2), time.process_time() - begun


def main() -> None:
    trials, some = group(), int(os.environ.get("VERSANT_SUBJECTS", "10"))
    fit = vs.fit(MODEL, trials)
    ours(trials, 0)  # kernels are compiled once
    rates: dict[str, list[float]] = {"versant": [], "nutpie": []}
    for turn in range(int(os.environ.get("VERSANT_ROUNDS", "3"))):
        runs = {"versant": ours(trials, turn), "nutpie": nutpies(trials, fit, some, turn)}
        quality = {name: Quality.of(draws) for name, (draws, _) in runs.items()}
        for name, (draws, seconds) in runs.items():
            least = quality[name].ess_bulk.min(axis=1)
            rates[name].append(least.sum() / seconds)
            print(
                f"{name:8s} {draws.shape[2]:4d} subjects, {seconds / draws.shape[2]:.3f} s of CPU each, "
                f"median ESS {np.median(least):.0f}, {rates[name][-1]:.0f} effective draws a second"
            )
        one, other = (draws[:, :, :some] for draws, _ in runs.values())
        error = np.hypot(
            *(
                d.std(axis=(0, 1)) / np.sqrt(q.ess_bulk[:some])
                for d, q in zip((one, other), quality.values(), strict=True)
            )
        )
        apart = np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))) / error
        if (apart > 5.0).any():
            raise RuntimeError(f"the means are {apart.max():.1f} Monte-Carlo errors apart")
    ratio = np.array(rates["versant"]) / np.array(rates["nutpie"])
    print(f"side by side gives {np.median(ratio):.1f} times as many ({ratio.min():.1f} to {ratio.max():.1f})")


if __name__ == "__main__":
    main()
