"""The verb `simulate`: any agent in any task → trials."""

from __future__ import annotations

from typing import Any

import numpy as np

from versant.agents.alpha import AlphaPolicy
from versant.agents.controller import Controller
from versant.agents.learner import Learner
from versant.errors import ModelError
from versant.inference.likelihood import natural_table
from versant.progress import Progress, silent
from versant.simulation.beliefs import simulate_beliefs
from versant.simulation.controllers import simulate_controller
from versant.simulation.learners import simulate_learner
from versant.tasks.behavioural import Task
from versant.tasks.episodes import InPomdp
from versant.tasks.pomdp import Pomdp
from versant.trials import Trials
from versant.verbs.shape import shaped_like, standing_in, without_response

__all__ = ["simulate"]


def simulate(
    agent: Learner | Controller | AlphaPolicy,
    task: Task | Pomdp,
    parameters: Any = None,
    *,
    subjects: int | None = None,
    trials: int | None = None,
    like: Trials | None = None,
    seed: int | np.random.Generator | None = None,
    progress: Progress = silent,
) -> Trials:
    """Simulate subjects who act as `agent` does.

    Parameters
    ----------
    agent : Learner, Controller or AlphaPolicy
        A learner is run as the very function that is fitted; controllers and alpha vectors act in POMDPs.
    task : Task or Pomdp
        In a POMDP a learner chooses ``action`` and reads ``reward``, ``observation`` and the costs by their names.
    parameters : mapping or pandas.DataFrame
        A learner's natural values by name: numbers, or one value a subject. Controllers and alpha vectors have none.
    subjects : int, optional
        How many; by default as many as the parameters have values (one, if they are numbers).
    trials : int, optional
        How many trials in a POMDP (100 by default); behavioural tasks know their own length.
    like : Trials, optional
        Recorded trials whose lengths and missing responses the simulated ones are to have, subject i those of recorded
        subject i mod N; a learner learns nothing on a trial without its response. Sessions and blocks that the task
        does not show are theirs. See `versant.verbs.shape`.
    seed : int, Generator or None
        SPEC 7.
    progress : Progress

    Returns
    -------
    Trials

    Raises
    ------
    ModelError
        For parameters that do not fit the agent.
    ProblemError
        If the task does not show what the agent reads.
    DataError
        If a subject of `like` has more trials than the task.

    Examples
    --------
    >>> import versant as vs
    >>> vs.simulate(vs.models.find("q_learning"), vs.Bandit(trials=10), {"alpha": [0.1, 0.5], "beta": 3.0}, seed=1)
    Trials(2 subjects, 10 trials each, 20 in all; trial, choice, reward)
    """
    if not isinstance(agent, Learner | Controller | AlphaPolicy):
        raise ModelError(f"simulate() takes a learner, a controller or alpha vectors, not a {type(agent).__name__}")
    rng = np.random.default_rng(seed)
    if not isinstance(agent, Learner):
        if like is not None:
            raise ModelError("like= is for learners: they alone miss responses")
        if not isinstance(task, Pomdp) or parameters is not None:
            raise ModelError(f"a {type(agent).__name__} is simulated in a POMDP, and has no parameters of its own")
        labels, length = _labels(subjects or 1), trials or 100
        if isinstance(agent, Controller):
            return simulate_controller(agent, task, labels, length, rng, progress)
        return simulate_beliefs(agent, task, labels, length, rng, progress)
    if parameters is None:
        raise ModelError(f"{agent.name} needs values for its parameters: {', '.join(agent.parameters)}")
    if isinstance(task, Pomdp):
        task = InPomdp(task, trials or 100)
    elif trials is not None:
        raise ModelError("this task knows how many trials it has; give the number to the task")
    labels = _labels(subjects or max((np.size(parameters[name]) for name in parameters), default=1))
    if "subject" in parameters:
        labels = tuple(parameters["subject"])
    natural = natural_table(agent, parameters, labels)
    if like is None:
        return simulate_learner(agent, task, natural, labels, rng, progress)
    absent = without_response(like, len(labels), task.trials)
    standing = standing_in(like, len(labels), task.trials)
    return shaped_like(simulate_learner(agent, task, natural, labels, rng, progress, absent, standing), like)


def _labels(count: int) -> tuple[object, ...]:
    if count < 1:
        raise ModelError(f"subjects={count}: at least one subject is needed")
    return tuple(range(1, count + 1))
