"""Fits in parts: the same answer as in one piece, resumable, never mixed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import versant as vs
from versant.errors import DataError, VersantError
from versant.formats import partitions
from versant.formats.partitions import fit_parts

Q = vs.models.find("q_learning")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    trials = vs.simulate(Q, vs.Bandit(trials=30), {"alpha": [0.2, 0.4, 0.6, 0.3, 0.5], "beta": 3.0}, seed=1)
    frame = trials.frame()
    data = tmp_path / "data"
    for name, subjects in (("a.parquet", (1, 2)), ("b/c.parquet", (3,)), ("d.parquet", (4, 5))):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        frame[frame["subject"].isin(subjects)].to_parquet(data / name)
    return data


def estimates(result: partitions.PartitionedFit) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in result.parts]).sort_values("subject", ignore_index=True)


def test_parts_give_what_the_whole_gives(folder: Path, tmp_path: Path) -> None:
    result = fit_parts(Q, folder, tmp_path / "out")
    whole = pd.concat([pd.read_parquet(path) for path in sorted(folder.rglob("*.parquet"))])
    one = vs.fit(Q, vs.read_trials(whole)).frame().sort_values("subject", ignore_index=True)
    np.testing.assert_allclose(estimates(result)[["alpha", "beta"]], one[["alpha", "beta"]], rtol=1e-6)
    assert result.n_subjects == 5
    assert result.log_likelihood == pytest.approx(one["log_likelihood"].sum())
    assert sum(result.verdicts.values()) == sum(len(v.split()) for v in one["verdict"])
    assert (tmp_path / "out" / "result.json").exists()


def test_an_interrupted_fit_goes_on_where_it_stopped(folder: Path, tmp_path: Path, monkeypatch: Any) -> None:
    whole = estimates(fit_parts(Q, folder, tmp_path / "whole"))
    fitted: list[int] = []

    def interrupted(*args: Any, **more: Any) -> Any:
        fitted.append(1)
        if len(fitted) == 2:
            raise KeyboardInterrupt
        return vs.fit(*args, **more)

    monkeypatch.setattr(partitions, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit_parts(Q, folder, tmp_path / "out")
    assert not (tmp_path / "out" / "result.json").exists()
    result = fit_parts(Q, folder, tmp_path / "out")
    assert len(fitted) == 4  # one done, one interrupted, two after
    pd.testing.assert_frame_equal(estimates(result), whole)


KILLED = """
import os, signal, sys
import versant as vs
def progress(done, total, what):
    if done == 1:
        os.kill(os.getpid(), signal.SIGKILL)
vs.fit_parts(vs.models.find("q_learning"), sys.argv[1], sys.argv[2], starts=2, progress=progress)
"""


def test_a_killed_fit_goes_on_where_it_stopped(folder: Path, tmp_path: Path) -> None:
    whole = fit_parts(Q, folder, tmp_path / "whole", starts=2)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(tmp_path / "out")], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [path.name for path in (tmp_path / "out" / "parts").rglob("*.parquet")] == ["a.parquet"]
    seen: list[int] = []
    result = fit_parts(Q, folder, tmp_path / "out", starts=2, progress=lambda done, total, what: seen.append(done))
    assert seen == [0, 1, 2, 3]
    pd.testing.assert_frame_equal(estimates(result), estimates(whole))
    assert (result.n_subjects, result.verdicts) == (whole.n_subjects, whole.verdicts)


def test_other_settings_are_refused(folder: Path, tmp_path: Path) -> None:
    fit_parts(Q, folder, tmp_path / "out", starts=1)
    with pytest.raises(VersantError, match="different: starts"):
        fit_parts(Q, folder, tmp_path / "out", starts=2)
    with pytest.raises(VersantError, match="different: prior"):
        fit_parts(Q, folder, tmp_path / "out", prior=None, starts=1)
    with pytest.raises(VersantError, match="different: model, prior, source"):
        fit_parts(vs.models.find("q_learning_dual"), folder, tmp_path / "out", starts=1)


def test_a_subject_in_two_parts_is_refused(folder: Path, tmp_path: Path) -> None:
    pd.read_parquet(folder / "a.parquet").to_parquet(folder / "e.parquet")
    with pytest.raises(DataError, match=r"subject 1.*two parts, a.parquet and e.parquet"):
        fit_parts(Q, folder, tmp_path / "out", starts=1)


def test_the_first_parts_coding_holds_for_all(folder: Path, tmp_path: Path) -> None:
    frame = pd.read_parquet(folder / "d.parquet")
    frame.loc[frame.index[3], "choice"] = 2
    frame.to_parquet(folder / "d.parquet")
    with pytest.raises(DataError, match=r"d.parquet.*choice"):
        fit_parts(Q, folder, tmp_path / "out", starts=1)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VersantError, match=r"no .parquet file"):
        fit_parts(Q, tmp_path, tmp_path / "out")
