"""Long studies that can be interrupted: finished pieces are kept in a file, one line of JSON each.

The first line holds the settings of the study; whoever opens the file with other settings is told so. A line is on the
disk before the next piece begins; one that was cut off by a crash is done again. Every piece has a random generator of
its own, spawned from the seed by its number: an interrupted study ends with the numbers of an uninterrupted one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np
from scipy.sparse import issparse

from versant.agents.learner import Learner
from versant.errors import VersantError
from versant.files import write_text
from versant.progress import Progress, silent
from versant.trials import Trials
from versant.trials.origin import digests

__all__ = ["design_told", "fingerprint", "run_pieces"]

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
    reset = {level: list(names) for level, names in model.reset.items()}
    return {
        "name": model.name,
        "parameters": spelled,
        "reset": reset,
        "code": hashlib.sha256(told.encode()).hexdigest()[:16],
    }


def design_told(task: Any, like: Trials | None) -> dict[str, Any]:
    """Return what tells a design from another in the settings of a study: its task, and trials it is shaped like."""
    shape = None if like is None else sorted([*digests(like).items(), ("lengths", str(like.n_trials.tolist()))])
    content = hashlib.sha256("\0".join(_spelled(task)).encode()).hexdigest()[:16]
    return {"task": type(task).__name__, "content": content, "like": shape}


def _spelled(value: Any) -> Iterator[str]:
    """Spell a task out, to the last entry of its arrays."""
    if isinstance(value, np.ndarray):
        yield f"{value.dtype}{value.shape}{hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    elif issparse(value):
        matrix: Any = value
        entries = matrix.tocsr()
        for part in (entries.indptr, entries.indices, entries.data):
            yield from _spelled(part)
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield repr(key)
            yield from _spelled(entry)
    elif isinstance(value, tuple | list):
        for entry in value:
            yield from _spelled(entry)
    elif hasattr(value, "__code__"):
        yield from _told(value.__code__)
    elif is_dataclass(value):
        yield type(value).__qualname__
        for field in fields(value):
            yield field.name
            yield from _spelled(getattr(value, field.name))
    else:
        yield repr(value)


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
