"""The list of models in the documentation is that of the code, and every model has a design to be recovered in."""

from __future__ import annotations

import runpy
from pathlib import Path

import versant as vs
from versant.agents import zoo

ROOT = Path(__file__).resolve().parents[1]


def test_the_list_of_models_is_up_to_date() -> None:
    page = ROOT / "docs" / "reference" / "models.md"
    text = page.read_text(encoding="utf-8")
    assert text == runpy.run_path(str(ROOT / "docs" / "models.py"))["updated"](text), "run: python docs/models.py"


def test_every_model_is_listed_with_its_parameters() -> None:
    text = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8")
    for name in vs.models.names():
        assert f"| `{name}` | {next(iter(vs.models.find(name).parameters))} " in text


def test_every_model_has_a_design_of_its_own_parameters() -> None:
    from benchmarks._zoo_designs import DESIGNS

    assert set(DESIGNS) == set(zoo.names())
    for name, (task, truth) in DESIGNS.items():
        assert set(truth) == set(zoo.find(name).parameters), name
        assert task.trials >= 90


def test_the_table_of_recovery_has_every_model() -> None:
    text = (ROOT / "docs" / "reference" / "models.md").read_text(encoding="utf-8").partition("## Recovery")[2]
    assert [name for name in vs.models.names() if f"\n| `{name}` | " not in text] == []
