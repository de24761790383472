"""Sampled fits that are interrupted and resumed: the same draws to the last bit, and no other fit's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import versant as vs
from versant.inference import sampling, subject_sampling

pytest.importorskip("arviz")

Q = vs.models.find("q_learning")
LENGTHS: dict[str, Any] = {"method": "sample", "draws": 20, "tune": 30, "chains": 2, "seed": 4}


def trials() -> vs.Trials:
    truth = {"alpha": [0.2, 0.5, 0.7], "beta": [5.0, 3.0, 4.0]}
    return vs.simulate(Q, vs.Bandit((0.25, 0.75), trials=30), truth, seed=1)


@pytest.mark.parametrize(
    ("pooling", "room", "work", "pieces"),
    [("partial", sampling, "_chains", 2), ("none", subject_sampling, "_sampled", 3)],
)
def test_an_interrupted_sample_goes_on_to_the_same_draws(
    pooling: str, room: Any, work: str, pieces: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if pooling == "partial":
        pytest.importorskip("nutpie")
    monkeypatch.setattr(subject_sampling, "TOGETHER", 1)
    data, how = trials(), {**LENGTHS, "pooling": pooling}
    whole = vs.fit(Q, data, **how, resume=tmp_path / "whole.npz")
    done, real = [], getattr(room, work)

    def limited(*args: Any, **options: Any) -> Any:
        if len(done) == pieces - 1:
            raise KeyboardInterrupt
        done.append(1)
        return real(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(room, work, limited)
        with pytest.raises(KeyboardInterrupt):
            vs.fit(Q, data, **how, resume=tmp_path / "kept.npz")
    monkeypatch.setattr(room, work, lambda *args, **options: done.append(1) or real(*args, **options))
    again = vs.fit(Q, data, **how, resume=tmp_path / "kept.npz")
    assert len(done) == pieces
    np.testing.assert_array_equal(again.unconstrained, whole.unconstrained)
    assert {name: values.dtype for name, values in again.stats.items()} == {
        name: values.dtype for name, values in whole.stats.items()
    }
    with pytest.raises(vs.VersantError, match="target_accept differ"):
        vs.fit(Q, data, **how, target_accept=0.9, resume=tmp_path / "kept.npz")


def test_without_a_file_all_are_sampled_together(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, real = [], subject_sampling._sampled
    monkeypatch.setattr(subject_sampling, "TOGETHER", 1)
    monkeypatch.setattr(subject_sampling, "_sampled", lambda *args, **how: calls.append(1) or real(*args, **how))
    assert vs.fit(Q, trials(), pooling="none", **LENGTHS).unconstrained.shape == (2, 20, 3, 2)
    assert len(calls) == 1
