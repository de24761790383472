"""Other names under which values of parameters may be given: one by one, or several as an array.

A synonym stands for the name of a parameter, or for names in (nested) tuples, which are the entries of an array:

    {"sigma0": "s0", "omega": ("omega2", "omega3"), "v": (("v11", "v12"), ("v21", "v22"))}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.errors import ModelError

__all__ = ["Synonym", "declared_names", "spelled_out"]

Array = NDArray[Any]
Synonym = str | tuple[Any, ...]


def declared_names(synonym: Synonym) -> Iterator[str]:
    """Yield the parameters that a synonym stands for, in the order of the array's entries."""
    if isinstance(synonym, str):
        yield synonym
    else:
        for entry in synonym:
            yield from declared_names(entry)


def spelled_out(synonyms: Mapping[str, Synonym], given: Mapping[str, Any]) -> dict[str, Array]:
    """Return values by declared names.

    Parameters
    ----------
    synonyms : mapping
    given : mapping
        Name → one number or (N,) numbers; of a synonym of several parameters, an array of its shape, or (N, …) of them.

    Raises
    ------
    ModelError
        If a parameter is given twice, or an array has another shape.

    Examples
    --------
    >>> spelled_out({"omega": ("omega2", "omega3")}, {"omega": [-4.0, -6.0]})
    {'omega2': array(-4.), 'omega3': array(-6.)}
    """
    found: dict[str, Array] = {}
    for name in given:
        for declared, values in _entries(str(name), synonyms.get(str(name), str(name)), np.asarray(given[name])):
            if declared in found:
                raise ModelError(f"the parameter {declared} is given twice, once of them as {name}")
            found[declared] = values
    return found


def _entries(name: str, synonym: Synonym, values: Array) -> Iterator[tuple[str, Array]]:
    if isinstance(synonym, str):
        yield synonym, values
        return
    shape = np.array(synonym).shape
    if values.shape[max(values.ndim - len(shape), 0) :] != shape or values.ndim > len(shape) + 1:
        raise ModelError(f"{name} stands for {', '.join(declared_names(synonym))}: an array {shape}, or one a subject")
    for place, declared in zip(np.ndindex(shape), declared_names(synonym), strict=True):
        yield declared, values[(..., *place)]
