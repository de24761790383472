"""``versant demo``: both jobs end to end, in seconds, on nothing but what is built in.

A group of learners with known parameters is simulated in a two-armed bandit and fitted, truth beside estimates; then
the tiger problem is planned with a budget on the risk of opening the tiger's door.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from versant.cli.console import print_table, progress_bar
from versant.cli.fit import flagged, said_later
from versant.cli.fit_files import write_fit
from versant.cli.load import load_model, load_trials
from versant.cli.options import trials_options
from versant.cli.output import folder_for
from versant.cli.plan import exceeded, write_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from versant.inference.result import Fit

__all__ = ["demo"]

SEED, SUBJECTS, TRIALS, PROBABILITIES = 2026, 20, 200, (0.3, 0.7)
NODES, RISK_BUDGET = 5, 0.08


@click.command(short_help="Both jobs end to end, in seconds.")
@click.option("--out", type=click.Path(file_okay=False), default="out/demo", show_default=True, metavar="DIR")
@click.option("--data", type=click.Path(), metavar="FILE", help="Fit these trials instead of simulated ones.")
@click.option("--model", default="q_learning", show_default=True, metavar="NAME|FILE.py:FUNCTION")
@trials_options
def demo(out: str, data: str | None, model: str, on_missing: Any, **read: Any) -> None:
    """Simulate a group and fit it, truth beside estimates; then plan within a budget. Takes seconds.

    It ends with 0 also where a subject is not 'converged'; they are listed.
    """
    folder = folder_for(out) or Path()
    files = _recover(folder / "fit") if data is None else _fit_file(folder / "fit", data, model, on_missing, read)
    files += _plan(folder / "plan")
    print("\nWritten:", *(f"  {file}" for file in files), sep="\n")


def _recover(folder: Path) -> list[Path]:
    """Simulate a group with known parameters, fit it, print and draw truth beside estimates."""
    from versant.agents import zoo
    from versant.figures.canvas import save
    from versant.figures.recovery import figure_recovery, table_recovery
    from versant.formats.trials import write_trials
    from versant.inference.recovery import Recovery
    from versant.tasks.zoo.bandit import Bandit
    from versant.verbs.simulate import simulate

    learner = zoo.find("q_learning")
    truth = _truth()
    odds = " and ".join(map(str, PROBABILITIES))
    print(f"1. Simulate {SUBJECTS} learners, {TRIALS} trials each of a bandit that pays with probability {odds}")
    trials = simulate(learner, Bandit(PROBABILITIES, trials=TRIALS), truth, seed=SEED)
    found = _fit(learner, trials, None)
    _print_recovery(found, truth)
    files = [folder / "trials.csv", folder / "recovery.png"]
    write_trials(trials, files[0])
    title = f"q_learning: {SUBJECTS} simulated learners, {TRIALS} trials each"
    save(figure_recovery(table_recovery(Recovery.of(found, truth)), title), files[1])
    return [*files, *write_fit(found, folder, {"source": trials.source})]


def _truth() -> dict[str, NDArray[np.float64]]:
    """Draw rates around 0.35 and inverse temperatures around 4."""
    rng = np.random.default_rng(SEED)
    rate = 1.0 / (1.0 + np.exp(-rng.normal(-0.6, 1.0, SUBJECTS)))
    return {"alpha": rate, "beta": np.exp(rng.normal(1.4, 0.4, SUBJECTS))}


def _fit_file(folder: Path, data: str, model: str, on_missing: Any, read: dict[str, Any]) -> list[Path]:
    """Fit a real file."""
    learner = load_model(model)
    trials = load_trials(data, **read)
    print(f"1. Read {data}", *(f"   {line}" for line in trials.summary().splitlines()), sep="\n")
    found = _fit(learner, trials, on_missing)
    print(*said_later(found, trials), sep="\n")
    names = [column for name in learner.parameters for column in (name, f"{name}_se")]
    print_table(found.frame()[["subject", *names, "log_likelihood", "verdict"]])
    flagged(found)
    return write_fit(found, folder, {"source": trials.source, "read": list(found.trials.report)})


def _fit(learner: Any, trials: Any, on_missing: Any) -> Fit:
    from versant.verbs.fit import fit

    with progress_bar() as progress:
        found = fit(learner, trials, on_missing=on_missing, progress=progress)
    print("2. Fit every subject: maximum a posteriori, by Newton steps with exact Hessians")
    print(found.summary())
    return found


def _print_recovery(found: Fit, truth: dict[str, NDArray[np.float64]]) -> None:
    import pandas as pd

    columns: dict[str, Any] = {"subject": found.subjects}
    for k, (name, values) in enumerate(truth.items()):
        columns[f"true {name}"] = [f"{value:.3f}" for value in values]
        pairs = zip(found.natural[:, k], found.errors[:, k], strict=True)
        columns[f"estimate {name}"] = [f"{estimate:.3f} ± {error:.3f}" for estimate, error in pairs]
    columns["verdict"] = [", ".join(sorted(flags)) for flags in found.verdicts]
    print_table(pd.DataFrame(columns))


def _plan(folder: Path) -> list[Path]:
    """Plan the tiger problem within a budget on risk."""
    from versant.tasks import zoo
    from versant.verbs.plan import plan

    problem = zoo.find("tiger", costs=("risk",))
    print(f"\n3. Plan tiger with {NODES} nodes; expected discounted openings of the tiger's door at most {RISK_BUDGET}")
    with progress_bar() as progress:
        found = plan(problem, NODES, {"risk": RISK_BUDGET}, progress=progress)
    print(found)
    print(f"({found.starts} starts, {found.seconds:.1f} s)")
    exceeded(found.costs)
    return write_plan(found, folder)
