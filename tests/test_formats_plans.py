"""Saved plans come back whole and are verified, files that hold none are refused; starts on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from versant.cli.command import main
from versant.errors import FormatError, ProblemError
from versant.formats.alpha import read_alpha
from versant.formats.plans import plan_costs, read_plan, write_plan
from versant.planning.result import Larger, Plan
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan
from versant.verbs.verify import verify

RISKY = tiger(costs=("risk", "listen"))
FAST: dict[str, Any] = {"bounds": ("qmdp",), "families": ("random",), "iterations": 60}


@pytest.fixture(scope="module")
def found() -> Plan:
    return plan(RISKY, 3, {"risk": 0.5, "listen": (14.0, None)}, starts=3, **FAST)


@pytest.fixture(scope="module")
def solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a point-based plan made on the command line."""
    out = tmp_path_factory.mktemp("alpha")
    assert main(["plan", "tiger", "--method", "alpha", "--time", "2", "--out", str(out)]) == 0
    return out


def test_plans_come_back_as_they_were(found: Plan, tmp_path: Path) -> None:
    write_plan(found, tmp_path / "plan.json")
    again = read_plan(tmp_path / "plan.json", RISKY)
    assert again.to_dict() == found.to_dict()
    assert again.history == found.history
    assert again.costs == found.costs
    np.testing.assert_allclose(again.moves, found.moves, rtol=1e-9)
    assert verify(again, RISKY).holds
    assert plan_costs(tmp_path / "plan.json") == ("risk", "listen")


def test_plans_that_minimise_and_that_prove_come_back_too(tmp_path: Path) -> None:
    safe = plan(RISKY, 2, {"reward": (-20.0, None)}, minimise="risk", starts=2, **FAST)
    hopeless = plan(RISKY, 2, {"risk": -1.0}, starts=2, **FAST)
    for one in (safe, hopeless, replace(safe, larger=Larger(7, 1.0))):
        write_plan(one, tmp_path / "plan.json")
        assert read_plan(tmp_path / "plan.json", RISKY).to_dict() == one.to_dict()
    assert hopeless.least_excess is not None
    write_plan(safe, tmp_path / "plan.json")
    assert plan_costs(tmp_path / "plan.json") == ("risk", "listen")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("verdict"), "'verdict' is missing"),
        (lambda content: content["verdict"].append("splendid"), "holds no plan: 'splendid' is not a valid"),
        (lambda content: content.update(costs=[]), "'costs' is missing|holds no plan"),
        (lambda content: content.update(value="high"), "could not convert"),
        (lambda content: content["controller"].pop("start"), "start"),
    ],
)
def test_files_that_hold_no_plan(
    found: Plan, tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    content = json.loads(json.dumps(found.to_dict()))
    change(content)
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(content))
    with pytest.raises((FormatError, ProblemError), match=message):
        read_plan(file, RISKY)


def test_other_problems_and_no_files(found: Plan, tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    with pytest.raises(FormatError, match="cannot be read"):
        read_plan(file, RISKY)
    file.write_text('{"costs": 3}')
    with pytest.raises(FormatError, match="holds no plan"):
        plan_costs(file)
    write_plan(found, file)
    with pytest.raises(ProblemError, match="'listen', which the problem lacks"):
        read_plan(file, tiger(costs=("risk",)))
    with pytest.raises(ProblemError, match="actions and observations"):
        read_plan(file, replace(RISKY, actions=("wait", "left", "right")))


def test_a_saved_plan_is_verified_on_the_command_line(
    solved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(solved / "result.json"), "tiger", "--effort", "2e8"]) == 0
    assert "the certificate holds" in capsys.readouterr().out
    content = json.loads((solved / "result.json").read_text())
    (tmp_path / "wrong.json").write_text(json.dumps({**content, "value": content["value"] + 1e-3}))
    assert main(["verify", str(tmp_path / "wrong.json"), "tiger", "--effort", "1e6", "--json"]) == 3
    said = json.loads(capsys.readouterr().out)
    assert not said["holds"]
    assert said["failures"][0].startswith("value: claimed")
    assert main(["verify", str(solved / "controller.json"), "tiger"]) == 1
    assert "holds no plan" in capsys.readouterr().err


def test_alpha_vectors_are_written_and_started_from(solved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = read_alpha(solved / "policy.alpha", tiger())
    value = json.loads((solved / "result.json").read_text())["value"]
    assert value == pytest.approx(19.3714, abs=1e-4)
    assert float(policy.value(tiger().start[None])[0]) == pytest.approx(value, abs=1e-9)
    command = ["plan", "tiger", "--start", str(solved / "policy.alpha"), "--starts", "1", "--time", "1", "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["families"]["given"] == 1
    assert found["nodes"] == 5
    assert found["value"] >= value - 1e-9


def test_policy_graphs_are_started_from_at_another_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "tiger.pg"
    graph.write_text("0 0  1 2\n1 0  3 0\n2 0  0 4\n3 2  0 0\n4 1  0 0\n")
    assert main(["plan", "tiger", "--nodes", "6", "--start", str(graph), "--time", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["nodes"] == 6
    assert found["value"] == pytest.approx(19.3714, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("three.alpha", "0\n1 2 3\n\n1\n4 5 6\n", "2 values follow each, one a state of the problem"),
        ("action.alpha", "7\n1 2\n", "from 0 to 2"),
        ("three.pg", "0 0  0 0 0\n", "2 next nodes; the line has 5 words"),
        ("none.pg", "", "the file is empty"),
        ("other.json", "{}", "not a controller"),
    ],
)
def test_starts_that_do_not_fit_are_one_message(
    name: str, text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(text)
    assert main(["plan", "tiger", "--start", str(tmp_path / name)]) == 1
    said = capsys.readouterr()
    assert message in said.err
    assert name in said.err
    assert said.out == ""
