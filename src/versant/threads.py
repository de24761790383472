"""One thread for linear algebra, so that the same numbers come out on every machine.

BLAS libraries split large products among their threads, and sums that are taken in other orders round otherwise. Where
decisions hang on the last digits, as whether a step of an ascent is taken, another number of threads then leads
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["on_one_thread"]

P = ParamSpec("P")
R = TypeVar("R")


def on_one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Let BLAS have one thread as long as a function runs, in the whole process.

    Examples
    --------
    >>> @on_one_thread
    ... def double(number):
    ...     return 2 * number
    >>> double(2), double.__name__
    (4, 'double')
    """

    @wraps(function)
    def run(*arguments: P.args, **settings: P.kwargs) -> R:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, user_api="blas"):
            return function(*arguments, **settings)

    return run
