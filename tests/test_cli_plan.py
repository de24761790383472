"""`versant plan`, `evaluate` and `demo`: JSON, files, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from versant.cli.command import main

INTERRUPTIBLE = """
import signal, sys
from versant.cli.command import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite that runs in the background inherits none
sys.exit(main(sys.argv[1:]))
"""
SLOW = """
import time, versant.verbs.plan as planning
planning.ascend_from_starts = lambda *_: time.sleep(60)  # a search that has found nothing yet
"""
RISK = "risk=tiger-left:open-left:1,tiger-right:open-right:1"
TIGER = """
discount: 0.95
values: reward
states: tiger-left tiger-right
actions: listen open-left open-right
observations: tiger-left tiger-right
T: listen
identity
T: open-left
uniform
T: open-right
uniform
O: listen
0.85 0.15
0.15 0.85
O: open-left
uniform
O: open-right
uniform
R: listen : * : * : * -1
R: open-left : tiger-left : * : * -100
R: open-left : tiger-right : * : * 10
R: open-right : tiger-left : * : * 10
R: open-right : tiger-right : * : * -100
"""


@pytest.fixture
def tiger_file(tmp_path):
    path = tmp_path / "tiger.POMDP"
    path.write_text(TIGER)
    return str(path)


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A plan of tiger within a budget, written to a folder, and what was printed."""
    out = tmp_path_factory.mktemp("plan")
    code = (
        "import sys; from versant.cli.command import main; "
        "sys.exit(main(['plan', 'tiger', '--nodes', '3', '--iterations', '500', '--memory', '8', "
        f"'--starts', '8', '--cost', {RISK!r}, '--budget', "
        f"'risk=0.5', '--out', {str(out)!r}, '--json']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    return out, json.loads(done.stdout)


def test_plan_prints_one_json_object_and_writes_its_files(planned):
    out, found = planned
    assert found["value"] <= found["upper_bound"]
    assert 0 <= found["value_error"] < 1e-6
    risk = found["costs"]["risk"]
    assert set(risk) == {"value", "error", "budget", "floor", "slack"}
    assert risk["budget"] == 0.5
    assert risk["slack"] == pytest.approx(0.5 - risk["value"], abs=1e-15)
    assert risk["value"] + risk["error"] <= 0.5
    assert "feasible" in found["verdict"]
    names = ["controller.json", "edges.csv", "nodes.csv", "plan.png", "result.json"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert json.loads((out / "controller.json").read_text()) == found["controller"]
    assert json.loads((out / "result.json").read_text()) == found
    assert (out / "plan.png").stat().st_size > 5000
    assert len(pd.read_csv(out / "nodes.csv")) == 3


def test_evaluate_says_of_the_saved_controller_what_plan_said(planned, tiger_file, capsys):
    out, found = planned
    command = ["evaluate", str(out / "controller.json"), tiger_file, "--cost", RISK, "--budget", "risk=0.5", "--json"]
    assert main(command) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["value"] == pytest.approx(found["value"], abs=1e-9)
    assert again["costs"]["risk"]["value"] == pytest.approx(found["costs"]["risk"]["value"], abs=1e-9)


def test_a_budget_that_is_not_met_is_listed_and_ends_with_three(planned, capsys):
    controller = str(planned[0] / "controller.json")
    assert main(["evaluate", controller, "tiger", "--budget", "risk=0.001", "--json"]) == 3
    said = capsys.readouterr()
    assert json.loads(said.out)["feasible"] is False
    assert said.err.startswith("budget not met: risk costs ")
    assert main(["evaluate", controller, "tiger", "--budget", "risk=0.001"]) == 3
    assert "budget 0.001, slack -" in capsys.readouterr().out


def test_a_budget_that_nobody_can_meet_ends_with_three(capsys):
    command = ["plan", "tiger", "--nodes", "2", "--starts", "2", "--cost", "time=*:*:1", "--budget", "time=19"]
    assert main(command) == 3
    said = capsys.readouterr()
    assert "infeasible" in said.out
    assert "every policy exceeds one by 0.0526 of it or more (columns; multipliers: time 0.05263)" in said.out
    assert "budget not met" in said.err


def test_a_budget_at_an_unavoidable_cost_is_undecided_and_no_warning(capsys):
    least = 1 / (1 - 0.95)
    assert (
        main(["plan", "tiger", "--nodes", "1", "--time", "1", "--cost", "time=*:*:1", "--budget", f"time={least!r}"])
        == 0
    )
    said = capsys.readouterr()
    assert "verdict: undecided" in said.out
    assert "met or not, rounding hides it: time costs 20" in said.err


def test_a_search_that_found_nothing_says_that_it_proves_nothing(capsys):
    """One node cannot keep both budgets; policies that are told the state could, so that cheap bounds are silent."""
    given = ["--nodes", "1", "--time", "0.2", "--budget", "risk=5", "--budget", "listen=8"]
    assert main(["plan", "tiger", *given]) == 3
    said = capsys.readouterr().out
    assert "budget_violated, not_found" in said
    assert "whether any policy keeps all budgets is open" in said


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["plan", "tigre"], 1, "did you mean tiger"),
        (["plan", "tiger", "--budget", "luck=1"], 1, "tiger has no cost 'luck'"),
        (["plan", "shuttle", "--budget", "luck=1"], 1, "the costs of this problem are: none"),
        (["plan", "tiger", "--cost", "risk=tiger-lift:listen:1"], 1, "did you mean tiger-left"),
        (["plan", "tiger", "--cost", "risk=a:b"], 2, "not of the form state:action:number"),
        (["plan", "tiger", "--budget", "risk=1", "--budget", "risk=2"], 2, "--budget gives 'risk' twice"),
        (["plan", "tiger", "--time", "0"], 2, "0.0 is not in the range"),
        (
            ["plan", "tiger", "--nodes", "1000000"],
            1,
            "planning with 1000000 nodes (ask for fewer) would take",
        ),
        (["plan", "no/such.POMDP"], 1, "no/such.POMDP"),
        (["evaluate", "no/such.json", "tiger"], 1, "no/such.json"),
    ],
)
def test_bad_input_is_one_message(arguments, code, message, capsys):
    assert main(arguments) == code
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("discount: 0.95", "discount: 1.0", "discount"),
        ("0.85 0.15", "0.85 0.25", "1.1"),
        ("T: listen\n", "T: lisen\n", "line 7"),
    ],
)
def test_problem_files_that_cannot_be_planned(old, new, message, tmp_path, capsys):
    path = tmp_path / "wrong.POMDP"
    path.write_text(TIGER.replace(old, new, 1))
    assert main(["plan", str(path), "--starts", "1", "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said


def test_a_file_that_is_no_controller(tmp_path, capsys):
    path = tmp_path / "controller.json"
    path.write_text('{"format": "something else"}')
    assert main(["evaluate", str(path), "tiger"]) == 1
    assert "not a controller" in capsys.readouterr().err


def test_an_interrupt_before_anything_is_found_ends_with_130_and_the_best_single_action(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, "-c", SLOW + INTERRUPTIBLE, "plan", "tiger", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not out.is_dir():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "value -20.000000" in said
    assert "interrupted" in said
    assert complaint.strip().startswith("interrupted")
    assert json.loads((out / "result.json").read_text())["nodes"] == 1


def test_demo_from_end_to_end(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "true alpha" in said
    assert "verdict: feasible" in said
    assert "no policy exceeds" in said
    result = json.loads((tmp_path / "plan" / "result.json").read_text())
    assert result["value"] > 14.5
    assert result["costs"]["risk"]["value"] <= 0.08
    fit = json.loads((tmp_path / "fit" / "result.json").read_text())
    assert fit["n_subjects"] == 20
    listed = [line.strip() for line in said.split("Written:")[1].split("\n") if line.strip()]
    written = [str(path) for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(listed) == sorted(written)
    assert all(path.stat().st_size > 100 for path in tmp_path.rglob("*") if path.is_file())


def test_demo_on_a_real_file(tmp_path, capsys):
    data = tmp_path / "data.csv"
    data.write_text("subject,choice,reward\n" + "".join(f"dull,{k % 2},0\n" for k in range(20)))
    assert main(["demo", "--data", str(data), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert f"1. Read {data}" in said.out
    assert "q_learning: 1 subject" in said.out
    assert (tmp_path / "out" / "fit" / "estimates.png").is_file()
    assert not (tmp_path / "out" / "fit" / "recovery.png").exists()
    assert main(["demo", "--data", str(tmp_path / "none.csv")]) == 1
    assert "none.csv" in capsys.readouterr().err


def test_methods_and_controllers_without_chance_are_chosen_by_name(capsys):
    given = ["plan", "tiger", "--nodes", "2", "--starts", "1", "--method", "sqp", "--deterministic", "--json"]
    assert main([*given, "--cost", RISK, "--minimise", "risk", "--budget", "reward>=-20"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["method"], found["minimised"]) == ("sqp", "risk")
    assert found["costs"]["reward"]["floor"] == -20.0
    chances = [chance for row in found["controller"]["action"] for chance in row]
    assert set(chances) <= {0.0, 1.0}
    assert main(["plan", "tiger", "--nodes", "none"]) == 2
    assert "neither a number from 1 nor 'grow'" in capsys.readouterr().err
    assert main(["plan", "tiger", "--method", "newton"]) == 1
    assert "no method is called 'newton'" in capsys.readouterr().err


def test_an_interrupted_plan_is_written(tmp_path, capsys, monkeypatch):
    from versant.planning.search import Search

    def stop(self: Search, *given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "conclude", stop)
    command = ["plan", "tiger", "--nodes", "2", "--starts", "1", "--out", str(tmp_path)]
    assert main(command) == 130
    said = capsys.readouterr()
    assert "interrupted" in said.out
    assert "the same command goes on" in said.err
    assert (tmp_path / "result.json").exists()
    assert (tmp_path / "checkpoint.npz").exists()
    monkeypatch.undo()
    assert main(command) == 0
    assert not (tmp_path / "checkpoint.npz").exists()
