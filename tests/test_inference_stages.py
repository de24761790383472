"""Group fits that are interrupted and resumed: the same result to the last bit, and no other fit's file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import versant as vs
from versant.inference import stages
from versant.inference.hierarchical import Middle

Q = vs.models.find("q_learning")


def trials_of(seed: int = 1) -> vs.Trials:
    truth = {"alpha": np.linspace(0.2, 0.7, 6), "beta": np.linspace(2.0, 6.0, 6)}
    return vs.simulate(Q, vs.Bandit((0.25, 0.75), trials=60), truth, seed=seed)


def same(one: vs.GroupFit, other: vs.GroupFit) -> None:
    for name in ("effects", "covariance", "effects_covariance"):
        np.testing.assert_array_equal(getattr(one.group, name), getattr(other.group, name))
    np.testing.assert_array_equal(one.unconstrained, other.unconstrained)
    assert repr(one.group.history) == repr(other.group.history)
    assert one.group.evidence == other.group.evidence


class Interrupted(Exception):
    """Instead of a user's KeyboardInterrupt."""


@pytest.mark.parametrize("after", [0, 1, 4, 5])
def test_an_interrupted_climb_goes_on_to_the_same_bits(
    after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trials, path = trials_of(), tmp_path / "group.npz"
    options: dict[str, Any] = {"method": "group", "starts": 2, "polish": "laplace"}
    whole = vs.fit(Q, trials, **options)
    monkeypatch.setattr(stages, "SECONDS", 0.0)
    kept, write = [], stages.Stages._keep_middle

    def keep(self: stages.Stages, name: str, now: Middle) -> None:
        write(self, name, now)
        kept.append(now.done)
        if len(kept) > after:
            raise Interrupted

    with monkeypatch.context() as patch:
        patch.setattr(stages.Stages, "_keep_middle", keep)
        with pytest.raises(Interrupted):
            vs.fit(Q, trials, resume=path, **options)
    monkeypatch.setattr("versant.inference.group.best_ends", lambda *_: pytest.fail("subjects are fitted again"))
    same(vs.fit(Q, trials, resume=path, **options), whole)
    same(vs.fit(Q, trials, resume=path, **options), whole)  # all of EM is found


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "group.npz"
    options: dict[str, Any] = {"method": "group", "starts": 1, "polish": None, "resume": path}
    vs.fit(Q, trials_of(), **options)
    for others, differ in (
        ({"seed": 2}, "generator"),
        ({"starts": 2}, "starts"),
        ({"covariance": "diagonal"}, "covariance"),
        ({"prior": {"alpha": (0.0, 1.0), "beta": (1.0, 1.0)}}, "prior"),
    ):
        with pytest.raises(vs.VersantError, match=rf"another fit \({differ}"):
            vs.fit(Q, trials_of(), **(options | others))
    with pytest.raises(vs.VersantError, match=r"another fit \(trials"):
        vs.fit(Q, trials_of(2), **options)
    for content in ("something else", ""):
        path.write_text(content)
        with pytest.raises(vs.VersantError, match="no file of an interrupted fit: name another one"):
            vs.fit(Q, trials_of(), **options)


KILLED = """
import sys, time
import tests.test_inference_stages as here
from versant.inference import stages
stages.SECONDS = 0.0
write = stages.Stages._keep_middle
def keep(self, name, now):
    write(self, name, now)
    if now.done == 3:
        print("there", flush=True)
        time.sleep(60)
stages.Stages._keep_middle = keep
here.vs.fit(here.Q, here.trials_of(), method="group", starts=2, polish="laplace", resume=sys.argv[1])
"""


def test_a_killed_fit_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "group.npz"
    root = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])}
    command = [sys.executable, "-c", KILLED, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"there\n"
        os.kill(process.pid, signal.SIGKILL)
    assert path.exists()
    options: dict[str, Any] = {"method": "group", "starts": 2, "polish": "laplace"}
    same(vs.fit(Q, trials_of(), resume=path, **options), vs.fit(Q, trials_of(), **options))
