"""Selection of models on published data: CBM's example tasks against its manual, Gershman's (2018) experiments, and
SPM12's random-effects selection as another program prints it.

The data stand beside a developer's checkout (``shared/data/behaviour``). CBM stops when parameters change by less than
0.01, ours when nothing changes by 1e-4; "after 19 steps" is ours at the step at which CBM stopped.

Gershman's published program compares V, (V, RU), V/TU and (V/TU, RU), each by maximum likelihood and -½ BIC, without
trials that took 20 s or more; the hybrid of the paper's text has V besides. Both are shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import versant as vs
from benchmarks import _bms_printed as printed
from benchmarks import _cbm_manual as manual
from versant.agents.zoo.exploration import exploration_hybrid, explore
from versant.inference.dirichlet import exceedance
from versant.inference.hbi import Hyper, State, concurrent
from versant.inference.likelihood import bind
from versant.inference.selection import select_models

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "behaviour"
TOO_LONG = 20_000
"""Milliseconds."""
TWO_STEP = {"choice1": 0, "state2": 0, "choice2": 0, "outcome": 0}


def wide(model: vs.Learner) -> vs.Learner:
    """Return a model with CBM's prior."""
    sd = float(np.sqrt(manual.VARIANCE))
    return model.variant(model.name, parameters={name: d.with_prior(0.0, sd) for name, d in model.parameters.items()})


def rl_task(data: Path = DATA) -> tuple[dict[str, vs.Learner], vs.Trials]:
    """Return models and trials of CBM's first example."""
    names = {"RL": "q_learning", "dual RL": "q_learning_dual"}
    models = {label: wide(vs.models.find(name)) for label, name in names.items()}
    return models, vs.read_trials(data / "cbm" / "rl_task.csv", rename={"outcome": "reward"})


def stopped(models: dict[str, vs.Learner], trials: vs.Trials, steps: int) -> State:
    """Return the concurrent fit after so many steps."""
    fits = [vs.fit(model, trials) for model in models.values()]
    centres = [np.zeros(model.n_parameters) for model in models.values()]
    variances = [np.full(model.n_parameters, manual.VARIANCE) for model in models.values()]
    return concurrent(
        [bind(model, trials) for model in models.values()], centres, variances, trials.n_subjects, Hyper(),
        starts=[fit.unconstrained for fit in fits], iterations=steps,
    )  # fmt: skip


def _spelled(values: Any) -> str:
    return " ".join(f"{value:.4f}" for value in np.asarray(values))


def cbm() -> None:
    models, trials = rl_task()
    printed = np.array(manual.INDIVIDUAL.split(), dtype=float).reshape(-1, 2)
    alone = vs.fit(models["RL"], trials).unconstrained
    away = np.abs(alone - printed).max(axis=1)
    print(f"CBM, RL task: {(away < 1e-3).sum()} of 40 subjects' Laplace estimates as printed to 0.001; ", end="")
    print(f"largest difference {away.max():.4f}\n")
    early = stopped(models, trials, manual.STEPS)
    found = vs.compare(models, trials, method="hbi")
    rows = {
        "frequency": (manual.FREQUENCIES, early.responsibilities.mean(axis=1), found.frequencies),
        "exceedance": (manual.EXCEEDANCE, exceedance(early.alpha), found.exceedance),
    }
    print("| | CBM's manual | ours after 19 steps | ours |\n|---|---|---|---|")
    for name, (theirs, stop, end) in rows.items():
        print(f"| {name} | {_spelled(list(theirs.values()))} | {_spelled(stop)} | {_spelled(end)} |")
    for k, label in enumerate(models):
        means = (manual.MEANS[label], early.groups[k].mean, found.groups[k].mean)
        errors = (manual.ERRORS[label], early.groups[k].errors, found.groups[k].errors)
        for name, values in (("mean", means), ("error", errors)):
            print(f"| {label}, {name} | " + " | ".join(_spelled(value) for value in values) + " |")
    trials = vs.read_trials(DATA / "cbm" / "two_step.csv", missing=TWO_STEP, choices={"choice1": 2, "choice2": 2})
    three = {name: wide(vs.models.find(f"two_step_{name.replace('-', '_')}")) for name in manual.TWO_STEP}
    two = vs.compare(three, trials, method="hbi", on_missing="skip")
    print(f"| two-step task, frequency | {_spelled(list(manual.TWO_STEP.values()))} | | {_spelled(two.frequencies)} |")
    gains = np.diff([bound for bound, _ in early.history])
    print(
        f"\nRL task, gain of the bound in steps 2 to 19: {gains.sum():.2f}, CBM's log {sum(manual.GAINS):.2f}; "
        f"in no step further apart than {np.abs(gains - manual.GAINS).max():.2f}"
    )
    print(
        f"\nRL task, protected exceedance of dual RL: {found.protected()[1]:.4f} where the null lets the data tell who "
    )
    print(f"uses which (Rigoux et al. 2014), {found.protected('responsibilities')[1]:.4f} with the null of CBM\n")


