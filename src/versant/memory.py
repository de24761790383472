"""Refusing what would not fit into memory before any of it is allocated, and stopping what has grown too large.

Machine, container and process have limits; within them, `within_memory` sets one of its own for a piece of work.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import psutil

from versant.errors import VersantError

__all__ = ["available_memory", "memory_exhausted", "require_memory", "within_memory"]

NEGLIGIBLE = 1 << 20
"""Bytes that are not worth asking the system for."""

SHARE = 0.8
"""Share of the available memory that one allocation may take."""

_limit: ContextVar[int | None] = ContextVar("memory limit of the work at hand", default=None)
"""Bytes that the process may hold."""


def available_memory() -> int:
    """Bytes that this process may still take: the least of what machine, container and process limit allow.

    Examples
    --------
    >>> available_memory() > 0
    True
    """
    free = psutil.virtual_memory().available
    return max(0, min([free, *_of_container(), *_of_process(), *_of_work()]))


@contextmanager
def within_memory(gigabytes: float | None) -> Iterator[None]:
    """Let the process take so many gigabytes (10⁹ bytes) more than it holds now, as far as the work asks for them.

    Examples
    --------
    >>> with within_memory(0.5):
    ...     require_memory(10**9, "a large table")
    Traceback (most recent call last):
    versant.errors.VersantError: a large table would take 1 GB; 0... GB are available
    """
    limit = None if gigabytes is None else psutil.Process().memory_info().rss + int(1e9 * gigabytes)
    token = _limit.set(limit)
    try:
        yield
    finally:
        _limit.reset(token)


def memory_exhausted() -> bool:
    """Whether the process holds as much as the work at hand may take.

    Examples
    --------
    >>> memory_exhausted()
    False
    """
    return any(left <= 0 for left in _of_work())


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


def _of_container() -> list[int]:
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if not (limit.is_file() and used.is_file()):
        return []
    bound = limit.read_text().strip()
    return [] if bound == "max" else [int(bound) - int(used.read_text())]


def _of_work() -> list[int]:
    limit = _limit.get()
    return [] if limit is None else [limit - psutil.Process().memory_info().rss]


def _of_process() -> list[int]:
    """What the limit of the process's address space, where systems have one, leaves."""
    if sys.platform == "win32":
        return []
    import resource

    bound = resource.getrlimit(resource.RLIMIT_AS)[0]
    return [] if bound == resource.RLIM_INFINITY else [bound - psutil.Process().memory_info().vms]
