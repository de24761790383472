"""Draws of a Stan program by PyStan, run in its own process: program, data, out, chains, length, seed, quantities …"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import httpstan.compile
import numpy as np
import stan
from _nuts_stan import patient


def main() -> None:
    httpstan.compile.subprocess = types.SimpleNamespace(run=patient)
    program, data, out = map(Path, sys.argv[1:4])
    chains, length, seed = map(int, sys.argv[4:7])
    with np.load(data) as found:
        columns = {name: found[name].tolist() for name in found.files}
    posterior = stan.build(program.read_text(), data=columns, random_seed=seed)
    fit = posterior.sample(num_chains=chains, num_samples=length, num_warmup=length)
    np.savez(out, **{name: np.moveaxis(fit[name], -1, 0) for name in sys.argv[7:]})


if __name__ == "__main__":
    main()
