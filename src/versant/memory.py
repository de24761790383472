"""Refusing what would not fit into memory before any of it is allocated."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from versant.errors import VersantError

__all__ = ["available_memory", "require_memory"]

NEGLIGIBLE = 1 << 20
"""Bytes that are not worth asking the system for."""

SHARE = 0.8
"""Share of the available memory that one allocation may take."""


def available_memory() -> int:
    """Bytes that this process may still take: the least of what machine, container and process limit allow.

    A system that tells none of them sets no bound.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    return min([sys.maxsize, *_of_machine(), *_of_container(), *_of_process()])


def require_memory(n_bytes: int, what: str) -> None:
    """Raise VersantError if `what` would take more memory than there is.

    Examples
    --------
    >>> require_memory(10**18, "a dense matrix")
    Traceback (most recent call last):
    versant.errors.VersantError: a dense matrix would take 1e+09 GB; ... GB are available
    """
    if n_bytes < NEGLIGIBLE:
        return
    free = available_memory()
    if n_bytes > SHARE * free:
        raise VersantError(f"{what} would take {n_bytes / 1e9:.3g} GB; {free / 1e9:.3g} GB are available")


def _of_machine() -> list[int]:
    information = Path("/proc/meminfo")
    if not information.is_file():
        return []
    found = re.search(r"MemAvailable:\s*(\d+) kB", information.read_text())
    return [int(found[1]) * 1024] if found else []


def _of_container() -> list[int]:
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not (limit.is_file() and used.is_file()):
        return []
    bound = limit.read_text().strip()
    return [] if bound == "max" else [int(bound) - int(used.read_text())]


def _of_process() -> list[int]:
    if sys.platform == "win32":
        return []
    import resource

    bound = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if bound == resource.RLIM_INFINITY else [bound]
