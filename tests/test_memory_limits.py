from __future__ import annotations

import gc
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from versant.errors import ProblemError, VersantError
from versant.memory import available_memory, memory_exhausted, require_memory, within_memory
from versant.planning.pointbased import PointBased, PointSearch
from versant.tasks.zoo import tiger
from versant.verbs.plan import plan


def test_limits_hold_for_the_work_within_them_only() -> None:
    before = available_memory()
    with within_memory(0.01):
        assert available_memory() <= 10_000_000
        with pytest.raises(VersantError, match="a table would take"):
            require_memory(20_000_000, "a table")
        with within_memory(None):
            require_memory(20_000_000, "a table")
    assert available_memory() > 0.5 * before


def test_what_is_held_counts() -> None:
    gc.collect()  # what goes meanwhile would make room
    with within_memory(0.02):
        assert not memory_exhausted()
        held = np.ones(20_000_000)
        assert memory_exhausted()
        del held


def test_searches_stop_at_the_limit() -> None:
    model = PointBased(tiger(), ())
    search = PointSearch(model, np.ones(1))
    with within_memory(1e-9):
        held = np.ones(5_000_000)  # more than an allocator keeps for reuse
        search.run(1e8)
    assert search.trials == 0
    del held
    search.run(1e8)
    assert search.trials > 0


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(VersantError, match="planning with 400 nodes"):
        plan(tiger(), 400, memory=0.05)
    with pytest.raises(ProblemError, match="memory > 0"):
        plan(tiger(), 3, memory=0.0)
    assert plan(tiger(), 3, starts=2, bounds=(), memory=2.0).feasible


def test_the_least_of_all_limits_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    resource = pytest.importorskip("resource")
    held = psutil.Process().memory_info().vms
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (held + 50_000_000, resource.RLIM_INFINITY))
    assert 0 < available_memory() <= 50_000_000
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=1000))
    assert available_memory() == 1000
