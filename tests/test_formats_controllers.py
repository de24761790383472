from __future__ import annotations

import json
from pathlib import Path

import pytest

from versant.agents.controller import Controller
from versant.errors import FormatError
from versant.formats.controllers import read_controller, write_controller

CONTROLLER = Controller.random(3, ("listen", "open"), ("left", "right"), seed=4, concentration=0.1)


def test_round_trip_is_exact(tmp_path: Path) -> None:
    write_controller(CONTROLLER, tmp_path / "c.json")
    again = read_controller(tmp_path / "c.json")
    for name in ("start", "action", "transition"):
        assert (getattr(again, name) == getattr(CONTROLLER, name)).all()


def test_a_plan_file_holds_a_controller(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps({"value": 1.0, "controller": CONTROLLER.to_dict()}))
    assert read_controller(tmp_path / "plan.json").n_nodes == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1, column 2: is not JSON"),
        ("[1, 2]", "which is a JSON object"),
        ("{}", "expected format"),
        (json.dumps({**CONTROLLER.to_dict(), "start": [0.5, 0.5, 0.5]}), "start probabilities sum to 1.5"),
        (json.dumps({**CONTROLLER.to_dict(), "start": [float("nan"), 0, 0]}), "holds NaN, which is no finite number"),
        (json.dumps({**CONTROLLER.to_dict(), "more": 1}), "unknown keys"),
    ],
)
def test_bad_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=message) as caught:
        read_controller(path)
    assert str(path) in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="cannot be read: No such file"):
        read_controller(tmp_path / "none.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FormatError, match="not UTF-8"):
        read_controller(tmp_path / "binary.json")
