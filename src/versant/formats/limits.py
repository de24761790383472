"""Sizes that problem files may have; whether they fit into memory, `versant.memory` says."""

from __future__ import annotations

from versant.memory import available_memory, require_memory

__all__ = ["MOST_VARIABLES", "available_memory", "require_memory"]

MOST_VARIABLES = 32
"""Variables that one table may have: the axes that every version of NumPy allows."""
