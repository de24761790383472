"""Saved results: bit for bit the same, and an error for every way in which model or trials are no longer theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import versant as vs
from versant.formats import codec

Q = vs.models.find("q_learning")
MODEL = """
import versant as vs

@vs.learner(alpha=vs.unit, beta=vs.positive, state=lambda p, n: {"Q": vs.zeros(n.choice)})
def mine(p, s, t):
    a = t.choose("choice", p.beta * s.Q)
    s.Q[a] += p.alpha * (t.reward - s.Q[a])
"""


@pytest.fixture
def simulated() -> vs.Trials:
    return vs.simulate(Q, vs.Bandit(trials=40), {"alpha": [0.3, 0.6, 0.2], "beta": 4.0}, seed=1)


def same(one: Any, other: Any) -> None:
    for name in one.__dataclass_fields__:
        a, b = getattr(one, name), getattr(other, name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
    assert one.summary() == other.summary()
    assert one.subjects == other.subjects
    assert one.verdicts == other.verdicts


@pytest.mark.parametrize("options", [{}, {"prior": None}, {"method": "group", "starts": 1}])
def test_fits_come_back_as_they_were(simulated: vs.Trials, tmp_path: Path, options: dict[str, Any]) -> None:
    fit = vs.fit(Q, simulated, **options)
    written = vs.save(fit, tmp_path / "new", settings={"seed": 0})
    assert [file.suffix for file in written] == [".json", ".parquet"]
    again = vs.load_fit(tmp_path / "new")
    same(fit, again)
    assert type(again) is type(fit)
    assert vs.latents(again).equals(vs.latents(fit))
    content = json.loads(written[0].read_text())
    assert content["model"]["shipped"] == "q_learning"
    assert content["settings"] == {"seed": 0}
    if "method" in options:
        assert again.group_frame().equals(fit.group_frame())


def test_sampled_posteriors_come_back_as_they_were(
    simulated: vs.Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nutpie")
    monkeypatch.setattr(codec, "LARGE", 500)
    fit = vs.fit(Q, simulated, method="sample", draws=60, tune=60, chains=2)
    written = vs.save(fit, tmp_path)
    assert "fit.arrays" in written[2].name
    again = vs.load_fit(tmp_path)
    same(fit, again)
    assert again.frame().equals(fit.frame())
    assert again.group_frame().equals(fit.group_frame())
    written[2].write_bytes(b"PAR1")
    with pytest.raises(vs.FormatError, match="is damaged"):
        vs.load_fit(tmp_path)
    written[2].unlink()
    with pytest.raises(vs.FormatError, match="is incomplete"):
        vs.load_fit(tmp_path)


def test_trials_of_a_file_are_read_again_as_they_were(simulated: vs.Trials, tmp_path: Path) -> None:
    frame = simulated.frame().rename(columns={"choice": "pick", "reward": "outcome"})
    frame.loc[[3, 50], "pick"] = 9
    file = tmp_path / "trials.csv"
    frame.to_csv(file, index=False)
    how = {"rename": {"pick": "choice", "outcome": "reward"}, "missing": {"choice": [9, float("nan")]}}
    trials = vs.read_trials(file, **how)
    for policy in ("skip", "learn"):
        fit = vs.fit(Q, trials.only(1, 3), on_missing=policy)
        (saved,) = vs.save(fit, tmp_path / f"{policy}.json")
        again = vs.load_fit(saved)
        same(fit, again)
        assert vs.latents(again).equals(vs.latents(fit))
    moved = tmp_path / "elsewhere" / "trials.csv"
    moved.parent.mkdir()
    file.rename(moved)
    with pytest.raises(vs.VersantError, match=r"trials.csv, the trials of this result, is not there any more"):
        vs.load_fit(saved)
    given = vs.load_fit(saved, trials=vs.read_trials(moved, **how))
    same(fit, given)
    saved.rename(moved.parent / saved.name)
    same(fit, vs.load_fit(moved.parent / saved.name))  # beside the result, wherever both went


def test_changed_trials_are_told(simulated: vs.Trials, tmp_path: Path) -> None:
    file = tmp_path / "trials.csv"
    vs.write_trials(simulated, file)
    vs.save(vs.fit(Q, vs.read_trials(file)), tmp_path / "fit")
    frame = simulated.frame()
    frame.loc[7, "reward"] = 1 - frame.loc[7, "reward"]
    frame.to_csv(file, index=False)
    with pytest.raises(vs.DataError, match="not the trials that were fitted") as caught:
        vs.load_fit(tmp_path / "fit")
    assert caught.value.column == "reward"
    frame[frame.subject != 2].to_csv(file, index=False)
    with pytest.raises(vs.DataError, match="a subject of the saved result is not there") as caught:
        vs.load_fit(tmp_path / "fit")
    assert caught.value.subject == "2"


def test_models_of_a_file_are_found_again_or_told(simulated: vs.Trials, tmp_path: Path) -> None:
    from versant.formats.models import find_model

    file = tmp_path / "model.py"
    file.write_text(MODEL)
    fit = vs.fit(find_model(f"{file}:mine"), simulated)
    vs.save(fit, tmp_path / "fit")
    same(fit, vs.load_fit(tmp_path / "fit"))
    file.write_text(MODEL.replace("a = t.choose", "# a comment\n    a = t.choose"))
    same(fit, vs.load_fit(tmp_path / "fit"))
    file.write_text(MODEL.replace("t.reward - s.Q[a]", "2.0 * t.reward - s.Q[a]"))
    with pytest.raises(vs.ModelError, match=r"the equations of 'mine' \(in .*model.py\) are not those"):
        vs.load_fit(tmp_path / "fit")
    with pytest.raises(vs.ModelError, match="log-likelihoods differ by up to"):
        vs.load_fit(tmp_path / "fit", model=find_model(f"{file}:mine"))
    file.write_text(MODEL.replace("p.beta * s.Q", "s.Q * 2.0 * p.beta / 2.0"))  # other equations, the same model
    again = vs.load_fit(tmp_path / "fit", model=find_model(f"{file}:mine"))
    np.testing.assert_array_equal(again.natural, fit.natural)
    file.write_text(MODEL.replace("def mine", "def other"))
    with pytest.raises(vs.ModelError, match="does not define a learner called 'mine' any more"):
        vs.load_fit(tmp_path / "fit")
    file.unlink()
    with pytest.raises(vs.ModelError, match="is not there any more: give model="):
        vs.load_fit(tmp_path / "fit")
    assert vs.load_scored(tmp_path / "fit").known["bic"].values.tolist() == fit.bic.tolist()


def test_reloaded_fits_are_compared(simulated: vs.Trials, tmp_path: Path) -> None:
    fits = [vs.fit(Q, simulated), vs.fit(vs.models.find("q_learning_dual"), simulated)]
    for fit in fits:
        vs.save(fit, tmp_path / fit.learner.name)
    expected = vs.compare(fits).frame()
    assert vs.compare([vs.load_fit(tmp_path / fit.learner.name) for fit in fits]).frame().equals(expected)
    light = [vs.load_scored(tmp_path / fit.learner.name) for fit in fits]
    assert vs.compare(light).frame().equals(expected)
    assert vs.compare(light, method="bms").best == vs.compare(fits, method="bms").best
    with pytest.raises(vs.ModelError, match="has no loo, only"):
        vs.compare(light, criterion="loo")
    other = vs.fit(Q, simulated.select(np.arange(len(simulated)) != 5))
    vs.save(other, tmp_path / "other")
    with pytest.raises(vs.DataError, match="different numbers of choices"):
        vs.compare([light[1], vs.load_scored(tmp_path / "other")])


def test_a_half_written_result_never_stands_there(
    simulated: vs.Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = vs.fit(Q, simulated)
    vs.save(fit, tmp_path)
    before = vs.load_fit(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("versant.formats.results.write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            vs.save(vs.fit(Q, simulated.only(1, 2)), tmp_path)
    same(before, vs.load_fit(tmp_path))
    vs.save(vs.fit(Q, simulated.only(1, 2)), tmp_path)
    assert len(list(tmp_path.iterdir())) == 2  # what belonged to the older result has gone
    assert len(vs.load_fit(tmp_path).subjects) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(version=2), "is of version 2"),
        (lambda c: c.update(format="other"), "is no saved fit"),
        (lambda c: c.update(kind="Trials"), "which is no fit"),
        (lambda c: c["fields"].pop("natural"), "holds no result of this version"),
        (lambda c: c["fields"]["natural"].update(dtype="object"), "holds an array of object"),
        (lambda c: c["fields"].update(group={"is": "Popen", "fields": {}}), "'Popen'"),
    ],
)
def test_damaged_files_are_told(simulated: vs.Trials, tmp_path: Path, change: Any, message: str) -> None:
    (file, _trials) = vs.save(vs.fit(Q, simulated, starts=1), tmp_path)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(vs.FormatError, match=message):
        vs.load_fit(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_other_files_are_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "fit.json").write_text(text)
    with pytest.raises(vs.FormatError):
        vs.load_fit(tmp_path)
    with pytest.raises(vs.FormatError, match="cannot be read"):
        vs.load_fit(tmp_path / "nowhere")


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(st.sampled_from([np.float64, np.int64, np.bool_]), arrays.array_shapes(max_dims=3, min_side=0)))
def test_arrays_come_back_to_the_bit(array: np.ndarray) -> None:
    for limit in (0, 10**6):
        large: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "LARGE", limit)
            text = json.dumps(codec.encode(array, large), allow_nan=False)
        again = codec.decode(json.loads(text), {}, large)
        assert again.dtype == array.dtype
        np.testing.assert_array_equal(again, array)
