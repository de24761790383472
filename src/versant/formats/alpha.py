"""Alpha vectors as pomdp-solve writes them (``.alpha``): the number of an action, then one value a state, and so on.

0
19.37 5.16

1
-81.6 28.4
"""

from __future__ import annotations

import math
import os

import numpy as np

from versant.agents.alpha import AlphaPolicy
from versant.errors import FormatError
from versant.files import write_text
from versant.formats.numbered_lines import Place, fail_at, read_words
from versant.tasks.pomdp import Pomdp

__all__ = ["read_alpha", "write_alpha"]


def read_alpha(path: str | os.PathLike[str], pomdp: Pomdp) -> AlphaPolicy:
    """Read alpha vectors of a problem; line breaks between values do not matter.

    Raises
    ------
    FormatError
        Where the file cannot be opened, an action does not exist, a value is no finite number, or values are missing.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from versant.tasks.zoo import tiger
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "tiger.alpha"
    >>> _ = file.write_text("0 19.4 5.2  1 -81.6 28.4")
    >>> read_alpha(file, tiger())
    AlphaPolicy(2 vectors, 2 states, 3 actions)
    """
    source = os.fspath(path)
    words = [word for line in read_words(path) for word in line]
    if not words:
        raise FormatError("expected the number of an action; the file is empty", source)
    length = 1 + pomdp.n_states
    actions, vectors = [], []
    for begin in range(0, len(words), length):
        first, *values = words[begin : begin + length]
        if not (first.text.isascii() and first.text.isdigit() and int(first.text) < pomdp.n_actions):
            problem = f"expected the number of an action, from 0 to {pomdp.n_actions - 1}"
            fail_at(f"{problem}; {pomdp.n_states} values follow each, one a state of the problem", source, first)
        if len(values) < pomdp.n_states:
            problem = f"expected {pomdp.n_states} values after the action, one a state; {len(values)} follow"
            fail_at(problem, source, first)
        actions.append(int(first.text))
        vectors.append([_value(word, source) for word in values])
    return AlphaPolicy(np.array(vectors), np.array(actions), pomdp.actions)


def write_alpha(policy: AlphaPolicy, path: str | os.PathLike[str]) -> None:
    """Write alpha vectors so that they read back exactly, atomically."""
    parts = (
        f"{action}\n{' '.join(map(repr, vector.tolist()))}\n"
        for action, vector in zip(policy.vector_actions, policy.vectors, strict=True)
    )
    write_text(path, "\n".join(parts))


def _value(word: Place, source: str) -> float:
    try:
        value = float(word.text)
    except ValueError:
        fail_at("expected a number", source, word)
    if not math.isfinite(value):
        fail_at("expected a finite number", source, word)
    return value
