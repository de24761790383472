"""The posterior of a group against hBayesDM's own: its Stan program, its example data, as many draws of both.

The program ``bandit2arm_delta.stan`` and the data ``bandit2arm_exampleData.txt`` are those of the package hbayesdm:
installed, or unpacked in the folder that VERSANT_HBAYESDM names. PyStan runs it in a process of its own, by the
interpreter that VERSANT_RIVALS names (by default this one); its predictive quantities are left out, and arrays are
declared as Stan has it since 2.33. VERSANT_DRAWS (1000) draws of each of 4 chains after as many of adaptation.

hBayesDM has normal(0, 1) means and half-normal(0.2) standard deviations of x, and parameters Φ(x), which it takes as
logistic(f(x)), f(x) = 1.5976 x + 0.07056 x³. On the scale z = logit θ of versant the mean is f(μ), the standard
deviation nearly σ f'(μ), and the priors are nearly normal(0, 1.6) and half-normal(0.32), without correlations. Printed
is the table of docs/explanation/groups.md.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import versant as vs

NAMES, WIDTH = ("A", "tau"), (1.0, 5.0)
CHAINS, SEED = 4, 1
HERE = Path(__file__).parent


def folder() -> Path | None:
    """Return the folder ``common`` of hBayesDM, if there is one."""
    told = os.environ.get("VERSANT_HBAYESDM")
    found = None if told else importlib.util.find_spec("hbayesdm")
    homes = [Path(told)] if told else list(map(Path, (found and found.submodule_search_locations) or ()))
    return next(
        (place for home in homes for place in (home / "common", home / "hbayesdm/common") if place.is_dir()), None
    )


def program(text: str) -> str:
    """Return a program of hBayesDM without licence and predictive quantities, with arrays as they are declared now."""
    text = re.sub(r"^#include.*$", "", text[: text.index("generated quantities")], flags=re.M)
    return re.sub(r"(\b(?:int|real)(?:<[^>]*>)?) (\w+)\[([^]]*)\];", r"array[\3] \1 \2;", text)


def theirs(common: Path, trials: vs.Trials, length: int) -> dict[str, np.ndarray]:
    """Return draws of hBayesDM's quantities, (chains * length, …)."""
    lengths = trials.n_trials
    choice = np.full((len(lengths), lengths.max()), -1)
    outcome = np.zeros(choice.shape)
    for n, (first, last) in enumerate(zip(trials.offsets[:-1], trials.offsets[1:], strict=True)):
        choice[n, : last - first] = trials.codes("choice")[first:last] + 1
        outcome[n, : last - first] = trials.numbers("reward")[first:last]
    with tempfile.TemporaryDirectory() as scratch:
        data, out, source = (Path(scratch) / name for name in ("data.npz", "draws.npz", "program.stan"))
        np.savez(data, N=len(lengths), T=lengths.max(), Tsubj=lengths, choice=choice, outcome=outcome)
        source.write_text(program((common / "stan_files" / "bandit2arm_delta.stan").read_text()))
        python = os.environ.get("VERSANT_RIVALS", sys.executable)
        arguments = [str(part) for part in (source, data, out, CHAINS, length, SEED, "mu_pr", "sigma", *NAMES)]
        done = subprocess.run([python, "-W", "ignore", str(HERE / "_stan_draws.py"), *arguments], capture_output=True)
        if done.returncode:
            raise SystemExit(f"Stan did not run: {done.stderr.decode().strip().splitlines()[-1:]}")
        with np.load(out) as found:
            return dict(found)


def main() -> None:
    common = folder()
    if common is None:
        print("hbayesdm is not installed, and VERSANT_HBAYESDM names no folder of it: there is nothing to compare with")
        return
    length = int(os.environ.get("VERSANT_DRAWS", "1000"))
    file = common / "extdata" / "bandit2arm_exampleData.txt"
    trials = vs.read_trials(file, rename={"subjID": "subject", "outcome": "reward"}, choices={"choice": [1, 2]})
    model = vs.models.find("bandit2arm_delta")
    priors = dict.fromkeys(NAMES, (0.0, 1.6))
    ours = vs.fit(
        model, trials, priors, method="sample", covariance="diagonal", sd_scale=0.32, draws=length, tune=length,
        chains=CHAINS, seed=SEED,
    )  # fmt: skip
    stan = theirs(common, trials, length)
    mu, sigma = stan["mu_pr"], stan["sigma"]
    logit, slope = 1.5976 * mu + 0.07056 * mu**3, 1.5976 + 3 * 0.07056 * mu**2
    effects, sds = (part.reshape(-1, 2) for part in (ours.effects, ours.sd))
    rows = [
        *(
            (f"group mean of `{n}`", w / (1 + np.exp(-effects[:, k])), w / (1 + np.exp(-logit[:, k])))
            for k, (n, w) in enumerate(zip(NAMES, WIDTH, strict=True))
        ),
        *((f"group mean of `{n}`, logit", effects[:, k], logit[:, k]) for k, n in enumerate(NAMES)),
        *((f"sd between subjects of `{n}`, logit", sds[:, k], (sigma * slope)[:, k]) for k, n in enumerate(NAMES)),
    ]
    print(f"| {'posterior mean ± sd':35s} | versant        | hBayesDM       |\n|{'-' * 37}|{'-' * 16}|{'-' * 16}|")
    for name, one, other in rows:
        told = (f"{part.mean():.3f} ± {part.std():.3f}" for part in (one, other))
        print(f"| {name:35s} | {' | '.join(f'{text:14s}' for text in told)} |")
    people = ours.natural.reshape(-1, *ours.natural.shape[2:])
    own = np.stack([stan[name] for name in NAMES], axis=2)
    apart = np.abs(people.mean(axis=0) - own.mean(axis=0)) / own.std(axis=0)
    print(f"subjects: means differ by {apart.max():.2f} posterior standard deviations at most, ", end="")
    print(f"standard deviations by {np.abs(people.std(axis=0) / own.std(axis=0) - 1).max():.1%}")
    print(f"verdict: {', '.join(sorted(ours.verdict))}")


if __name__ == "__main__":
    main()