@vs.learner(w2=vs.real, w3=vs.real, state=exploration_hybrid.state, reset=exploration_hybrid.reset,
            columns=exploration_hybrid.columns, choices=exploration_hybrid.choices)  # fmt: skip
def hybrid_of_the_program(p: Any, s: Any, t: Any) -> None:
    """Relative uncertainty and V/TU, without V."""
    explore(s, t, 0.0, p.w2, p.w3)


def by_the_program(number: int, variance: list[float], data: Path = DATA) -> vs.Selection:
    """Return the selection of one experiment as the published program makes it, given prior variances of options."""
    trials = vs.read_trials(data / "exploration" / f"data{number}.csv")
    quick = trials.select(trials.numbers("RT") < TOO_LONG)
    models = [vs.models.find(f"exploration_{name}") for name in ("value", "ucb", "thompson")]
    state = {"mean": [0.0, 0.0], "variance": variance}
    varied = [model.variant(model.name, state=state) for model in (*models, hybrid_of_the_program)]
    return vs.compare([vs.fit(model, quick, None, starts=2) for model in varied], method="bms", criterion="bic")


def gershman() -> None:
    print(
        "| experiment | prior variances | value | UCB | Thompson | hybrid | omnibus risk |\n"
        "|---|---|---|---|---|---|---|"
    )
    for number, variance in ((1, [10.0, 0.0]), (1, [100.0, 0.0]), (2, [100.0, 100.0])):
        found = by_the_program(number, variance)
        cells = " | ".join(f"{value:.4f}" for value in found.protected)
        print(f"| {number} | {variance[0]:g}, {variance[1]:g} | {cells} | {found.bor:.2g} |", flush=True)
    print("\nWith the hybrid of the paper's text, all trials:\n")
    print("| experiment | criterion | value | UCB | Thompson | hybrid | omnibus risk |\n|---|---|---|---|---|---|---|")
    for number, suffix in ((1, "_safe"), (2, "")):
        trials = vs.read_trials(DATA / "exploration" / f"data{number}.csv")
        names = [f"exploration_{name}{suffix}" for name in ("value", "ucb", "thompson", "hybrid")]
        models = [vs.models.find(name) for name in names]
        kinds: tuple[tuple[Any, Any, str], ...] = (
            ("default", "evidence", "Laplace evidence"),
            ("default", "importance", "importance-sampled evidence"),
            ("default", "loo", "PSIS-LOO"),
            (None, "bic", "-½ BIC"),
        )
        for prior, criterion, label in kinds:
            fits = [vs.fit(model, trials, prior, starts=2) for model in models]
            found = vs.compare(fits, method="bms", criterion=criterion)
            cells = " | ".join(f"{value:.4f}" for value in found.protected)
            print(f"| {number} | {label} | {cells} | {found.bor:.2g} |", flush=True)


def selection() -> None:
    """Variational selection beside the printed output of another program, and beside the exact posterior."""
    found = select_models("123456", range(12), printed.log_evidence())
    print("Selection (SPM12's, as bmsR prints it):\n\n| | bmsR | ours |\n|---|---|---|")
    for name, theirs, ours in (
        ("Dirichlet", printed.ALPHA, found.alpha),
        ("exceedance", printed.EXCEEDANCE, found.exceedance),
        ("protected", printed.PROTECTED, found.protected),
    ):
        told = (" ".join(f"{value:.4f}" for value in values) for values in (theirs, ours))
        print(f"| {name} | {' | '.join(told)} |")
    print(f"| omnibus risk | {printed.OMNIBUS_RISK:.6f} | {found.bor:.6f} |")
    print("\nTwo models, 16 subjects, beside direct integration over the frequency:\n")
    print("| mean log Bayes factor | exceedance | omnibus risk | protected |\n|---|---|---|---|")
    m = (np.arange(20_000) + 0.5) / 20_000
    for shift in (0.0, 0.4, 1.5, 3.0):
        evidence = np.random.default_rng(3).normal([[shift], [0.0]], 1.5, (2, 16))
        density = np.exp(
            np.logaddexp(evidence[0] + np.log(m)[:, None], evidence[1] + np.log1p(-m)[:, None]).sum(axis=1)
        )
        exceeds = density[m > 0.5].sum() / density.sum()
        null = np.exp(np.logaddexp(*(evidence + np.log(0.5))).sum())
        risk = null / (null + density.mean())
        found = select_models("ab", range(16), evidence)
        pairs = (
            (found.exceedance[0], exceeds),
            (found.bor, risk),
            (found.protected[0], (1 - risk) * exceeds + risk / 2),
        )
        cells = " | ".join(f"{ours:.3f} ({exact:.3f})" for ours, exact in pairs)
        print(f"| {(evidence[0] - evidence[1]).mean():.2f} | {cells} |")
    print()


def main() -> None:
    selection()
    cbm()
    print("Gershman (2018): protected exceedance of each model\n")
    gershman()


if __name__ == "__main__":
    main()
