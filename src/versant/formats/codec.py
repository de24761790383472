"""Frozen results as JSON and back, to the last bit.

A dataclass becomes ``{"is": its name, "fields": {…}}``, an array ``{"array": nested lists, "dtype": …}`` or, where it
is large, ``{"large": its number, "shape": …, "dtype": …}`` with the entries elsewhere; a tuple ``{"tuple": […]}``, a
set of verdicts ``{"verdicts": […], "is": …}``. Numbers that JSON does not know are the texts ``"nan"``, ``"inf"``,
``"-inf"``.
Only the classes of a given list are made on the way back; nothing is imported or executed by what a file says.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.optimise.status import Word

__all__ = ["LARGE", "decode", "encode"]

LARGE = 50_000
"""Entries from which on an array does not stand in the JSON itself."""


def encode(value: Any, large: list[NDArray[Any]]) -> Any:
    """Return a value as JSON-able ones; arrays that are large are appended to `large`.

    Raises
    ------
    TypeError
        For a value of another kind.
    """
    if value is None or isinstance(value, bool | int) or (isinstance(value, str) and not isinstance(value, Word)):
        return value
    if isinstance(value, np.generic):
        return encode(value.item(), large)
    if isinstance(value, float):
        return value if math.isfinite(value) else {"number": str(value)}
    if isinstance(value, np.ndarray):
        return _encode_array(value, large)
    if isinstance(value, Mapping):
        return {"mapping": [[encode(k, large), encode(v, large)] for k, v in value.items()]}
    if isinstance(value, frozenset):
        words = sorted(value)
        return {"verdicts": [str(word) for word in words], "is": type(words[0]).__name__ if words else None}
    if isinstance(value, tuple):
        return {"tuple": [encode(part, large) for part in value]}
    if dataclasses.is_dataclass(value):
        fields = {f.name: encode(getattr(value, f.name), large) for f in dataclasses.fields(value) if f.init}
        return {"is": type(value).__name__, "fields": fields}
    raise TypeError(f"a {type(value).__name__} cannot be saved")


def decode(content: Any, classes: Mapping[str, type], large: Sequence[NDArray[Any]]) -> Any:
    """Return what `encode` was given.

    Parameters
    ----------
    content : JSON values
    classes : mapping
        The dataclasses and enumerations that may occur, by name.
    large : sequence of flat arrays

    Raises
    ------
    ValueError, KeyError, TypeError
        For what `encode` never writes.
    """
    if not isinstance(content, dict):
        return content
    if "number" in content:
        return float(content["number"])
    if "dtype" in content:
        return _decode_array(content, large)
    if "mapping" in content:
        return {decode(k, classes, large): decode(v, classes, large) for k, v in content["mapping"]}
    if "verdicts" in content:
        kind = classes[content["is"]] if content["verdicts"] else None
        return frozenset(kind(word) for word in content["verdicts"]) if kind else frozenset()
    if "tuple" in content:
        return tuple(decode(part, classes, large) for part in content["tuple"])
    made = {name: decode(part, classes, large) for name, part in content["fields"].items()}
    return classes[content["is"]](**made)


def _encode_array(array: NDArray[Any], large: list[NDArray[Any]]) -> dict[str, Any]:
    kind = array.dtype.kind
    if kind == "U":
        return {"array": array.tolist(), "shape": list(array.shape), "dtype": "str"}
    if kind not in "fib":
        raise TypeError(f"an array of {array.dtype} cannot be saved")
    if array.size >= LARGE:
        large.append(array.ravel())
        return {"large": len(large) - 1, "shape": list(array.shape), "dtype": array.dtype.name}
    entries = array.tolist()
    if kind == "f" and not np.isfinite(array).all():
        named = array.astype(object)
        for odd in (np.isnan(array), np.isinf(array)):
            named[odd] = [str(x) for x in array[odd].tolist()]
        entries = named.tolist()
    return {"array": entries, "shape": list(array.shape), "dtype": array.dtype.name}


def _decode_array(content: Mapping[str, Any], large: Sequence[NDArray[Any]]) -> NDArray[Any]:
    if content["dtype"] not in ("float64", "int64", "bool", "str"):
        raise ValueError(f"holds an array of {content['dtype']}")
    if "large" in content:
        return np.array(large[content["large"]], dtype=content["dtype"]).reshape(content["shape"])
    entries = np.array(content["array"], dtype=object)
    return entries.astype(content["dtype"]).reshape(content["shape"])
