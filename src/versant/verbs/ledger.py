"""Long studies that can be interrupted: finished pieces are kept in a file, one line of JSON each.

The first line holds the settings of the study; whoever opens the file with other settings is told so. A line is on the
disk before the next piece begins; one that was cut off by a crash is done again. Every piece has a random generator of
its own, spawned from the seed by its number: an interrupted study ends with the numbers of an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from versant.agents.learner import Learner
from versant.errors import VersantError
from versant.files import write_text
from versant.progress import Progress, silent

__all__ = ["fingerprint", "run_pieces"]

Record = dict[str, Any]
Seed = int | np.random.Generator | None


def run_pieces(
    count: int,
    piece: Callable[[int, np.random.Generator], Record],
    *,
    seed: Seed,
    settings: Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    message: str = "",
    progress: Progress = silent,
) -> list[Record]:
    """Run the pieces of a study, all of them or those that a file lacks.

    Parameters
    ----------
    count : int
        How many pieces.
    piece : callable
        Number of the piece and its generator → JSON-able values.
    seed : int, Generator or None
    settings : mapping
        JSON-able; what has to be the same for a file to be gone on with (the seed is added).
    path : str or path, optional
        The file. Without it nothing is kept.
    message : str
        For `progress`.
    progress : Progress

    Raises
    ------
    VersantError
        If the file is of other settings, or a file is wanted and the seed is not a number.

    Examples
    --------
    >>> run_pieces(3, lambda i, rng: {"square": i * i}, seed=0, settings={})
    [{'square': 0}, {'square': 1}, {'square': 4}]
    """
    generators = np.random.default_rng(seed).spawn(count)
    if path is None:
        found: dict[int, Record] = {}
    elif not isinstance(seed, int | np.integer):
        raise VersantError("a study that can be resumed needs seed= as a whole number")
    else:
        head = json.loads(json.dumps({**settings, "pieces": count, "seed": int(seed)}))
        found = _opened(Path(path), head)
    for i in range(count):
        progress(i, count, message)
        if i not in found:
            found[i] = json.loads(json.dumps(piece(i, generators[i])))
            if path is not None:
                _append(Path(path), {"piece": i, **found[i]})
    progress(count, count, message)
    return [found[i] for i in range(count)]


def fingerprint(model: Learner) -> dict[str, Any]:
    """Return what tells a model from another in the settings of a study: its name, domains and compiled function."""
    told = "\n".join(_told(model.function.__code__))
    domains = {name: [d.lower, d.upper, d.mean, d.sd] for name, d in model.parameters.items()}
    spelled = {name: [repr(float(value)) for value in values] for name, values in domains.items()}
    return {"name": model.name, "parameters": spelled, "code": hashlib.sha256(told.encode()).hexdigest()[:16]}


def _told(code: CodeType) -> list[str]:
    constants = [repr(value) for value in code.co_consts if not isinstance(value, CodeType)]
    inner = [line for value in code.co_consts if isinstance(value, CodeType) for line in _told(value)]
    return [code.co_code.hex(), *code.co_names, *constants[1:], *inner]  # the first constant is the docstring


def _opened(path: Path, head: Record) -> dict[int, Record]:
    """Return the pieces that a file holds; begin it if there is none."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _append(path, head)
        return {}
    text = path.read_text(encoding="utf-8")
    if not text.endswith("\n"):  # cut off while it was written
        text = text[: text.rfind("\n") + 1]
        write_text(path, text)
    lines = text.splitlines()
    if not lines:
        _append(path, head)
        return {}
    try:
        was, *pieces = [json.loads(line) for line in lines]
        numbers = [int(one.pop("piece")) for one in pieces]
    except (ValueError, KeyError) as error:
        raise VersantError(f"{path} is no file of a study of versant: {error}") from error
    if was != head:
        differ = sorted(key for key in {*was, *head} if was.get(key) != head.get(key))
        raise VersantError(f"{path} is of another study ({', '.join(differ)} differ): name another file")
    return dict(zip(numbers, pieces, strict=True))


def _append(path: Path, record: Record) -> None:
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps(record, allow_nan=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
