"""The rival of `benchmarks.nuts` in NumPyro, run in its own process."""

from __future__ import annotations

import sys
import time

import numpy as np
import numpyro

numpyro.set_host_device_count(int(sys.argv[3]))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpyro.distributions as dist  # noqa: E402
from numpyro.infer import MCMC, NUTS  # noqa: E402

jax.config.update("jax_enable_x64", True)


def log_likelihood(a, tau, choices, rewards):
    """Of all subjects: scan over trials, subjects side by side."""

    def step(values, trial):
        choice, reward = trial
        logits = tau[:, None] * values
        rows = jnp.arange(len(a))
        term = logits[rows, choice] - jax.scipy.special.logsumexp(logits, axis=1)
        chosen = values[rows, choice]
        return values.at[rows, choice].add(a * (reward - chosen)), term

    _, terms = jax.lax.scan(step, jnp.zeros((len(a), 2)), (choices.T, rewards.T))
    return terms.sum()


def model(choices, rewards):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.5).expand([2]))
    sd = numpyro.sample("sd", dist.HalfNormal(1.0).expand([2]))
    root = numpyro.sample("root", dist.LKJCholesky(2, 2.0))
    standard = numpyro.sample("standard", dist.Normal(0.0, 1.0).expand([choices.shape[0], 2]))
    z = mean + standard @ (sd[:, None] * root).T
    a, tau = jax.nn.sigmoid(z[:, 0]), 5.0 * jax.nn.sigmoid(z[:, 1])
    numpyro.factor("behaviour", log_likelihood(a, tau, choices, rewards))


def main() -> None:
    data, out, chains, length, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    with np.load(data) as found:
        choices, rewards = jnp.asarray(found["choice"]), jnp.asarray(found["reward"])
    sampler = MCMC(NUTS(model), num_warmup=length, num_samples=length, num_chains=chains, progress_bar=False)
    seconds = []
    for key in (1_000 + seed, seed):  # the first compiles
        begun = time.process_time()
        sampler.run(jax.random.PRNGKey(key), choices, rewards)
        draws = sampler.get_samples(group_by_chain=True)
        joined = np.concatenate([np.asarray(draws["mean"]), np.asarray(draws["sd"])], axis=2)
        seconds.append(time.process_time() - begun)
    np.savez(out, draws=joined, seconds=seconds[1], compile=max(seconds[0] - seconds[1], 0.0))


if __name__ == "__main__":
    main()
