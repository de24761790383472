"""Problems too large for policy graphs begin with one action for ever."""

from __future__ import annotations

from typing import Any

import pytest

import versant as vs
from versant.planning import bounds


@pytest.mark.parametrize("settings", [{"nodes": 2}, {"nodes": "grow"}])
def test_no_plan_is_worth_less_than_one_action_for_ever(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 61 things to do of which all but one cost much, what is drawn by lot is far worse than waiting."""
    doors = 60
    problem = vs.Pomdp.from_arrays(
        transitions=[[[1.0]]] * (doors + 1),
        emissions=[[[1.0]]] * (doors + 1),
        rewards=[[-1.0] + [-100.0] * doors],
        discount=0.9,
        start=[1.0],
    )
    monkeypatch.setattr(bounds, "SAWTOOTH_LIMIT", 0)
    found = vs.plan(problem, iterations=1, bounds=(), **settings)
    assert "graphs" not in found.families
    assert found.value == pytest.approx(-10.0, abs=1e-6)
