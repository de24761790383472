"""`versant frontier`: table, JSON, files, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from versant.cli.command import main

RISK = "risk=tiger-left:open-left:1,tiger-right:open-right:1"
SMALL = ["--nodes", "2", "--starts", "2", "--time", "2", "--cost", RISK]


def test_frontier_prints_its_table_and_writes_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frontier", "tiger", "risk", "0.5", "0.1", *SMALL, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].split()[:3] == ["limit", "value", "mixture"]
    table = pd.read_csv(tmp_path / "frontier.csv")
    assert table["limit"].tolist() == [0.1, 0.5]
    assert (table["cost"] <= table["limit"]).all()
    assert (tmp_path / "frontier.png").stat().st_size > 1000
    assert json.loads((tmp_path / "frontier.json").read_text())["budget"] == "risk"


def test_a_limit_that_is_not_kept_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frontier", "tiger", "risk", "--json", *SMALL, "--", "-0.1"]) == 3
    assert json.loads(capsys.readouterr().out)["upper_bounds"] == [None]


def test_floors_of_the_reward_are_asked_for_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    how = ["--side", "at least", "--minimise", "risk", "--json"]
    assert main(["frontier", "tiger", "reward", *SMALL, *how, "--", "-25"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["side"] == "at least"
    assert found["plans"][0]["minimised"] == "risk"
    assert found["plans"][0]["costs"]["reward"]["floor"] == -25.0


def test_unknown_costs_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frontier", "tiger", "fuel", "1"]) == 1
    assert "fuel" in capsys.readouterr().err
