"""The rival of `benchmarks.nuts` in Stan, by PyStan, run in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import types
from pathlib import Path

import httpstan.compile
import numpy as np
import stan

PROGRAM = """
data {
  int<lower=1> N;
  int<lower=1> T;
  array[N, T] int<lower=1, upper=2> choice;
  array[N, T] real reward;
}
parameters {
  vector[2] mean;
  vector<lower=0>[2] sd;
  cholesky_factor_corr[2] root;
  matrix[2, N] standard;
}
transformed parameters {
  matrix[2, N] z = rep_matrix(mean, N) + diag_pre_multiply(sd, root) * standard;
}
model {
  mean ~ normal(0, 1.5);
  sd ~ normal(0, 1);
  root ~ lkj_corr_cholesky(2);
  to_vector(standard) ~ std_normal();
  for (n in 1:N) {
    real a = inv_logit(z[1, n]);
    real tau = 5 * inv_logit(z[2, n]);
    vector[2] values = rep_vector(0, 2);
    for (t in 1:T) {
      choice[n, t] ~ categorical_logit(tau * values);
      values[choice[n, t]] += a * (reward[n, t] - values[choice[n, t]]);
    }
  }
}
"""


def patient(*arguments, **options):
    """Run a program without the limit of one second that httpstan sets for stanc: too little on a busy machine."""
    return subprocess.run(*arguments, **{**options, "timeout": None})


def cpu() -> float:
    """Seconds of CPU of this process and of its children: chains are processes of their own."""
    ticks = os.sysconf("SC_CLK_TCK")
    children = [pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()]
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in children]
    return time.process_time() + sum(int(one[11]) + int(one[12]) for one in fields) / ticks


def main() -> None:
    httpstan.compile.subprocess = types.SimpleNamespace(run=patient)
    data, out, chains, length, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    with np.load(data) as found:
        choices, rewards = found["choice"] + 1, found["reward"]
    columns = {"N": len(choices), "T": choices.shape[1], "choice": choices.tolist(), "reward": rewards.tolist()}
    begun = time.perf_counter()
    posterior = stan.build(PROGRAM, data=columns, random_seed=seed + 1)
    compiled, before = time.perf_counter(), cpu()
    fit = posterior.sample(num_chains=chains, num_samples=length, num_warmup=length)
    seconds = cpu() - before
    # PyStan gives (quantity, draws × chains), chains running fastest
    joined = np.concatenate([fit[name].reshape(2, length, chains) for name in ("mean", "sd")]).transpose(2, 1, 0)
    np.savez(out, draws=joined, seconds=seconds, compile=compiled - begun)


if __name__ == "__main__":
    main()
